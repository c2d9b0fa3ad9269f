"""Migrations and instance actions: rows by microversion, filters, pages, abort and force-complete."""
import pytest
from api_server import MIGRATION, assert_fault, migration_uuid, uuid

ROW = {"id", "status", "source_compute", "source_node", "dest_compute", "dest_node", "dest_host", "created_at", "updated_at"}
LATER = {59: {"uuid"}, 80: {"user_id", "project_id"}}


def later(minor):
    return set().union(*(fields for since, fields in LATER.items() if minor >= since))


def rows(server, query="", version="2.88"):
    answer = server.get(f"/v2.1/os-migrations?{query}", version)
    assert answer.status == 200, answer.body
    return {row["id"]: row for row in answer.json["migrations"]}


def of(server, name, version="2.88", id_=None):
    return server.get(f"/v2.1/servers/{uuid(name)}/migrations/{id_ or MIGRATION[name]}", version)


# ---- os-migrations

@pytest.mark.parametrize("minor", [1, 22, 23, 58, 59, 79, 80, 88])
def test_list_fields(server, minor):
    fields = ROW | {"instance_uuid", "old_instance_type_id", "new_instance_type_id"} | later(minor)
    fields |= {"migration_type"} if minor >= 23 else set()
    listed = rows(server, version=f"2.{minor}")
    assert set(listed[MIGRATION["vm-done"]]) == set(listed[MIGRATION["vm-verify"]]) == fields
    for name in ("vm-running", "vm-postcopy", "vm-queued"):
        assert set(listed[MIGRATION[name]]) == fields | ({"links"} if minor >= 23 else set())


def test_list_values(server):
    row = rows(server)[3]
    assert row["status"] == "running" and row["migration_type"] == "live-migration"
    assert row["created_at"] == "2026-01-02T03:04:08.000678"
    assert row["links"][0] == {"rel": "self",
                               "href": f"http://127.0.0.1:{server.port}/v2.1/servers/{uuid('vm-running')}/migrations/3"}
    assert rows(server)[4]["status"] == "running (post-copy)"
    assert rows(server)[8]["status"] == "finished" and rows(server)[8]["migration_type"] == "migration"
    assert list(rows(server)) == sorted(MIGRATION.values(), reverse=True)


@pytest.mark.parametrize("query, found", [
    ("status=running", {3}),
    ("status=running%20(post-copy)", {4}),
    ("migration_type=migration", {5, 6, 7, 8, 9}),
    (f"instance_uuid={uuid('vm-done')}", {10}),
    ("host=HostNone", set()),
    ("host=HostB&status=completed", {10}),
    ("source_compute=HostA&status=queued", {1, 2}),
    ("source_compute=HostB", set()),
    ("changes-since=2026-01-02T03:04:15Z", {9, 10}),
    ("changes-before=2026-01-02T03:04:08Z", {1}),
    ("user_id=nobody", set()),
    ("project_id=admin", set(MIGRATION.values())),
    ("limit=2", {9, 10}),
    ("limit=0", set()),
])
def test_list_filters(server, query, found):
    assert set(rows(server, query)) == found


@pytest.mark.parametrize("version, query, known", [
    ("2.58", "limit=1", False), ("2.59", "limit=1", True),
    ("2.58", "changes-since=2026-01-02T03:04:16Z", False), ("2.59", "changes-since=2026-01-02T03:04:16Z", True),
    ("2.58", "flying=1", False)])
def test_list_parameters_by_microversion(server, version, query, known):
    assert len(rows(server, query, version)) == (1 if known else 10)


@pytest.mark.parametrize("version, query, words", [
    ("2.59", "flying=1", ["'flying' was unexpected"]),
    ("2.59", "changes-before=2026-01-01T00:00:00Z", ["'changes-before' was unexpected"]),
    ("2.79", "user_id=x", ["'user_id' was unexpected"]),
    ("2.59", "limit=x", ["limit"]),
    ("2.59", "marker=none", ["Marker none could not be found."]),
    ("2.59", "changes-since=x", ["changes-since"]),
    ("2.66", "changes-since=2026-01-02T00:00:00Z&changes-before=2026-01-01T00:00:00Z", ["less than or equal"]),
])
def test_list_refuses(server, version, query, words):
    assert_fault(server.get(f"/v2.1/os-migrations?{query}", version), "badRequest", 400, *words)


def test_list_pages(server):
    seen, path = [], "/v2.1/os-migrations?limit=3&migration_type=live-migration"
    while path:
        body = server.get(path, "2.88").json
        seen += [row["id"] for row in body["migrations"]]
        links = body.get("migrations_links")
        path = links[0]["href"].split(str(server.port), 1)[1] if links else None
    assert seen == [10, 4, 3, 2, 1]


def test_store_failure_does_not_leak(server):
    answer = server.get("/v2.1/os-migrations?status=broken", "2.88")
    assert_fault(answer, "computeFault", 500, "Unexpected API Error")
    assert b"secret" not in answer.body


# ---- servers/{id}/migrations

@pytest.mark.parametrize("minor", [23, 58, 59, 79, 80, 88])
def test_server_fields(server, minor):
    counters = {f"{what}_{which}_bytes" for what in ("memory", "disk") for which in ("total", "processed", "remaining")}
    row = of(server, "vm-running", f"2.{minor}").json["migration"]
    assert set(row) == ROW | counters | {"server_uuid"} | later(minor)
    assert (row["memory_total_bytes"], row["memory_processed_bytes"], row["memory_remaining_bytes"]) == (1000, 600, 400)
    assert server.get(f"/v2.1/servers/{uuid('vm-running')}/migrations", f"2.{minor}").json == {"migrations": [row]}


def test_post_copy_stays_visible(server):
    assert of(server, "vm-postcopy").json["migration"]["status"] == "running (post-copy)"
    assert len(server.get(f"/v2.1/servers/{uuid('vm-postcopy')}/migrations", "2.23").json["migrations"]) == 1


@pytest.mark.parametrize("name, id_, words", [
    ("vm-active", 3, ["In-progress live migration 3 is not found for server", uuid("vm-active")]),
    ("vm-running", 99, ["In-progress live migration 99 is not found"]),
    ("vm-running", "x", ["In-progress live migration x is not found"]),
    ("vm-running", "-3", ["In-progress live migration -3 is not found"]),
    ("vm-verify", 8, ["Migration 8 for server", "is not live-migration."]),
    ("vm-done", 10, ["Live migration 10 for server", "is not in progress."]),
])
def test_show_refuses(server, name, id_, words):
    assert_fault(of(server, name, id_=id_), "itemNotFound", 404, *words)


@pytest.mark.parametrize("name", ["vm-active", "vm-verify", "vm-done"])
def test_none_in_progress(server, name):
    assert server.get(f"/v2.1/servers/{uuid(name)}/migrations", "2.23").json == {"migrations": []}


@pytest.mark.parametrize("path", ["migrations", "migrations/3"])
def test_unknown_server(server, path):
    assert_fault(server.get(f"/v2.1/servers/none/{path}", "2.23"), "itemNotFound", 404, "Instance none could not be found.")


@pytest.mark.parametrize("version", ["2.1", "2.22"])
def test_too_old(server, version):
    assert_fault(server.get(f"/v2.1/servers/{uuid('vm-running')}/migrations", version), "itemNotFound", 404)


# ---- force-complete and abort

def force(server, name, id_, version="2.22", body=None):
    return server.request("POST", f"/v2.1/servers/{uuid(name)}/migrations/{id_}/action", body or {"force_complete": None}, version)


def abort(server, name, id_, version="2.88"):
    return server.request("DELETE", f"/v2.1/servers/{uuid(name)}/migrations/{id_}", version=version)


def test_force_complete(server):
    answer = force(server, "vm-running", 3)
    assert (answer.status, answer.body) == (202, b"")


@pytest.mark.parametrize("name, id_, fault, code, words", [
    ("vm-active", 3, "conflictingRequest", 409, ["Cannot 'force_complete' instance", "task_state None"]),
    ("vm-verify", 8, "conflictingRequest", 409, ["Cannot 'force_complete' instance"]),
    ("vm-running", 99, "badRequest", 400, ["Migration 99 not found for instance"]),
    ("vm-postcopy", 4, "badRequest", 400, ["running (post-copy)"]),
])
def test_force_complete_refuses(server, name, id_, fault, code, words):
    assert_fault(force(server, name, id_), fault, code, *words)


@pytest.mark.parametrize("body, words", [({"fly": None}, ["no such action: fly"]), ({"force_complete": {}}, ["force_complete"]),
                                         ({"a": 1, "b": 2}, ["Malformed request body"])])
def test_force_complete_body(server, body, words):
    assert_fault(force(server, "vm-running", 3, body=body), "badRequest", 400, *words)


def test_abort(server):
    assert abort(server, "vm-running", 3, "2.24").status == 202


@pytest.mark.parametrize("name", ["vm-queued", "vm-paused-queued"])
def test_abort_of_queued_needs_2_65(server, name):
    assert_fault(abort(server, name, MIGRATION[name], "2.64"), "badRequest", 400,
                 f"Migration {MIGRATION[name]} state of instance {uuid(name)} is queued. "
                 "Cannot abort live migration while the migration is in this state.")
    assert abort(server, name, MIGRATION[name], "2.65").status == 202


@pytest.mark.parametrize("name, id_, fault, code, words", [
    ("vm-active", 3, "conflictingRequest", 409, ["Cannot 'abort live migration' instance", "task_state None"]),
    ("vm-running", 99, "itemNotFound", 404, ["Migration 99 not found for instance"]),
    ("vm-running", "x", "itemNotFound", 404, ["Migration x not found for instance"]),
    ("vm-postcopy", 4, "badRequest", 400, ["running (post-copy)"]),
])
def test_abort_refuses(server, name, id_, fault, code, words):
    assert_fault(abort(server, name, id_), fault, code, *words)


def test_steering_an_unknown_server(server):
    assert server.request("DELETE", "/v2.1/servers/none/migrations/3", version="2.88").status == 404
    assert server.request("POST", "/v2.1/servers/none/migrations/3/action", {"force_complete": None}, "2.88").status == 404


# ---- os-instance-actions

def actions(server, name, version="2.88", query=""):
    return server.get(f"/v2.1/servers/{uuid(name)}/os-instance-actions{query}", version)


@pytest.mark.parametrize("minor", [1, 57, 58, 88])
def test_action_fields(server, minor):
    fields = {"action", "instance_uuid", "request_id", "user_id", "project_id", "start_time", "message"}
    (row,) = actions(server, "vm-done", f"2.{minor}").json["instanceActions"]
    assert set(row) == fields | ({"updated_at"} if minor >= 58 else set())
    assert row["action"] == "live-migration" and row["request_id"] == "req-1"


@pytest.mark.parametrize("minor", [1, 51, 61, 62, 83, 84])
def test_event_fields(server, minor):
    action = server.get(f"/v2.1/servers/{uuid('vm-done')}/os-instance-actions/req-1", f"2.{minor}").json["instanceAction"]
    (event,) = action["events"]
    fields = {"event", "start_time", "finish_time", "result", "traceback"}
    fields |= {"host", "hostId"} if minor >= 62 else set()
    fields |= {"details"} if minor >= 84 else set()
    assert set(event) == fields
    if minor >= 84:
        assert event["details"] == "HostFull: it has 12 MiB free"


def test_actions_of_an_instance_that_is_gone(server):
    path = "/v2.1/servers/10000000-0000-4000-8000-00000000dead/os-instance-actions"
    assert_fault(server.get(path, "2.20"), "itemNotFound", 404)
    assert len(server.get(path, "2.21").json["instanceActions"]) == 1
    assert server.get(path + "/req-gone", "2.21").status == 200


def test_actions_refuse(server):
    assert_fault(server.get("/v2.1/servers/none/os-instance-actions", "2.88"), "itemNotFound", 404, "Instance none")
    assert_fault(server.get(f"/v2.1/servers/{uuid('vm-done')}/os-instance-actions/req-none"), "itemNotFound", 404,
                 "Action req-none not found")
    assert_fault(actions(server, "vm-done", "2.58", "?fly=1"), "badRequest", 400, "'fly' was unexpected")
    assert_fault(actions(server, "vm-done", "2.58", "?marker=x"), "badRequest", 400, "Marker x")
    assert actions(server, "vm-done", "2.57", "?fly=1").status == 200


def test_action_pages(start):
    server = start()
    for _ in range(3):
        server.live("HostB", "2.34")
    seen, path = [], f"/v2.1/servers/{uuid('vm-active')}/os-instance-actions?limit=2"
    while path:
        body = server.get(path, "2.58").json
        seen += [row["request_id"] for row in body["instanceActions"]]
        path = body["links"][0]["href"].split(str(server.port), 1)[1] if "links" in body else None
    assert len(seen) == len(set(seen)) == 3
