"""POST servers/{id}/action: schemas by microversion, what is answered when, and errors from below."""
import time

import pytest
from api_server import assert_fault, uuid

ACTIVE = f"/v2.1/servers/{uuid('vm-active')}"


def live(server, version, **body):
    return server.action("vm-active", {"os-migrateLive": body}, version)


def asked(server, answer, name="vm-active"):
    """What the engine was asked to do by that request."""
    return server.get(f"/v2.1/servers/{uuid(name)}/os-instance-actions/{answer.headers['x-compute-request-id']}").json[
        "instanceAction"]["action"]


# ---- os-migrateLive

@pytest.mark.parametrize("version, body, told", [
    ("2.1", {"host": "HostB", "block_migration": False, "disk_over_commit": False}, "host=HostB block=no over=0"),
    ("2.24", {"host": None, "block_migration": True, "disk_over_commit": True}, "host=- block=yes over=1"),
    ("2.1", {"host": None, "block_migration": "True", "disk_over_commit": "on"}, "host=- block=yes over=1"),
    ("2.1", {"host": None, "block_migration": "0", "disk_over_commit": "no"}, "host=- block=no over=0"),
    ("2.25", {"host": None, "block_migration": "auto"}, "host=- block=auto over=0"),
    ("2.29", {"host": "HostB", "block_migration": "no"}, "host=HostB block=no over=0"),
    ("2.30", {"host": "HostB", "block_migration": "auto", "force": True}, "host=HostB block=auto over=0"),
    ("2.67", {"host": "HostB", "block_migration": True, "force": "false"}, "host=HostB block=yes over=0"),
    ("2.68", {"host": "HostB", "block_migration": False}, "host=HostB block=no over=0"),
    ("2.88", {"host": None, "block_migration": "auto"}, "host=- block=auto over=0"),
])
def test_live_schema_accepts(server, version, body, told):
    answer = live(server, version, **body)
    assert (answer.status, answer.body) == (202, b"")
    assert answer.headers["Content-Length"] == "0"
    assert int(answer.headers["x-godwit-migration-id"]) > 10
    assert asked(server, answer) == f"live-migration {told}"


@pytest.mark.parametrize("version, body, words", [
    ("2.1", {"host": None, "block_migration": False}, ["'disk_over_commit' is a required property"]),
    ("2.1", {"block_migration": False, "disk_over_commit": False}, ["'host' is a required property"]),
    ("2.24", {"host": None, "block_migration": "auto", "disk_over_commit": False}, ["block_migration", "Value: auto."]),
    ("2.25", {"host": None, "block_migration": "auto", "disk_over_commit": False}, ["'disk_over_commit' was unexpected"]),
    ("2.25", {"host": None}, ["'block_migration' is a required property"]),
    ("2.29", {"host": "HostB", "block_migration": "auto", "force": True}, ["'force' was unexpected"]),
    ("2.30", {"host": None, "block_migration": "auto", "force": True}, ["Can't force to a non-provided destination"]),
    ("2.68", {"host": "HostB", "block_migration": "auto", "force": True}, ["'force' was unexpected"]),
    ("2.30", {"host": 7, "block_migration": "auto"}, ["field/attribute host. Value: 7."]),
    ("2.30", {"host": "", "block_migration": "auto"}, ["field/attribute host"]),
    ("2.30", {"host": "a/b", "block_migration": "auto"}, ["field/attribute host"]),
    ("2.30", {"host": "x\n", "block_migration": "auto"}, ["field/attribute host"]),
    ("2.30", {"host": "x" * 256, "block_migration": "auto"}, ["field/attribute host"]),
    ("2.30", {"host": None, "block_migration": 1}, ["block_migration. Value: 1."]),
    ("2.30", {"host": None, "block_migration": "maybe"}, ["block_migration"]),
    ("2.30", {"host": None, "block_migration": None}, ["block_migration"]),
    ("2.30", {"host": None, "block_migration": [True]}, ["block_migration"]),
])
def test_live_schema_refuses(server, version, body, words):
    assert_fault(live(server, version, **body), "badRequest", 400, *words)


BOOLEANS = ("True, 'True', 'TRUE', 'true', '1', 'ON', 'On', 'on', 'YES', 'Yes', 'yes', "
            "False, 'False', 'FALSE', 'false', '0', 'OFF', 'Off', 'off', 'NO', 'No', 'no'")
FIELD = "Invalid input for field/attribute "


@pytest.mark.parametrize("version, body, message", [
    ("2.30", {"host": 7, "block_migration": "auto"}, "host. Value: 7. 7 is not of type 'string', 'null'"),
    ("2.30", {"host": "", "block_migration": "auto"}, "host. Value: . '' is too short"),
    ("2.30", {"host": "a/b", "block_migration": "auto"}, "host. Value: a/b. 'a/b' does not match '^[a-zA-Z0-9-._]*$'"),
    ("2.30", {"host": "x" * 256, "block_migration": "auto"}, f"host. Value: {'x' * 256}. '{'x' * 256}' is too long"),
    ("2.30", {"host": None, "block_migration": {"a": [1.5, None, "it's"]}},
     "block_migration. Value: {'a': [1.5, None, \"it's\"]}. {'a': [1.5, None, \"it's\"]} is not one of [" + BOOLEANS + ", 'auto']"),
    ("2.24", {"host": None, "block_migration": 1, "disk_over_commit": True}, f"block_migration. Value: 1. 1 is not one of [{BOOLEANS}]"),
    ("2.25", {"host": None}, "os-migrateLive. Value: {'host': None}. 'block_migration' is a required property"),
    ("2.68", {"force": True, "host": "HostB", "block_migration": False},
     "os-migrateLive. Value: {'force': True, 'host': 'HostB', 'block_migration': False}. "
     "Additional properties are not allowed ('force' was unexpected)"),
])
def test_faults_in_novas_words(server, version, body, message):
    assert live(server, version, **body).fault == ("badRequest", 400, FIELD + message)


@pytest.mark.parametrize("value", [None, 7, "x", []])
def test_live_needs_an_object(server, value):
    assert_fault(server.action("vm-active", {"os-migrateLive": value}, "2.30"), "badRequest", 400, "os-migrateLive")


# ---- the answer and the checks

@pytest.mark.parametrize("host", ["HostFull", "HostDown", "HostDenied"])
def test_reasons_come_with_the_answer_until_2_33(server, host):
    assert_fault(server.live(host, "2.33"), "badRequest", 400, host)


@pytest.mark.parametrize("host", ["HostFull", "HostDown", "HostNever"])
def test_from_2_34_the_answer_does_not_wait(start, host):
    server = start("--wait", "20")
    began = time.monotonic()
    assert server.live(host, "2.34").status == 202
    assert time.monotonic() - began < 10


def test_answer_waits_for_slow_checks(server):
    began = time.monotonic()
    answer = server.live("HostLate")
    assert answer.status == 202 and "x-godwit-migration-id" in answer.headers
    assert time.monotonic() - began >= 0.3


def test_a_host_that_does_not_answer_is_asked_before_anybody_is_refused(server):
    began = time.monotonic()
    for _ in range(2):
        answer = server.live("HostSilent")
        assert answer.status == 202 and "x-godwit-migration-id" in answer.headers, answer.body
    assert time.monotonic() - began >= 0.6  # it takes its time to answer
    body = {"migration": {"server": uuid("vm-active"), "host": "HostSilent"}}
    assert server.request("POST", "/godwit/v1/migrations", body).status == 202
    answer = server.action("vm-active", {"os-migrateLive": {"host": 7, "block_migration": "auto"}}, "2.30")
    assert_fault(answer, "badRequest", 400, "host")
    for body in ({"drain": {"hosts": ["HostSilent", 7]}}, {"drain": []}, {}):
        assert server.request("POST", "/godwit/v1/drains", body).status == 400


def test_checks_that_end_at_once(server):
    assert server.live("HostAtOnce").status == 202


def test_wait_for_checks_is_bounded(start):
    server = start("--wait", "1")
    began = time.monotonic()
    assert server.live("HostNever").status == 202
    assert 0.9 < time.monotonic() - began < 4


@pytest.mark.parametrize("version", ["2.30", "2.88"])
def test_unknown_host_and_state_are_refused_at_once(server, version):
    assert_fault(server.live("Nowhere", version), "badRequest", 400, "Compute host Nowhere could not be found.")
    assert_fault(server.live("HostB", version, "vm-running"), "conflictingRequest", 409, "while it is in task_state migrating")


@pytest.mark.parametrize("body", [{"os-migrateLive": {"host": None, "block_migration": "auto"}}, {"migrate": None},
                                  {"confirmResize": None}, {"revertResize": None}])
def test_unknown_server(server, body):
    answer = server.request("POST", "/v2.1/servers/none/action", body, "2.30")
    assert_fault(answer, "itemNotFound", 404, "could not be found")


@pytest.mark.parametrize("host", ["HostBroken", "HostStore"])
def test_internal_errors_do_not_leak(server, host):
    answer = server.live(host)
    assert_fault(answer, "computeFault", 500, "Unexpected API Error", answer.headers["x-compute-request-id"])
    assert b"secret" not in answer.body


# ---- migrate

@pytest.mark.parametrize("version, value, told", [
    ("2.1", None, "host=-"), ("2.1", {}, "host=-"), ("2.55", {"host": "HostB"}, "host=-"), ("2.55", 7, "host=-"),
    ("2.56", None, "host=-"), ("2.56", {}, "host=-"), ("2.88", {"host": "HostB"}, "host=HostB"), ("2.56", {"host": None}, "host=-")])
def test_migrate(server, version, value, told):
    answer = server.action("vm-active", {"migrate": value}, version)
    assert answer.status == 202 and "x-godwit-migration-id" in answer.headers
    assert told in asked(server, answer).split()


@pytest.mark.parametrize("value, word", [(7, "migrate"), ([], "migrate"), ({"host": 7}, "host"), ({"force": True}, "force")])
def test_migrate_refuses(server, value, word):
    assert_fault(server.action("vm-active", {"migrate": value}, "2.56"), "badRequest", 400, word)


def test_migrate_answers_with_reasons_at_every_version(server):
    assert_fault(server.action("vm-active", {"migrate": {"host": "HostFull"}}, "2.88"), "badRequest", 400, "12 MiB free")


# ---- evacuate

@pytest.mark.parametrize("version, value, told", [
    ("2.1", {"onSharedStorage": False}, "host=-"), ("2.13", {"host": "HostB", "onSharedStorage": "True", "adminPass": "x"}, "host=HostB"),
    ("2.14", {}, "host=-"), ("2.28", {"host": "HostB"}, "host=HostB"), ("2.29", {"host": "HostB", "force": True}, "host=HostB"),
    ("2.67", {"force": False}, "host=-"), ("2.88", {"host": "HostB"}, "host=HostB"), ("2.88", {"host": None}, "host=-")])
def test_evacuate(server, version, value, told):
    answer = server.action("vm-active", {"evacuate": value}, version)
    assert answer.status == 200 and "x-godwit-migration-id" in answer.headers
    assert ("adminPass" in answer.json) if version in ("2.1", "2.13") else answer.body == b""
    assert ["evacuate", told] == asked(server, answer).split()[:2]


@pytest.mark.parametrize("version, value, word", [
    ("2.1", {}, "onSharedStorage"), ("2.14", {"onSharedStorage": True}, "onSharedStorage"), ("2.28", {"force": True}, "force"),
    ("2.68", {"host": "HostB", "force": True}, "force"), ("2.29", {"force": True}, "non-provided destination"), ("2.88", None, "evacuate"),
    ("2.88", {"host": 7}, "host")])
def test_evacuate_refuses(server, version, value, word):
    assert_fault(server.action("vm-active", {"evacuate": value}, version), "badRequest", 400, word)


@pytest.mark.parametrize("version", ["2.13", "2.88"])
def test_evacuate_answers_with_reasons_at_every_version(server, version):
    value = {"host": "HostFull", "onSharedStorage": True} if version == "2.13" else {"host": "HostFull"}
    assert_fault(server.action("vm-active", {"evacuate": value}, version), "badRequest", 400, "12 MiB free")


# ---- confirm and revert

def test_confirm(start):
    server = start()
    answer = server.action("vm-verify", {"confirmResize": None})
    assert (answer.status, answer.body) == (204, b"")


def test_revert(start):
    server = start()
    assert server.action("vm-verify", {"revertResize": None}).status == 202


@pytest.mark.parametrize("action", ["confirmResize", "revertResize"])
def test_not_resized(server, action):
    assert_fault(server.action("vm-active", {action: None}), "badRequest", 400, "Instance has not been resized.")


# ---- dispatch

@pytest.mark.parametrize("body, words", [
    ({}, ["Malformed request body"]),
    ({"migrate": None, "confirmResize": None}, ["Malformed request body"]),
    ({"os-fly": None}, ["There is no such action: os-fly"]),
    ({"": None}, ["There is no such action: "]),
    ({"%s%n": None}, ["There is no such action: %s%n"]),
])
def test_action_names(server, body, words):
    assert_fault(server.action("vm-active", body), "badRequest", 400, *words)
