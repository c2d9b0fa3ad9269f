"""The command lab/lab: a table of verbs."""
import argparse
import json
import os
import sys
from dataclasses import asdict

from .lab import STORAGES, Lab
from .tools import LabError


def _up(lab: Lab, args) -> int:
    compute = args.hosts.split(",") if args.hosts else [f"Host{chr(ord('B') + i)}" for i in range(args.compute)]
    lab.up(compute, args.storage.split(","))
    print(f"Lab '{lab.name}' is up: HostA (controller, storage), {', '.join(compute)} (compute); run directory {lab.dir}")
    return 0


def _down(lab: Lab, args) -> int:
    lab.down()
    print(f"Lab '{lab.name}' is down; nothing of it is left.")
    return 0


def _status(lab: Lab, args) -> int:
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


def _guest(lab: Lab, args) -> int:
    disks = [] if args.disk == "none" else args.disk.split(",")
    start = "paused" if args.paused else "no" if args.no_start else "running"
    lab.guest(args.guest, args.host, start=start, wait=not args.no_wait, memory=args.memory, vcpus=args.vcpus, disks=disks,
              disk_size=args.disk_size, format=args.format, dirty=args.dirty_rate, dirty_set=args.dirty_set,
              write=args.write_rate, backing=args.backing, vnc=args.vnc or "", machine=args.machine, cdrom=args.cdrom)
    print(f"Guest {args.guest} is on {args.host}" + ("" if start == "no" else ", paused" if start == "paused" else ", running"))
    return 0


def _guest_rm(lab: Lab, args) -> int:
    lab.remove_guest(args.guest)
    return 0


def _heartbeat(lab: Lab, args) -> int:
    report = asdict(lab.heartbeat(args.guest, args.since))
    if args.json:
        print(json.dumps(report))
    else:
        for key, value in report.items():
            print(f"{key:14} {value}")
    return 0 if report["count"] else 1


def _verify(lab: Lab, args) -> int:
    problems = lab.verify(args.guest)
    print("\n".join(problems) or f"every acknowledged record of {args.guest} is on its disks")
    return 1 if problems else 0


def _link(lab: Lab, args) -> int:
    rate = float(args.rate.rstrip("Mm")) if args.rate else 0
    delay = float(args.delay.removesuffix("ms")) if args.delay else 0
    lab.link(args.host, cut=args.cut, rate=rate, delay=delay)
    return 0


def _exec(lab: Lab, args) -> int:
    argv = args.argv[1:] if args.argv[:1] == ["--"] else args.argv
    if not argv:
        raise LabError("exec needs a command: lab exec HostA -- ls")
    command = lab.command(args.host, argv)
    sys.stdout.flush()
    os.execvp(command[0], command)


def _virsh(lab: Lab, args) -> int:
    command = lab.command(args.host, ["virsh", "-c", "qemu:///system", *args.argv], "/")
    os.execvp(command[0], command)


def _simple(method: str, field: str):
    def call(lab: Lab, args) -> int:
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
    parser.set_defaults(name="lab", run_dir=None)
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name, function, text, *positional):
        p = verbs.add_parser(name, parents=[common], help=text, description=text)
        for argument in positional:
            p.add_argument(argument)
        p.set_defaults(function=function)
        return p

    p = verb("up", _up, "bring the lab up (twice is safe)")
    p.add_argument("--compute", type=int, default=2, help="number of compute hosts")
    p.add_argument("--hosts", help="their names, separated by commas")
    p.add_argument("--storage", default="dir", help=f"shared storage, separated by commas: {', '.join(STORAGES)}")
    verb("down", _down, "end everything and remove it")
    verb("status", _status, "what is there").add_argument("--json", action="store_true")
    p = verb("guest", _guest, "make a guest and start it", "guest")
    p.add_argument("--host", required=True)
    p.add_argument("--memory", type=int, default=256, help="MiB")
    p.add_argument("--vcpus", type=int, default=1)
    p.add_argument("--disk", default="shared", help="shared, local, iscsi or none; several with commas")
    p.add_argument("--disk-size", default="1G")
    p.add_argument("--format", default="qcow2", choices=("qcow2", "raw"))
    p.add_argument("--dirty-rate", type=float, default=0, help="MB/s of memory")
    p.add_argument("--dirty-set", type=int, default=64, help="MiB of memory that are rewritten")
    p.add_argument("--write-rate", type=float, default=20, help="records of 4 KiB a second on each disk")
    p.add_argument("--backing", action="store_true", help="disks with a backing file")
    p.add_argument("--vnc", help="listen address of a VNC console")
    p.add_argument("--machine", default="pc", choices=("pc", "q35"))
    p.add_argument("--cdrom", action="store_true", help="with a medium that only this host has")
    for flag in ("--paused", "--no-start", "--no-wait"):
        p.add_argument(flag, action="store_true")
    verb("guest-rm", _guest_rm, "remove a guest and its disks", "guest")
    p = verb("heartbeat", _heartbeat, "what a guest's heartbeats say", "guest")
    p.add_argument("--since", type=float, default=0, help="seconds since the epoch")
    p.add_argument("--json", action="store_true")
    verb("verify", _verify, "read a guest's records from its disks", "guest")
    p = verb("link", _link, "cut, limit or restore a host's link", "host")
    p.add_argument("--cut", action="store_true")
    p.add_argument("--restore", action="store_true", help="(also what no option does)")
    p.add_argument("--rate", help="MB/s, as 50M")
    p.add_argument("--delay", help="as 10ms")
    verb("kill-libvirtd", _simple("kill_libvirtd", "host"), "SIGKILL; guests go on", "host")
    verb("start-libvirtd", _simple("start_libvirtd", "host"), "after kill-libvirtd", "host")
    verb("kill-qemu", _simple("kill_qemu", "guest"), "SIGKILL a guest's hypervisor process", "guest")
    verb("power-off", _simple("power_off", "host"), "end a host with everything on it", "host")
    verb("power-on", _simple("power_on", "host"), "after power-off", "host")
    for name, function, text in (("exec", _exec, "run a command on a host"), ("virsh", _virsh, "virsh on a host")):
        verb(name, function, text, "host").add_argument("argv", nargs=argparse.REMAINDER)
    return parser


def main(argv: list) -> int:
    args = _parser().parse_args(argv)
    try:
        return args.function(Lab(args.name, args.run_dir), args)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
