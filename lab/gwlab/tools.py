"""Running programs, and the errors that people see."""
import os
import shutil
import subprocess
import time
from typing import Callable, Optional, TypeVar

T = TypeVar("T")


class LabError(Exception):
    """Says what went wrong and what to do about it."""


PACKAGES = {"libvirtd": "libvirt-daemon", "virsh": "libvirt-clients", "qemu-system-x86_64": "qemu-system-x86",
            "qemu-img": "qemu-utils", "qemu-io": "qemu-utils", "tini": "tini", "ip": "iproute2", "tc": "iproute2", "tgtd": "tgt",
            "tgtadm": "tgt", "glusterd": "glusterfs-server", "gluster": "glusterfs-cli", "mount.glusterfs": "glusterfs-client",
            "cpio": "cpio", "modprobe": "kmod", "depmod": "kmod", "gcc": "gcc", "dpkg-deb": "dpkg", "nsenter": "util-linux",
            "unshare": "util-linux", "losetup": "mount", "pgrep": "procps", "apt-get": "apt"}

# Not every shell of root has the folders of the system's programs.
PATH = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"


def need(*programs: str) -> None:
    missing = sorted({PACKAGES.get(p, p) for p in programs if not shutil.which(p, path=PATH)})
    if missing:
        raise LabError(f"missing on this machine: apt-get install {' '.join(missing)}")


def run(*argv: str, check: bool = True, timeout: float = 60, text_in: Optional[str] = None,
        cwd: Optional[str] = None) -> subprocess.CompletedProcess:
    """Runs a program and returns its output; a failure is a LabError that quotes it."""
    try:
        done = subprocess.run(argv, input=text_in, capture_output=True, text=True, timeout=timeout, cwd=cwd,
                              env={**os.environ, "PATH": PATH}, stdin=subprocess.DEVNULL if text_in is None else None)
    except FileNotFoundError:
        raise LabError(f"missing on this machine: apt-get install {PACKAGES.get(argv[0], argv[0])}") from None
    except subprocess.TimeoutExpired:
        raise LabError(f"no answer within {timeout:.0f} s from: {' '.join(argv)}") from None
    if check and done.returncode != 0:
        raise LabError(f"failed ({done.returncode}): {' '.join(argv)}\n{(done.stderr or done.stdout).strip()}")
    return done


def wait_for(what: str, condition: Callable[[], T], seconds: float, every: float = 0.05) -> T:
    """Returns condition()'s first true value, or raises a LabError saying what did not come."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise LabError(f"{what}: not within {seconds:.0f} s")
        time.sleep(every)
