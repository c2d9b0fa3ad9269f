"""What the simulated calls do. Each rule is that of xapi's source named beside it (ocaml/xapi/…)."""
import time
import uuid as uuids

from xapi_model import NULL, Fault
from xapi_pools import PoolCalls
from xapi_world import GIB, LOCK, now

OVERHEAD = 8 << 20


class Calls(PoolCalls):
    def __init__(self, world, host):
        self.world, self.host, self.pool = world, host, host.pool

    def vm(self, ref, operation, *states):
        """The record, when operation is possible now (xapi_vm_lifecycle.ml)."""
        vm = self.pool.get("VM", ref)
        if vm["is_a_template"]:
            raise Fault("VM_IS_TEMPLATE", ref)
        if vm["is_control_domain"]:
            raise Fault("OPERATION_NOT_ALLOWED", "This operation is not permitted on the control domain")
        if operation in vm["blocked_operations"]:
            raise Fault("OPERATION_BLOCKED", ref, vm["blocked_operations"][operation])
        for task, op in vm["current_operations"].items():
            raise Fault("OTHER_OPERATION_IN_PROGRESS", "VM", ref, op, task)
        if vm["power_state"] not in states:
            raise Fault("VM_BAD_POWER_STATE", ref, ", ".join(s.lower() for s in states), vm["power_state"].lower())
        return vm

    def power(self, ref, state, host=NULL, seconds=0.02):
        yield seconds
        self.world.set_power(self.pool, ref, state, host)

    # ---- VM (xapi_vm.ml, xapi_vm_helpers.ml)

    def VM_assert_can_boot_here(self, ref, host):
        vm, record = self.pool.get("VM", ref), self.pool.get("host", host)
        if not self.pool.get("host_metrics", record["metrics"])["live"]:
            raise Fault("HOST_NOT_LIVE", host)
        if not record["enabled"]:
            raise Fault("HOST_DISABLED", host)
        if record["cpu_info"]["vendor"] != vm["last_boot_CPU_flags"].get("vendor", record["cpu_info"]["vendor"]):
            raise Fault("VM_INCOMPATIBLE_WITH_THIS_HOST", ref, host, "VM last booted on a CPU of another vendor")
        for _, vdi in self.world.disks(self.pool, ref):
            sr = self.pool.get("VDI", vdi)["SR"]
            if not self.world.attached(self.pool, sr, host):
                raise Fault("VM_REQUIRES_SR", ref, sr)
        for vif in vm["VIFs"]:
            net = self.pool.get("VIF", vif)["network"]
            pifs = [self.pool.get("PIF", p)["host"] for p in self.pool.get("network", net)["PIFs"]]
            if pifs and host not in pifs:
                raise Fault("VM_REQUIRES_NETWORK", ref, net)
        need, free = vm["memory_dynamic_min"] + OVERHEAD, self.world.free_memory(self.pool, host)
        if vm["resident_on"] != host and need > free:
            raise Fault("HOST_NOT_ENOUGH_FREE_MEMORY", need, free)

    def VM_start_on(self, ref, host, paused, force):
        self.vm(ref, "start_on", "Halted")
        self.VM_assert_can_boot_here(ref, host)
        yield from self.power(ref, "Paused" if paused else "Running", host)

    def VM_start(self, ref, paused, force):
        self.vm(ref, "start", "Halted")
        for host in self.pool.all("host"):
            try:
                self.VM_assert_can_boot_here(ref, host)
            except Fault:
                continue
            yield from self.power(ref, "Paused" if paused else "Running", host)
            return
        raise Fault("NO_HOSTS_AVAILABLE")

    def VM_clean_shutdown(self, ref):
        self.vm(ref, "clean_shutdown", "Running")
        if self.world.meet("clean_shutdown.ignored", vm=ref):
            yield 3600
        yield from self.power(ref, "Halted")

    def VM_hard_shutdown(self, ref):
        self.vm(ref, "hard_shutdown", "Running", "Paused", "Suspended")
        yield from self.power(ref, "Halted")

    def VM_pause(self, ref):
        yield from self.power(ref, "Paused", self.vm(ref, "pause", "Running")["resident_on"])

    def VM_unpause(self, ref):
        yield from self.power(ref, "Running", self.vm(ref, "unpause", "Paused")["resident_on"])

    def VM_suspend(self, ref):
        self.vm(ref, "suspend", "Running")
        yield from self.power(ref, "Suspended")

    def VM_resume_on(self, ref, host, paused, force):
        self.vm(ref, "resume_on", "Suspended")
        yield from self.power(ref, "Paused" if paused else "Running", host)

    def VM_power_state_reset(self, ref):
        """The database alone; whoever resets a guest that runs will have it twice (the simulator's watch sees it)."""
        resident = self.pool.get("VM", ref)["resident_on"]
        if resident != NULL and self.pool.get("host_metrics", self.pool.get("host", resident)["metrics"])["live"]:
            self.world.violations.append(f"{self.pool.get('VM', ref)['name_label']} was reset on a host that lives")
        self.world.set_power(self.pool, ref, "Halted")

    def VM_destroy(self, ref):
        vm = self.vm(ref, "destroy", "Halted")
        for cls, refs in (("VBD", vm["VBDs"]), ("VIF", vm["VIFs"])):
            for child in list(refs):
                self.pool.remove(cls, child)
        self.pool.remove("VM", ref)

    # ---- migrations (xapi_vm_migrate.ml, xenops_server.ml)

    def begin(self, ref, job, operation):
        self.pool.get("VM", ref)["current_operations"][job.ref] = operation
        self.world.refresh(self.pool, ref)

    def finish(self, ref, job):
        if ref in self.pool.all("VM"):
            self.pool.get("VM", ref)["current_operations"].pop(job.ref, None)
            self.world.refresh(self.pool, ref)

    def point(self, name, ref):
        """A place where a fault may be scripted; "restart": the toolstack restarts there."""
        if self.world.meet(name, vm=ref) == "restart":
            self.world.restart(self.pool)
            raise Fault("TASK_VANISHED")

    def switch_over(self, job, ref, prefix):
        """The guest is suspended and moves: what fails now kills it (row 2 of the table of failures)."""
        self.point(f"{prefix}.before-suspend", ref)
        job.commit()
        yield 0.02
        try:
            self.point(f"{prefix}.after-suspend", ref)
        except Fault:
            if ref in self.pool.all("VM"):
                self.world.set_power(self.pool, ref, "Halted")
            raise
        if self.world.meet(f"{prefix}.suspended-for-good", vm=ref):
            self.world.set_power(self.pool, ref, "Suspended")
            raise Fault("INTERNAL_ERROR", "Xenops_interface.Xenopsd_error([S(Internal_error);S(End_of_file)])")

    def VM_pool_migrate(self, ref, host, options, job=None):
        unknown = set(options) - {"live", "force", "copy", "compress", "network"}
        if unknown:
            raise Fault("INVALID_VALUE", "options", ",".join(unknown))
        self.vm(ref, "pool_migrate", "Running")
        self.VM_assert_can_boot_here(ref, host)
        self.begin(ref, job, "pool_migrate")
        try:
            yield from job.steps(0, 0.9, self.world.copy_seconds)
            yield from self.switch_over(job, ref, "pool_migrate")
            self.world.set_power(self.pool, ref, "Running", host)
            self.point("pool_migrate.after-move", ref)
        finally:
            self.finish(ref, job)

    def host_migrate_receive(self, host, network, options):
        if not any(self.pool.get("PIF", p)["host"] == host for p in self.pool.get("network", network)["PIFs"]):
            raise Fault("HOST_CANNOT_ATTACH_NETWORK", host, network)
        master = self.pool.master()
        session = f"OpaqueRef:{uuids.uuid4()}"
        master.sessions[session] = {"user": "migration", "last": time.time()}
        self.world.tokens[session] = (self.pool, host)
        address = self.world.host_of(host).address
        url = "http://{}/services/{}?session_id=" + session
        return {"SM": url.format(address, "SM"), "host": host, "xenops": url.format(address, "xenops"), "session_id": session,
                "master": f"http://{master.address}/"}

    def target(self, dest):
        missing = {"SM", "host", "xenops", "session_id", "master"} - set(dest)
        if missing:
            raise Fault("INVALID_VALUE", "dest", f"missing {sorted(missing)}")
        pool, host = self.world.tokens.get(dest["session_id"], (None, None))
        if not pool or dest["session_id"] not in pool.master().sessions:
            raise Fault("SESSION_INVALID", dest["session_id"])
        return pool, host

    def VM_assert_can_migrate(self, ref, dest, live, vdi_map, vif_map, options, vgpus=None):
        vm = self.vm(ref, "migrate_send", "Running", "Halted", "Suspended")
        pool, host = self.target(dest)
        inside = pool is self.pool
        unknown = set(options) - {"force", "copy", "compress"}
        if unknown:
            raise Fault("INVALID_VALUE", "options", ",".join(unknown))
        if options.get("copy") == "true":
            if inside:
                raise Fault("OPERATION_NOT_ALLOWED", "Copy mode is disallowed on intra pool storage migration")
            self.vm(ref, "migrate_send", "Halted")
        if self.pool.get("pool", self.pool.ref)["restrictions"].get("restrict_storage_xen_motion") == "true":
            raise Fault("LICENCE_RESTRICTION", "Storage_motion")
        for _, vdi in self.world.disks(self.pool, ref):
            if vdi not in vdi_map:
                raise Fault("VDI_NOT_IN_MAP", vdi)
            if self.pool.get("VDI", vdi)["cbt_enabled"]:
                raise Fault("VDI_CBT_ENABLED", vdi)
            if not self.world.attached(pool, vdi_map[vdi], host):
                raise Fault("SR_NOT_ATTACHED", vdi_map[vdi])
        if inside and vif_map:
            raise Fault("OPERATION_NOT_ALLOWED", "VIF mapping is not allowed for intra-pool migration")
        for vif in vm["VIFs"]:
            if not inside and vif not in vif_map:
                raise Fault("VIF_NOT_IN_MAP", vif)
        for net in vif_map.values():
            pool.get("network", net)
        if not pool.get("host", host)["enabled"]:
            raise Fault("HOST_DISABLED", host)
        mine, theirs = (self.pool.get("host", next(iter(self.pool.all("host")))), pool.get("host", host))
        if theirs["software_version"]["product_version"] < mine["software_version"]["product_version"]:
            raise Fault("VM_HOST_INCOMPATIBLE_VERSION_MIGRATE", host, ref)
        if not inside and mine["cpu_info"]["vendor"] != theirs["cpu_info"]["vendor"]:
            raise Fault("VM_INCOMPATIBLE_WITH_THIS_HOST", ref, host, "CPU vendor")

    def VM_migrate_send(self, ref, dest, live, vdi_map, vif_map, options, vgpus=None, formats=None, job=None):
        self.VM_assert_can_migrate(ref, dest, live, vdi_map, vif_map, options)
        pool, host = self.target(dest)
        vm = self.pool.get("VM", ref)
        sender = self.world.host_of(vm["resident_on"]) if vm["resident_on"] != NULL else self.host
        if sender.sends >= 3:
            raise Fault("TOO_MANY_STORAGE_MIGRATES", "3")
        sender.sends += 1
        self.world.most_sends = max(self.world.most_sends, sender.sends)
        self.begin(ref, job, "migrate_send")
        made = {}
        try:
            result = yield from self.send(ref, pool, host, vdi_map, vif_map, job, made, options.get("copy") == "true")
            return result
        except Fault:
            self.tidy(ref, pool, made)
            raise
        finally:
            sender.sends -= 1
            self.finish(ref, job)

    def tidy(self, ref, pool, made):
        """Best effort, as xapi's: what was made there goes, unless a fault keeps it."""
        new = made.pop("VM", None)
        leave = new and self.world.meet("migrate_send.leave-record", vm=ref)
        if leave in ("Suspended", "Running"):
            self.world.set_power(pool, new, leave, next(iter(pool.all("host"))) if leave == "Running" else NULL)
        elif new and not leave:
            Calls(self.world, pool.master()).VM_destroy(new)
        leak = self.world.meet("migrate_send.leak", vm=ref)
        for vdi in made.values():
            if not leak and vdi in pool.all("VDI") and not pool.get("VDI", vdi)["VBDs"]:
                pool.remove("VDI", vdi)

    def send(self, ref, pool, host, vdi_map, vif_map, job, made, copy):
        inside = pool is self.pool
        moving = [v for _, v in self.world.disks(self.pool, ref) if not inside or self.pool.get("VDI", v)["SR"] != vdi_map[v]]
        for i, vdi in enumerate(moving):
            record = self.pool.get("VDI", vdi)
            if self.world.free_space(pool, vdi_map[vdi]) < record["physical_utilisation"]:
                raise Fault("SR_FULL", "requested", "maximum")
            same = {k: record[k] for k in ("name_label", "virtual_size", "physical_utilisation", "type", "on_boot")}
            made[vdi] = pool.add("VDI", SR=vdi_map[vdi], managed=True, **same)
            yield from job.steps(0.8 * i / len(moving), 0.8 * (i + 1) / len(moving), self.world.copy_seconds)
            self.point("migrate_send.mirror", ref)
        yield from job.steps(0.8, 0.95, 0.05, 2)
        disks = dict(made)
        if not inside:
            made["VM"] = self.import_vm(ref, pool, disks, vif_map, copy)
            self.point("migrate_send.after-import", ref)
        vm = self.pool.get("VM", ref)
        if vm["power_state"] == "Running":
            yield from self.switch_over(job, ref, "migrate_send")
        new = made.get("VM", ref)
        made.clear()
        if copy:
            self.point("migrate_send.after-complete", ref)
            return new
        state = vm["power_state"]
        if self.world.meet("migrate_send.guest-shuts-down", vm=ref):
            state = "Halted"
        if inside:
            for vbd, vdi in list(self.world.disks(pool, ref)):
                if vdi in disks:
                    pool.get("VDI", vdi)["VBDs"].remove(vbd)
                    pool.set("VBD", vbd, VDI=disks[vdi])
                    pool.get("VDI", disks[vdi])["VBDs"].append(vbd)
        else:
            self.pool.get("VM", ref)["current_operations"].clear()
            self.world.set_power(self.pool, ref, "Halted")
        self.world.set_power(pool, new, state, host if state in ("Running", "Paused") else NULL)
        for vdi in moving:
            for vbd in list(self.pool.get("VDI", vdi)["VBDs"]):
                self.pool.remove("VBD", vbd)
            self.point("migrate_send.after-complete", ref)  # row 6: the source record stays
            self.pool.remove("VDI", vdi)
        if not inside:
            self.VM_destroy(ref)
        return new

    def import_vm(self, ref, pool, disks, vif_map, copy):
        """A copy is no full restore: its UUID and MAC addresses are new (import.ml)."""
        values = dict(self.pool.get("VM", ref))
        for name in ("VBDs", "VIFs", "snapshots", "current_operations"):
            values[name] = type(values[name])()
        values.update(affinity=NULL, resident_on=NULL, power_state="Halted", other_config=dict(values["other_config"]))
        if copy:
            values.update(uuid=str(uuids.uuid4()))
            values["other_config"]["mac_seed"] = str(uuids.uuid4())
        for record in pool.all("VM").values():
            if record["uuid"] == values["uuid"]:
                raise Fault("UUID_INVALID", "VM", values["uuid"])
        new = pool.add("VM", **values)
        for vbd in self.pool.get("VM", ref)["VBDs"]:
            record = dict(self.pool.get("VBD", vbd), VM=new, uuid=str(uuids.uuid4()), currently_attached=False)
            record["VDI"] = disks.get(record["VDI"], NULL)
            pool.add("VBD", **record)
        for vif in self.pool.get("VM", ref)["VIFs"]:
            mac = "02:" + ":".join(f"{b:02x}" for b in uuids.uuid4().bytes[:5]) if copy else self.pool.get("VIF", vif)["MAC"]
            pool.add("VIF", **dict(self.pool.get("VIF", vif), VM=new, network=vif_map[vif], MAC=mac, uuid=str(uuids.uuid4())))
        self.world.refresh(pool, new)
        return new

    # ---- networks

    def VIF_create(self, args):
        vm = self.pool.get("VM", args["VM"])
        for name in ("device", "network", "MAC", "MTU", "other_config", "qos_algorithm_type", "qos_algorithm_params"):
            if name not in args:
                raise Fault("FIELD_TYPE_ERROR", name)
        if any(self.pool.get("VIF", v)["device"] == args["device"] for v in vm["VIFs"]):
            raise Fault("DEVICE_ALREADY_EXISTS", args["device"])
        if vm["power_state"] != "Halted":
            raise Fault("VM_BAD_POWER_STATE", args["VM"], "halted", vm["power_state"].lower())
        return self.pool.add("VIF", **dict(args, MTU=int(args["MTU"])))

    def VIF_destroy(self, ref):
        if self.pool.get("VIF", ref)["currently_attached"]:
            raise Fault("OPERATION_NOT_ALLOWED", f"VIF '{ref}' still attached")
        self.pool.remove("VIF", ref)

    # ---- storage

    def VDI_create(self, args):
        sr = args["SR"]
        for name in ("virtual_size", "type", "sharable", "read_only", "other_config"):
            if name not in args:
                raise Fault("FIELD_TYPE_ERROR", name)
        size = int(args["virtual_size"])
        if self.world.free_space(self.pool, sr) < size // 10:
            raise Fault("SR_FULL", size, self.world.free_space(self.pool, sr))
        return self.pool.add("VDI", **dict(args, virtual_size=size, managed=True, on_boot="persist"))

    def VDI_destroy(self, ref):
        vdi = self.pool.get("VDI", ref)
        for task, op in vdi["current_operations"].items():
            raise Fault("OTHER_OPERATION_IN_PROGRESS", "VDI", ref, op, task)
        if any(self.pool.get("VBD", v)["currently_attached"] for v in vdi["VBDs"]):
            raise Fault("VDI_IN_USE", ref, "destroy")
        for vbd in list(vdi["VBDs"]):
            self.pool.remove("VBD", vbd)
        self.pool.remove("VDI", ref)

    def VDI_copy(self, ref, sr=NULL, base=NULL, into=NULL, job=None):
        vdi = self.pool.get("VDI", ref)
        if any(self.pool.get("VBD", v)["currently_attached"] for v in vdi["VBDs"]):
            raise Fault("VDI_IN_USE", ref, "copy")
        if (sr == NULL) == (into == NULL):
            raise Fault("INVALID_VALUE", "sr", sr)
        new = into if into != NULL else self.pool.add("VDI", SR=sr, name_label=vdi["name_label"], type="user", managed=True)
        if self.pool.get("VDI", new)["virtual_size"] < vdi["virtual_size"] and into != NULL:
            raise Fault("VDI_TOO_SMALL", into, vdi["virtual_size"])
        for disk in (ref, new):
            self.pool.get("VDI", disk)["current_operations"][job.ref] = "copy"
        try:
            yield from job.steps(0, 1, self.world.copy_seconds)
            self.point("VDI.copy.end", ref)
            self.pool.set("VDI", new, physical_utilisation=vdi["physical_utilisation"], virtual_size=vdi["virtual_size"])
        finally:
            for disk in (ref, new):
                self.pool.get("VDI", disk)["current_operations"].pop(job.ref, None)
        return new

    def VBD_create(self, args):
        vm = self.pool.get("VM", args["VM"])
        if any(self.pool.get("VBD", v)["userdevice"] == args["userdevice"] for v in vm["VBDs"]):
            raise Fault("DEVICE_ALREADY_EXISTS", args["userdevice"])
        for name in ("bootable", "mode", "type", "empty", "other_config", "qos_algorithm_type", "qos_algorithm_params"):
            if name not in args:
                raise Fault("FIELD_TYPE_ERROR", name)
        if args["userdevice"] == "autodetect":
            taken = {self.pool.get("VBD", v)["userdevice"] for v in vm["VBDs"]}
            args = dict(args, userdevice=next(str(i) for i in range(16) if str(i) not in taken))
        return self.pool.add("VBD", **args)

    def VBD_destroy(self, ref):
        if self.pool.get("VBD", ref)["currently_attached"]:
            raise Fault("OPERATION_NOT_ALLOWED", f"VBD '{ref}' still attached to '{self.pool.get('VBD', ref)['VM']}'")
        self.pool.remove("VBD", ref)

    # ---- host, session, task, pool

    def host_compute_free_memory(self, ref):
        return self.world.free_memory(self.pool, ref)

    def host_compute_memory_overhead(self, ref):
        return GIB

    def host_get_servertime(self, ref):
        return now()

    def host_disable(self, ref, auto=True):
        self.pool.set("host", ref, enabled=False)

    def host_enable(self, ref):
        self.pool.set("host", ref, enabled=True)

    def VM_compute_memory_overhead(self, ref):
        return OVERHEAD

    def SR_scan(self, ref):
        self.pool.get("SR", ref)

    def task_create(self, label, description):
        return self.pool.add("task", name_label=label, name_description=description, created=now(), status="pending")

    def task_destroy(self, ref):
        if self.pool.get("task", ref)["status"] != "pending":
            self.pool.remove("task", ref)

    def task_cancel(self, ref):
        task = self.pool.get("task", ref)
        if "cancel" not in task["allowed_operations"]:
            raise Fault("OPERATION_NOT_ALLOWED", "the task cannot be cancelled any more")
        self.world.jobs[ref].cancelled = True

    def pool_designate_new_master(self, ref):
        self.pool.set("pool", self.pool.ref, master=ref)
        self.world.restart(self.pool)

    def event_inject(self, cls, ref):
        self.pool.touch(ref)
        return f"{self.pool.version:020d},0"

    def event_from(self, classes, token, timeout):
        wanted = {c.lower().split("/")[0] for c in classes}
        refs = {c.split("/", 1)[1] for c in classes if "/" in c}
        since = 0
        if token:
            try:
                since = int(token.split(",")[0])
            except ValueError:
                raise Fault("EVENT_FROM_TOKEN_PARSE_FAILURE", token) from None
        until = time.time() + timeout
        with LOCK:
            while True:
                events = self.events(wanted, refs, since)
                left = until - time.time()
                if events or left <= 0 or self.host.down:
                    break
                LOCK.wait(min(left, 0.5))
                self.check_session()
            counts = {cls.lower(): len(rows) for cls, rows in self.pool.tables.items()}
            return {"events": events, "valid_ref_counts": counts, "token": f"{self.pool.version:020d},0"}

    def events(self, wanted, refs, since):
        found = []
        for ref, version in self.pool.changed.items():
            cls = self.pool.class_of[ref]
            if version > since and ("*" in wanted or cls.lower() in wanted) and (not refs or ref in refs):
                found.append((version, {"id": str(version), "timestamp": "0.0", "class": cls.lower(), "ref": ref,
                                        "operation": "mod" if since else "add", "snapshot": dict(self.pool.get(cls, ref))}))
        for version, cls, ref in self.pool.deleted:
            if since and version > since and ("*" in wanted or cls.lower() in wanted) and (not refs or ref in refs):
                found.append((version, {"id": str(version), "timestamp": "0.0", "class": cls.lower(), "ref": ref,
                                        "operation": "del"}))
        return [event for _, event in sorted(found, key=lambda pair: pair[0])]
