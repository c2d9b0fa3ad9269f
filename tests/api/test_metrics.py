"""/metrics: Prometheus can read it, and docs/metrics.md says exactly what is there."""
import os
import re

from prometheus_client.parser import text_string_to_metric_families

DOCUMENT = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "metrics.md")


def families(server):
    answer = server.get("/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {f.name: f for f in text_string_to_metric_families(answer.body.decode())}


def values(family, label):
    return {sample.labels[label]: sample.value for sample in family.samples}


def test_documented_exactly(server):
    with open(DOCUMENT) as f:
        documented = set(re.findall(r"^\| `(godwit_\w+)` \| (\w+) ", f.read(), re.M))
    served = {(name + "_total" if f.type == "counter" else name, f.type) for name, f in families(server).items()}
    assert served == documented


def test_hosts(server):
    found = families(server)
    hosts = server.get("/godwit/v1/hosts").json["hosts"]
    assert values(found["godwit_host_up"], "host") == {h["name"]: float(h["state"] == "up") for h in hosts}
    assert values(found["godwit_host_instances"], "host") == {h["name"]: h["instances"] for h in hosts}


def test_migrations(server):
    found = families(server)
    under_way = server.get("/godwit/v1/migrations?unfinished=true").json["migrations"]
    assert under_way and not any(m["final"] for m in under_way)
    states = values(found["godwit_migrations"], "state")
    assert sum(states.values()) == len(under_way) and "completed" not in states
    left = {s.labels["migration"]: s for s in found["godwit_migration_memory_remaining_bytes"].samples}
    copying = {str(m["id"]): m for m in under_way if m["progress"]["elapsed_ms"]}
    assert copying and set(left) == set(copying)
    for id_, row in copying.items():
        assert left[id_].value == row["progress"]["memory_remaining"]
        assert (left[id_].labels["server"], left[id_].labels["source"]) == (row["instance_name"], row["source"])


def test_ended(server):
    found = families(server)
    ended = {(s.labels["kind"], s.labels["end"]): s.value for s in found["godwit_migrations_ended"].samples}
    assert ended["live-migration", "completed"] == 2 and ended["migration", "confirmed"] == 0
    assert found["godwit_live_migration_seconds"].samples[0].value == 2.5
