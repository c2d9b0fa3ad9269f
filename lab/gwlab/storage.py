"""Shared storage: a shared directory (bind mount), GlusterFS, and iSCSI targets by tgt; and block devices."""
import os
import subprocess

from . import libvirtd
from .host import Host
from .tools import LabError, need, run, wait_for

IQN = "iqn.2026-11.lab.godwit:disks"
PORTAL_PORT = 3260
KINDS = ("dir", "gluster", "iscsi")
DIRECT = "/usr/lib/x86_64-linux-gnu/libvirt/storage-backend/libvirt_storage_backend_iscsi-direct.so"


# ---- a shared directory

def share_directory(lab_dir: str, host: Host) -> None:
    host.run("mount", "--bind", os.path.join(lab_dir, "shared"), "/srv/instances")


def share_state(lab_dir: str, host: Host, state: str) -> None:
    """Of the shared directory as one host sees it. Read-only is refused by the kernel while a guest there writes to it."""
    mounted = host.run("mountpoint", "-q", "/srv/instances", check=False).returncode == 0
    if state == "gone":
        host.run("umount", "-l", "/srv/instances")
    elif not mounted:
        share_directory(lab_dir, host)
    if mounted and state != "gone":
        host.run("mount", "-o", "remount,bind," + ("ro" if state == "read-only" else "rw"), "/srv/instances")


def shrink_shared(lab_dir: str, hosts: list[Host], megabytes: int) -> None:
    """Puts a small, empty file system over the shared directory: one loop device, which the kernel mounts as one file system however
    many hosts do. 0 takes it away, with all that is there."""
    need("losetup", "mkfs.ext4")
    image = os.path.join(lab_dir, "small.img")
    device = ""
    if megabytes:
        run("truncate", "-s", f"{megabytes}M", image)
        run("mkfs.ext4", "-q", "-F", "-m", "0", image)
        device = run("losetup", "--find", "--show", image).stdout.strip()
    for host in hosts:
        host.run(*(["mount", device, "/srv/instances"] if device else ["umount", "-l", "/srv/instances"]))
        libvirtd.virsh(host, "pool-refresh", "instances")
    if not device:
        detach_blocks(lab_dir, "small.img")
        os.unlink(image)


# ---- folders small enough to be filled


def shrink(host: Host, megabytes: int) -> None:
    """Puts an empty file system of that size over the host's own folder; 0 takes it away, with all that is there."""
    host.run(*(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", "/srv/local"] if megabytes else ["umount", "-l", "/srv/local"]))
    libvirtd.virsh(host, "pool-refresh", "local")


def fill(host: Host, folder: str, full: bool) -> None:
    filler = f"{folder}/filler"
    dd = "; ".join(f"dd if=/dev/zero of={filler} bs={size} oflag=append conv=notrunc 2>/dev/null" for size in ("64k", "1k"))
    host.run("sh", "-c", f"{dd}; sync -f {folder}" if full else f"rm -f {filler}")


# ---- GlusterFS: glusterd in HostA, FUSE mounts on the compute hosts

def _gluster(a: Host, *argv: str, check: bool = True) -> subprocess.CompletedProcess:
    return a.run("gluster", "--mode=script", *argv, check=check, timeout=120)


def start_gluster(a: Host, runs: bool) -> None:
    """Also after HostA was off: what glusterd knows is kept in the run directory."""
    need("glusterd", "gluster", "mount.glusterfs")
    own, brick = os.path.join(a.dir, "glusterd"), os.path.join(a.dir, "brick")
    os.makedirs(own, exist_ok=True)
    os.makedirs(brick, exist_ok=True)
    a.run("mkdir", "-p", "/run/gluster", "/var/lib/glusterd")
    if not runs:
        a.run("mount", "--bind", own, "/var/lib/glusterd")
        a.run("glusterd", timeout=60)
    wait_for("glusterd", lambda: _gluster(a, "volume", "list", check=False).returncode == 0, 30, 0.2)
    if "instances" not in _gluster(a, "volume", "list").stdout.split():
        _gluster(a, "volume", "create", "instances", f"HostA:{brick}", "force")
    _gluster(a, "volume", "start", "instances", check=False)  # refused when it is started


def mount_gluster(host: Host) -> None:
    wait_for(f"GlusterFS on {host.name}",
             lambda: host.run("mount", "-t", "glusterfs", "HostA:/instances", "/srv/instances", check=False,
                              timeout=60).returncode == 0, 60, 1)


# ---- iSCSI: one target, a LUN for each disk

def _tgtadm(a: Host, *argv: str, check: bool = True) -> subprocess.CompletedProcess:
    return a.run("tgtadm", "--lld", "iscsi", *argv, check=check)


def _new_lun(a: Host, lun: int) -> None:
    _tgtadm(a, "--mode", "logicalunit", "--op", "new", "--tid", "1", "--lun", str(lun), "-b", _lun_path(a, lun))


def _lun_path(a: Host, lun: int) -> str:
    return os.path.join(a.dir, "luns", str(lun))


def start_iscsi(a: Host, runs: bool) -> None:
    """Also after HostA was off: every LUN that there was is there again."""
    need("tgtd", "tgtadm")
    os.makedirs(os.path.join(a.dir, "luns"), exist_ok=True)
    if not runs:
        a.spawn("tgtd", "-f", "--iscsi", f"portal={a.address}:{PORTAL_PORT}", log="tgtd.log")
    wait_for("tgtd", lambda: _tgtadm(a, "--mode", "target", "--op", "show", check=False).returncode == 0, 10)
    if f"Target 1: {IQN}" not in (shown := _tgtadm(a, "--mode", "target", "--op", "show").stdout):
        _tgtadm(a, "--mode", "target", "--op", "new", "--tid", "1", "-T", IQN)
    for lun in os.listdir(os.path.join(a.dir, "luns")):
        if f"LUN: {lun}\n" not in shown:
            _new_lun(a, int(lun))
    if "ALL" not in shown.split():
        _tgtadm(a, "--mode", "target", "--op", "bind", "--tid", "1", "-I", "ALL")


def hang_iscsi(a: Host, hangs: bool) -> None:
    a.run("pkill", "-STOP" if hangs else "-CONT", "-x", "tgtd")


def protect_lun(a: Host, lun: int, protected: bool) -> None:
    """Its writes are refused, those of initiators too that have it open."""
    _tgtadm(a, "--mode", "logicalunit", "--op", "update", "--tid", "1", "--lun", str(lun), "--params", f"readonly={int(protected)}")


def add_lun(a: Host, lun: int, size: str) -> None:
    run("truncate", "-s", size, _lun_path(a, lun))
    _new_lun(a, lun)


def remove_lun(a: Host, lun: int) -> None:
    def gone() -> bool:  # refused while the session of a guest that has just ended is still open
        _tgtadm(a, "--mode", "logicalunit", "--op", "delete", "--tid", "1", "--lun", str(lun), check=False)
        shown = _tgtadm(a, "--mode", "target", "--op", "show", check=False).stdout
        return f"LUN: {lun}\n" not in shown

    wait_for(f"removal of LUN {lun}", gone, 10, 0.2)
    if os.path.exists(_lun_path(a, lun)):
        os.unlink(_lun_path(a, lun))


def iscsi_url(a: Host, name: str) -> str:
    return f"iscsi://{a.address}:{PORTAL_PORT}/{name}"


def make_iscsi_pool(host: Host, start: bool) -> None:
    """A pool of libvirt's own iSCSI client, which needs no module of the machine's kernel."""
    if not os.path.exists(DIRECT):
        raise LabError("missing on this machine: apt-get install libvirt-daemon-driver-storage-iscsi-direct")
    if "iscsi" not in libvirtd.virsh(host, "pool-list", "--all", "--name").stdout.split():
        path = os.path.join(host.dir, "iscsi-pool.xml")
        with open(path, "w") as f:
            f.write(f"<pool type='iscsi-direct'><name>iscsi</name><source><host name='HostA' port='{PORTAL_PORT}'/>"
                    f"<device path='{IQN}'/><initiator><iqn name='iqn.2026-11.lab.godwit:{host.name.lower()}'/></initiator>"
                    "</source></pool>")
        libvirtd.virsh(host, "pool-define", path)
    if start and "iscsi" not in libvirtd.virsh(host, "pool-list", "--name").stdout.split():
        libvirtd.virsh(host, "pool-start", "iscsi")


# ---- block devices. Loop devices belong to the whole machine, hence only on demand, and `down` detaches them.

def attach_block(host: Host, name: str, size: str) -> str:
    """A block device /srv/block/NAME of one host, a volume of its pool `block`; returns that path."""
    need("losetup")
    backing, path = os.path.join(host.dir, "block", name), f"/srv/block/{name}"
    if not name.isalnum() or os.path.exists(backing):
        raise LabError(f"block device '{name}' of {host.name}: use letters and digits, and each name once")
    os.makedirs(os.path.dirname(backing), exist_ok=True)
    run("truncate", "-s", size, backing)
    device = os.stat(run("losetup", "--find", "--show", backing).stdout.strip()).st_rdev
    host.run("mkdir", "-p", "/srv/block")
    host.run("mknod", path, "b", str(os.major(device)), str(os.minor(device)))
    libvirtd.make_pools(host, ("block",))
    libvirtd.virsh(host, "pool-refresh", "block")
    return path


def detach_blocks(lab_dir: str, below: str = "") -> None:
    for line in run("losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE", check=False).stdout.splitlines():
        device, _, backing = line.partition(" ")
        if backing.strip().startswith(os.path.join(lab_dir, below)):
            run("losetup", "--detach", device)
