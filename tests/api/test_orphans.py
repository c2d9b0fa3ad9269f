"""Leftovers of migrations, and decisions about those that ended in error."""
import pytest
from test_actions import assert_fault


def test_list_and_remove(server):
    answer = server.get("/godwit/v1/orphans").json
    listed = answer["orphans"]
    assert answer["not_asked"] == [{"host": "HostD", "reason": "no route to HostD"}]
    assert [(o["host"], o["migration_id"], o["removable"], o["removed"]) for o in listed] == [("HostB", 7, True, False), ("HostC", None, False, False)]
    assert listed[0]["left"] == ["definition"] and listed[1]["obstacle"]
    removed = server.request("DELETE", "/godwit/v1/orphans").json["orphans"]
    assert [o["removed"] for o in removed] == [True, False]


@pytest.mark.parametrize("body, resolved", [({"resolve": {}}, False), ({"resolve": {"keep": None}}, False), ({"resolve": {"keep": "HostC"}}, True)])
def test_resolve(server, body, resolved):
    answer = server.request("POST", "/godwit/v1/migrations/7/resolve", body).json["resolution"]
    assert answer == {"source": {"host": "HostB", "seen": "shut off"}, "dest": {"host": "HostC", "seen": "shut off"},
                      "reason": "shut off on both hosts", "resolved": resolved}


@pytest.mark.parametrize("body, word", [({}, "resolve"), ({"resolve": 7}, "resolve"), ({"resolve": {"keep": 7}}, "keep"),
                                        ({"resolve": {"drop": "HostB"}}, "drop")])
def test_resolve_refuses(server, body, word):
    assert_fault(server.request("POST", "/godwit/v1/migrations/7/resolve", body), "badRequest", 400, word)


def test_resolve_unknown(server):
    assert_fault(server.request("POST", "/godwit/v1/migrations/8/resolve", {"resolve": {}}), "itemNotFound", 404, "no migration 8")
