"""The command lab/lab: a table of verbs."""
import argparse
import json
import os
import re
import sys
from argparse import Namespace
from dataclasses import asdict
from typing import Any, Callable

from .lab import Lab
from .storage import KINDS
from .tools import LabError


def _up(lab: Lab, args: Namespace) -> int:
    compute = args.hosts.split(",") if args.hosts else [f"Host{chr(ord('B') + i)}" for i in range(args.compute)]
    fresh = lab.up(compute, args.storage.split(","))
    has = lab.state["hosts"][1:], lab.state["storage"]
    print(f"Lab '{lab.name}' {'is' if fresh else 'was already'} up: HostA (controller, storage), {', '.join(has[0])} (compute); "
          f"storage {', '.join(has[1])}; run directory {lab.dir}")
    if has != (compute, args.storage.split(",")) and not fresh and (args.hosts or args.compute != 2 or args.storage != "dir"):
        raise LabError(f"it is not what was asked for; first: lab down --name {lab.name}")
    return 0


def _down(lab: Lab, args: Namespace) -> int:
    found = lab.down()
    print(f"Lab '{lab.name}' is down; nothing of it is left." if found else f"Lab '{lab.name}' was not up.")
    return 0


def _status(lab: Lab, args: Namespace) -> int:
    status = lab.status()
    if args.json:
        print(json.dumps(status, indent=1))
        return 0
    if not status["hosts"]:
        print(f"Lab '{lab.name}' is not up.")
        return 0
    print(f"Lab '{lab.name}' in {status['dir']}, storage: {', '.join(status['storage'])}")
    for host in status["hosts"]:
        state = "off" if not host["pid"] else "on" if "libvirtd" not in host else "on, libvirtd " + ("up" if host["libvirtd"] else "down")
        link = f", link {host['link']}" if host["link"] else ""
        domains = "".join(f"\n    {name}: {what}" for name, what in host.get("domains", {}).items())
        print(f"  {host['name']:8} {host['address']:12} {state}{link}{domains}")
    return 0


def _guest(lab: Lab, args: Namespace) -> int:
    disks = [kind for word in args.disk or ["shared"] for kind in word.split(",") if kind != "none"]
    options = dict(memory=args.memory, vcpus=args.vcpus, disks=disks, disk_size=args.disk_size, format=args.format,
                   dirty=args.dirty_rate, dirty_set=args.dirty_set, dirty_order=args.dirty_order,
                   write=args.write_rate, beat=args.beat, backing=args.backing,
                   vnc=args.vnc or "", machine=args.machine, cdrom=args.cdrom)
    if args.xml_only:
        print(lab.guest_xml(args.guest, **options), end="")
        return 0
    if not args.host:
        raise LabError("say where: --host HostB")
    start = "paused" if args.paused else "no" if args.no_start else "running"
    lab.guest(args.guest, args.host, start=start, wait=not args.no_wait, **options)
    print(f"Guest {args.guest} is on {args.host}, {dict(no='not started').get(start, start)}")
    return 0


def _guest_rm(lab: Lab, args: Namespace) -> int:
    lab.remove_guest(args.guest)
    return 0


def _heartbeat(lab: Lab, args: Namespace) -> int:
    report = asdict(lab.heartbeat(args.guest, args.since))
    if args.json:
        print(json.dumps(report))
    else:
        for key, value in report.items():
            print(f"{key:14} {value}")
    return 0 if report["count"] else 1


def _verify(lab: Lab, args: Namespace) -> int:
    problems = lab.verify(args.guest)
    if args.json:
        print(json.dumps({"guest": args.guest, "ok": not problems, "problems": problems}))
    else:
        print("\n".join(problems) or f"every acknowledged record of {args.guest} is on its disks")
    return 1 if problems else 0


def _number(text: str, unit: str) -> float:
    """Of "50M" or "10ms"; the unit may be left out."""
    found = re.fullmatch(rf"(\d+(?:\.\d+)?)(?:{unit})?", text)
    if not found:
        raise LabError(f"'{text}': say for instance 50{unit}")
    return float(found[1])


def _link(lab: Lab, args: Namespace) -> int:
    rate = _number(args.rate, "M") if args.rate else 0
    delay = _number(args.delay, "ms") if args.delay else 0
    if bool(args.cut) + bool(args.restore) + bool(rate or delay) != 1:
        raise LabError("one of --cut, --restore, or --rate and --delay")
    lab.link(args.host, cut=args.cut, rate=rate, delay=delay)
    return 0


def _kill_qemu(lab: Lab, args: Namespace) -> int:
    lab.kill_qemu(args.guest, args.host)
    return 0


def _block(lab: Lab, args: Namespace) -> int:
    print(lab.block(args.host, args.device, args.size))
    return 0


def _exec(lab: Lab, args: Namespace) -> int:
    argv = args.argv[1:] if args.argv[:1] == ["--"] else args.argv
    if not argv:
        raise LabError("exec needs a command: lab exec HostA -- ls")
    command = lab.command(args.host, argv)
    sys.stdout.flush()
    os.execvp(command[0], command)


def _virsh(lab: Lab, args: Namespace) -> int:
    command = lab.command(args.host, ["virsh", "-c", "qemu:///system", *args.argv], "/")
    os.execvp(command[0], command)


def _simple(method: str, field: str) -> Callable[[Lab, Namespace], int]:
    def call(lab: Lab, args: Namespace) -> int:
        getattr(lab, method)(getattr(args, field))
        return 0
    return call


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lab", description="The manual's example installation on this machine: HostA (controller, storage), HostB and HostC "
        "(compute), real libvirtd and QEMU in namespaces. Nothing of the machine's own is touched.",
        epilog="First: lab up; lab guest vm1 --host HostB; lab status; lab exec HostA -- virsh -c qemu+tcp://HostB/system list")
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    for p in (parser, common):  # before the verb or after it
        p.add_argument("--name", help="which lab (several may be up at once; default: lab)")
        p.add_argument("--run-dir", help="where it keeps its files (/var/tmp/godwit-lab/NAME)")
        p.add_argument("--cache", help="where the guest's kernel is kept (lab/cache)")
    parser.set_defaults(name="lab", run_dir=None, cache="")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, function: Callable[[Lab, Namespace], int], text: str, *positional: str) -> Any:
        p = verbs.add_parser(name, parents=[common], help=text, description=text)
        for argument in positional:
            p.add_argument(argument)
        p.set_defaults(function=function)
        return p

    p = verb("up", _up, "bring the lab up (twice is safe)")
    p.add_argument("--compute", type=int, default=2, help="number of compute hosts")
    p.add_argument("--hosts", help="their names, separated by commas")
    p.add_argument("--storage", default="dir", help=f"shared storage, separated by commas: {', '.join(KINDS)}")
    verb("down", _down, "end everything and remove it")
    verb("status", _status, "what is there").add_argument("--json", action="store_true")
    p = verb("guest", _guest, "make a guest and start it", "guest")
    p.add_argument("--host", help="a compute host")
    p.add_argument("--memory", type=int, default=256, help="MiB")
    p.add_argument("--vcpus", type=int, default=1)
    p.add_argument("--disk", action="append", help="shared (default), local, iscsi or none; again, or with commas, for several")
    p.add_argument("--disk-size", default="1G")
    p.add_argument("--format", default="qcow2", choices=("qcow2", "raw"))
    p.add_argument("--dirty-rate", type=float, default=0, help="MB/s of memory")
    p.add_argument("--dirty-set", type=int, default=64, help="MiB of memory that are rewritten")
    p.add_argument("--dirty-order", default="turn", help="turn: those pages one after the other; scattered: here and there")
    p.add_argument("--write-rate", type=float, default=20, help="records of 4 KiB a second on each disk")
    p.add_argument("--backing", action="store_true", help="disks with a backing file")
    p.add_argument("--beat", type=int, default=10, help="ms between heartbeats")
    p.add_argument("--vnc", nargs="?", const="0.0.0.0", help="a VNC console that listens there (0.0.0.0)")
    p.add_argument("--machine", default="pc", choices=("pc", "q35"))
    p.add_argument("--cdrom", action="store_true", help="with a medium that only this host has")
    for flag in ("--paused", "--no-start", "--no-wait", "--xml-only"):
        p.add_argument(flag, action="store_true")
    verb("guest-rm", _guest_rm, "remove a guest and its disks", "guest")
    p = verb("heartbeat", _heartbeat, "what a guest's heartbeats say", "guest")
    p.add_argument("--since", type=float, default=0, help="seconds since the epoch")
    p.add_argument("--json", action="store_true")
    p = verb("verify", _verify, "read a guest's records from its disks", "guest")
    p.add_argument("--json", action="store_true")
    p = verb("link", _link, "cut, limit or restore a host's link", "host")
    p.add_argument("--cut", action="store_true")
    p.add_argument("--restore", action="store_true", help="whole and fast")
    p.add_argument("--rate", help="MB/s, as 50M")
    p.add_argument("--delay", help="as 10ms")
    verb("kill-libvirtd", _simple("kill_libvirtd", "host"), "SIGKILL; guests go on", "host")
    verb("start-libvirtd", _simple("start_libvirtd", "host"), "after kill-libvirtd", "host")
    p = verb("kill-qemu", _kill_qemu, "SIGKILL a guest's hypervisor process", "guest")
    p.add_argument("--host", help="there alone (while it migrates there are two)")
    verb("power-off", _simple("power_off", "host"), "end a host with everything on it", "host")
    verb("power-on", _simple("power_on", "host"), "after power-off", "host")
    p = verb("block", _block, "make a block device in a host's pool `block`", "host", "device")
    p.add_argument("--size", default="1G")
    for name, function, text in (("exec", _exec, "run a command on a host"), ("virsh", _virsh, "virsh on a host")):
        verb(name, function, text, "host").add_argument("argv", nargs=argparse.REMAINDER)
    return parser


def main(argv: list[str]) -> int:
    args = _parser().parse_args(argv)
    try:
        return args.function(Lab(args.name, args.run_dir, args.cache), args)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
