"""Checkups of hosts: /godwit/v1/checkups."""
import pytest
from api_server import assert_fault


def begin(server, **wish):
    return server.request("POST", "/godwit/v1/checkups", {"checkup": wish})


def ended(server, **wish):
    id_ = begin(server, **wish).json["checkup"]["id"]
    return server.get(f"/godwit/v1/checkups/{id_}").json["checkup"]


def test_begins_and_ends(server):
    answer = begin(server)
    begun = answer.json["checkup"]
    assert answer.status == 202 and begun["status"] == "running" and begun["verdict"] is None
    assert (begun["steps"], begun["steps_done"], begun["hosts"], begun["pairs"]) == (3, 2, [], [])
    done = server.get(f"/godwit/v1/checkups/{begun['id']}").json["checkup"]
    assert (done["status"], done["steps_done"], done["verdict"], done["probe"]) == ("done", 3, "blocks", False)
    up, _, down = done["hosts"]
    assert up["checks"]["connection"] == "warning" and up["findings"][0]["code"] == "tcp-unprotected"
    assert "qemu+tls://HostA/system" in up["findings"][0]["commands"]
    assert up["facts"]["hypervisor_version"] == "7.2.22" and up["facts"]["clock_ahead_ms"] is None
    assert down["failure"] == "no route to host" and down["facts"] is None
    assert down["checks"]["connection"] == "blocks" and down["checks"]["folder"] == "unknown"
    (pair,) = done["pairs"]
    assert (pair["source"], pair["dest"], pair["probe"], pair["checks"]["probe"]) == ("HostA", "HostB", None, "unknown")


def test_probes(server):
    (pair,) = ended(server, probe=True, hosts=["HostA", "HostB"])["pairs"]
    assert pair["probe"]["step"] == "migrate" and pair["checks"]["probe"] == "blocks"
    (finding,) = pair["findings"]
    assert finding["code"] == "migration-port" and "49152-49261" in finding["commands"]


def test_the_daemons_own(server):
    own = server.get("/godwit/v1/checkups/latest").json["checkup"]
    assert own["status"] == "done" and own["pairs"] == [] and own["hosts"][0]["findings"][0]["code"] == "tcp-unprotected"
    text = server.get("/metrics").body.decode()
    assert 'godwit_host_findings{host="HostA",severity="warning"} 1\n' in text
    assert 'godwit_host_findings{host="HostDown",severity="blocks"} 1\n' in text and "godwit_audit_timestamp_seconds " in text


def test_refuses(server):
    assert_fault(begin(server, hosts=["Nowhere"]), "itemNotFound", 404, "Nowhere")
    for id_ in ("0", "999", "x", "-1"):
        assert_fault(server.get(f"/godwit/v1/checkups/{id_}"), "itemNotFound", 404, "could not be found")


@pytest.mark.parametrize("body, words", [
    ({}, ["'checkup' is a required property"]),
    ({"checkup": []}, ["checkup", "object"]),
    ({"checkup": {"hosts": "HostA"}}, ["hosts", "list"]),
    ({"checkup": {"hosts": [7]}}, ["hosts", "list"]),
    ({"checkup": {"hosts": [""]}}, ["hosts", "list"]),
    ({"checkup": {"probe": "perhaps"}}, ["probe"]),
    ({"checkup": {"colour": "red"}}, ["'colour' was unexpected"]),
])
def test_body(server, body, words):
    assert_fault(server.request("POST", "/godwit/v1/checkups", body), "badRequest", 400, *words)
