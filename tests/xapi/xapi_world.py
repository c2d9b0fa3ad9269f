"""The simulated world: pools with their database, hosts with an address, the storage and network graph, tasks, events, faults. One lock
for all; long work is a generator that yields the seconds it takes, and holds the lock only between its yields."""
import threading
import time
import uuid as uuids
from datetime import datetime, timezone

from xapi_model import FIELDS, NULL, Fault

GIB = 1 << 30
LOCK = threading.Condition(threading.RLock())
EMPTY = {"string": "", "int": 0, "bool": False, "float": 0.0, "datetime": "19700101T00:00:00Z"}


def now():
    return datetime.now(timezone.utc).strftime("%Y%m%dT%H:%M:%SZ")


def empty_value(kind):
    kind = kind.rstrip("=")
    return [] if kind.startswith("set") else {} if kind.startswith("map") else EMPTY.get(kind, NULL)


class Pool:
    """One database. Its changes are numbered, for event.from."""

    def __init__(self, world, name):
        self.world, self.tables, self.class_of = world, {}, {}
        self.version, self.changed, self.deleted = 1, {}, []
        self.ref = self.add("pool", name_label=name, restrictions={"restrict_xen_motion": "false",
                            "restrict_storage_xen_motion": "false"}, cpu_info={"vendor": "GenuineIntel"})

    def add(self, cls, **values):
        unknown = set(values) - set(FIELDS[cls])
        assert not unknown, f"{cls} has no {unknown}"
        ref = f"OpaqueRef:{uuids.uuid4()}"
        record = {name: empty_value(kind) for name, kind in FIELDS[cls].items()}
        record["uuid"] = str(uuids.uuid4())
        record.update(values)
        self.tables.setdefault(cls, {})[ref] = record
        self.class_of[ref] = cls
        for field, (parent, back) in BACK.get(cls, {}).items():
            if record[field] != NULL:
                self.get(parent, record[field])[back].append(ref)
                self.touch(record[field])
        self.touch(ref)
        return ref

    def touch(self, ref):
        self.version += 1
        self.changed[ref] = self.version
        LOCK.notify_all()

    def get(self, cls, ref):
        record = self.tables.get(cls, {}).get(ref)
        if record is None:
            raise Fault("HANDLE_INVALID", cls, ref)
        return record

    def set(self, cls, ref, **values):
        self.get(cls, ref).update(values)
        self.touch(ref)

    def remove(self, cls, ref):
        record = self.get(cls, ref)
        for field, (parent, back) in BACK.get(cls, {}).items():
            holder = self.tables.get(parent, {}).get(record[field])
            if holder and ref in holder[back]:
                holder[back].remove(ref)
                self.touch(record[field])
        del self.tables[cls][ref]
        self.version += 1
        self.deleted.append((self.version, cls, ref))
        self.changed.pop(ref, None)
        LOCK.notify_all()

    def find(self, cls, uuid):
        for ref, record in self.tables.get(cls, {}).items():
            if record["uuid"] == uuid:
                return ref
        raise Fault("UUID_INVALID", cls, uuid)

    def all(self, cls):
        return self.tables.get(cls, {})

    def master(self):
        return self.world.host_of(self.get("pool", self.ref)["master"])


# child's field: (class of the parent, the parent's set of children)
BACK = {"VBD": {"VM": ("VM", "VBDs"), "VDI": ("VDI", "VBDs")}, "VIF": {"VM": ("VM", "VIFs"), "network": ("network", "VIFs")},
        "VDI": {"SR": ("SR", "VDIs")}, "PBD": {"SR": ("SR", "PBDs"), "host": ("host", "PBDs")},
        "PIF": {"host": ("host", "PIFs"), "network": ("network", "PIFs")}}


class Host:
    """A machine with an address; its database record is in its pool."""

    def __init__(self, pool, ref, address):
        self.pool, self.ref, self.address = pool, ref, address
        self.down = self.hung = False  # hung: it takes calls and answers none
        self.sessions = {}
        self.sends = 0  # storage migrations that leave it

    def record(self):
        return self.pool.get("host", self.ref)

    def is_master(self):
        return self.pool.get("pool", self.pool.ref)["master"] == self.ref


class World:
    def __init__(self, password="secret", copy_seconds=0.4):
        self.hosts, self.pools, self.faults, self.calls = [], [], [], []
        self.password, self.copy_seconds = password, copy_seconds
        self.tokens = {}  # secrets of migrate_receive: to (pool, host ref)
        self.violations, self.destroyed = [], []
        self.join_seconds, self.fuse_seconds, self.restart_seconds, self.strict_joins = 0.2, 0.3, 0.4, False
        self.forgetful, self.counted, self.most_sends = False, 0, 0
        self.residence = {}  # VM ref: the host that counts it among its resident VMs

    # ---- building

    def add_pool(self, name, hosts, version="8.3.0", memory=64 * GIB, local_size=100 * GIB):
        """hosts: {name: address}; the first is the master."""
        pool = Pool(self, name)
        self.pools.append(pool)
        net = pool.add("network", name_label="management", bridge="xenbr0")
        for name, address in hosts.items():
            metrics = pool.add("host_metrics", memory_total=memory, live=True, last_updated=now())
            ref = pool.add("host", name_label=name, hostname=name.lower(), address=address, enabled=True, metrics=metrics,
                           cpu_info={"vendor": "GenuineIntel", "cpu_count": "8", "modelname": "Simulated CPU"},
                           software_version={"product_brand": "XCP-ng", "product_version": version, "xapi": "24.11", "platform_version": "3.4.0",
                                             "network_backend": "openvswitch", "db_schema": "5.780"}, edition="xcp-ng",
                           API_version_major=2, API_version_minor=21)
            self.hosts.append(Host(pool, ref, address))
            pool.add("PIF", host=ref, network=net, device="eth0", management=True, IP=address, ip_configuration_mode="Static",
                     currently_attached=True, VLAN=-1, physical=True, primary_address_type="IPv4")
            self.add_sr(pool, f"Local storage of {name}", [ref], "ext", local_size)
        first = next(iter(pool.all("host")))
        pool.set("pool", pool.ref, master=first)
        return pool

    def add_sr(self, pool, name, hosts, kind="nfs", size=1000 * GIB):
        sr = pool.add("SR", name_label=name, type=kind, content_type="user", shared=kind != "ext", physical_size=size)
        for host in hosts:
            pool.add("PBD", SR=sr, host=host, currently_attached=True)
        return sr

    def add_vm(self, pool, name, sr, host=None, state="Running", memory=512 << 20, disk=10 * GIB, **values):
        net = next(iter(pool.all("network")))
        vm = pool.add("VM", name_label=name, power_state=state, resident_on=host if host and state != "Halted" else NULL,
                      affinity=host or NULL, VCPUs_max=1, VCPUs_at_startup=1, memory_static_max=memory, memory_dynamic_max=memory,
                      memory_dynamic_min=memory, memory_target=memory, HVM_shadow_multiplier=1.0, domid=-1,
                      other_config={"auto_poweron": "true"}, **values)
        vdi = pool.add("VDI", name_label=f"{name} disk", SR=sr, virtual_size=disk, physical_utilisation=disk // 10, type="user",
                       managed=True, on_boot="persist")
        pool.add("VBD", VM=vm, VDI=vdi, device="xvda", userdevice="0", bootable=True, mode="RW", type="Disk",
                 currently_attached=state != "Halted")
        pool.add("VBD", VM=vm, device="xvdd", userdevice="3", mode="RO", type="CD", empty=True)
        pool.add("VIF", VM=vm, network=net, device="0", MAC="02:00:00:00:00:01", MTU=1500)
        self.refresh(pool, vm)
        return vm

    # ---- asking

    def host_of(self, ref):
        for host in self.hosts:
            if host.ref == ref:
                return host
        raise Fault("HANDLE_INVALID", "host", ref)

    def pool_of_ref(self, cls, ref):
        for pool in self.pools:
            if ref in pool.all(cls):
                return pool
        raise Fault("HANDLE_INVALID", cls, ref)

    def free_memory(self, pool, host):
        metrics = pool.get("host_metrics", pool.get("host", host)["metrics"])
        used = sum(v["memory_dynamic_max"] for v in pool.all("VM").values() if v["resident_on"] == host)
        return metrics["memory_total"] - GIB - used

    def free_space(self, pool, sr):
        record = pool.get("SR", sr)
        return record["physical_size"] - record["physical_utilisation"] - \
            sum(pool.get("VDI", v)["physical_utilisation"] for v in record["VDIs"])

    def attached(self, pool, sr, host):
        return any(pool.get("PBD", p)["host"] == host and pool.get("PBD", p)["currently_attached"] for p in pool.get("SR", sr)["PBDs"])

    def disks(self, pool, vm):
        """(VBD ref, VDI ref) of what is not a CD."""
        for ref in pool.get("VM", vm)["VBDs"]:
            vbd = pool.get("VBD", ref)
            if vbd["type"] != "CD" and vbd["VDI"] != NULL:
                yield ref, vbd["VDI"]

    def refresh(self, pool, vm):
        """allowed_operations, resident_VMs and the watch over what must always hold."""
        record = pool.get("VM", vm)
        by_state = {"Running": ["pool_migrate", "migrate_send", "clean_shutdown", "hard_shutdown", "pause", "suspend"],
                    "Paused": ["unpause", "hard_shutdown"], "Halted": ["start", "start_on", "migrate_send", "destroy"],
                    "Suspended": ["resume", "resume_on", "migrate_send", "hard_shutdown"]}
        record["allowed_operations"] = [] if record["current_operations"] else by_state[record["power_state"]]
        was, is_on = self.residence.get(vm, NULL), record["resident_on"]
        if was != is_on:
            self.residence[vm] = is_on
            for ref in {was, is_on} & set(pool.all("host")):
                here = [v for v in pool.get("host", ref)["resident_VMs"] if v != vm]
                pool.set("host", ref, resident_VMs=[*here, vm] if ref == is_on else here)
        active = [p for p in self.pools if len(self.pools) > 1 and any(
            r["name_label"] == record["name_label"] and r["power_state"] == "Running" and not r["is_control_domain"]
            for r in p.all("VM").values())]
        if len(active) > 1:
            self.violations.append(f"{record['name_label']} runs twice")
        pool.touch(vm)

    def set_power(self, pool, vm, state, host=NULL):
        pool.set("VM", vm, power_state=state, resident_on=host)
        for vbd in pool.get("VM", vm)["VBDs"]:
            pool.set("VBD", vbd, currently_attached=state != "Halted")
        self.refresh(pool, vm)

    # ---- faults: {"point": name, "error": [code, ...] | "do": action, "times": n}

    def meet(self, point, **context):
        for fault in list(self.faults):
            if fault["point"] != point or fault.get("vm") not in (None, context.get("vm")):
                continue
            fault["times"] = fault.get("times", 1) - 1
            if fault["times"] <= 0:
                self.faults.remove(fault)
            if "error" in fault:
                raise Fault(*fault["error"])
            return fault["do"]
        return None

    def restart(self, pool):
        """The toolstack: sessions die, tasks under way vanish, operations are cleared."""
        for host in self.hosts:
            if host.pool is pool:
                host.sessions.clear()
        for ref, task in list(pool.all("task").items()):
            if task["status"] == "pending":
                pool.remove("task", ref)
        for cls in ("VM", "VDI"):
            for ref, record in pool.all(cls).items():
                if record["current_operations"]:
                    pool.set(cls, ref, current_operations={})
                    if cls == "VM":
                        self.refresh(pool, ref)


class Job:
    """Work under way, with its task (NULL ref when called synchronously)."""

    def __init__(self, world, pool, name, host=NULL):
        self.world, self.pool, self.cancelled, self.cancellable = world, pool, False, True
        self.ref = pool.add("task", name_label=name, created=now(), status="pending", type="<none/>", resident_on=host,
                            allowed_operations=["cancel"])
        world.jobs = getattr(world, "jobs", {})
        world.jobs[self.ref] = self

    def gone(self):
        return self.ref not in self.pool.all("task")

    def steps(self, first, last, seconds, slices=10):
        """Copies: progress from first to last."""
        for i in range(slices):
            yield seconds / slices
            if self.gone():
                raise Fault("TASK_VANISHED")
            if self.cancelled and self.cancellable:
                raise Fault("TASK_CANCELLED", self.ref)
            self.pool.set("task", self.ref, progress=first + (last - first) * (i + 1) / slices)

    def commit(self):
        """From here on it cannot be cancelled."""
        self.cancellable = False
        self.pool.set("task", self.ref, allowed_operations=[])

    def end(self, status, result="", error=()):
        if not self.gone() and self.world.forgetful:  # the server forgets ended tasks when it has many
            self.pool.remove("task", self.ref)
        elif not self.gone():
            self.pool.set("task", self.ref, status=status, finished=now(), progress=1.0, result=result, error_info=list(error),
                          allowed_operations=["destroy"])


def run_steps(steps):
    """Runs a generator to its end; the lock is free while it waits. Its return value."""
    while True:
        with LOCK:
            try:
                seconds = next(steps)
            except StopIteration as end:
                return end.value
        time.sleep(seconds)
