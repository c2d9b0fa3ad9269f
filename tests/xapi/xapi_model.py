"""What the simulator knows of XAPI's data model: the calls and fields that it serves, and nothing else. Facts of the published model
(test_model.py compares them with it where it is at hand). A call that does not fit is refused as xapi would."""
import re

# class: fields as "name type"; a class name is a reference to it; "=": the field may be set; map and set fields marked so have add_to_ and
# remove_from_ calls
FIELDS = {
    "session": "uuid string, this_host host, is_local_superuser bool, originator string",
    "pool": "uuid string, name_label string=, name_description string=, master host, default_SR SR=, suspend_image_SR SR=,"
            " other_config map(string,string)=, ha_enabled bool, wlb_enabled bool=, restrictions map(string,string),"
            " cpu_info map(string,string), current_operations map(string,string), allowed_operations set(string),"
            " migration_compression bool=, tls_verification_enabled bool",
    "host": "uuid string, name_label string=, name_description string=, hostname string, address string=, enabled bool,"
            " resident_VMs set(VM), PBDs set(PBD), PIFs set(PIF), metrics host_metrics, cpu_info map(string,string),"
            " software_version map(string,string), API_version_major int, API_version_minor int, memory_overhead int,"
            " other_config map(string,string)=, allowed_operations set(string), current_operations map(string,string),"
            " edition string, license_params map(string,string), suspend_image_sr SR=, local_cache_sr SR, https_only bool,"
            " multipathing bool=, pending_guidances set(string), external_auth_type string, external_auth_service_name string,"
            " updates set(pool_update)",
    "host_metrics": "uuid string, memory_total int, live bool, last_updated datetime, other_config map(string,string)=",
    "VM": "uuid string, name_label string=, name_description string=, power_state string, resident_on host, affinity host=,"
          " scheduled_to_be_resident_on host, VCPUs_max int, VCPUs_at_startup int, memory_static_max int, memory_static_min int,"
          " memory_dynamic_max int, memory_dynamic_min int, memory_target int, memory_overhead int, VBDs set(VBD), VIFs set(VIF),"
          " VGPUs set(VGPU), VUSBs set(VUSB), attached_PCIs set(PCI), snapshots set(VM), suspend_VDI VDI, domid int,"
          " is_a_template bool=, is_a_snapshot bool, is_control_domain bool, is_default_template bool, snapshot_of VM,"
          " allowed_operations set(string), current_operations map(string,string), blocked_operations map(string,string)=,"
          " other_config map(string,string)=, guest_metrics VM_guest_metrics, metrics VM_metrics, HVM_boot_policy string,"
          " HVM_shadow_multiplier float, ha_restart_priority string=, last_boot_CPU_flags map(string,string),"
          " platform map(string,string)=",
    "VM_metrics": "uuid string, memory_actual int, VCPUs_number int, start_time datetime, nomigrate bool, nested_virt bool",
    "VM_guest_metrics": "uuid string, PV_drivers_detected bool, live bool, other map(string,string)",
    "VBD": "uuid string, VM VM, VDI VDI, device string, userdevice string=, bootable bool=, mode string=, type string=,"
           " unpluggable bool=, empty bool, currently_attached bool, other_config map(string,string)=,"
           " allowed_operations set(string), current_operations map(string,string), qos_algorithm_type string=,"
           " qos_algorithm_params map(string,string)=",
    "VDI": "uuid string, name_label string, name_description string, SR SR, VBDs set(VBD), virtual_size int,"
           " physical_utilisation int, type string, sharable bool, read_only bool, location string, managed bool, missing bool,"
           " is_a_snapshot bool, snapshot_of VDI, snapshots set(VDI), sm_config map(string,string)=, on_boot string,"
           " cbt_enabled bool, other_config map(string,string)=, allowed_operations set(string),"
           " current_operations map(string,string)",
    "SR": "uuid string, name_label string, name_description string, type string, content_type string, shared bool, physical_size int,"
          " physical_utilisation int, virtual_allocation int, VDIs set(VDI), PBDs set(PBD), other_config map(string,string)=,"
          " sm_config map(string,string)=, is_tools_sr bool",
    "PBD": "uuid string, host host, SR SR, device_config map(string,string), currently_attached bool, other_config map(string,string)=",
    "PIF": "uuid string, host host, network network, device string, management bool, IP string, IPv6 set(string), MAC string,"
           " ip_configuration_mode string, primary_address_type string, currently_attached bool, VLAN int, physical bool,"
           " bond_slave_of Bond, bond_master_of set(Bond), tunnel_access_PIF_of set(tunnel), sriov_logical_PIF_of set(network_sriov)",
    "Cluster_host": "uuid string, host host, enabled bool",
    "network": "uuid string, name_label string=, name_description string=, VIFs set(VIF), PIFs set(PIF), bridge string, MTU int=,"
               " other_config map(string,string)=",
    "VIF": "uuid string, VM VM, network network, device string, MAC string, MAC_autogenerated bool, MTU int, currently_attached bool,"
           " other_config map(string,string)=, qos_algorithm_type string=, qos_algorithm_params map(string,string)=, locking_mode string=,"
           " ipv4_allowed set(string), ipv6_allowed set(string)",
    "task": "uuid string, name_label string, name_description string, created datetime, finished datetime, status string,"
            " resident_on host, progress float, type string, result string, error_info set(string), allowed_operations set(string),"
            " current_operations map(string,string), other_config map(string,string)=, subtask_of task, subtasks set(task),"
            " backtrace string",
}
# classes that are referred to but not served
OPAQUE = {"VGPU", "VUSB", "PCI", "Bond", "GPU_group", "tunnel", "network_sriov", "pool_update"}

# calls beside those that every class has; "[x]": may be left out
CALLS = """
session.logout -> void
session.get_this_host session -> host
pool.designate_new_master host -> void
pool.join string string string -> void
pool.join_force string string string -> void
pool.eject host -> void
host.enable host -> void
host.disable host [bool] -> void
host.compute_free_memory host -> int
host.compute_memory_overhead host -> int
host.migrate_receive host network map(string,string) -> map(string,string)
host.get_servertime host -> datetime
VM.pool_migrate VM host map(string,string) -> void
VM.assert_can_migrate VM map(string,string) bool map(VDI,SR) map(VIF,network) map(string,string) [map(VGPU,GPU_group)] -> void
VM.migrate_send VM map(string,string) bool map(VDI,SR) map(VIF,network) map(string,string) [map(VGPU,GPU_group)] [map(VDI,string)] -> VM
VM.assert_can_boot_here VM host -> void
VM.clean_shutdown VM -> void
VM.hard_shutdown VM -> void
VM.start VM bool bool -> void
VM.start_on VM host bool bool -> void
VM.pause VM -> void
VM.unpause VM -> void
VM.suspend VM -> void
VM.resume_on VM host bool bool -> void
VM.destroy VM -> void
VM.power_state_reset VM -> void
VM.compute_memory_overhead VM -> int
VDI.create record -> VDI
VDI.destroy VDI -> void
VDI.copy VDI [SR] [VDI] [VDI] -> VDI
VBD.create record -> VBD
VBD.destroy VBD -> void
VIF.create record -> VIF
VIF.destroy VIF -> void
SR.scan SR -> void
task.create string string -> task
task.destroy task -> void
task.cancel task -> void
event.from set(string) string float -> record
event.inject string string -> string
"""
GET_BY_NAME = {"host", "VM", "VDI", "SR", "network", "task"}


def split_fields(text):
    return dict(re.findall(r"(\w+) ([\w(),]+?=?)(?:,\s|$)", text))


FIELDS = {name: split_fields(text) for name, text in FIELDS.items()}


class Call:
    def __init__(self, text):
        head, self.result = text.rsplit(" -> ", 1)
        self.name, *args = head.split(" ")
        self.args = [a.strip("[]") for a in args]
        self.required = sum(not a.startswith("[") for a in args)
        self.implicit = False


def implicit(name, text):
    call = Call(text)
    call.implicit = True
    return name, call


def class_calls(cls, fields):
    yield implicit(f"{cls}.get_all", f"{cls}.get_all -> set({cls})")
    yield implicit(f"{cls}.get_all_records", f"{cls}.get_all_records -> record")
    yield implicit(f"{cls}.get_record", f"{cls}.get_record {cls} -> record")
    yield implicit(f"{cls}.get_by_uuid", f"{cls}.get_by_uuid string -> {cls}")
    if cls in GET_BY_NAME:
        yield implicit(f"{cls}.get_by_name_label", f"{cls}.get_by_name_label string -> set({cls})")
    for field, kind in fields.items():
        kind, writable = kind.rstrip("="), kind.endswith("=")
        yield implicit(f"{cls}.get_{field}", f"{cls}.get_{field} {cls} -> {kind}")
        if writable:
            yield implicit(f"{cls}.set_{field}", f"{cls}.set_{field} {cls} {kind} -> void")
        if writable and kind.startswith("map"):
            yield implicit(f"{cls}.add_to_{field}", f"{cls}.add_to_{field} {cls} string string -> void")
            yield implicit(f"{cls}.remove_from_{field}", f"{cls}.remove_from_{field} {cls} string -> void")


METHODS = {call.name: call for call in map(Call, CALLS.strip().splitlines())}
for _cls, _fields in FIELDS.items():
    if _cls != "session":
        for _name, _call in class_calls(_cls, _fields):
            METHODS.setdefault(_name, _call)

NULL = "OpaqueRef:NULL"


class Fault(Exception):
    """What XAPI calls a failure: a code and parameters, all strings."""

    def __init__(self, code, *params):
        super().__init__(code, *params)
        self.error = [code, *map(str, params)]


def fit(value, kind, xml):
    """The value as the model has it; ValueError when it does not fit."""
    if kind.startswith("set("):
        if not isinstance(value, list):
            raise ValueError(f"a set expected, not {value!r}")
        return [fit(v, kind[4:-1], xml) for v in value]
    if kind.startswith("map("):
        key, item = re.fullmatch(r"map\((\w+),(.*)\)", kind).groups()
        if not isinstance(value, dict):
            raise ValueError(f"a map expected, not {value!r}")
        return {fit(k, key, xml): fit(v, item, xml) for k, v in value.items()}
    if kind == "record":
        if not isinstance(value, dict):
            raise ValueError(f"a record expected, not {value!r}")
        return value
    if kind == "int":
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise ValueError(f"an int expected, not {value!r}")
        return int(value)
    if kind == "float":
        if isinstance(value, bool) or not isinstance(value, (float,) if xml else (int, float)):
            raise ValueError(f"a float expected, not {value!r}")
        return float(value)
    if kind == "bool":
        if not isinstance(value, bool):
            raise ValueError(f"a bool expected, not {value!r}")
        return value
    if not isinstance(value, str):
        raise ValueError(f"{kind}: a string expected, not {value!r}")
    if (kind in FIELDS or kind in OPAQUE) and not value.startswith("OpaqueRef:"):
        raise ValueError(f"a reference to a {kind} expected, not {value!r}")
    return value
