"""The lab as a whole: what the command's verbs do. State is one JSON file in the run directory."""
import fcntl
import json
import os
import shutil
import signal
import time
from contextlib import contextmanager

from . import guest as guests
from . import heartbeat, image, libvirtd, network, storage, verify
from .host import Host, start_time
from .tools import LabError, need, wait_for

COLLECTOR_PORT = 9099
HOST_FOLDERS = ("over/etc/libvirt/qemu", "over/var/lib/libvirt", "work/etc", "work/var/lib", "log", "srv/local", "srv/iso")
STORAGES = ("dir", "gluster", "iscsi")


class Lab:
    """One lab. Everything of it lies in its run directory and in its hosts' namespaces."""

    def __init__(self, name: str = "lab", run_dir: str = None):
        if not name.replace("-", "").replace("_", "").isalnum():
            raise LabError(f"lab name '{name}': use letters, digits, '-' and '_'")
        self.name = name
        self.dir = os.path.abspath(run_dir or f"/var/tmp/godwit-lab/{name}")
        self.state = {"hosts": [], "storage": [], "guests": {}, "links": {}}
        self._load()

    # ---- state

    @property
    def _file(self) -> str:
        return os.path.join(self.dir, "lab.json")

    def _load(self) -> None:
        if os.path.exists(self._file):
            with open(self._file) as f:
                self.state = json.load(f)

    def _save(self) -> None:
        with open(self._file + ".new", "w") as f:
            json.dump(self.state, f, indent=1)
        os.rename(self._file + ".new", self._file)

    @contextmanager
    def _locked(self):
        """One command at a time changes a lab."""
        os.makedirs(os.path.dirname(self.dir), exist_ok=True)
        with open(self.dir + ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._load()
            yield

    def hosts(self) -> list:
        return [Host(self.dir, name, index) for index, name in enumerate(self.state["hosts"])]

    def compute(self) -> list:
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

    # ---- up and down

    def up(self, compute: list = ("HostB", "HostC"), kinds: list = ("dir",)) -> None:
        """Brings the lab up, or what of it is not. Twice is safe."""
        if os.geteuid() != 0:
            raise LabError("the lab makes namespaces and needs root: sudo lab/lab up")
        need("unshare", "nsenter", "tini", "ip", "libvirtd", "virsh", "qemu-system-x86_64", "qemu-img")
        for kind in kinds:
            if kind not in STORAGES:
                raise LabError(f"storage '{kind}': use {', '.join(STORAGES)}")
        with self._locked():
            if not self.state["hosts"]:
                self._make_folders(list(compute))
                self.state.update(hosts=["HostA", *compute], storage=list(kinds))
                self._save()
                image.provide(os.path.join(self.dir, "boot"))
            self._power_on([h for h in self.hosts() if not h.pid()])
            self._start_daemons()

    def _make_folders(self, compute: list) -> None:
        shutil.rmtree(self.dir, ignore_errors=True)
        for folder in ("shared", "heartbeat", "boot"):
            os.makedirs(os.path.join(self.dir, folder))
        for index, name in enumerate(["HostA", *compute]):
            self._make_host_folder(Host(self.dir, name, index), ["HostA", *compute])

    def _make_host_folder(self, host: Host, names: list) -> None:
        for folder in HOST_FOLDERS:
            os.makedirs(os.path.join(host.dir, folder), exist_ok=True)
        with open(os.path.join(host.dir, "over/etc/hosts"), "w") as f:
            f.write("127.0.0.1 localhost\n")
            for index, name in enumerate(names):
                f.write(f"{Host(self.dir, name, index).address} {name} {name.lower()}\n")
        with open(os.path.join(host.dir, "over/etc/hostname"), "w") as f:
            f.write(host.name + "\n")
        libvirtd.configure(host, self.name)

    def _power_on(self, off: list) -> None:
        for host in off:
            host.power_on()
            if host.index == 0:
                network.set_up_controller(host)
        fresh_controller = any(h.index == 0 for h in off)
        for host in self.compute():
            if fresh_controller or host in off or any(h.index == host.index for h in off):
                network.connect(self.controller, host)

    def _start_daemons(self) -> None:
        a = self.controller
        if a.run("pgrep", "-f", "collector.py", check=False).returncode != 0:
            a.spawn("/usr/bin/python3", os.path.join(image.HERE, "gwlab/collector.py"),
                    os.path.join(self.dir, "heartbeat"), str(COLLECTOR_PORT), log="collector.log")
        if "iscsi" in self.state["storage"] and a.run("pgrep", "-x", "tgtd", check=False).returncode != 0:
            storage.start_iscsi(a)
        if "gluster" in self.state["storage"] and a.run("pgrep", "-x", "glusterd", check=False).returncode != 0:
            storage.start_gluster(a)
        for host in self.compute():
            if host.run("mountpoint", "-q", "/srv/instances", check=False).returncode != 0:
                if "gluster" in self.state["storage"]:
                    storage.mount_gluster(host)
                else:
                    storage.share_directory(self.dir, host)
            libvirtd.launch(host)
        for host in self.compute():
            libvirtd.wait_up(host)
            libvirtd.make_pools(host)

    def down(self) -> None:
        """Ends everything and removes it. Complete also after a crash; nothing to end is fine."""
        os.makedirs(os.path.dirname(self.dir), exist_ok=True)
        with self._locked():
            for pid in self._strays():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            wait_for("the end of every process of the lab", lambda: not self._strays(), 20)
            wait_for("removal of its files", self._remove, 10, 0.2)
        os.unlink(self.dir + ".lock")

    def _remove(self) -> bool:
        shutil.rmtree(self.dir, ignore_errors=True)
        return not os.path.exists(self.dir)

    def _strays(self) -> list:
        """First processes of the lab's hosts, found by their command line too, so that a lost state file hides none."""
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as f:
                    words = f.read().split(b"\0")
            except OSError:
                continue
            if b"godwit-lab" in words and any(w.startswith(self.dir.encode() + b"/") for w in words):
                found.append(int(entry))
        return [pid for pid in found if start_time(pid) and not Host._is_zombie(pid)]

    # ---- what is there

    def status(self) -> dict:
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

    def guest(self, name: str, host: str, start: str = "running", wait: bool = True, **options) -> None:
        """Makes a guest and starts it ("running", "paused", or "no"); waits for its first heartbeat."""
        with self._locked():
            if name in self.state["guests"]:
                raise LabError(f"guest '{name}' is already there: choose another name, or lab guest-rm {name}")
            numbers = {g["number"] for g in self.state["guests"].values()}
            number = next(n for n in range(1, 200) if n not in numbers)
            guest = guests.Guest(name=name, number=number, **options)
            where = self.host(host)
            if "iscsi" in guest.disks and "iscsi" not in self.state["storage"]:
                raise LabError("this lab has no iSCSI target: lab up --storage dir,iscsi")
            self.state["guests"][name] = guest.to_dict()
            self._save()
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
        try:
            wait_for(f"a heartbeat of {name}", lambda: self.heartbeat(name, since).count, seconds, 0.05)
        except LabError as error:
            host, state = guests.find(self.compute(), name)
            console = guests.log_of(host, name) if host else ""
            raise LabError(f"{error}; it is {state or 'nowhere'}. Its console ends with: {console[-600:]}") from None

    def remove_guest(self, name: str) -> None:
        guest = self._guest(name)
        for host in self.compute():
            if host.pid() and libvirtd.pid_of(host):
                libvirtd.virsh(host, "destroy", name, check=False)
                libvirtd.virsh(host, "undefine", name, "--managed-save", "--snapshots-metadata", check=False)
        guests.remove_disks(self.controller, self.compute(), guest)
        log = os.path.join(self.dir, "heartbeat", f"{name}.log")
        if os.path.exists(log):
            os.unlink(log)
        with self._locked():
            self.state["guests"].pop(name, None)
            self._save()

    def where(self, name: str):
        """(host name, state) of a guest; (None, '') when it is nowhere."""
        host, state = guests.find(self.compute(), name)
        return (host.name if host else None), state

    def heartbeat(self, name: str, since: float = 0) -> heartbeat.Report:
        return heartbeat.read(os.path.join(self.dir, "heartbeat"), name, since)

    def verify(self, name: str) -> list:
        """Reads the guest's disks where it now is; problems as sentences, [] when every acknowledged record is there."""
        guest = self._guest(name)
        acknowledged = self.heartbeat(name).acknowledged
        host, _ = guests.find(self.compute(), name)
        if not host:
            return [f"{name} is on no host"]
        problems = []
        for index, kind in enumerate(guest.disks[:len(acknowledged)]):
            target = os.path.join(self.dir, f"verify-{name}-{index}.raw")
            format_ = "raw" if kind == "iscsi" else "qcow2" if guest.backing else guest.format
            source = (f"iscsi://{self.controller.address}:{storage.PORTAL_PORT}/{guest.disk_path(index)}" if kind == "iscsi"
                      else guest.disk_path(index))
            try:
                verify.read_disk(host, source, format_, target)
                problems += [f"disk {index}: {p}" for p in verify.check_image(target, index, acknowledged[index])]
            finally:
                if os.path.exists(target):
                    os.unlink(target)
        return problems

    # ---- trouble

    def link(self, name: str, cut: bool = False, rate: float = 0, delay: float = 0) -> None:
        """Cuts a host's link, limits it (MB/s, ms), or with neither restores it."""
        host = self.host(name)
        network.restore(self.controller, host)
        if cut:
            network.cut(self.controller, host)
        elif rate or delay:
            network.limit(self.controller, host, rate, delay)
        with self._locked():
            self.state["links"][host.name] = "cut" if cut else f"{rate:g} MB/s" if rate else f"{delay:g} ms" if delay else ""
            self._save()

    def kill_libvirtd(self, name: str) -> None:
        libvirtd.kill(self.host(name))

    def start_libvirtd(self, name: str) -> None:
        libvirtd.launch(self.host(name))
        libvirtd.wait_up(self.host(name))

    def kill_qemu(self, name: str) -> None:
        host, _ = guests.find(self.compute(), name)
        if not host:
            raise LabError(f"{name} is on no host")
        host.run("pkill", "-9", "-f", f"guest={name},")

    def power_off(self, name: str) -> None:
        self.host(name).power_off()

    def power_on(self, name: str) -> None:
        with self._locked():
            if not self.host(name).pid():
                self._power_on([self.host(name)])
            self._start_daemons()

    def command(self, name: str, argv: list, cwd: str = None) -> list:
        """The argument list that runs argv on a host."""
        return self.host(name).command(*argv, cwd=cwd or os.getcwd())

    def run(self, name: str, *argv: str, **options):
        return self.host(name).run(*argv, **options)

    def virsh(self, name: str, *argv: str, **options):
        return libvirtd.virsh(self.host(name), *argv, **options)

    def wait_until(self, what: str, condition, seconds: float):
        return wait_for(what, condition, seconds, 0.1)

    @staticmethod
    def now() -> float:
        return time.time()
