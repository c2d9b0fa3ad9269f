"""One host: its namespaces, and programs run inside them."""
import os
import signal
import subprocess
import uuid
from typing import Any, Optional

from .tools import PATH, LabError, run, wait_for

MARK = "godwit-lab"  # in the command line of every host's first process, by which `down` finds it

# PID 1 of a host is tini, which reaps: libvirt waits for a stopped QEMU until its zombie is gone (measured: 1.7 s otherwise).
# /etc and /var/lib are overlays whose changes go to the run directory: what packages and daemons write there stays in the lab.
SETUP = r"""
set -e
root=$2
mount --make-rprivate /
for d in all default; do echo 1 > /proc/sys/net/ipv6/conf/$d/disable_ipv6 || true; done
mount -t sysfs sysfs /sys
for d in /run /var/cache; do mount -t tmpfs -o mode=755 tmpfs $d; done
mount --bind "$root/log" /var/log
mkdir -p /run/lock /var/cache/libvirt /var/log/libvirt/qemu /var/log/glusterfs
hostname "$3"
for d in etc var/lib; do
    mount -t overlay overlay -o "lowerdir=/$d,upperdir=$root/over/$d,workdir=$root/work/$d" "/$d"
done
if [ "$3" != HostA ]; then
    mount -t tmpfs -o mode=755 tmpfs /srv
    mkdir -p /srv/instances /srv/local /srv/iso /srv/boot
    for d in local iso; do mount --bind "$root/srv/$d" /srv/$d; done
    mount --bind "$root/../boot" /srv/boot
    mount -o remount,bind,ro /srv/boot
fi
ip link set lo up
echo ready > "$root/ready"
exec sleep infinity
"""


def start_time(pid: int) -> str:
    """Tells a process from a later one with the same number; '' when there is none."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return ""


def is_zombie(pid: int) -> bool:
    """Also true of a process that is gone."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except (OSError, IndexError):
        return True


def first_processes(folder: str) -> list[int]:
    """Of the hosts whose folder that is or lies there, known by their command line, so that a lost state file hides none."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as f:
                words = f.read().split(b"\0")
        except OSError:
            continue
        if MARK.encode() in words and any((word + b"/").startswith(folder.encode() + b"/") for word in words):
            found.append(int(entry))
    return [pid for pid in found if not is_zombie(pid)]


def kill_first_processes(folder: str) -> None:
    """The kernel ends a PID namespace with its first process."""
    for pid in first_processes(folder):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    wait_for(f"the end of every process of {folder}", lambda: not first_processes(folder), 60)


class Host:
    def __init__(self, lab_dir: str, name: str, index: int):
        self.name, self.index = name, index
        self.dir = os.path.join(lab_dir, name)
        self.address = f"10.99.0.{1 if index == 0 else 10 + index}"
        self.machine_id = uuid.uuid5(uuid.NAMESPACE_DNS, f"{lab_dir}.{name}.godwit-lab")

    # ---- life

    def identity(self) -> str:
        """Differs each time that the host is switched on; '' before the first."""
        try:
            with open(os.path.join(self.dir, "pid")) as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def pid(self) -> int:
        """PID 1 of the host as this machine sees it; 0 when the host is off."""
        try:
            pid, started = self.identity().split()
        except ValueError:
            return 0
        return int(pid) if start_time(int(pid)) == started and not is_zombie(int(pid)) else 0

    def is_on(self) -> bool:
        """Fully: not when the command that switched it on was interrupted."""
        return bool(self.pid()) and os.path.exists(os.path.join(self.dir, "ready"))

    def power_on(self) -> None:
        kill_first_processes(self.dir)
        ready = os.path.join(self.dir, "ready")
        if os.path.exists(ready):
            os.unlink(ready)
        boot_log = os.path.join(self.dir, "boot.log")
        with open(boot_log, "w") as log:
            process = subprocess.Popen(
                ["unshare", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--mount-proc", "--",
                 "tini", "-s", "--", "bash", "-c", SETUP, MARK, "", self.dir, self.name],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env={**os.environ, "PATH": PATH})
        pid = wait_for(f"{self.name}: first process", lambda: self._child(process), 30, 0.005)
        with open(os.path.join(self.dir, "pid"), "w") as f:
            f.write(f"{pid} {start_time(pid)}")
        try:
            wait_for(self.name, lambda: os.path.exists(ready), 60, 0.01)
        except LabError:
            with open(boot_log) as log:
                raise LabError(f"{self.name} did not start: {log.read().strip()}") from None

    @staticmethod
    def _child(process: subprocess.Popen) -> int:
        if process.poll() is not None:
            raise LabError("namespaces could not be made: run as root, where they are allowed")
        try:
            with open(f"/proc/{process.pid}/task/{process.pid}/children") as f:
                return int((f.read().split() or ["0"])[0])
        except OSError:
            return 0

    def power_off(self) -> None:
        """At once, with everything that runs there: the kernel ends a PID namespace with its first process."""
        pid = self.pid()
        if pid:
            os.kill(pid, signal.SIGKILL)
            wait_for(f"{self.name} off", lambda: not self.pid() or is_zombie(pid), 60)

    # ---- running things there

    def command(self, *argv: str, cwd: str = "/") -> list[str]:
        pid = self.pid()
        if not pid:
            raise LabError(f"{self.name} is off: lab power-on {self.name}")
        return ["nsenter", "-t", str(pid), "-m", "-u", "-i", "-n", "-p", f"--wdns={cwd}", "--", *argv]

    def run(self, *argv: str, **options: Any) -> subprocess.CompletedProcess:
        return run(*self.command(*argv), **options)

    def spawn(self, *argv: str, log: str) -> None:
        """A daemon of the host, which its PID 1 inherits."""
        with open(os.path.join(self.dir, log), "a") as out:
            subprocess.Popen(self.command("setsid", "-f", *argv), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                             env={**os.environ, "PATH": PATH}).wait()

    def in_network(self, *argv: str, check: bool = True, text_in: Optional[str] = None) -> None:
        """Runs in the network namespace alone, so that process numbers are this machine's."""
        run("nsenter", "-t", str(self.pid()), "-n", "--", *argv, check=check, text_in=text_in)

    def ip(self, *lines: str) -> None:
        """Commands of ip(8), one a line, in one process."""
        self.in_network("ip", "-batch", "-", text_in="\n".join(lines) + "\n")
