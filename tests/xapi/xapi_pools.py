"""Pools that grow and shrink: pool.join on the joining host, with the checks of xapi_pool.ml (pre_join_checks) in their order, the copy of the
joiner's records into the pool, the fuse and the restart of its toolstack; pool.eject with what it destroys and the reboot."""
import copy
import threading
import uuid as uuids

from xapi_model import NULL, Fault
from xapi_world import Pool, now, run_steps

POOL_LIMIT = 3  # hosts of a pool whose licence restricts its size
COPIED = ("network", "SR", "PBD", "PIF", "VM", "VDI", "VBD", "VIF")  # in this order, so that references come after what they refer to


def later(steps):
    threading.Thread(target=run_steps, args=(steps,), daemon=True).start()


def the_pool(pool):
    return pool.get("pool", pool.ref)


def the_master(pool):
    return pool.get("host", the_pool(pool)["master"])


class JoinChecks:
    """Each raises; the order is xapi's."""

    def __init__(self, world, pool, host, their):
        self.world, self.mine, self.host, self.their = world, pool, pool.get("host", host.ref), their
        self.master = the_master(their)
        self.vms = [v for v in pool.all("VM").values() if not v["is_control_domain"] and not v["is_a_template"]]
        self.pifs = list(pool.all("PIF").values())
        self.management = [p for p in self.pifs if p["management"]]

    def run(self, force):
        self.places()
        self.states()
        self.compatible()
        if not force:
            self.homogeneous()
        self.storage_and_networks()
        self.configuration()

    def places(self):
        if the_pool(self.their)["restrictions"].get("restrict_pool_size") == "true" and len(self.their.all("host")) >= POOL_LIMIT:
            raise Fault("LICENCE_RESTRICTION", "Pool_size")
        if not self.management:
            raise Fault("HOST_STILL_BOOTING")
        if the_pool(self.mine)["ha_enabled"] or the_pool(self.their)["ha_enabled"]:
            raise Fault("HA_IS_ENABLED")
        for pool in (self.mine, self.their):
            for ref in pool.all("Cluster_host"):
                raise Fault("CLUSTERING_ENABLED", ref)
        if self.mine is self.their:
            raise Fault("OPERATION_NOT_ALLOWED", "Host is already part of a pool" if len(self.mine.all("host")) > 1 else
                        "Host cannot become slave of itself")
        if len(self.mine.all("host")) > 1:
            raise Fault("JOINING_HOST_CANNOT_BE_MASTER_OF_OTHER_HOSTS")

    def states(self):
        if any(v["power_state"] == "Running" for v in self.vms):
            raise Fault("JOINING_HOST_CANNOT_HAVE_RUNNING_VMS")
        if any(v["power_state"] == "Suspended" for v in self.vms) and self.world.strict_joins:  # older releases
            raise Fault("JOINING_HOST_CANNOT_HAVE_RUNNING_OR_SUSPENDED_VMS")
        if any(v["current_operations"] for v in self.vms):
            raise Fault("JOINING_HOST_CANNOT_HAVE_VMS_WITH_CURRENT_OPERATIONS")
        for record, ref in ((self.host, the_pool(self.mine)["master"]), (self.master, the_pool(self.their)["master"])):
            if record["pending_guidances"]:
                raise Fault("HOST_PENDING_MANDATORY_GUIDANCE_NOT_EMPTY", ref)

    def differs(self, field, *keys):
        return any(self.host[field].get(key) != self.master[field].get(key) for key in keys)

    def compatible(self):
        if self.differs("software_version", "platform_version", "product_brand"):
            raise Fault("POOL_HOSTS_NOT_COMPATIBLE")

    def homogeneous(self):
        if self.differs("software_version", "product_version", "xapi", "git_id", "xs:linux"):
            raise Fault("HOSTS_NOT_HOMOGENEOUS", "Software version differs")
        if self.differs("cpu_info", "vendor"):
            raise Fault("HOSTS_NOT_HOMOGENEOUS", "CPUs differ")

    def storage_and_networks(self):
        if any(s["shared"] and not s["is_tools_sr"] for s in self.mine.all("SR").values()):
            raise Fault("JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS")
        for field, code in (("bond_master_of", "BONDS"), ("tunnel_access_PIF_of", "TUNNELS"), ("sriov_logical_PIF_of", "NETWORK_SRIOVS")):
            if any(p[field] for p in self.pifs):
                raise Fault(f"POOL_JOINING_HOST_HAS_{code}")
        if any(p["VLAN"] >= 0 and not p["management"] for p in self.pifs):
            raise Fault("POOL_JOINING_HOST_HAS_NON_MANAGEMENT_VLANS")
        theirs = [p for p in self.their.all("PIF").values() if p["management"] and p["host"] == the_pool(self.their)["master"]]
        if self.management[0]["VLAN"] != theirs[0]["VLAN"]:
            raise Fault("POOL_JOINING_HOST_MANAGEMENT_VLAN_DOES_NOT_MATCH", self.management[0]["VLAN"], theirs[0]["VLAN"])
        self.primary = (self.management[0]["primary_address_type"], theirs[0]["primary_address_type"])

    def configuration(self):
        if any(self.host[f] != self.master[f] for f in ("external_auth_type", "external_auth_service_name")):
            raise Fault("POOL_JOINING_EXTERNAL_AUTH_MISMATCH")
        if self.host["edition"] != self.master["edition"]:
            raise Fault("LICENSE_HOST_POOL_MISMATCH", "edition")
        if self.differs("software_version", "network_backend"):
            raise Fault("OPERATION_NOT_ALLOWED", "Network backends differ")
        if any(self.host[f] != self.master[f] for f in ("API_version_major", "API_version_minor")):
            raise Fault("POOL_JOINING_HOST_MUST_HAVE_SAME_API_VERSION", self.host["API_version_minor"], self.master["API_version_minor"])
        if self.differs("software_version", "db_schema"):
            raise Fault("POOL_JOINING_HOST_MUST_HAVE_SAME_DB_SCHEMA", self.host["software_version"].get("db_schema", ""),
                        self.master["software_version"].get("db_schema", ""))
        if sorted(self.host["updates"]) != sorted(self.master["updates"]):
            raise Fault("HOSTS_NOT_HOMOGENEOUS", "Updates on local host and on pool host differ")
        if self.primary[0] != self.primary[1]:
            raise Fault("OPERATION_NOT_ALLOWED", "Primary address type differs")
        if the_pool(self.mine)["tls_verification_enabled"] != the_pool(self.their)["tls_verification_enabled"]:
            raise Fault("POOL_JOINING_HOST_TLS_VERIFICATION_MISMATCH")


class PoolCalls:
    def pool_join(self, address, user, password, job=None):
        yield from self.join(address, user, password, False)

    def pool_join_force(self, address, user, password, job=None):
        yield from self.join(address, user, password, True)

    def their_pool(self, address, user, password):
        """The joining host logs in at the address that it was given."""
        self.lost("join.login")
        there = next((h for h in self.world.hosts if h.address == address), None)
        if there is None or there.down:
            raise Fault("JOINING_HOST_CONNECTION_FAILED")
        if not there.is_master():
            raise Fault("HOST_IS_SLAVE", there.pool.master().address)
        if user != "root" or password != self.world.password:
            raise Fault("SESSION_AUTHENTICATION_FAILED", user, "Authentication failure")
        return there.pool

    def lost(self, point):
        """"restart": the toolstack restarts there, by itself: the work is gone, and so is its task."""
        if self.world.meet(point) == "restart":
            self.world.restart(self.pool)
            raise Fault("TASK_VANISHED")

    def join(self, address, user, password, force):
        world, host = self.world, self.host
        their = self.their_pool(address, user, password)
        JoinChecks(world, self.pool, host, their).run(force)
        self.lost("join.checked")
        yield world.join_seconds / 2
        refs = copy_records(self.pool, their, host)
        for vm in their.all("VM"):
            world.refresh(their, vm)
        self.lost("join.copied")
        yield world.join_seconds / 2
        for ref in self.pool.all("PBD"):
            self.pool.set("PBD", ref, currently_attached=False)
        self.lost("join.unplugged")
        later(self.restart_as_slave(their, refs))

    def restart_as_slave(self, their, refs):
        """Once the fuse has burnt down: sessions die, and the host answers as a slave."""
        world, host = self.world, self.host
        yield world.fuse_seconds
        mine = host.pool
        host.down = True
        host.sessions.clear()
        host.pool, host.ref = their, refs[host.ref]
        world.pools.remove(mine)
        mine.touch(mine.ref)  # wakes who waits for its events
        if world.meet("join.restart") == "never-returns":
            return
        yield world.restart_seconds
        host.down = False
        metrics = host.record()["metrics"]
        their.set("host_metrics", metrics, live=True, last_updated=now())
        if world.meet("join.live") == "cut-off":
            their.set("host_metrics", metrics, live=False)
            host.down = True
            return
        yield world.restart_seconds / 4
        for sr, record in list(their.all("SR").items()):  # create_storage.ml: shared storage comes to whoever joins
            if record["shared"] and not any(their.get("PBD", p)["host"] == host.ref for p in record["PBDs"]):
                their.add("PBD", SR=sr, host=host.ref, currently_attached=False)
        for ref in host.record()["PBDs"]:
            if world.meet("join.plug") != "unplugged":
                their.set("PBD", ref, currently_attached=True)
        if world.meet("join.enable") != "disabled":
            their.set("host", host.ref, enabled=True)

    # ---- leaving

    def pool_eject(self, ref, job=None):
        world, pool = self.world, self.pool
        if the_pool(pool)["ha_enabled"]:
            raise Fault("HA_IS_ENABLED")
        host = world.host_of(ref)
        if host.is_master():
            raise Fault("INTERNAL_ERROR", "Xapi_pool.Cannot_eject_master")
        resident = [v for v in pool.all("VM").values() if v["resident_on"] == ref and not v["is_control_domain"]]
        if any(v["power_state"] != "Halted" for v in resident):
            raise Fault("OPERATION_NOT_ALLOWED", "VM resident on host")
        self.lost("eject.checked")
        yield world.join_seconds / 2
        world.meet("eject.unplug")
        record = dict(pool.get("host", ref))
        storage = forget_host(pool, ref)
        world.destroyed += storage
        host.down = True
        later(self.reboot_alone(host, record))
        self.lost("eject.destroyed")

    def reboot_alone(self, host, record):
        world = self.world
        fresh = Pool(world, "")
        net = fresh.add("network", name_label="management", bridge="xenbr0")
        metrics = fresh.add("host_metrics", memory_total=64 << 30, live=True, last_updated=now())
        ref = fresh.add("host", **{**record, "metrics": metrics, "resident_VMs": [], "PBDs": [], "PIFs": [], "enabled": True})
        fresh.add("PIF", host=ref, network=net, device="eth0", management=True, IP=host.address, ip_configuration_mode="Static",
                  currently_attached=True, VLAN=-1, physical=True, primary_address_type="IPv4")
        world.add_sr(fresh, f"Local storage of {record['name_label']}", [ref], "ext", 100 << 30)
        fresh.set("pool", fresh.ref, master=ref)
        host.sessions.clear()
        host.pool, host.ref = fresh, ref
        world.pools.append(fresh)
        yield world.restart_seconds
        host.down = False


def copy_records(mine, their, host):
    """update_non_vm_metadata and remote_metadata_export_import: {old ref: new ref}. What is there already, by UUID or a network's name, is used."""
    record = mine.get("host", host.ref)
    metrics = dict(mine.get("host_metrics", record["metrics"]), live=False, uuid=str(uuids.uuid4()))
    refs = {}
    known = [r for r, h in their.all("host").items() if h["uuid"] == record["uuid"]]
    refs[host.ref] = known[0] if known else their.add("host", **{**record, "metrics": their.add("host_metrics", **metrics), "enabled": False,
                                                                 "resident_VMs": [], "PBDs": [], "PIFs": []})
    for cls in COPIED:
        for old, values in list(mine.all(cls).items()):
            refs[old] = copy_one(mine, their, cls, values, refs)
    return refs


def copy_one(mine, their, cls, values, refs):
    for ref, there in their.all(cls).items():
        if there["uuid"] == values["uuid"] or (cls == "network" and there["name_label"] == values["name_label"]):
            return ref
    fields = {}
    for name, value in values.items():
        if isinstance(value, list):
            fields[name] = []  # the children fill it
        else:
            fields[name] = refs.get(value, NULL) if isinstance(value, str) and value.startswith("OpaqueRef:") else value
    if cls == "PBD":
        fields["currently_attached"] = False
    return their.add(cls, **fields)


def forget_host(pool, ref):
    """What goes with it: its record, and the repositories that only it has, with their disks. Names of what was destroyed."""
    destroyed = []
    for pbd in list(pool.get("host", ref)["PBDs"]):
        sr = pool.get("PBD", pbd)["SR"]
        alone = len(pool.get("SR", sr)["PBDs"]) == 1
        pool.remove("PBD", pbd)
        if alone:
            destroyed.append(pool.get("SR", sr)["name_label"])
            for vdi in list(pool.get("SR", sr)["VDIs"]):
                for vbd in pool.get("VDI", vdi)["VBDs"]:
                    pool.set("VBD", vbd, VDI=NULL)
                pool.remove("VDI", vdi)
            pool.remove("SR", sr)
    for pif in list(pool.get("host", ref)["PIFs"]):
        pool.remove("PIF", pif)
    for vm, record in list(pool.all("VM").items()):
        if record["is_control_domain"] and record["resident_on"] == ref:
            pool.remove("VM", vm)
    metrics = pool.get("host", ref)["metrics"]
    pool.remove("host", ref)
    pool.remove("host_metrics", metrics)
    return destroyed


# ---- what tests make of hosts that are alone: {"do": name, "host": …}

def find(world, name):
    return next(h for h in world.hosts if h.record()["name_label"] == name)


def set_own(world, host, values, **request):
    """The host's own record of a class: its host, pool or management PIF."""
    one, cls = find(world, host), request["class"]
    refs = {"host": one.ref, "pool": one.pool.ref, "PIF": next(p for p in one.record()["PIFs"] if one.pool.get("PIF", p)["management"])}
    one.pool.set(cls, refs[cls], **values)


def add_own(world, host, values, **request):
    one, cls = find(world, host), request["class"]
    if cls in ("PIF", "Cluster_host"):
        values = {"host": one.ref, **values}
    one.pool.add(cls, **values)


def local_storage(one):
    return next(s for s, r in one.pool.all("SR").items() if r["type"] == "ext" and one.pool.get("PBD", r["PBDs"][0])["host"] == one.ref)


def add_guest(world, host, name, state, **values):
    one = find(world, host)
    world.add_vm(one.pool, name, local_storage(one), one.ref, state, **values)


def boot_guest(world, host, uuid):
    """Somebody starts it there, behind Godwit's back."""
    one = find(world, host)
    ref = next(r for r, v in one.pool.all("VM").items() if v["uuid"] == uuid)
    one.pool.set("VM", ref, power_state="Running", resident_on=one.ref)


def add_storage(world, host, name):
    one = find(world, host)
    world.add_sr(one.pool, name, [one.ref])


def name_network(world, host, name):
    """What the host's pool calls its network of management."""
    one = find(world, host)
    pif = next(p for p in one.record()["PIFs"] if one.pool.get("PIF", p)["management"])
    one.pool.set("network", one.pool.get("PIF", pif)["network"], name_label=name)


def detach(world, host, name):
    """The host has that repository of its pool attached no more."""
    one = find(world, host)
    for pbd in one.record()["PBDs"]:
        if one.pool.get("SR", one.pool.get("PBD", pbd)["SR"])["name_label"] == name:
            one.pool.set("PBD", pbd, currently_attached=False)


def make_twin(world, host, of):
    one, other = find(world, host), find(world, of)
    one.pool.set("host", one.ref, uuid=other.record()["uuid"])


def make_live(world, host):
    """Whoever was to mend it has mended it."""
    one = find(world, host)
    one.down = False
    one.pool.set("host", one.ref, enabled=True)
    one.pool.set("host_metrics", one.record()["metrics"], live=True)
    for pbd in one.record()["PBDs"]:
        one.pool.set("PBD", pbd, currently_attached=True)


def save(world):
    world.saved = {pool: (copy.deepcopy(pool.tables), dict(pool.class_of)) for pool in world.pools}
    world.saved_residence = dict(world.residence)


def restore(world):
    """As it was when it was saved; listeners hear of everything."""
    world.residence = dict(world.saved_residence)
    for pool, (tables, classes) in world.saved.items():
        for cls, records in pool.tables.items():
            for ref in set(records) - set(tables.get(cls, {})):
                pool.version += 1
                pool.deleted.append((pool.version, cls, ref))
        pool.tables, pool.class_of = copy.deepcopy(tables), dict(classes)
        pool.changed = {ref: version for ref, version in pool.changed.items() if ref in classes}
        for cls in tables.values():
            for ref in cls:
                pool.touch(ref)


DOORS = {"save": save, "restore": restore, "own": set_own, "add": add_own, "guest": add_guest, "boot": boot_guest, "storage": add_storage,
         "detach": detach, "network": name_network, "twin": make_twin, "mend": make_live}
