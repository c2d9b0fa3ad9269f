"""`openstack` about what is not a server: services, hypervisors, zones, flavors, limits."""
import pytest

HOSTS = ["HostA", "HostB", "HostC", "HostL", "HostQ", "HostS"]


def by(rows, column):
    return {row[column]: row for row in rows}


def test_service_list(openstack):
    rows = by(openstack.list("compute", "service", "list"), "Host")
    assert sorted(rows) == HOSTS
    row = rows["HostA"]
    assert (row["Binary"], row["Zone"], row["Status"], row["State"]) == ("nova-compute", "nova", "enabled", "up")
    assert isinstance(row["ID"], int) == (openstack.version == "2.30")  # the command chooses 2.69 by itself
    long = by(openstack.list("compute", "service", "list", "--long"), "Host")["HostA"]
    assert long["Disabled Reason"] is None
    assert long.get("Forced Down") is False
    assert list(by(openstack.list("compute", "service", "list", "--host", "HostB", "--service", "nova-compute"), "Host")) == ["HostB"]
    assert openstack.list("compute", "service", "list", "--service", "nova-scheduler") == []


def test_hypervisor_list(openstack):
    rows = by(openstack.list("hypervisor", "list", "--long"), "Hypervisor Hostname")
    assert sorted(rows) == HOSTS
    row = rows["HostA"]
    assert row["State"] == "up" and isinstance(row["ID"], int if openstack.minor < 53 else str)
    assert row["vCPUs"] == (32 if openstack.minor < 88 else "")
    assert row["Memory MB"] == (131072 if openstack.minor < 88 else "")
    if openstack.minor < 88:
        assert row["Memory MB Used"] >= 0


def test_hypervisor_list_matching(openstack):
    assert list(by(openstack.list("hypervisor", "list", "--matching", "HostB"), "Hypervisor Hostname")) == ["HostB"]
    assert len(openstack.list("hypervisor", "list", "--matching", "Host")) == 6
    assert "No hypervisor matching 'Nowhere' could be found." in openstack.refused("hypervisor", "list", "--matching", "Nowhere")


def test_hypervisor_list_pages(openstack):
    if openstack.minor < 33:
        assert "2.33" in openstack.refused("hypervisor", "list", "--limit", "2")
        return
    first = openstack.list("hypervisor", "list", "--limit", "2")
    rest = openstack.list("hypervisor", "list", "--marker", first[1]["ID"])
    assert [r["Hypervisor Hostname"] for r in first + rest] == HOSTS


def test_zone_list(openstack):
    rows = openstack.list("availability", "zone", "list", "--compute", "--long")
    assert {(r["Zone Name"], r["Zone Status"], r["Service Name"]) for r in rows} == {("nova", "available", "nova-compute")}
    assert sorted(r["Host Name"] for r in rows) == HOSTS
    assert openstack.list("availability", "zone", "list", "--compute") == [{"Zone Name": "nova", "Zone Status": "available"}]


def test_flavor_list_and_show(openstack):
    rows = by(openstack.list("flavor", "list", "--long", "--all"), "ID")
    assert rows["1c-1024m-10g"]["RAM"] == 1024 and rows["1c-512m-10g"]["VCPUs"] == 1 and rows["1c-512m-10g"]["Disk"] == 10
    shown = openstack.show("flavor", "show", "1c-512m-10g")
    assert (shown["ram"], shown["vcpus"], shown["disk"], shown["os-flavor-access:is_public"]) == (512, 1, 10, True)
    assert "No Flavor found" in openstack.refused("flavor", "show", "huge")


def test_limits(openstack):
    rows = {r["Name"]: r["Value"] for r in openstack.list("limits", "show", "--absolute")}
    assert rows["maxTotalInstances"] == rows["maxTotalCores"] == rows["maxTotalRAMSize"] == -1
    assert rows["totalInstancesUsed"] == rows["totalCoresUsed"] == 182
    assert rows["totalRAMUsed"] == 166 * 512 + 16 * 1024
    assert openstack.list("limits", "show", "--rate") == []


def test_usage(openstack):
    rows = openstack.list("usage", "list", "--start", "2020-01-01", "--end", "2040-01-01")
    assert [r["Project"] for r in rows] == ["admin"]


def test_extensions(openstack):
    rows = by(openstack.list("extension", "list", "--compute"), "Alias")
    assert rows["os-migrate-server"]["Name"] == "MigrateServer" and {"servers", "os-services", "os-hypervisors"} <= set(rows)


@pytest.mark.parametrize("argv", [["hypervisor", "list"], ["server", "list"], ["compute", "service", "list"]], ids=" ".join)
def test_versions_out_of_range(openstack, argv):
    assert openstack.at("2.999").try_(*argv).code != 0
