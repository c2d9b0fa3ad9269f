"""Shared storage: a shared directory (bind mount), GlusterFS, and iSCSI targets by tgt."""
import os

from .host import Host
from .tools import need, run, wait_for

IQN = "iqn.2026-11.lab.godwit:disks"
PORTAL_PORT = 3260


# ---- a shared directory

def share_directory(lab_dir: str, host: Host) -> None:
    host.run("mount", "--bind", os.path.join(lab_dir, "shared"), "/srv/instances")


# ---- GlusterFS: glusterd in HostA, FUSE mounts on the compute hosts

def start_gluster(a: Host) -> None:
    need("glusterd", "mount.glusterfs")
    for folder in ("/var/lib/glusterd",):
        a.run("mount", "-t", "tmpfs", "tmpfs", folder)
    a.run("mkdir", "-p", "/run/gluster")
    a.run("glusterd", timeout=60)
    wait_for("glusterd", lambda: a.run("gluster", "volume", "list", check=False).returncode == 0, 30, 0.3)
    brick = os.path.join(a.dir, "brick")
    os.makedirs(brick, exist_ok=True)
    a.run("gluster", "--mode=script", "volume", "create", "instances", f"HostA:{brick}", "force", timeout=120)
    a.run("gluster", "--mode=script", "volume", "start", "instances", timeout=120)


def mount_gluster(host: Host) -> None:
    wait_for(f"GlusterFS on {host.name}",
             lambda: host.run("mount", "-t", "glusterfs", "HostA:/instances", "/srv/instances", check=False,
                              timeout=60).returncode == 0, 60, 1)


# ---- iSCSI: one target, a LUN for each disk

def start_iscsi(a: Host) -> None:
    need("tgtd")
    os.makedirs(os.path.join(a.dir, "luns"), exist_ok=True)
    a.spawn("tgtd", "-f", "--iscsi", f"portal={a.address}:{PORTAL_PORT}", log="tgtd.log")
    wait_for("tgtd", lambda: _tgtadm(a, "--mode", "target", "--op", "show", check=False).returncode == 0, 10)
    _tgtadm(a, "--mode", "target", "--op", "new", "--tid", "1", "-T", IQN)
    _tgtadm(a, "--mode", "target", "--op", "bind", "--tid", "1", "-I", "ALL")


def _tgtadm(a: Host, *argv: str, check: bool = True):
    return a.run("tgtadm", "--lld", "iscsi", *argv, check=check)


def add_lun(a: Host, lun: int, size: str) -> None:
    path = os.path.join(a.dir, "luns", str(lun))
    run("truncate", "-s", size, path)
    _tgtadm(a, "--mode", "logicalunit", "--op", "new", "--tid", "1", "--lun", str(lun), "-b", path)


def remove_lun(a: Host, lun: int) -> None:
    _tgtadm(a, "--mode", "logicalunit", "--op", "delete", "--tid", "1", "--lun", str(lun), check=False)
    path = os.path.join(a.dir, "luns", str(lun))
    if os.path.exists(path):
        os.unlink(path)
