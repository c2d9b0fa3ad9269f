"""`nova ...`: every command that has to do with migration."""
import pytest


def words(value):
    return " ".join(value) if isinstance(value, (list, tuple)) else ""


# ---- servers

@pytest.mark.parametrize("argv, expected", [
    (["--host", "HostQ"], {f"quiet-HostQ-{n}" for n in range(1, 9)}),
    (["--name", "^slow-HostS-[12]$"], {"slow-HostS-1", "slow-HostS-2"}),
    (["--flavor", "1c-1024m-10g"], {f"slow-HostS-{n}" for n in range(1, 17)}),
    (["--status", "ERROR"], set()), (["--deleted"], set()), (["--image", "none"], None), (["--ip", "10"], set()),
    (["--limit", "1", "--sort", "display_name:asc", "--name", "slow"], {"slow-HostS-1"}),
    (["--limit", "1", "--sort", "display_name:desc", "--name", "slow"], {"slow-HostS-9"}),
    (["--minimal", "--name", "slow-HostS-9"], {"slow-HostS-9"}),
    (["--changes-since", "2040-01-01T00:00:00Z"], set()),
    (["--availability-zone", "elsewhere"], set()),
], ids=words)
def test_list(nova, argv, expected):
    if expected is None:
        assert nova.try_("list", *argv).code != 0  # names that the client itself looks up, or options that it does not have
    else:
        assert {r["Name"] for r in nova.list("list", *argv)} == expected


def test_list_fields(nova, watch):
    rows = {r["Name"]: r for r in nova.list("list", "--fields", "name,OS-EXT-SRV-ATTR:host,status", "--all-tenants")}
    assert len(rows) == 182 and rows["quiet-HostQ-8"]["Status"] == "ACTIVE"
    assert rows["quiet-HostQ-8"]["OS-EXT-SRV-ATTR: Host"] == "HostQ"


def test_list_pages(nova):
    rows = nova.list("list", "--limit", "-1")
    assert len({r["ID"] for r in rows}) == 182
    page = nova.list("list", "--marker", rows[2]["ID"], "--limit", "2")
    assert len(page) == 2


def test_list_unknown_status(nova):
    if nova.minor < 38:
        assert nova.list("list", "--status", "FLYING") == []
    else:
        assert "Invalid status value" in nova.refused("list", "--status", "FLYING")


def test_show(nova, server, watch):
    shown = nova.show("show", server)
    assert shown["OS-EXT-SRV-ATTR:host"] == shown["OS-EXT-SRV-ATTR:hypervisor_hostname"] == "HostA"
    assert shown["id"] == watch.find(server)["id"] and shown["status"] == "ACTIVE"
    assert shown["image"] == "Attempt to boot from volume - no image supplied"
    if nova.minor >= 47:
        assert (shown["flavor:original_name"], shown["flavor:ram"]) == ("1c-512m-10g", "512")
    else:
        assert shown["flavor"] == "1c-512m-10g (1c-512m-10g)"
    assert ("locked_reason" in shown) == (nova.minor >= 73)


def test_parts_of_a_server(nova, server):
    (interface,) = nova.list("interface-list", server)
    assert interface["MAC Addr"].count(":") == 5 and interface["Net ID"] == "br0"
    assert nova.list("volume-attachments", server) == []
    assert nova.list("list-secgroup", server) == []
    if nova.minor >= 26:
        assert nova.list("server-tag-list", server) == []
    if nova.minor >= 78:
        assert nova("server-topology", server).code == 0


# ---- cold

def test_migrate_and_confirm(nova, server, watch):
    assert "Finished" in nova("migrate", "--poll", server).out
    assert watch.find(server)["status"] == "VERIFY_RESIZE"
    nova("resize-confirm", server)
    assert watch.until(server, "ACTIVE")["OS-EXT-SRV-ATTR:host"] != "HostA"


def test_migrate_to_host_and_revert(nova, server, watch):
    if nova.minor < 56:
        assert nova.try_("migrate", "--host", "HostC", server).code != 0
        return
    nova("migrate", "--host", "HostC", server)
    assert watch.until(server, "VERIFY_RESIZE")["OS-EXT-SRV-ATTR:host"] == "HostC"
    nova("resize-revert", server)
    watch.moved(server, "HostA")
    assert "Compute host HostZ could not be found. (HTTP 400)" in nova.refused("migrate", "--host", "HostZ", server)


def test_confirm_without_resize(nova, server):
    assert "Instance has not been resized. (HTTP 400)" in nova.refused("resize-confirm", server)


# ---- live

def test_live_migration(nova, server, watch):
    nova("live-migration", server)
    watch.migration(server, "completed")
    assert watch.until(server, "ACTIVE")["OS-EXT-SRV-ATTR:host"] != "HostA"


def test_live_migration_to_host(nova, server, watch):
    nova("live-migration", server, "HostC")
    watch.migration(server, "completed")
    watch.moved(server, "HostC")


def test_live_migration_of_blocks(nova, local_server, watch):
    nova("live-migration", "--block-migrate", local_server, "HostB")
    watch.migration(local_server, "completed")
    watch.moved(local_server, "HostB")


def test_live_migration_by_force(access, server, watch):
    """2.30 to 2.67 have it."""
    import clients
    clients.Client("nova", access, "2.67")("live-migration", "--force", server, "HostB")
    watch.migration(server, "completed")
    watch.moved(server, "HostB")


def test_live_migration_refused(nova, server, watch):
    """Until 2.33 the answer holds the reason, later the action's details."""
    if nova.minor < 34:
        assert "every disk" in nova.refused("live-migration", "--block-migrate", server, "HostB")
        return
    nova("live-migration", "--block-migrate", server, "HostB")
    watch.migration(server, "failed", "error")
    (action,) = nova.list("instance-action-list", server)
    assert action["Message"] == "Error"
    assert "every disk" in nova("instance-action", server, action["Request_ID"]).out


@pytest.mark.parametrize("host, why", [("HostZ", "Compute host HostZ could not be found. (HTTP 400)"), ("HostA", "HostA")])
def test_live_migration_to_wrong_host(access, server, host, why):
    import clients
    for version in ("2.1", "2.30"):
        assert why in clients.Client("nova", access, version).refused("live-migration", server, host)
    if host == "HostZ":
        assert why in clients.Client("nova", access).refused("live-migration", server, host)


def test_a_migration_under_way(nova, slow_server, watch):
    nova("live-migration", slow_server, "HostC")
    row = watch.migration(slow_server, "running")
    server = watch.find(slow_server)
    assert nova.show("show", slow_server)["status"] == "MIGRATING"
    refusal = f"Cannot 'os-migrateLive' instance {server['id']} while it is in task_state migrating"
    assert refusal in nova.refused("live-migration", slow_server) and "(HTTP 409)" in nova.refused("live-migration", slow_server)
    refusal = f"Cannot 'confirmResize' instance {server['id']} while it is in vm_state active"
    assert refusal in nova.refused("resize-confirm", slow_server)
    listed = [r for r in nova.list("migration-list", "--status", "running") if r["Instance UUID"] == server["id"]]
    assert listed[0]["Source Compute"] == "HostS" and listed[0]["Dest Compute"] == "HostC"
    if nova.minor < 24:
        assert nova.try_("server-migration-list", slow_server).code != 0
        return
    (one,) = nova.list("server-migration-list", slow_server)
    assert (one["Id"], one["Status"], one["Dest Compute"]) == (str(row["id"]), "running", "HostC")
    shown = nova.show("server-migration-show", slow_server, one["Id"])
    assert int(shown["memory_total_bytes"]) >= int(shown["memory_processed_bytes"])
    assert (shown.get("uuid") == row["uuid"]) == (nova.minor >= 59)
    assert (shown.get("project_id") == "admin") == (nova.minor >= 80)
    nova("live-migration-force-complete", slow_server, one["Id"])
    nova("live-migration-abort", slow_server, one["Id"])
    watch.migration(slow_server, "cancelled")
    watch.moved(slow_server, "HostS")
    names = {r["Action"] for r in nova.list("instance-action-list", slow_server)}
    assert names == {"live-migration", "live_migration_force_complete", "live_migration_cancel"}
    assert "is not in progress" in nova.refused("server-migration-show", slow_server, one["Id"])


# ---- history

def test_migration_list(nova, server, watch):
    nova("live-migration", server, "HostB")
    row = watch.migration(server, "completed")
    rows = [r for r in nova.list("migration-list", "--host", "HostB", "--status", "completed") if r["Instance UUID"] == row["instance_uuid"]]
    assert len(rows) == 1 and rows[0]["Source Compute"] == "HostA"
    assert (rows[0].get("Type") == "live-migration") == (nova.minor >= 23)
    assert (rows[0].get("UUID") == row["uuid"]) == (nova.minor >= 59)
    assert (rows[0].get("Project ID") == "admin") == (nova.minor >= 80)
    (one,) = nova.list("migration-list", "--instance-uuid", row["instance_uuid"])
    assert one == rows[0]
    if nova.minor >= 59:
        assert nova.list("migration-list", "--instance-uuid", row["instance_uuid"], "--limit", "1") == rows
        assert nova.list("migration-list", "--instance-uuid", row["instance_uuid"], "--marker", row["uuid"]) == []
        assert nova.list("migration-list", "--changes-since", "2040-01-01T00:00:00") == []
    if nova.minor >= 80:
        assert nova.list("migration-list", "--user-id", "nobody") == []
        assert nova.list("migration-list", "--project-id", "admin", "--instance-uuid", row["instance_uuid"]) == rows


def test_instance_actions(nova, server, watch):
    nova("live-migration", server, "HostB")
    watch.migration(server, "completed")
    (action,) = nova.list("instance-action-list", server)
    assert action["Action"] == "live-migration" and action["Message"] == "-"
    assert ("Updated_At" in action) == (nova.minor >= 58)
    result = nova("instance-action", server, action["Request_ID"])
    shown = result.properties
    assert shown["instance_uuid"] == watch.find(server)["id"] and shown["action"] == "live-migration"
    assert "'result': 'Success'" in result.out and "'result': 'Error'" not in result.out
    if nova.minor >= 58:
        assert nova.list("instance-action-list", "--limit", "1", server) == [action]


# ---- hosts

def test_services(nova):
    rows = {r["Host"]: r for r in nova.list("service-list")}
    assert rows["HostA"]["State"] == "up" and rows["HostA"]["Status"] == "enabled" and rows["HostA"]["Binary"] == "nova-compute"
    assert rows["HostA"]["Id"].isdigit() == (nova.minor < 53)
    assert ("Forced down" in rows["HostA"]) == (nova.minor >= 11)
    assert [r["Host"] for r in nova.list("service-list", "--host", "HostB", "--binary", "nova-compute")] == ["HostB"]


def test_hypervisors(nova):
    rows = {r["Hypervisor hostname"]: r for r in nova.list("hypervisor-list")}
    assert sorted(rows) == ["HostA", "HostB", "HostC", "HostL", "HostQ", "HostS"] and rows["HostA"]["State"] == "up"
    assert [r["Hypervisor hostname"] for r in nova.list("hypervisor-list", "--matching", "HostB")] == ["HostB"]
    shown = nova.show("hypervisor-show", rows["HostQ"]["ID"])
    assert shown["hypervisor_hostname"] == shown["service_host"] == "HostQ"
    assert (shown.get("vcpus") == "32") == (nova.minor < 88)
    assert (shown.get("cpu_info_arch") == "x86_64") == (nova.minor < 88)
    servers = nova.list("hypervisor-servers", "HostQ")
    assert {"quiet-HostQ-8"} <= {r["Name"] for r in servers}
    assert servers[0]["Hypervisor ID"] == rows["HostQ"]["ID"]


def test_zones(nova):
    out = nova("availability-zone-list").out
    assert "| nova " in out and "|- HostA" in out and "nova-compute" in out and "enabled :-)" in out


# ---- what else the client asks

def test_flavors(nova):
    rows = {r["ID"]: r for r in nova.list("flavor-list", "--extra-specs")}
    assert rows["1c-512m-10g"]["Memory_MiB"] == "512" and rows["1c-512m-10g"]["extra_specs"] == "{}"
    assert nova.show("flavor-show", "1c-512m-10g")["ram"] == "512"


def test_limits(nova):
    rows = {cells[0]: cells for cells in (line.replace("|", " ").split() for line in nova("limits").out.splitlines()) if cells}
    assert rows["Cores"] == ["Cores", "182", "-1"] and rows["Instances"] == ["Instances", "182", "-1"]


def test_quota(nova):
    rows = {r["Quota"]: r["Limit"] for r in nova.list("quota-show", "--tenant", "admin")}
    assert rows["instances"] == "-1" and rows["key_pairs"] == "0"
    assert ("injected_files" in rows) == (nova.minor < 57) and ("floating_ips" in rows) == (nova.minor < 36)
    detail = {r["Quota"]: r["Limit"] for r in nova.list("quota-show", "--tenant", "admin", "--detail")}
    assert "in_use" in detail["cores"]


def test_usage(nova):
    (row,) = nova.list("usage-list", "--start", "2020-01-01", "--end", "2040-01-01")
    assert row["Tenant ID"] == "admin" and int(row["Servers"]) >= 182 and float(row["CPU Hours"]) >= 0
    shown = nova("usage", "--tenant", "admin", "--start", "2020-01-01", "--end", "2040-01-01")
    assert str(row["Servers"]) in shown.out


def test_versions(nova):
    lines = [line.replace("|", " ").split() for line in nova("version-list").out.splitlines()]
    assert [cells[1:2] + cells[-2:] for cells in lines if cells[:1] == ["v2.1"]] == [["CURRENT", "2.1", "2.88"]]
