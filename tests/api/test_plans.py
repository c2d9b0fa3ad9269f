"""Dry runs: /godwit/v1/plan."""
import pytest
from api_server import assert_fault, uuid

PLAN = {"possible", "instance_uuid", "instance_name", "kind", "source", "dest", "objection", "hosts"}
HOST = {"host", "possible", "failure", "findings", "plan", "prediction"}
FINDING = {"severity", "code", "host", "fact", "why", "remedy", "commands"}


def ask(server, name="vm-active", **more):
    return server.request("POST", "/godwit/v1/plan", {"plan": {"server": uuid(name), **more}})


def test_every_host_with_its_reasons(server):
    answer = ask(server)
    plan = answer.json["plan"]
    assert answer.status == 200 and set(plan) == PLAN
    assert (plan["possible"], plan["source"], plan["dest"], plan["kind"]) == (True, "HostA", "HostB", "live-migration")
    fits, full, down = plan["hosts"]
    assert set(fits) == set(full) == HOST
    assert fits["plan"]["method"] == "shared" and fits["plan"]["disks"][0]["fate"] == "shared"
    assert fits["plan"]["flags"] == ["VIR_MIGRATE_LIVE", "VIR_MIGRATE_PEER2PEER"]
    assert not full["possible"] and full["plan"] is None
    (finding,) = full["findings"]
    assert set(finding) == FINDING and (finding["severity"], finding["code"], finding["host"]) == ("blocks", "memory", "HostFull")
    assert finding["remedy"] == "free memory there"
    assert down["failure"] == "it does not answer: no route to host"


def test_one_host_that_does_not_fit(server):
    plan = ask(server, host="HostFull").json["plan"]
    assert not plan["possible"] and plan["dest"] is None and [h["host"] for h in plan["hosts"]] == ["HostFull"]


def test_wishes(server):
    block = ask(server, host="HostB", block_migration=True).json["plan"]["hosts"][0]["plan"]
    assert block["method"] == "block" and block["disks"][0]["fate"] == "copy"
    cold = ask(server, host="HostB", cold=True).json["plan"]
    assert cold["kind"] == "migration" and cold["hosts"][0]["plan"]["method"] == "cold"


def test_a_state_that_forbids_it(server):
    plan = ask(server, "vm-running").json["plan"]
    assert (plan["possible"], plan["objection"], plan["hosts"]) == (False, "it is on its way already", [])


def test_refuses(server):
    nobody = {"plan": {"server": "10000000-0000-4000-8000-999999999999"}}
    assert_fault(server.request("POST", "/godwit/v1/plan", nobody), "itemNotFound", 404, "could not be found")
    assert_fault(ask(server, host="Nowhere"), "badRequest", 400, "Nowhere")


@pytest.mark.parametrize("body, words", [
    ({}, ["'plan' is a required property"]),
    ({"plan": {}}, ["'server' is a required property"]),
    ({"plan": {"server": "x", "block_migration": "perhaps"}}, ["block_migration", "auto"]),
    ({"plan": {"server": "x", "colour": "red"}}, ["'colour' was unexpected"]),
])
def test_body(server, body, words):
    assert_fault(server.request("POST", "/godwit/v1/plan", body), "badRequest", 400, *words)


def test_records_nothing(server):
    before = server.get("/godwit/v1/migrations").json
    ask(server)
    assert server.get("/godwit/v1/migrations").json == before
