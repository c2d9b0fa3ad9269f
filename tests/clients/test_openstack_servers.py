"""`openstack server ...`: what concerns servers and where they are."""
import pytest

SHOWN = {"OS-EXT-SRV-ATTR:host": "HostA", "OS-EXT-SRV-ATTR:hypervisor_hostname": "HostA", "OS-EXT-STS:vm_state": "active",
         "OS-EXT-STS:power_state": 1, "OS-EXT-STS:task_state": None, "status": "ACTIVE"}


def words(value):
    return " ".join(value) if isinstance(value, (list, tuple)) else ""


def names(rows):
    return {row["Name"] for row in rows}


def test_list(openstack):
    rows = {row["Name"]: row for row in openstack.list("server", "list")}
    assert len(rows) == 182
    assert rows["quiet-HostQ-8"]["Status"] == "ACTIVE" and rows["quiet-HostQ-8"]["Flavor"] == "1c-512m-10g"
    assert rows["slow-HostS-1"]["Flavor"] == "1c-1024m-10g"
    assert rows["quiet-HostQ-8"]["Image"] == "N/A (booted from volume)"


def test_list_long(openstack, watch):
    rows = {row["Name"]: row for row in openstack.list("server", "list", "--long", "--all-projects", "-n")}
    row = rows["quiet-HostQ-8"]
    assert (row["ID"], row["Host"], row["Availability Zone"]) == (watch.find("quiet-HostQ-8")["id"], "HostQ", "nova")
    assert (row["Task State"], row["Power State"]) == (None, 1)
    assert (row.get("Host Status") == "UP") == (openstack.minor >= 16)


@pytest.mark.parametrize("argv, expected", [
    (["--host", "HostQ"], {f"quiet-HostQ-{n}" for n in range(1, 9)}),
    (["--name", "^slow-HostS-[12]$"], {"slow-HostS-1", "slow-HostS-2"}),
    (["--status", "ERROR"], set()),
    (["--status", "ACTIVE", "--host", "HostQ", "--name", "-8"], {"quiet-HostQ-8"}),
    (["--flavor", "1c-1024m-10g"], {f"slow-HostS-{n}" for n in range(1, 17)}),
    (["--deleted"], set()),
    (["--ip", "10.0"], set()),
    (["--key-name", "mine"], set()),
    (["--config-drive"], set()),
    (["--no-config-drive", "--host", "HostQ", "--name", "-8"], {"quiet-HostQ-8"}),
    (["--availability-zone", "elsewhere"], set()),
    (["--vm-state", "active", "--power-state", "running", "--name", "slow-HostS-16"], {"slow-HostS-16"}),
    (["--task-state", "migrating", "--name", "quiet"], set()),
    (["--reservation-id", "r-1"], set()),
    (["--changes-since", "2020-01-01", "--name", "quiet-HostQ-8"], {"quiet-HostQ-8"}),
    (["--changes-since", "2040-01-01T00:00:00Z"], set()),
    (["--progress", "5", "--name", "quiet"], set()),
], ids=words)
def test_list_filters(openstack, argv, expected):
    assert names(openstack.list("server", "list", "-n", *argv)) == expected


@pytest.mark.parametrize("argv, expected", [
    (["--changes-before", "2020-01-01T00:00:00Z"], 0), (["--changes-before", "2040-01-01"], 182),
    (["--locked"], 0), (["--unlocked"], 182), (["--tags", "blue"], 0), (["--not-tags", "blue"], 182)], ids=words)
def test_list_filters_of_later_versions(openstack, argv, expected):
    if openstack.minor >= 73:
        assert len(openstack.list("server", "list", "-n", *argv)) == expected
    elif "tags" in argv[0] and openstack.minor >= 26:
        assert len(openstack.list("server", "list", "-n", *argv)) == expected
    else:
        assert "2." in openstack.refused("server", "list", *argv)


def test_list_pages(openstack, access):
    first = openstack.list("server", "list", "-n", "--limit", "2")
    assert len(first) == 2
    second = openstack.list("server", "list", "-n", "--limit", "2", "--marker", first[1]["ID"])
    assert len(second) == 2 and not {r["ID"] for r in first} & {r["ID"] for r in second}
    everything = openstack.list("server", "list", "-n", "--limit", "-1")
    assert len({r["ID"] for r in everything}) == 182


def test_show(openstack, server, watch):
    shown = openstack.show("server", "show", server)
    assert {k: shown[k] for k in SHOWN} == SHOWN
    assert shown["id"] == watch.find(server)["id"] and shown["name"] == server
    assert "1c-512m-10g" in str(shown["flavor"])
    assert ("locked" in shown) == (openstack.minor >= 9)
    assert ("host_status" in shown) == (openstack.minor >= 16)
    assert ("server_groups" in shown) == (openstack.minor >= 71)
    assert openstack.show("server", "show", shown["id"])["name"] == server


def test_show_unknown(openstack):
    assert "No server with a name or ID of 'nobody' exists." in openstack.refused("server", "show", "nobody")


def test_show_topology(openstack, server):
    if openstack.minor >= 78:
        assert openstack.show("server", "show", "--topology", server)["topology"] is not None
    else:
        assert "2.78" in openstack.refused("server", "show", "--topology", server)


def test_volumes(openstack, server):
    assert openstack.list("server", "volume", "list", server) == []


# ---- cold

def test_migrate_and_confirm(openstack, server, watch):
    openstack("server", "migrate", server)
    moved = watch.until(server, "VERIFY_RESIZE")
    assert moved["OS-EXT-SRV-ATTR:host"] != "HostA" and moved["OS-EXT-STS:vm_state"] == "resized"
    openstack("server", "migration", "confirm", server)
    watch.moved(server, moved["OS-EXT-SRV-ATTR:host"])


def test_migrate_and_revert(openstack, server, watch):
    openstack("server", "migrate", server)
    watch.until(server, "VERIFY_RESIZE")
    openstack("server", "migration", "revert", server)
    watch.moved(server, "HostA")


@pytest.mark.parametrize("command", [("server", "resize", "confirm"), ("server", "migrate", "confirm"),
                                     ("server", "resize", "--confirm")], ids=words)
def test_older_words_for_confirm(openstack, server, watch, command):
    openstack("server", "migrate", server)
    watch.until(server, "VERIFY_RESIZE")
    openstack(*command, server)
    watch.until(server, "ACTIVE")


def test_migrate_to_host(openstack, server, watch):
    if openstack.minor < 56:
        assert "2.56" in openstack.refused("server", "migrate", "--host", "HostC", server)
        return
    openstack("server", "migrate", "--host", "HostC", server)
    assert watch.until(server, "VERIFY_RESIZE")["OS-EXT-SRV-ATTR:host"] == "HostC"
    openstack("server", "migration", "revert", server)
    watch.moved(server, "HostA")
    assert "HostZ" in openstack.refused("server", "migrate", "--host", "HostZ", server)


def test_migrate_and_wait(access, server, watch):
    """Here the client itself asks until it is done."""
    import clients
    openstack = clients.Client("openstack", access, "2.88")
    assert "Complete" in openstack("server", "migrate", "--wait", "--host", "HostB", server).out
    assert watch.find(server)["status"] == "VERIFY_RESIZE"


def test_confirm_without_resize(openstack, server):
    assert "Instance has not been resized. (HTTP 400)" in openstack.refused("server", "migration", "confirm", server)
    assert "Instance has not been resized. (HTTP 400)" in openstack.refused("server", "migration", "revert", server)


# ---- live

def live(openstack, name, *argv):
    """The least version that has each way: 2.30 for a named host in this client."""
    return openstack("server", "migrate", "--live-migration", *argv, name)


def test_live_migrate(openstack, server, watch):
    live(openstack, server)
    watch.migration(server, "completed")
    assert watch.until(server, "ACTIVE")["OS-EXT-SRV-ATTR:host"] != "HostA"


def test_live_migrate_to_host(openstack, server, watch):
    if openstack.minor < 30:
        assert "2.30" in openstack.refused("server", "migrate", "--live-migration", "--host", "HostB", server)
        return
    live(openstack, server, "--host", "HostB")
    watch.migration(server, "completed")
    watch.moved(server, "HostB")


def test_live_migrate_shared(openstack, server, watch):
    live(openstack, server, "--shared-migration")
    watch.migration(server, "completed")


def test_live_migrate_blocks(openstack, local_server, watch):
    live(openstack, local_server, "--block-migration", *(["--host", "HostB"] if openstack.minor >= 30 else []))
    watch.migration(local_server, "completed")
    assert watch.until(local_server, "ACTIVE")["OS-EXT-SRV-ATTR:host"] != "HostL"


def test_live_migrate_overcommit(openstack, server, watch):
    """Gone from the API with 2.25; the client leaves it out there."""
    live(openstack, server, "--disk-overcommit")
    watch.migration(server, "completed")


def test_live_migrate_refused(openstack, server, watch):
    """Until 2.33 the reasons are in the answer; later they are in the event's details."""
    if openstack.minor < 34:
        why = openstack.refused("server", "migrate", "--live-migration", "--block-migration", server)
    else:
        live(openstack, server, "--block-migration")
        watch.migration(server, "failed", "error")
        event = openstack.list("server", "event", "list", server)[0]
        shown = openstack.show("server", "event", "show", server, event["Request ID"])
        assert shown["message"] == "Error"
        why = str(shown["events"])
    assert "every disk" in why, why
    assert watch.find(server)["OS-EXT-SRV-ATTR:host"] == "HostA"


def test_live_migrate_to_unknown_host(openstack, server):
    if openstack.minor >= 30:
        assert "Compute host HostZ could not be found." in openstack.refused("server", "migrate", "--live-migration", "--host", "HostZ",
                                                                            server)


# ---- migrations

def test_migration_list(openstack, server, watch):
    live(openstack, server)
    row = watch.migration(server, "completed")
    uuid = watch.find(server)["id"]
    (shown,) = openstack.list("server", "migration", "list", "--server", server)
    assert (shown["Server UUID"], shown["Source Compute"], shown["Dest Compute"]) == (uuid, "HostA", row["dest_compute"])
    assert shown["Status"] == "completed" and shown["Created At"] == row["created_at"]
    assert (shown.get("Type") == "live-migration") == (openstack.minor >= 23)
    assert (shown.get("UUID") == row["uuid"]) == (openstack.minor >= 59)
    for argv, expected in ((["--status", "completed", "--host", "HostA"], 1), (["--status", "error"], 0),
                           (["--type", "live-migration"], 1), (["--type", "cold-migration"], 0), (["--host", "HostQ"], 0)):
        assert len(openstack.list("server", "migration", "list", "--server", server, *argv)) == expected, argv


def test_migration_list_pages(openstack, server, watch):
    for host in ("HostB", "HostC", "HostA"):
        openstack.at("2.88")("server", "migrate", "--live-migration", "--host", host, server)
        watch.migration(server, "completed")
        watch.moved(server, host)
    if openstack.minor < 59:
        assert "2.59" in openstack.refused("server", "migration", "list", "--limit", "1")
        return
    rows = openstack.list("server", "migration", "list", "--server", server)
    assert [r["Dest Compute"] for r in rows] == ["HostA", "HostC", "HostB"]
    page = openstack.list("server", "migration", "list", "--server", server, "--limit", "1", "--marker", rows[0]["UUID"])
    assert page[0] == rows[1]
    since = openstack.list("server", "migration", "list", "--server", server, "--changes-since", rows[0]["Updated At"])
    assert since == rows[:1]
    before = openstack.list("server", "migration", "list", "--server", server, "--changes-before", rows[2]["Updated At"])
    assert before == rows[2:]


def begin(openstack, name, watch):
    openstack.at("2.88")("server", "migrate", "--live-migration", "--host", "HostC", name)
    return watch.migration(name, "running")


def test_migration_show(openstack, slow_server, watch):
    row = begin(openstack, slow_server, watch)
    if openstack.minor < 24:
        assert "2.24" in openstack.refused("server", "migration", "show", slow_server, str(row["id"]))
        return
    shown = openstack.show("server", "migration", "show", slow_server, str(row["id"]))
    assert shown["Status"] == "running" and shown["Dest Compute"] == "HostC" and shown["ID"] == row["id"]
    assert shown["Memory Total Bytes"] >= shown["Memory Processed Bytes"] >= 0
    assert (shown.get("Project ID") == "admin") == (openstack.minor >= 80)
    assert (shown.get("UUID") == row["uuid"]) == (openstack.minor >= 59)
    if openstack.minor >= 59:
        assert openstack.show("server", "migration", "show", slow_server, row["uuid"])["ID"] == row["id"]
    assert openstack.show("server", "show", slow_server)["status"] == "MIGRATING"


def test_migration_abort(openstack, slow_server, watch):
    row = begin(openstack, slow_server, watch)
    if openstack.minor < 24:
        assert "2.24" in openstack.refused("server", "migration", "abort", slow_server, str(row["id"]))
        return
    openstack("server", "migration", "abort", slow_server, str(row["id"]))
    watch.migration(slow_server, "cancelled")
    watch.moved(slow_server, "HostS")


def test_migration_force_complete(openstack, slow_server, watch):
    row = begin(openstack, slow_server, watch)
    if openstack.minor < 22:
        assert "2.22" in openstack.refused("server", "migration", "force", "complete", slow_server, str(row["id"]))
        return
    openstack("server", "migration", "force", "complete", slow_server, str(row["id"]))
    events = openstack.list("server", "event", "list", slow_server)
    assert "live_migration_force_complete" in [e["Action"] for e in events]


# ---- events

def test_event_list_and_show(openstack, server, watch):
    live(openstack, server)
    watch.migration(server, "completed")
    (event,) = openstack.list("server", "event", "list", server)
    assert event["Action"] == "live-migration" and event["Server ID"] == watch.find(server)["id"]
    shown = openstack.show("server", "event", "show", server, event["Request ID"])
    assert shown["request_id"] == event["Request ID"] and shown["action"] == "live-migration" and shown["message"] is None
    results = [e["result"] for e in shown["events"]] if isinstance(shown["events"], list) else shown["events"]
    assert "Success" in results and "Error" not in results
    assert ("updated_at" in shown) == (openstack.minor >= 58)


def test_event_list_pages(openstack, server, watch):
    openstack("server", "migrate", server)
    watch.until(server, "VERIFY_RESIZE")
    openstack("server", "migration", "revert", server)
    watch.moved(server, "HostA")
    if openstack.minor < 58:
        assert "2.58" in openstack.refused("server", "event", "list", "--limit", "1", server)
        return
    first = openstack.list("server", "event", "list", "--limit", "1", server)
    assert [e["Action"] for e in first] == ["revertResize"]
    rest = openstack.list("server", "event", "list", "--marker", first[0]["Request ID"], server)
    assert [e["Action"] for e in rest] == ["migrate"]
