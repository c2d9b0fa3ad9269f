"""A host's libvirtd: configuration, start, kill, pools."""
import filecmp
import os
import shutil
import subprocess
from typing import Any

from .host import Host
from .tools import LabError, wait_for

LIBVIRTD_CONF = """\
# In a lab that nobody else reaches: everyone may, without TLS.
listen_tls = 0
listen_tcp = 1
auth_tcp = "none"
auth_unix_ro = "none"
auth_unix_rw = "none"
host_uuid = "{uuid}"
log_filters = "1:libvirt 3:object 3:event"
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
"""

# As root and without cgroups, namespaces and security drivers: there is no systemd here, and the hosts are namespaces already.
QEMU_CONF = """\
security_driver = "none"
security_default_confined = 0
user = "root"
group = "root"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
migration_address = "0.0.0.0"
migration_host = "{name}"
migration_port_min = 49152
migration_port_max = 49261
"""


def _add_user(host: Host) -> None:
    """libvirt looks its built-in user up before it reads qemu.conf; Debian makes it with the package of the system units."""
    for name, line in (("passwd", "libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin\n"),
                       ("group", "libvirt-qemu:x:64055:\n")):
        with open(f"/etc/{name}") as f:
            text = f.read()
        with open(os.path.join(host.dir, "over/etc", name), "w") as f:
            f.write(text if "libvirt-qemu:" in text else text + line)


def configure(host: Host) -> None:
    _add_user(host)
    conf = os.path.join(host.dir, "over/etc/libvirt")
    for name, text in (("libvirtd.conf", LIBVIRTD_CONF), ("qemu.conf", QEMU_CONF)):
        with open(os.path.join(conf, name), "w") as f:
            f.write(text.format(uuid=host.machine_id, name=host.name))


def pid_of(host: Host) -> int:
    """Within the host; 0 when it does not run."""
    if not host.pid():
        return 0
    done = host.run("pgrep", "-o", "-x", "libvirtd", check=False)
    return int(done.stdout.split()[0]) if done.returncode == 0 else 0


def virsh(host: Host, *argv: str, **options: Any) -> subprocess.CompletedProcess:
    return host.run("virsh", "-q", "-c", "qemu:///system", *argv, **options)


# libvirtd asks every QEMU binary what it can do, which takes seconds; what it found is kept between labs. libvirt itself drops
# it when QEMU, libvirt or the kernel has changed.
CAPABILITIES = "/var/cache/libvirt/qemu/capabilities"


def _copy_new(source: str, target: str) -> None:
    if not os.path.isdir(source):
        return
    os.makedirs(target, exist_ok=True)
    for name in os.listdir(source):
        old, new = os.path.join(source, name), os.path.join(target, name)
        if name.endswith(".xml") and not (os.path.exists(new) and filecmp.cmp(old, new, shallow=False)):
            shutil.copy(old, f"{new}.{os.getpid()}")
            os.rename(f"{new}.{os.getpid()}", new)


def launch(host: Host, cache: str) -> None:
    if not pid_of(host):
        _copy_new(f"{cache}/capabilities", f"/proc/{host.pid()}/root{CAPABILITIES}")
        host.run("rm", "-f", "/run/libvirtd.pid")
        host.run("libvirtd", "-l", "-d", "-p", "/run/libvirtd.pid")


def wait_up(host: Host, cache: str) -> None:
    wait_for(f"libvirtd of {host.name}", lambda: virsh(host, "version", check=False).returncode == 0, 60)
    _copy_new(f"/proc/{host.pid()}/root{CAPABILITIES}", f"{cache}/capabilities")


def make_pools(host: Host, names: tuple[str, ...] = ("instances", "local", "iso")) -> None:
    """Directory pools /srv/NAME, those that are not there."""
    known = virsh(host, "pool-list", "--all", "--name").stdout.split()
    active = virsh(host, "pool-list", "--name").stdout.split()
    commands = [f"pool-define-as {name} dir --target /srv/{name}; pool-autostart {name}" for name in names if name not in known]
    commands += [f"pool-start {name}" for name in names if name not in active]
    if commands:
        virsh(host, "; ".join(commands))


def kill(host: Host) -> None:
    """SIGKILL; the guests go on without it."""
    pid = pid_of(host)
    if not pid:
        raise LabError(f"libvirtd of {host.name} does not run")
    host.run("kill", "-9", str(pid))
    wait_for("its end", lambda: not pid_of(host), 30)
