#!/usr/bin/python3
"""Runs the lab for real and checks what it promises: `sudo lab/selftest.py [WORD…]` runs the checks whose names hold a WORD.
Prints one line for each check, with its seconds; ends with 1 when one failed. Labs of other names are left alone."""
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from typing import Callable, Iterator, Optional

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE)
from gwlab import Lab, LabError, verify  # noqa: E402
from gwlab.guest import log_of  # noqa: E402
from gwlab.heartbeat import Report  # noqa: E402
from gwlab.tools import run, wait_for  # noqa: E402

NAME = f"selftest-{os.getpid()}"
LIVE = ("--live", "--p2p", "--persistent", "--undefinesource")
MOST_OUTAGE_MS = 2000
KINDS = ("net", "mnt", "pid", "uts", "ipc")


class Labs:
    """The labs that checks use; made on first use, all of them ended at the end."""

    def __init__(self) -> None:
        self.made: dict[str, Lab] = {}

    def get(self, *kinds: str) -> Lab:
        word = "-".join(kinds)
        if word not in self.made:
            self.made[word] = Lab(f"{NAME}-{word}")
            self.made[word].up(kinds=kinds)
        return self.made[word]

    def tidy(self) -> None:
        """Leaves no guest of a check to the next one: two cores carry few."""
        for lab in self.made.values():
            lab.up()
            for name in list(lab.state["guests"]):
                lab.remove_guest(name)

    def end(self) -> None:
        for lab in self.made.values():
            lab.down()


def expect(true: object, text: str) -> None:
    if not true:
        raise AssertionError(text)


def migrate(lab: Lab, name: str, source: str, target: str, *options: str) -> float:
    """Live, as an administrator would; returns its seconds."""
    start = time.monotonic()
    lab.virsh(source, "migrate", *LIVE, *options, name, f"qemu+tcp://{target}/system", timeout=120)
    return time.monotonic() - start


def sound(lab: Lab, name: str, since: float = 0, boots: int = 1) -> Report:
    """The guest goes on and has lost nothing."""
    lab.wait_heartbeat(name, time.time() + 0.3, 20)
    report = lab.heartbeat(name, since)
    expect(report.gap_ms < MOST_OUTAGE_MS, f"it stood still for {report.gap_ms} ms")
    expect(not report.memory_errors and not report.disk_errors, f"errors: {report}")
    expect(not report.duplicates, f"duplicates: {report}")
    expect(len(report.boots) == boots, f"boots: {report.boots}")
    expect(not lab.verify(name), f"verify: {lab.verify(name)}")
    return report


def left_of(lab: Lab, namespaces: set[str]) -> list[str]:
    """What is still there of a lab that was ended."""
    left = [path for path in (lab.dir, lab.dir + ".lock") if os.path.exists(path)]
    with open("/proc/self/mountinfo") as f:
        left += [line for line in f if lab.dir in line]
    left += [line for line in run("losetup", "--list", check=False).stdout.splitlines() if lab.dir in line]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as f:
                command = f.read().replace("\0", " ")
            if lab.dir + "/" in command or namespaces & {os.readlink(f"/proc/{pid}/ns/{kind}") for kind in KINDS}:
                left.append(f"process {pid}: {command}")
        except OSError:
            pass
    return left


def namespaces_of(lab: Lab) -> set[str]:
    own = {os.readlink(f"/proc/self/ns/{kind}") for kind in KINDS}
    return {os.readlink(f"/proc/{h.pid()}/ns/{kind}") for h in lab.hosts() if h.pid() for kind in KINDS} - own


def links() -> str:
    return run("ip", "-brief", "link").stdout + run("ip", "netns", "list", check=False).stdout


def lab_command(*argv: str, **options: object) -> subprocess.CompletedProcess:
    return subprocess.run([os.path.join(HERE, "lab"), *argv], capture_output=True, text=True, timeout=120, **options)


# ---- the checks. Each takes Labs; its name says what it checks.

def live_migration_over_shared_storage(labs: Labs) -> str:
    lab = labs.get("dir", "iscsi")
    lab.guest("live1", "HostB", dirty=20)
    since = time.time()
    seconds = migrate(lab, "live1", "HostB", "HostC", "--unsafe")
    report = sound(lab, "live1", since)
    expect(lab.where("live1") == ("HostC", "running"), "it is not on HostC")
    return f"migrate {seconds:.2f} s, outage {report.gap_ms:.0f} ms, {report.lost} heartbeats lost"


def live_migration_is_unsafe_without_proof(labs: Labs) -> None:
    lab = labs.get("dir", "iscsi")
    lab.guest("live2", "HostC")
    try:
        migrate(lab, "live2", "HostC", "HostB")
    except LabError as error:
        expect("nsafe migration" in str(error), str(error))
    else:
        raise AssertionError("libvirt takes the bind mount for shared storage")


def block_migration_there_and_back(labs: Labs) -> str:
    lab = labs.get("dir", "iscsi")
    lab.guest("block1", "HostB", disks=["local"], dirty=10, disk_size="512M")
    times = []
    for source, target in (("HostB", "HostC"), ("HostC", "HostB")):
        lab.virsh(target, "vol-create-as", "local", "block1-0.qcow2", "512M", "--allocation", "0", "--format", "qcow2")
        since = time.time()
        times.append(migrate(lab, "block1", source, target, "--copy-storage-all"))
        sound(lab, "block1", since)
        size = int(lab.run(target, "stat", "-c", "%b", "/srv/local/block1-0.qcow2").stdout) * 512
        expect(size < 100 << 20, f"the copy is not sparse: {size} bytes")
        lab.virsh(source, "pool-refresh", "local")
        lab.virsh(source, "vol-delete", "--pool", "local", "block1-0.qcow2")
    return f"{times[0]:.2f} s, {times[1]:.2f} s"


def iscsi_migration_needs_no_unsafe(labs: Labs) -> str:
    lab = labs.get("dir", "iscsi")
    lab.guest("iscsi1", "HostB", disks=["iscsi"], dirty=10)
    lab.virsh("HostB", "pool-refresh", "iscsi")
    expect("unit:0:0:" in lab.virsh("HostB", "vol-list", "iscsi").stdout, "the pool does not show the LUN")
    expect("inactive" in lab.virsh("HostC", "pool-list", "--all").stdout, "HostC's pool is started")
    seconds = migrate(lab, "iscsi1", "HostB", "HostC")
    sound(lab, "iscsi1")
    return f"{seconds:.2f} s"


def gluster_migration_needs_no_unsafe(labs: Labs) -> str:
    start = time.monotonic()
    lab = labs.get("gluster")
    up = time.monotonic() - start
    lab.guest("gluster1", "HostB", dirty=10)
    seconds = migrate(lab, "gluster1", "HostB", "HostC")
    sound(lab, "gluster1")
    return f"up {up:.1f} s, migrate {seconds:.2f} s"


def every_kind_of_guest_boots(labs: Labs) -> str:
    lab = labs.get("dir", "iscsi")
    lab.guest("many1", "HostB", disks=["shared", "local", "iscsi"], format="raw", vcpus=2)
    lab.guest("many2", "HostC", disks=["shared"], machine="q35", cdrom=True, vnc="0.0.0.0", backing=True)
    lab.guest("many3", "HostC", disks=[])
    lab.wait_until("three records", lambda: len([n for n in lab.heartbeat("many1").acknowledged if n > 3]) == 3, 10)
    for name in ("many1", "many2", "many3"):
        sound(lab, name)
    lab.guest("many4", "HostB", start="paused")
    lab.guest("many5", "HostB", start="no")
    expect(lab.where("many4") == ("HostB", "paused") and lab.where("many5") == ("HostB", "shut off"), "start states")
    expect("nothing to verify" in " ".join(lab.verify("many5")), "verify of a guest that never wrote")
    for number in range(1, 6):
        lab.remove_guest(f"many{number}")
    start = time.monotonic()
    lab.guest("many1", "HostB")
    seconds = time.monotonic() - start
    expect(lab.heartbeat("many1").boot_count == 1, "a new guest of an old name has an old history")
    lab.remove_guest("many1")
    left = lab.run("HostB", "find", "/srv", "-name", "many*").stdout
    expect(not left, f"left over: {left}")
    return f"a guest beats after {seconds:.1f} s"


def shutdown_start_and_reboot_continue_the_log(labs: Labs) -> str:
    lab = labs.get("dir", "iscsi")
    lab.guest("cold1", "HostB")
    lab.wait_until("40 records", lambda: lab.heartbeat("cold1").acknowledged[0] > 40, 10)
    start = time.monotonic()
    lab.virsh("HostB", "shutdown", "cold1")
    lab.wait_until("cold1 off", lambda: lab.where("cold1")[1] == "shut off", 10)
    seconds = time.monotonic() - start
    written, since = lab.heartbeat("cold1").most_acknowledged[0], time.time()
    expect(not lab.verify("cold1"), f"verify of a stopped guest: {lab.verify('cold1')}")
    lab.virsh("HostB", "start", "cold1")
    lab.wait_heartbeat("cold1", since)
    report = sound(lab, "cold1", boots=2)
    expect(report.boot_count == 2 and report.acknowledged[0] > written, f"the log began anew: {report}")
    lab.virsh("HostB", "reboot", "cold1")
    lab.wait_until("third boot", lambda: len(lab.heartbeat("cold1").boots) == 3, 30)
    expect(sound(lab, "cold1", boots=3).boot_count == 3, "boot count")
    return f"shutdown {seconds:.1f} s"


def a_crash_loses_no_record(labs: Labs) -> None:
    lab = labs.get("dir", "iscsi")
    lab.guest("crash1", "HostB", write=500)
    lab.wait_until("the ring is full", lambda: lab.heartbeat("crash1").acknowledged[0] > 4300, 40)
    lab.kill_qemu("crash1")
    lab.wait_until("crash1 off", lambda: lab.where("crash1")[1] == "shut off", 10)
    expect(not lab.verify("crash1"), f"verify: {lab.verify('crash1')}")
    since = time.time()
    lab.virsh("HostB", "start", "crash1")
    lab.wait_heartbeat("crash1", since)
    sound(lab, "crash1", boots=2)


def verify_sees_a_lost_record(labs: Labs) -> None:
    lab = labs.get("dir", "iscsi")
    lab.guest("lossy1", "HostB", format="raw")
    lab.wait_until("40 records", lambda: lab.heartbeat("lossy1").acknowledged[0] > 40, 10)
    lab.virsh("HostB", "destroy", "lossy1")
    expect(not lab.verify("lossy1"), "verify before")
    place = (verify.RING_AT + 17) * verify.BLOCK
    lab.run("HostB", "qemu-io", "-f", "raw", "-c", f"write -q -P 0 {place} 4k", "/srv/instances/lossy1-0.raw")
    lab.run("HostB", "qemu-io", "-f", "raw", "-c", f"write -q -P 1 {place + 4096 + 1024} 512", "/srv/instances/lossy1-0.raw")
    problems = " ".join(lab.verify("lossy1"))
    expect("record 17: not there" in problems and "record 18: damaged" in problems, f"verify found: {problems}")
    done = lab_command("verify", "lossy1", "--json", "--name", lab.name)
    expect(done.returncode == 1 and not json.loads(done.stdout)["ok"], done.stdout + done.stderr)
    since = time.time()
    lab.virsh("HostB", "start", "lossy1")
    lab.wait_heartbeat("lossy1", since)
    expect(lab.heartbeat("lossy1").disk_errors == 2, f"the guest itself found: {lab.heartbeat('lossy1')}")
    lab.remove_guest("lossy1")


def _spoil_memory(pid: int, pattern: bytes) -> int:
    """Overwrites the pattern wherever the process has it in a mapping of guest memory's size."""
    spoiled = 0
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        for line in maps:
            start, end = (int(x, 16) for x in line.split()[0].split("-"))
            if end - start < 64 << 20 or "rw" not in line.split()[1]:
                continue
            for at in range(start, end, 16 << 20):
                try:
                    memory.seek(at)
                    data = memory.read(min(16 << 20, end - at))
                except OSError:
                    continue
                for found in re.finditer(re.escape(pattern), data):
                    memory.seek(at + found.start())
                    memory.write(b"spoiled!")
                    spoiled += 1
    return spoiled


def the_guest_sees_spoiled_memory(labs: Labs) -> None:
    lab = labs.get("dir", "iscsi")
    lab.guest("memory1", "HostB", disks=[])
    time.sleep(1)
    expect(lab.heartbeat("memory1").memory_errors == 0, "errors from the start")
    # Mark 0 of page 1234 in its first generation, as in guest/memory.c; nothing rewrites it at dirty rate 0.
    pattern = struct.pack("<Q", verify.FNV_PRIME ^ (1234 << 20))
    pids = [int(line.split()[0]) for line in run("pgrep", "-af", "guest=memory1,").stdout.splitlines() if lab_has(lab, line)]
    expect(sum(_spoil_memory(pid, pattern) for pid in pids), "the page was not found in QEMU's memory")
    lab.wait_until("the guest sees it", lambda: lab.heartbeat("memory1").memory_errors > 0, 15)
    lab.remove_guest("memory1")


def lab_has(lab: Lab, line: str) -> bool:
    return os.readlink(f"/proc/{line.split()[0]}/ns/pid") in namespaces_of(lab)


def libvirtd_killed_and_started(labs: Labs) -> None:
    lab = labs.get("dir", "iscsi")
    lab.guest("daemon1", "HostB", dirty=10)
    since = time.time()
    lab.kill_libvirtd("HostB")
    time.sleep(1)
    sound_beats = lab.heartbeat("daemon1", since).count
    expect(sound_beats > 50, f"{sound_beats} heartbeats in a second without libvirtd")
    expect(not [h for h in lab.status()["hosts"] if h["name"] == "HostB"][0]["libvirtd"], "status says that it runs")
    lab.start_libvirtd("HostB")
    expect(lab.where("daemon1") == ("HostB", "running"), f"after its start: {lab.where('daemon1')}")
    sound(lab, "daemon1", since)


def slow_migrations_leave_memory_whole(labs: Labs) -> str:
    """Several passes over memory each time: what QEMU's TCG once lost (see guest.py) would crash the guest here."""
    lab, ways = labs.get("dir", "iscsi"), ["HostB", "HostC"]
    lab.guest("slow1", "HostB", disks=[], memory=192, dirty=10, dirty_set=80)
    for host in ways:
        lab.link(host, rate=40)
    for source, target in (ways, ways[::-1]) * 2:
        migrate(lab, "slow1", source, target, "--unsafe")
    for host in ways:
        lab.link(host)
    time.sleep(6)  # one sweep of the guest over its memory
    return f"outage {sound(lab, 'slow1').gap_ms:.0f} ms"


def links_are_limited_cut_and_restored(labs: Labs) -> str:
    lab = labs.get("dir", "iscsi")
    lab.guest("link1", "HostB", dirty_set=100)
    lab.link("HostC", rate=20)
    migrate(lab, "link1", "HostB", "HostC", "--unsafe")
    info = lab.virsh("HostC", "domjobinfo", "--completed", "--rawstats", "link1").stdout
    numbers = {m[1].strip(): float(m[2]) for m in re.finditer(r"^([^:\n]+):\s+([\d.]+)", info, re.M)}
    rate = numbers["memory_processed"] / numbers["time_elapsed"] / 1000
    expect(10 < rate < 22, f"20 MB/s are {rate:.1f}: {info}")
    since = time.time()
    lab.link("HostC", cut=True)
    reach = ("virsh", "-q", "-c", "qemu+tcp://HostC/system", "version")
    expect(lab.run("HostA", "timeout", "3", *reach, check=False).returncode, "a cut link carries calls")
    expect(lab.heartbeat("link1", since).count > 100, "the cut disturbs heartbeats")
    lab.link("HostC")
    lab.run("HostA", "timeout", "10", *reach)
    return f"20 MB/s measured as {rate:.1f}"


def a_link_is_delayed(labs: Labs) -> str:
    lab = labs.get("dir", "iscsi")
    try:
        lab.link("HostC", delay=50)
    except LabError as error:
        expect("netem" in str(error), str(error))
        return f"NOT CHECKED, {error}"
    start = time.monotonic()
    lab.run("HostA", "virsh", "-q", "-c", "qemu+tcp://HostC/system", "version")
    seconds = time.monotonic() - start
    expect(seconds > 0.3, f"a call over 2 x 50 ms took {seconds:.2f} s")
    lab.link("HostC")
    return f"a call takes {seconds:.2f} s"


def power_off_and_on(labs: Labs) -> None:
    lab = labs.get("dir", "iscsi")
    lab.guest("power1", "HostC")
    lab.guest("power2", "HostC", disks=["iscsi"])
    time.sleep(1)
    lab.power_off("HostC")
    expect(lab.heartbeat("power1").last_seen < time.time(), "")
    lab.power_on("HostC")
    expect(lab.where("power1") == ("HostC", "shut off"), f"after power on: {lab.where('power1')}")
    lab.power_off("HostA")
    lab.power_on("HostA")
    since = time.time()
    for name in ("power1", "power2"):
        lab.virsh("HostC", "start", name)
        lab.wait_heartbeat(name, since)
        expect(lab.heartbeat(name).boot_count == 2, "boots")
        sound(lab, name, since)
    lab.wait_heartbeat("power1", since)
    lab.run("HostA", "virsh", "-q", "-c", "qemu+tcp://HostB/system", "version")


def exec_keeps_what_the_user_has(labs: Labs) -> None:
    lab = labs.get("dir", "iscsi")
    with tempfile.TemporaryDirectory() as folder:
        done = lab_command("exec", "--name", lab.name, "HostB", "--", "sh", "-c", "hostname; pwd; echo $WORD; cat; exit 7",
                           cwd=folder, env={**os.environ, "WORD": "kept"}, input="typed\n")
    expect(done.returncode == 7 and done.stdout.split() == ["HostB", folder, "kept", "typed"], f"{done}")
    done = lab_command("exec", "--name", lab.name, "HostA", "--", "virsh", "-q", "-c", "qemu+tcp://hostc/system", "hostname")
    expect(done.stdout.strip() == "HostC", f"{done}")
    uuids = {lab.run(h.name, "sh", "-c", "cat /etc/machine-id; virsh -c qemu:///system capabilities | grep -o '<uuid>.*'").stdout
             for h in lab.compute()}
    expect(len(uuids) == 2 and len({u.split()[0] for u in uuids}) == 2, f"identities: {uuids}")


def block_device_in_a_pool(labs: Labs) -> None:
    lab = labs.get("dir", "iscsi")
    path = lab.block("HostB", "disk1", "64M")
    expect(path in lab.virsh("HostB", "vol-list", "block").stdout, "not a volume")
    expect(lab.run("HostB", "stat", "-c", "%F", path).stdout.strip() == "block special file", "not a block device")
    lab.run("HostB", "qemu-io", "-f", "raw", "-c", "write -q 0 1M", path)


def the_collector_loses_nothing(labs: Labs) -> None:
    """20 guests' worth of beats for five seconds."""
    lab = labs.get("dir", "iscsi")
    lab.run("HostB", "ip", "addr", "add", "10.99.1.250/24", "dev", "br-guest")
    script = ("import socket, time\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\nstart = time.time()\n"
              "for n in range(1, 501):\n for g in range(20):\n"
              "  s.sendto(f'GW1 crowd{g} 0 1 {n} 0 0 0 0 {n}'.encode(), ('10.99.1.1', 9099))\n"
              " time.sleep(max(0, start + n / 100 - time.time()))\n")
    lab.run("HostB", "/usr/bin/python3", "-c", script)
    lab.run("HostB", "ip", "addr", "del", "10.99.1.250/24", "dev", "br-guest")
    time.sleep(0.5)
    counts = [lab.heartbeat(f"crowd{g}").count for g in range(20)]
    expect(counts == [500] * 20, f"of 500 each: {counts}")


def two_labs_and_up_twice(labs: Labs) -> str:
    first, second = labs.get("dir", "iscsi"), Lab(f"{NAME}-second")
    start = time.monotonic()
    expect(second.up(kinds=["dir", "iscsi"]), "up says that it was there before")
    seconds = time.monotonic() - start
    expect(not second.up(), "up a second time says that it was not there before")
    first.guest("same1", "HostB")
    second.guest("same1", "HostB")
    sound(second, "same1")
    sound(first, "same1")
    spaces = namespaces_of(second)
    second.down()
    expect(not left_of(second, spaces), f"left: {left_of(second, spaces)}")
    sound(first, "same1")
    expect(not second.down(), "down a second time")
    return f"up {seconds:.2f} s"


def up_repairs_what_died(labs: Labs) -> None:
    lab = labs.get("dir", "iscsi")
    lab.guest("repair1", "HostB")
    lab.run("HostA", "pkill", "-9", "-f", "collector.py")
    lab.kill_libvirtd("HostB")
    lab.power_off("HostC")
    lab.up()
    expect(all(h["pid"] and h.get("libvirtd", True) for h in lab.status()["hosts"]), f"{lab.status()}")
    sound(lab, "repair1", time.time())


def down_after_everything_was_killed(labs: Labs) -> None:
    lab = Lab(f"{NAME}-killed")
    lab.up(kinds=["gluster", "iscsi"])
    lab.guest("killed1", "HostB")
    lab.block("HostB", "disk1", "64M")
    spaces = namespaces_of(lab)
    for line in left_of(lab, spaces):
        found = re.match(r"process (\d+)", line)
        if found:
            try:
                os.kill(int(found[1]), 9)
            except ProcessLookupError:
                pass
    lab.down()
    expect(not left_of(lab, spaces), f"left: {left_of(lab, spaces)}")


def down_after_an_up_that_was_killed(labs: Labs) -> None:
    for after in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5):
        lab = Lab(f"{NAME}-half")
        up = subprocess.Popen([os.path.join(HERE, "lab"), "up", "--name", lab.name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(after)
        up.kill()
        up.wait()
        if after == 0.25:
            Lab(lab.name).up()  # taking up a half-made lab
        lab.down()
        time.sleep(0.2)
        expect(not left_of(lab, set()), f"killed after {after} s, left: {left_of(lab, set())}")


def other_directories_are_left_alone(labs: Labs) -> None:
    with tempfile.TemporaryDirectory() as folder:
        precious = os.path.join(folder, "precious")
        open(precious, "w").close()
        for word in ("up", "down"):
            done = lab_command(word, "--run-dir", folder)
            expect(done.returncode == 1 and "not a lab's" in done.stderr and os.path.exists(precious), f"{word}: {done}")
    done = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", "/usr/bin/python3", os.path.join(HERE, "lab"), "up"],
                          capture_output=True, text=True)
    expect(done.returncode == 1 and "needs root" in done.stderr, f"as nobody: {done}")


def xml_only_makes_nothing(labs: Labs) -> None:
    lab = labs.get("dir", "iscsi")
    done = lab_command("guest", "xml1", "--xml-only", "--disk", "shared", "--disk", "iscsi,local", "--vnc", "--name", lab.name)
    expect(done.stdout.count("<disk ") == 3 and "0.0.0.0" in done.stdout, f"{done}")
    expect("xml1" not in Lab(lab.name).state["guests"], "it was made")


def checks() -> Iterator[tuple[str, Callable[[Labs], Optional[str]]]]:
    for name, value in list(globals().items()):
        if callable(value) and set(getattr(value, "__annotations__", ())) == {"labs", "return"}:
            yield name, value


def consoles(of: Labs) -> str:
    """What the guests said, for a failed check."""
    return "".join(f"{host.name}: console of {name}: {log_of(host, name)}\n" for lab in of.made.values()
                   for host in lab.compute() for name in lab.state["guests"] if log_of(host, name))


def perform(name: str, check: Callable[[Labs], Optional[str]], labs: Labs) -> bool:
    start = time.monotonic()
    try:
        note = check(labs)
    except (AssertionError, LabError, subprocess.SubprocessError, OSError, LookupError):
        print(f"FAILED {name}\n{traceback.format_exc()}{consoles(labs)}", flush=True)
        labs.tidy()
        return False
    labs.tidy()
    print(f"ok {time.monotonic() - start:5.1f} s  {name.replace('_', ' ')}{': ' + note if note else ''}", flush=True)
    return True


def main(words: list[str]) -> int:
    before, labs, failed = links(), Labs(), 0
    chosen = [(name, check) for name, check in checks() if not words or any(word in name for word in words)]
    for name, check in chosen:
        failed += not perform(name, check, labs)
    spaces = [(lab, namespaces_of(lab)) for lab in labs.made.values()]
    labs.end()
    left = [what for lab, own in spaces for what in left_of(lab, own)]
    if left or links() != before:
        print(f"FAILED left after down: {left}; links {links()}")
        failed += 1
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
