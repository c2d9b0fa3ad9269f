"""The lab as a whole: what the command's verbs do, for tests. State is one JSON file in the run directory."""
import os
import subprocess
import time
from contextlib import contextmanager
from typing import Any, Callable, Iterable, Iterator, Optional

from . import guest as guests
from . import heartbeat, image, libvirtd, network, storage, verify
from .host import Host, first_processes, kill_first_processes
from .rundir import RunDir
from .tools import LabError, need, wait_for

COLLECTOR_PORT = 9099
HOST_FOLDERS = ("over/etc/libvirt/qemu", "over/var/lib/libvirt", "work/etc", "work/var/lib", "log", "srv/local", "srv/iso")


class Lab:
    """One lab. Everything of it lies in its run directory and in its hosts' namespaces. Errors are LabError."""

    def __init__(self, name: str = "lab", run_dir: Optional[str] = None, cache: str = ""):
        if os.geteuid() != 0:
            raise LabError("the lab makes namespaces and needs root: use sudo")
        self.name, self.cache = name, cache or image.CACHE
        self.run_dir = RunDir(name, run_dir)
        self.dir = self.run_dir.path
        self.state = self.run_dir.load()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self.run_dir.locked():
            self.state = self.run_dir.load()
            yield

    def _save(self) -> None:
        self.run_dir.save(self.state)

    def hosts(self) -> list[Host]:
        return [Host(self.dir, name, index) for index, name in enumerate(self.state["hosts"])]

    def compute(self) -> list[Host]:
        return self.hosts()[1:]

    def host(self, name: str) -> Host:
        for host in self.hosts():
            if host.name.lower() == name.lower():
                return host
        raise LabError(f"no host '{name}': this lab has {', '.join(self.state['hosts']) or 'none; lab up makes them'}")

    @property
    def controller(self) -> Host:
        if not self.state["hosts"]:
            raise LabError(f"lab '{self.name}' is not up: lab up --name {self.name}")
        return self.hosts()[0]

    def _compute_host(self, name: str) -> Host:
        host = self.host(name)
        if not host.index:
            raise LabError(f"{host.name} is the controller and runs no guests: use {', '.join(self.state['hosts'][1:])}")
        return host

    # ---- up and down

    def up(self, compute: Iterable[str] = ("HostB", "HostC"), kinds: Iterable[str] = ("dir",)) -> bool:
        """Brings the lab up, or what of it is not. True when there was none before. Twice is safe."""
        need("unshare", "nsenter", "tini", "ip", "tc", "pgrep", "libvirtd", "virsh", "qemu-system-x86_64", "qemu-img", "qemu-io")
        names, kinds = ["HostA", *compute], list(kinds)
        self._check_up(names, kinds)
        with self._locked():
            fresh = not self.state["hosts"]
            if fresh:
                self._make_folders(names)
                image.provide(self.run_dir.at("boot"), self.cache)
                self.state.update(hosts=names, storage=kinds)
                self._save()
            self._start(self.hosts())
        return fresh

    @staticmethod
    def _check_up(names: list[str], kinds: list[str]) -> None:
        for kind in kinds:
            if kind not in storage.KINDS:
                raise LabError(f"storage '{kind}': use {', '.join(storage.KINDS)}")
        if "dir" in kinds and "gluster" in kinds:
            raise LabError("the shared instances path is one: storage dir or gluster, not both")
        if not 1 < len(names) < 90 or len({n.lower() for n in names}) < len(names) or not all(n.isalnum() for n in names):
            raise LabError("names of compute hosts: letters and digits, each once, HostA is the controller")

    def _make_folders(self, names: list[str]) -> None:
        self.run_dir.create()
        for folder in ("shared", "heartbeat", "boot"):
            os.makedirs(self.run_dir.at(folder))
        for index, name in enumerate(names):
            self._make_host_folder(Host(self.dir, name, index), names)

    def _make_host_folder(self, host: Host, names: list[str]) -> None:
        for folder in HOST_FOLDERS:
            os.makedirs(os.path.join(host.dir, folder), exist_ok=True)
        hosts = "".join(f"{Host(self.dir, name, i).address} {name} {name.lower()}\n" for i, name in enumerate(names))
        for path, text in (("hosts", f"127.0.0.1 localhost\n{hosts}"), ("hostname", f"{host.name}\n"),
                           ("machine-id", f"{host.machine_id.hex}\n")):
            with open(os.path.join(host.dir, "over/etc", path), "w") as f:
                f.write(text)
        libvirtd.configure(host)

    def _start(self, hosts: list[Host]) -> None:
        """Of these hosts: switches on what is off, cables it, and starts what does not run."""
        for host in hosts:
            if not host.is_on():
                host.power_on()
        self._cable()
        if any(host.index == 0 for host in hosts):
            self._start_services(self.controller)
        compute = [host for host in hosts if host.index]
        for host in compute:
            self._mount_shared(host)
            libvirtd.launch(host, self.cache)
        for host in compute:
            libvirtd.wait_up(host, self.cache)
            libvirtd.make_pools(host)
            if "iscsi" in self.state["storage"]:
                storage.make_iscsi_pool(host, start=host.index == 1)

    def _cable(self) -> None:
        """A host that is switched on while HostA is off gets its cables when HostA comes."""
        if not self.controller.is_on():
            return
        network.set_up_controller(self.controller)
        for host in self.compute():
            if host.is_on() and network.connect(self.controller, host):
                self.state["links"].pop(host.name, None)  # a new cable is whole and fast
        self._save()

    def _start_services(self, a: Host) -> None:
        def runs(*pattern: str) -> bool:
            return a.run("pgrep", *pattern, check=False).returncode == 0
        if not runs("-f", "gwlab/collector.py"):
            a.spawn("/usr/bin/python3", os.path.join(image.HERE, "gwlab/collector.py"), self.run_dir.at("heartbeat"),
                    str(COLLECTOR_PORT), log="collector.log")
        if "iscsi" in self.state["storage"]:
            storage.start_iscsi(a, runs("-x", "tgtd"))
        if "gluster" in self.state["storage"]:
            storage.start_gluster(a, runs("-x", "glusterd"))

    def _mount_shared(self, host: Host) -> None:
        if host.run("mountpoint", "-q", "/srv/instances", check=False).returncode != 0:
            if "gluster" in self.state["storage"]:
                storage.mount_gluster(host)
            else:
                storage.share_directory(self.dir, host)

    def down(self) -> bool:
        """Ends everything and removes it; False when there was nothing. Complete also after a crash."""
        self.run_dir.check_ours()
        with self._locked():
            found = os.path.exists(self.dir) or bool(first_processes(self.dir))
            kill_first_processes(self.dir)
            storage.detach_blocks(self.dir)
            wait_for("removal of its files", self.run_dir.remove, 30, 0.1)
        return found

    def status(self) -> dict[str, Any]:
        hosts = []
        for host in self.hosts():
            row = {"name": host.name, "address": host.address, "pid": host.pid(), "link": self.state["links"].get(host.name, "")}
            if host.index and host.pid():
                row["libvirtd"] = bool(libvirtd.pid_of(host))
                listed = libvirtd.virsh(host, "list", "--all", check=False).stdout if row["libvirtd"] else ""
                row["domains"] = {w[1]: " ".join(w[2:]) for w in (line.split() for line in listed.splitlines()) if len(w) > 2}
            hosts.append(row)
        return {"name": self.name, "dir": self.dir, "storage": self.state["storage"], "hosts": hosts,
                "guests": list(self.state["guests"])}

    # ---- guests

    def _guest(self, name: str) -> guests.Guest:
        if name not in self.state["guests"]:
            raise LabError(f"no guest '{name}': this lab has {', '.join(self.state['guests']) or 'none'}")
        return guests.Guest(**self.state["guests"][name])

    def _new_guest(self, name: str, options: dict[str, Any]) -> guests.Guest:
        if name in self.state["guests"]:
            raise LabError(f"guest '{name}' is already there: choose another name, or lab guest-rm {name}")
        numbers = {g["number"] for g in self.state["guests"].values()}
        guest = guests.Guest(name=name, number=next(n for n in range(1, 200) if n not in numbers), **options)
        guests.check(guest)
        return guest

    def guest_xml(self, name: str, **options: Any) -> str:
        """The definition that `guest` would use; makes nothing."""
        return guests.xml(self._new_guest(name, options))

    def guest(self, name: str, host: str, start: str = "running", wait: bool = True, **options: Any) -> None:
        """Makes a guest and starts it ("running", "paused", or "no"); waits for its first heartbeat. options: see Guest."""
        with self._locked():
            where = self._compute_host(host)
            guest = self._new_guest(name, options)
            if "iscsi" in guest.disks and "iscsi" not in self.state["storage"]:
                raise LabError("this lab has no iSCSI target: lab up --storage dir,iscsi")
            self.state["guests"][name] = guest.to_dict()
            self._save()
        heartbeat.forget(self.run_dir.at("heartbeat"), name)
        guests.make_disks(self.controller, where, guest)
        path = os.path.join(where.dir, f"{name}.xml")
        with open(path, "w") as f:
            f.write(guests.xml(guest))
        libvirtd.virsh(where, "define", path)
        if start != "no":
            libvirtd.virsh(where, "start", name, *(["--paused"] if start == "paused" else []))
        if start == "running" and wait:
            self.wait_heartbeat(name)

    def wait_heartbeat(self, name: str, since: float = 0, seconds: float = 90) -> None:
        """Waits for a heartbeat that came after `since` (seconds since the epoch)."""
        def came() -> bool:
            beat = heartbeat.last(self.run_dir.at("heartbeat"), name)
            return beat is not None and beat.at >= since
        try:
            wait_for(f"a heartbeat of {name}", came, seconds, 0.02)
        except LabError as error:
            host, state = guests.find(self.compute(), name)
            console = guests.log_of(host, name) if host else ""
            raise LabError(f"{error}; it is {state or 'nowhere'}. Its console ends with: {console[-600:]}") from None

    def remove_guest(self, name: str) -> None:
        guest = self._guest(name)
        for host in self.compute():
            if libvirtd.pid_of(host):
                libvirtd.virsh(host, "destroy", name, check=False)
                libvirtd.virsh(host, "undefine", name, "--managed-save", "--snapshots-metadata", check=False)
        guests.remove_disks(self.controller, self.compute(), guest)
        heartbeat.forget(self.run_dir.at("heartbeat"), name)
        with self._locked():
            self.state["guests"].pop(name, None)
            self._save()

    def where(self, name: str) -> tuple[Optional[str], str]:
        """(host name, state) of a guest; (None, '') when it is nowhere."""
        host, state = guests.find(self.compute(), name)
        return (host.name if host else None), state

    def heartbeat(self, name: str, since: float = 0) -> heartbeat.Report:
        """What the heartbeats that came after `since` say; see Report."""
        return heartbeat.read(self.run_dir.at("heartbeat"), name, since)

    def verify(self, name: str) -> list[str]:
        """Reads the guest's disks where they now are; problems as sentences, [] when every acknowledged record is there."""
        guest = self._guest(name)
        host, _ = guests.find(self.compute(), name)
        if not host:
            return [f"{name} is on no host"]
        found = {source.index: source for source in guests.sources(host, name)}
        problems = [f"disk {i}: {name} has it no more" for i in range(len(guest.disks)) if i not in found]
        for index in sorted(found):
            problems += [f"disk {index}: {p}" for p in self._verify_disk(host, guest, found[index])]
        return problems

    def _verify_disk(self, host: Host, guest: guests.Guest, source: guests.Source) -> list[str]:
        def acknowledged() -> int:
            numbers = self.heartbeat(guest.name).most_acknowledged
            return numbers[source.index] if source.index < len(numbers) else 0
        before = acknowledged()
        if not before:
            return ["no record was ever acknowledged, so there is nothing to verify"] if guest.write > 0 else []
        target = self.run_dir.at(f"verify-{guest.name}-{source.index}.raw")
        place = storage.iscsi_url(self.controller, source.place) if source.network else source.place
        try:
            verify.read_disk(host, place, source.format, target)
            records = verify.window(before, acknowledged())
            if not records:
                return ["overwritten while it was read: use a lower --write-rate"]
            return verify.check_image(target, guest.name, source.index, records)
        finally:
            if os.path.exists(target):
                os.unlink(target)

    # ---- trouble

    def link(self, name: str, cut: bool = False, rate: float = 0, delay: float = 0) -> None:
        """Cuts a host's link, limits it (MB/s, ms), or with neither restores it."""
        with self._locked():
            host = self._compute_host(name)
            network.restore(self.controller, host)
            self.state["links"].pop(host.name, None)
            self._save()
            if cut:
                network.cut(self.controller, host)
            elif rate or delay:
                network.limit(self.controller, host, rate, delay)
            limits = [f"{rate:g} MB/s"] * bool(rate) + [f"{delay:g} ms"] * bool(delay)
            self.state["links"][host.name] = "cut" if cut else ", ".join(limits)
            self._save()

    def part(self, apart: bool = True) -> None:
        """Compute hosts reach one another no more, or again; HostA reaches all of them."""
        network.part(self.controller, [host for host in self.compute() if host.is_on()], apart)

    def deafen(self, name: str, deaf: bool = True) -> None:
        """A host hears HostA no more, or again; it hears the other hosts. Nobody is told: what is sent gets lost."""
        network.deafen(self.controller, self._compute_host(name), deaf)

    def sever(self, name: str, other: str) -> None:
        """The connections that two compute hosts have with one another break; new ones may be made if their links are well."""
        network.sever(self._compute_host(name), self._compute_host(other))

    def storage_state(self, name: str, state: str) -> None:
        """Of the shared directory on one host: "well", "read-only", or "gone"."""
        if state not in ("well", "read-only", "gone") or "dir" not in self.state["storage"]:
            raise LabError(f"storage '{state}': use well, read-only or gone, in a lab with storage dir")
        storage.share_state(self.dir, self._compute_host(name), state)

    def storage_hang(self, hangs: bool = True) -> None:
        """The iSCSI target stands still: who reads or writes there waits."""
        storage.hang_iscsi(self.controller, hangs)

    def local_shrink(self, name: str, megabytes: int) -> None:
        """A host's own folder becomes an empty one of that size; 0: as it was before."""
        storage.shrink(self._compute_host(name), megabytes)

    def local_fill(self, name: str, full: bool = True) -> None:
        storage.fill(self._compute_host(name), "/srv/local", full)

    def shared_shrink(self, megabytes: int) -> None:
        """The shared directory of all hosts becomes an empty one of that size; 0: as it was before. No guest may use it."""
        storage.shrink_shared(self.dir, self.compute(), megabytes)

    def shared_fill(self, full: bool = True) -> None:
        storage.fill(self.compute()[0], "/srv/instances", full)

    def shared_protect(self, name: str, protected: bool = True) -> None:
        """A guest's LUNs take no more writes, from whichever host, or take them again."""
        guest = self._guest(name)
        for index in (i for i, kind in enumerate(guest.disks) if kind == "iscsi"):
            storage.protect_lun(self.controller, guest.lun(index), protected)

    def kill_libvirtd(self, name: str) -> None:
        """SIGKILL; guests go on."""
        libvirtd.kill(self._compute_host(name))

    def start_libvirtd(self, name: str) -> None:
        libvirtd.launch(self._compute_host(name), self.cache)
        libvirtd.wait_up(self.host(name), self.cache)

    def kill_qemu(self, name: str, host: Optional[str] = None) -> None:
        """SIGKILL of a guest's hypervisor process, also where libvirtd does not run; while it migrates, of both unless a host
        is named."""
        where = [self._compute_host(host)] if host else self.compute()
        if not [h for h in where if h.pid() and h.run("pkill", "-9", "-f", f"guest={name},", check=False).returncode == 0]:
            raise LabError(f"{name} does not run on {host or 'any host'}")

    def power_off(self, name: str) -> None:
        """Ends a host at once, with everything on it; what it wrote to its disks is kept. Nobody hears a word of it: the kernel would
        still say goodbye for its processes, so that its cables are pulled first."""
        host = self.host(name)
        if host.index and self.controller.is_on() and host.is_on():
            network.cut(self.controller, host)
        host.power_off()

    def power_on(self, name: str) -> None:
        with self._locked():
            self._start([self.host(name)])

    def block(self, name: str, device: str, size: str) -> str:
        """A block device of that size on a host, in its pool `block`; returns its path there."""
        return storage.attach_block(self._compute_host(name), device, size)

    # ---- running things on hosts

    def command(self, name: str, argv: list[str], cwd: Optional[str] = None) -> list[str]:
        """The argument list that runs argv on a host."""
        return self.host(name).command(*argv, cwd=cwd or os.getcwd())

    def run(self, name: str, *argv: str, **options: Any) -> subprocess.CompletedProcess:
        return self.host(name).run(*argv, **options)

    def virsh(self, name: str, *argv: str, **options: Any) -> subprocess.CompletedProcess:
        return libvirtd.virsh(self.host(name), *argv, **options)

    @staticmethod
    def wait_until(what: str, condition: Callable[[], Any], seconds: float) -> Any:
        return wait_for(what, condition, seconds, 0.1)

    @staticmethod
    def now() -> float:
        return time.time()
