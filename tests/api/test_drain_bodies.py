"""Bodies and refusals of drains and balances, over the engine of memory."""
import pytest
from api_server import assert_fault


def post(server, path, body):
    return server.request("POST", f"/godwit/v1/{path}", body)


def test_a_plan_and_a_drain(server):
    dry = post(server, "drains", {"drain": {"hosts": ["HostB"], "dry_run": True}})
    assert dry.status == 200 and dry.json["drain"]["id"] is None and dry.json["drain"]["state"] == "planned"
    begun = post(server, "drains", {"drain": {"hosts": ["HostB", "HostC"], "parallel": 2, "include_stopped": "yes", "return": False}})
    drain = begun.json["drain"]
    assert begun.status == 202 and (drain["id"], drain["hosts"], drain["kind"]) == (1, ["HostB", "HostC"], "drain")
    (move,) = drain["moves"]
    assert (move["instance_name"], move["source"], move["dest"], move["state"]) == ("vm-active", "HostB", "HostC", "planned")
    assert drain["counts"] == {"planned": 1, "moving": 0, "moved": 0, "stays": 0, "given up": 0, "gone": 0}


def test_list_and_show(server):
    assert [d["state"] for d in server.get("/godwit/v1/drains").json["drains"]] == ["incomplete", "running"]
    assert len(server.get("/godwit/v1/drains?limit=1").json["drains"]) == 1
    assert server.get("/godwit/v1/drains?limit=0").json["drains"] == []
    ended = server.get("/godwit/v1/drains/2").json["drain"]
    assert ended["elapsed_ms"] == 4000 and ended["ended_at"]
    assert "moves" not in server.get("/godwit/v1/drains").json["drains"][0]


@pytest.mark.parametrize("path, body, fault, code, words", [
    ("drains", {}, "badRequest", 400, ["drain"]),
    ("drains", {"drain": {}}, "badRequest", 400, ["hosts"]),
    ("drains", {"drain": {"hosts": []}}, "badRequest", 400, ["hosts", "list of host names"]),
    ("drains", {"drain": {"hosts": "HostB"}}, "badRequest", 400, ["hosts", "list of host names"]),
    ("drains", {"drain": {"hosts": ["HostB", None]}}, "badRequest", 400, ["hosts"]),
    ("drains", {"drain": {"hosts": ["Host B"]}}, "badRequest", 400, ["hosts"]),
    ("drains", {"drain": {"hosts": ["HostB"], "parallel": -1}}, "badRequest", 400, ["parallel", "whole number"]),
    ("drains", {"drain": {"hosts": ["HostB"], "parallel": 1.5}}, "badRequest", 400, ["parallel"]),
    ("drains", {"drain": {"hosts": ["HostB"], "dry_run": "perhaps"}}, "badRequest", 400, ["dry_run"]),
    ("drains", {"drain": {"hosts": ["HostB"], "haste": 1}}, "badRequest", 400, ["haste"]),
    ("drains", {"drain": {"hosts": ["HostZ"]}}, "itemNotFound", 404, ["HostZ"]),
    ("hosts/HostZ/undrain", {"undrain": {}}, "itemNotFound", 404, ["HostZ"]),
    ("hosts/HostB/undrain", {"undrain": {"hosts": []}}, "badRequest", 400, ["hosts"]),
    ("balance", {"balance": {"objective": "beauty"}}, "badRequest", 400, ["objective", "cpu, memory, both or pack"]),
    ("balance", {"balance": {"max_moves": "3"}}, "badRequest", 400, ["max_moves"]),
    ("balance", {"balance": []}, "badRequest", 400, ["balance"]),
])
def test_refusals(server, path, body, fault, code, words):
    assert_fault(post(server, path, body), fault, code, *words)


def test_unknown_and_ended(server):
    for key in ("9", "x", "-1", "0"):
        assert_fault(server.get(f"/godwit/v1/drains/{key}"), "itemNotFound", 404, f"Drain {key}")
    assert server.request("DELETE", "/godwit/v1/drains/1").status == 202
    assert_fault(server.request("DELETE", "/godwit/v1/drains/2"), "conflictingRequest", 409, "has ended already")


def test_undrain_and_balance(server):
    answer = post(server, "hosts/HostB/undrain", {"undrain": {"return": True}})
    assert (answer.status, answer.json) == (200, {"undrain": {"host": "HostB", "status": "enabled", "disabled_reason": None, "drain": None}})
    answer = post(server, "balance", {"balance": {"dry_run": True, "objective": "pack", "max_moves": 3, "aggregate": "rack1"}})
    balance = answer.json["balance"]
    assert answer.status == 200 and balance["score_after"] < balance["score_before"] and balance["drain"]["kind"] == "balance"
    assert post(server, "balance", {"balance": {}}).status == 202
