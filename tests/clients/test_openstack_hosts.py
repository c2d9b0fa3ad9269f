"""`openstack` changing services and aggregates, with a daemon of their own."""
import time

import clients
import pytest
from conftest import FAST, NAMES, VERSIONS, Watch, start


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    daemon = start(tmp_path_factory, {
        "HostA": dict(instances=6, prefix="vm", link_mbps=FAST), "HostB": dict(link_mbps=FAST), "HostC": dict(link_mbps=FAST),
        **{f"Spare{n}": dict(memory_mib=300) for n in range(6)}})  # without room
    yield daemon
    daemon.close()


@pytest.fixture(params=VERSIONS, ids=NAMES)
def openstack(request, site):
    return clients.Client("openstack", clients.Access(f"http://127.0.0.1:{site.port}/v2.1"), request.param)


@pytest.fixture(params=VERSIONS, ids=NAMES)
def nova(request, site):
    return clients.Client("nova", clients.Access(f"http://127.0.0.1:{site.port}/v2.1"), request.param)


@pytest.fixture
def watch(site):
    return Watch(site)


def service(openstack, host):
    (row,) = openstack.list("compute", "service", "list", "--long", "--host", host)
    return row


# ---- services

def test_service_set(openstack):
    openstack("compute", "service", "set", "--disable", "--disable-reason", "broken fan", "HostC", "nova-compute")
    row = service(openstack, "HostC")
    assert (row["Status"], row["Disabled Reason"], row["State"]) == ("disabled", "broken fan", "up")
    openstack("compute", "service", "set", "--enable", "HostC", "nova-compute")
    row = service(openstack, "HostC")
    assert (row["Status"], row["Disabled Reason"]) == ("enabled", None)
    openstack("compute", "service", "set", "--down", "HostC", "nova-compute")
    assert service(openstack, "HostC")["State"] == "down"
    openstack("compute", "service", "set", "--up", "HostC", "nova-compute")
    assert service(openstack, "HostC")["State"] == "up"
    assert openstack.refused("compute", "service", "set", "--disable", "HostZ", "nova-compute")


def test_disabled_host_is_not_chosen(openstack, watch):
    """Of two hosts that could take it one is disabled."""
    name = {None: "vm-HostA-1", "2.30": "vm-HostA-2", "2.88": "vm-HostA-3"}[openstack.version]
    openstack("compute", "service", "set", "--disable", "HostB", "nova-compute")
    openstack("server", "migrate", "--live-migration", name)
    watch.migration(name, "completed")
    watch.moved(name, "HostC")
    openstack("compute", "service", "set", "--enable", "HostB", "nova-compute")


def test_service_delete(openstack, site):
    host = {None: "Spare0", "2.30": "Spare1", "2.88": "Spare2"}[openstack.version]
    openstack("compute", "service", "delete", str(service(openstack, host)["ID"]))
    assert openstack.list("compute", "service", "list", "--host", host) == []
    assert openstack.refused("compute", "service", "delete", "99999")


def test_nova_services(nova, site):
    rows = {r["Host"]: r["Id"] for r in nova.list("service-list")}
    which = rows["HostC"] if nova.minor >= 53 else "HostC"
    assert nova("service-disable", which, "--reason", "fan").code == 0
    row = {r["Host"]: r for r in nova.list("service-list")}["HostC"]
    assert (row["Status"], row["Disabled Reason"]) == ("disabled", "fan")
    nova("service-enable", which)
    nova("service-force-down", which)
    row = {r["Host"]: r for r in nova.list("service-list")}["HostC"]
    assert (row["Status"], row["State"]) == ("enabled", "down")
    nova("service-force-down", "--unset", which)
    assert {r["Host"]: r for r in nova.list("service-list")}["HostC"]["State"] == "up"
    host = {None: "Spare3", "2.30": "Spare4", "2.88": "Spare5"}[nova.version]
    nova("service-delete", rows[host])
    assert host not in {r["Host"] for r in nova.list("service-list")}


# ---- aggregates

def test_aggregate(openstack):
    made = openstack.show("aggregate", "create", "--zone", "rack1", "--property", "ssd=true", "fast")
    assert (made["name"], made["availability_zone"]) == ("fast", "rack1")
    openstack("aggregate", "add", "host", "fast", "HostB")
    shown = openstack.show("aggregate", "show", "fast")
    assert shown["hosts"] == ["HostB"] and shown["properties"] == {"ssd": "true"} and shown["availability_zone"] == "rack1"
    assert openstack.show("aggregate", "show", str(made["id"]))["name"] == "fast"
    openstack("aggregate", "set", "--name", "faster", "--property", "disk=nvme", "fast")
    (row,) = openstack.list("aggregate", "list", "--long")
    assert row["Name"] == "faster" and row["Properties"]["disk"] == "nvme" and row["Availability Zone"] == "rack1"
    openstack("aggregate", "unset", "--property", "disk", "faster")
    assert "disk" not in openstack.show("aggregate", "show", "faster")["properties"]
    zones = openstack.list("availability", "zone", "list", "--compute")
    assert {z["Zone Name"] for z in zones} == {"nova", "rack1"}
    assert openstack.refused("aggregate", "delete", "faster"), "it has a host"
    openstack("aggregate", "remove", "host", "faster", "HostB")
    openstack("aggregate", "delete", "faster")
    assert openstack.list("aggregate", "list") == []
    assert "No Aggregate found" in openstack.refused("aggregate", "show", "faster")


def test_nova_aggregate(nova):
    (made,) = nova.list("aggregate-create", "fast", "rack2")
    assert made["Availability Zone"] == "rack2" and ("UUID" in made) == (nova.minor >= 41)
    nova("aggregate-add-host", "fast", "HostB")
    (shown,) = nova.list("aggregate-set-metadata", "fast", "ssd=true")
    assert "'ssd=true'" in shown["Metadata"] and shown["Hosts"] == "'HostB'"
    (shown,) = nova.list("aggregate-show", "fast")
    assert shown["Hosts"] == "'HostB'" and "'availability_zone=rack2'" in shown["Metadata"]
    nova("aggregate-update", "--name", "faster", "fast")
    assert [r["Name"] for r in nova.list("aggregate-list")] == ["faster"]
    nova("aggregate-remove-host", "faster", "HostB")
    nova("aggregate-delete", "faster")
    assert nova.list("aggregate-list") == []


# ---- hypervisors and hosts

def test_hypervisor_show(openstack):
    shown = openstack.show("hypervisor", "show", "HostA")
    assert shown["hypervisor_hostname"] == "HostA" and shown["state"] == "up" and shown["aggregates"] == []
    assert shown["service_host"] == "HostA"
    if openstack.minor < 88:
        assert shown["vcpus"] == 32 and shown["cpu_info"]["arch"] == "x86_64"
    else:
        assert "vcpus" not in shown


def test_hypervisor_stats(openstack, nova):
    if openstack.minor >= 88:
        assert "2.88" in openstack.refused("hypervisor", "stats", "show")
        return
    shown = openstack.show("hypervisor", "stats", "show")
    assert shown["running_vms"] == 6 and shown["count"] >= 3 and shown["vcpus"] == 32 * shown["count"]
    if nova.minor < 88:
        assert nova.show("hypervisor-stats")["running_vms"] == "6"


def test_host_list_and_show(openstack):
    """The commands never send a version: os-hosts is of 2.1 to 2.42."""
    rows = openstack.list("host", "list")
    assert {"HostA", "HostB", "HostC"} <= {r["Host Name"] for r in rows} and {r["Service"] for r in rows} == {"compute"}
    shown = {r["Project"]: r for r in openstack.list("host", "show", "HostA")}
    assert shown["(total)"]["CPU"] == 32 and shown["(used_now)"]["CPU"] == shown["admin"]["CPU"]
    assert openstack.refused("host", "show", "HostZ")


def test_host_set(openstack):
    openstack("host", "set", "--disable", "HostC")
    assert service(openstack, "HostC")["Status"] == "disabled"
    openstack("host", "set", "--enable", "HostC")
    assert service(openstack, "HostC")["Status"] == "enabled"
    openstack("host", "set", "--enable-maintenance", "HostC")  # it is emptied
    assert service(openstack, "HostC")["Status"] == "disabled"
    for _ in range(100):  # refused while it is still being emptied
        if openstack.try_("host", "set", "--disable-maintenance", "HostC").code == 0:
            break
        time.sleep(0.1)
    assert service(openstack, "HostC")["Status"] == "enabled"
