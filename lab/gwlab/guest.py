"""Guests: their definition, and their disks as files, volumes or LUNs."""
import os
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import asdict, dataclass, field
from typing import Optional

from . import storage
from .heartbeat import INTERVAL_MS
from .host import Host
from .libvirtd import virsh
from .network import COLLECTOR, COLLECTOR_MAC
from .tools import LabError


@dataclass
class Guest:
    """What was asked for. dirty in MB/s over a working set of dirty_set MiB; write in records of 4 KiB a second and disk."""
    name: str
    number: int
    memory: int = 256
    vcpus: int = 1
    disks: list[str] = field(default_factory=lambda: ["shared"])  # of "shared", "local", "iscsi"
    disk_size: str = "1G"
    format: str = "qcow2"
    dirty: float = 0
    dirty_set: int = 64
    dirty_order: str = "turn"  # or "scattered": its pages one after the other, or here and there
    write: float = 20
    backing: bool = False
    vnc: str = ""
    machine: str = "pc"
    cdrom: bool = False
    beat: int = INTERVAL_MS

    @property
    def address(self) -> str:
        return f"10.99.1.{20 + self.number}"

    def to_dict(self) -> dict:
        return asdict(self)

    def folder(self, kind: str) -> str:
        return "/srv/instances" if kind == "shared" else "/srv/local"

    def disk_path(self, index: int) -> str:
        """Where disk `index` is on its host; for iSCSI the LUN."""
        kind = self.disks[index]
        if kind == "iscsi":
            return f"{storage.IQN}/{self.lun(index)}"
        return f"{self.folder(kind)}/{self.name}-{index}.{self.format}"

    def lun(self, index: int) -> int:
        return self.number * 8 + index + 1


NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}\Z")
SIZE = re.compile(r"(\d+)([MGT])\Z")
LEAST_DISK_MIB = 32  # the guest's log takes 17 MiB of each disk
KERNEL_MIB = 80      # what the guest needs beside its working set


def check(guest: Guest) -> None:
    """Refuses what would only show as a guest that does not boot."""
    size = SIZE.match(guest.disk_size)
    if not NAME.match(guest.name):
        raise LabError(f"guest name '{guest.name}': use letters, digits, '.', '-' and '_', 40 at most")
    if not size or int(size[1]) * {"M": 1, "G": 1 << 10, "T": 1 << 20}[size[2]] < LEAST_DISK_MIB:
        raise LabError(f"disk size '{guest.disk_size}': say for instance 64M or 1G, {LEAST_DISK_MIB}M at least")
    if len(guest.disks) > 8:
        raise LabError("a guest has 8 disks at most")
    for kind in guest.disks:
        if kind not in ("shared", "local", "iscsi"):
            raise LabError(f"disk '{kind}': use shared, local, iscsi or none")
    if guest.dirty_order not in ("turn", "scattered"):
        raise LabError(f"dirty order '{guest.dirty_order}': use turn or scattered")
    if guest.memory < guest.dirty_set + KERNEL_MIB:
        raise LabError(f"{guest.memory} MiB of memory hold no working set of {guest.dirty_set} MiB: give it "
                       f"{guest.dirty_set + KERNEL_MIB}, or a smaller working set")


def make_disks(a: Host, host: Host, guest: Guest) -> None:
    for index, kind in enumerate(guest.disks):
        if kind == "iscsi":
            storage.add_lun(a, guest.lun(index), guest.disk_size)
            continue
        path = guest.disk_path(index)
        options = ["-f", guest.format]
        if guest.backing:
            base = f"{guest.folder(kind)}/{guest.name}-{index}.base"
            host.run("qemu-img", "create", "-q", "-f", "raw", base, guest.disk_size)
            host.run("qemu-io", "-f", "raw", "-c", "write -q -P 0x5a 64M 4M", base)
            options = ["-f", "qcow2", "-F", "raw", "-b", base]
        host.run("qemu-img", "create", "-q", *options, path, guest.disk_size)
    if guest.cdrom:
        host.run("sh", "-c", f"echo medium > /srv/iso/{guest.name}.iso")


def remove_disks(a: Host, hosts: list[Host], guest: Guest) -> None:
    for index, kind in enumerate(guest.disks):
        if kind == "iscsi":
            storage.remove_lun(a, guest.lun(index))
            continue
        for host in hosts:
            if host.pid():
                host.run("rm", "-f", guest.disk_path(index), f"{guest.folder(kind)}/{guest.name}-{index}.base",
                         f"/srv/iso/{guest.name}.iso")


def _disk_xml(guest: Guest, index: int) -> str:
    kind, target = guest.disks[index], f"vd{chr(ord('a') + index)}"
    if kind == "iscsi":
        return (f"<disk type='network' device='disk'><driver name='qemu' type='raw' cache='none'/>"
                f"<source protocol='iscsi' name='{guest.disk_path(index)}'>"
                f"<host name='HostA' port='{storage.PORTAL_PORT}'/></source>"
                f"<target dev='{target}' bus='virtio'/></disk>")
    format_ = "qcow2" if guest.backing else guest.format
    return (f"<disk type='file' device='disk'><driver name='qemu' type='{format_}' cache='none'/>"
            f"<source file='{guest.disk_path(index)}'/><target dev='{target}' bus='virtio'/></disk>")


def _cdrom_xml(guest: Guest) -> str:
    target, bus = ("sda", "sata") if guest.machine == "q35" else ("hdc", "ide")
    return (f"<disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='/srv/iso/{guest.name}.iso'/>"
            f"<target dev='{target}' bus='{bus}'/><readonly/></disk>")


#: guests' kernels were seen to crash after slow migrations. The likely cause is a fault of QEMU's TCG, mended upstream in
# 2024 ("physmem: Fix migration dirty bitmap coherency with TCG memory access") and not named in the changelog of Debian's 7.2:
# the TLB is not reset when a migration clears dirty bits, so that writes through old entries are not sent. With page table
# isolation each entry into the kernel empties the TLB, which makes the window short; it does not close it.
QUICK_AND_SAFE = ("console=ttyS0 quiet loglevel=3 panic=1 nokaslr tsc=reliable no_timer_check cryptomgr.notests "
                  "spectre_v2=off spec_store_bypass_disable=off")


def _command_line(guest: Guest) -> str:
    own = {"name": guest.name, "ip": guest.address, "to": COLLECTOR, "mac": COLLECTOR_MAC, "dirty": guest.dirty,
           "set": guest.dirty_set, "order": guest.dirty_order, "write": guest.write, "beat": guest.beat}
    return f"{QUICK_AND_SAFE} " + " ".join(f"gw.{k}={v}" for k, v in own.items())


def _memory_xml(guest: Guest) -> str:
    """8 KiB more memory than libvirt would give. QEMU's emulation loses dirtied pages of a migration of several passes when a block
    of memory is a multiple of 256 KiB: the bitmap is then read by words, and the TLB entries that were marked dirty are not reset
    (measured with 7.2: guests that write during the copy crash on arrival; mended in QEMU 9). Other sizes take the right path."""
    size = (guest.memory << 20) + 8192
    words = ("-object", f"memory-backend-ram,id=odd.ram,size={size}", "-machine", "memory-backend=odd.ram", "-m", f"size={size}b")
    return "<qemu:commandline>" + "".join(f"<qemu:arg value='{w}'/>" for w in words) + "</qemu:commandline>"


def xml(guest: Guest) -> str:
    disks = "".join(_disk_xml(guest, i) for i in range(len(guest.disks)))
    if guest.cdrom:
        disks += _cdrom_xml(guest)
    graphics = f"<graphics type='vnc' autoport='yes'><listen type='address' address='{guest.vnc}'/></graphics>" if guest.vnc else ""
    return f"""<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>{guest.name}</name>
  <memory unit='MiB'>{guest.memory}</memory>
  <vcpu>{guest.vcpus}</vcpu>
  <cpu mode='custom' match='exact'><model fallback='forbid'>qemu64</model></cpu>
  <os><type arch='x86_64' machine='{guest.machine}'>hvm</type>
    <kernel>/srv/boot/vmlinuz</kernel><initrd>/srv/boot/initrd</initrd>
    <cmdline>{_command_line(guest)}</cmdline></os>
  <features><acpi/></features>
  <on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>
  <devices>
    {disks}
    <interface type='bridge'><mac address='52:54:00:99:01:{20 + guest.number:02x}'/><source bridge='br-guest'/>
      <model type='virtio'/><rom enabled='no'/></interface>
    <serial type='file'><source path='/var/log/libvirt/qemu/{guest.name}-console.log'/></serial>
    {graphics}
    <memballoon model='none'/>
  </devices>
  {_memory_xml(guest)}
</domain>
"""


@dataclass
class Source:
    """Where a disk of a guest really is; `place` is a path, or IQN/LUN when network is true."""
    index: int
    place: str
    format: str
    network: bool


def sources(host: Host, name: str) -> list[Source]:
    """As the domain says it now, for a migration may have put its disks elsewhere."""
    found = []
    for disk in ElementTree.fromstring(virsh(host, "dumpxml", name).stdout).iterfind("devices/disk[@device='disk']"):
        source, target = disk.find("source"), disk.find("target").get("dev")
        place = next((source.get(key) for key in ("file", "dev", "name") if source.get(key)), "")
        if disk.get("type") == "volume":
            place = virsh(host, "vol-path", "--pool", source.get("pool"), source.get("volume")).stdout.strip()
        found.append(Source(ord(target[-1]) - ord("a"), place, disk.find("driver").get("type"), disk.get("type") == "network"))
    return found


def find(hosts: list[Host], name: str) -> tuple[Optional[Host], str]:
    """(host, state) where the guest is active, else where it is defined; (None, '') when nowhere."""
    defined = None
    for host in hosts:
        if not host.pid():
            continue
        done = virsh(host, "domstate", name, check=False)
        state = done.stdout.strip()
        if done.returncode == 0 and state in ("running", "paused", "in shutdown"):
            return host, state
        if done.returncode == 0 and not defined:
            defined = (host, state)
    return defined or (None, "")


def log_of(host: Host, name: str) -> str:
    path = os.path.join(host.dir, "log/libvirt/qemu", f"{name}-console.log")
    if not os.path.exists(path):
        return ""
    with open(path, errors="replace") as f:
        return f.read()
