"""Server-sent events, and predictions, of the daemon itself over simulated hosts."""
import http.client
import json
import time

import pytest
from api_server import assert_fault
from test_godwitd import Godwitd, wait


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    daemon = Godwitd(str(tmp_path_factory.mktemp("events")))
    assert daemon.add("HostA", link_mbps=1000, instances=2, instance_memory_mib=1024, dirty_mbps=200, prefix="vm", speed=20).status == 201
    assert daemon.add("HostB", link_mbps=1000, instances=0).status == 201
    yield daemon
    daemon.close()


class Listener:
    def __init__(self, daemon, last_id=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=60)
        self.connection.request("GET", "/godwit/v1/events", headers={"Last-Event-ID": last_id} if last_id else {})
        self.answer = self.connection.getresponse()
        self.sock = self.connection.sock

    def read(self):
        """The next event, as a dictionary of its fields; {} for a comment."""
        fields = {}
        while True:
            line = self.answer.readline().decode()
            assert line, "the stream ended"
            if line == "\n":
                return fields
            name, _, value = line.rstrip("\n").partition(": ")
            fields[name] = value

    def until(self, state):
        events = []
        while not events or json.loads(events[-1]["data"])["state"] != state:
            event = self.read()
            if event.get("event") == "migration":
                events.append(event)
        return events

    def close(self):
        self.answer.close()
        self.connection.close()


def names(daemon):
    return [s["name"] for s in daemon.get("/v2.1/servers").json["servers"]]


def other(daemon, name):
    return "HostB" if daemon.find(name)["OS-EXT-SRV-ATTR:host"] == "HostA" else "HostA"


def move(daemon, name):
    return daemon.move(name, {"os-migrateLive": {"host": other(daemon, name), "block_migration": "auto"}}, version="2.30")


def test_a_migration_is_told_from_beginning_to_end(cloud):
    wait(lambda: len(names(cloud)) == 2)
    listener = Listener(cloud)
    assert listener.answer.status == 200 and listener.answer.getheader("content-type") == "text/event-stream"
    assert listener.read() == {"retry": "2000"}
    name = names(cloud)[0]
    assert move(cloud, name).status == 202
    events = listener.until("completed")
    rows = [json.loads(e["data"]) for e in events]
    states = [r["state"] for r in rows]
    assert {"preparing", "running", "settling", "completed"} <= set(states)
    assert [int(e["id"]) for e in events] == sorted(int(e["id"]) for e in events)
    assert {r["instance_name"] for r in rows} == {name} and rows[-1]["final"]
    assert max(r["progress"]["iteration"] for r in rows) > 1
    listener.close()


def test_a_listener_takes_up_where_it_was(cloud):
    name, listener = names(cloud)[0], Listener(cloud)
    listener.read()
    move(cloud, name)
    events = listener.until("completed")
    listener.close()
    again = Listener(cloud, events[0]["id"])
    assert again.read() == {"retry": "2000"}
    assert [again.read()["id"] for _ in events[1:]] == [e["id"] for e in events[1:]]
    again.close()


@pytest.mark.parametrize("last", ["1", "18446744073709551614", "99999999999999999999", "x", "-1"])
def test_a_place_that_is_not_known_begins_anew(cloud, last):
    listener = Listener(cloud, last)
    assert listener.read() == {"retry": "2000"}
    assert listener.read() == {"event": "reset", "data": "{}"}
    listener.close()


def test_there_is_a_limit_of_listeners_and_places_become_free(cloud):
    def listen():
        one = Listener(cloud)
        if one.answer.status == 200:
            return one
        one.close()
        return None

    listeners = [wait(listen) for _ in range(64)]
    answer = cloud.get("/godwit/v1/events")
    assert answer.status == 503 and "64 listeners" in str(answer.json)
    for one in listeners:
        one.close()
    last = wait(listen)
    last.close()


def test_one_that_does_not_read_holds_up_nobody(cloud):
    lazy = Listener(cloud)
    name = names(cloud)[0]
    for _ in range(12):
        answer = move(cloud, name)
        assert cloud.wait(answer, "completed")["state"] == "completed"
    began = time.monotonic()
    assert cloud.get("/v2.1/servers").status == 200 and time.monotonic() - began < 5
    lazy.close()


def test_a_page_of_migrations_follows_them(cloud):
    """Its rows are kept as text until they change."""
    name = names(cloud)[0]
    answer, seen = move(cloud, name), []
    server = cloud.find(name)["id"]
    while not seen or seen[-1]["status"] != "completed":
        for path in ("/v2.1/os-migrations?limit=1", f"/v2.1/os-migrations?instance_uuid={server}&limit=1"):  # the second from what was kept
            row = cloud.get(path, "2.88").json["migrations"][0]
            if row not in seen:
                seen.append(row)
        assert len(seen) < 20
    assert answer.status == 202 and {row["instance_uuid"] for row in seen} == {server}
    assert len({row["updated_at"] for row in seen}) >= len({row["status"] for row in seen}) >= 2
    own = cloud.get(f"/godwit/v1/migrations/{seen[-1]['id']}").json["migration"]
    assert own["state"] == "completed" and seen[-1]["dest_compute"] == own["dest"]


def test_a_move_is_predicted_and_what_came_is_kept(cloud):
    name = names(cloud)[1]
    plan = cloud.request("POST", "/godwit/v1/plan", {"plan": {"server": cloud.find(name)["id"]}}).json["plan"]
    (host,) = [h for h in plan["hosts"] if h["possible"]]
    before = host["prediction"]["before"]
    assert before["ends"] == "by-itself" and before["basis"] == "sampled" and "ends by itself" in before["text"]
    assert host["prediction"]["actual"] is None
    assert host["prediction"]["made_from"]["write_bps"] == pytest.approx(25e6, rel=0.01)
    row = cloud.wait(move(cloud, name), "completed")
    prediction = row["prediction"]
    came = prediction["actual"]
    assert came["total_ms"] > 0 and came["bytes"] >= 512 << 20
    assert prediction["before"]["bytes"]["low"] <= came["bytes"] <= prediction["before"]["bytes"]["high"]
    assert cloud.get(f"/godwit/v1/migrations/{row['id']}").json["migration"]["prediction"] == prediction
    quick = cloud.request("POST", "/godwit/v1/plan", {"plan": {"server": cloud.find(names(cloud)[0])["id"], "measure": False}}).json["plan"]
    assert any(h["prediction"] for h in quick["hosts"])
    assert_fault(cloud.request("POST", "/godwit/v1/plan", {"plan": {"server": "x", "measure": "often"}}), "badRequest", 400, "measure")


def test_stopping_ends_the_streams(tmp_path):
    daemon = Godwitd(str(tmp_path))
    listener = Listener(daemon)
    listener.read()
    began = time.monotonic()
    daemon.close()
    assert time.monotonic() - began < 6  # after 8 s it would have left without waiting
    assert listener.answer.read() == b""
    listener.close()
