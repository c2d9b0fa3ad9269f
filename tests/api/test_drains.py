"""Emptying hosts and spreading load by the daemon itself, over simulated hosts: also through its death."""
import pytest
from api_server import assert_fault
from drain_cloud import cloud  # noqa: F401 (fixture)
from test_godwitd import wait

MIB = 1 << 20


def moves_of(drain, *states):
    return [m for m in drain["moves"] if m["state"] in states]


def test_plan_before_anything(cloud):
    cloud = cloud(guests=6)
    answer = cloud.drain("HostB", dry_run=True)
    plan = answer.json["drain"]
    assert (answer.status, plan["id"], plan["state"]) == (200, None, "planned")
    assert len(plan["moves"]) == 6 and {m["state"] for m in plan["moves"]} == {"planned"}
    assert {m["dest"] for m in plan["moves"]} == {"HostC", "HostD"}
    assert all(m["predicted_ms"] > 0 and m["pause_ms"] > 0 and m["bytes"] >= 128 * MIB for m in plan["moves"])
    assert 0 < plan["bound_ms"] <= plan["predicted_ms"] <= 1.1 * plan["bound_ms"]
    assert cloud.host("HostB")["status"] == "enabled" and cloud.get("/godwit/v1/drains").json["drains"] == []


def test_drain_of_twenty_with_an_immovable_one(cloud):
    cloud = cloud()
    assert cloud.add("HostX", instances=1, prefix="giant", instance_memory_mib=200000, memory_mib=262144, disk="shared").status == 201
    wait(lambda: len(cloud.servers("HostX")) == 1)
    answer = cloud.drain("HostB", "HostX")
    assert answer.status == 202, answer.body
    assert cloud.host("HostB")["status"] == "disabled" and f"drain {answer.json['drain']['id']}" in cloud.host("HostB")["disabled_reason"]
    drain = cloud.ended(answer.json["drain"]["id"])
    assert drain["state"] == "incomplete" and drain["reason"].startswith("1 server could not be moved: giant-")
    assert drain["counts"]["moved"] == 20 and cloud.servers("HostB") == []
    (stays,) = moves_of(drain, "stays")
    assert stays["instance_name"].startswith("giant")
    assert "HostC, HostD: it has room for" in stays["reason"]  # once for both
    assert "HostB: it is being emptied" in stays["reason"] and "needs 200000 MiB" in stays["reason"]
    rows = cloud.get("/godwit/v1/migrations?host=HostB").json["migrations"]
    assert len(rows) == 20 and {r["state"] for r in rows} == {"completed"}  # each once, and none failed
    assert {r["request_id"] for r in rows} == {drain["request_id"]}


def test_deadline(cloud):
    """A plan that would end too late is refused with what would fit; one that fits is begun, and what turns out too late stays."""
    cloud = cloud(guests=12, link_mbps=1600)
    plan = cloud.drain("HostB", dry_run=True).json["drain"]
    takes = plan["predicted_ms"] // 1000
    dry = cloud.drain("HostB", dry_run=True, deadline_s=max(1, takes // 2)).json["drain"]
    assert "12 moves is predicted to end after" in dry["reason"] and "would end by then" in dry["reason"]
    assert_fault(cloud.drain("HostB", deadline_s=max(1, takes // 2)), "badRequest", 400, "Allow more time, or begin without a deadline")
    assert cloud.host("HostB")["status"] == "enabled" and cloud.get("/godwit/v1/drains").json["drains"] == []
    assert_fault(cloud.drain("HostB", deadline_s=-1), "badRequest", 400, "deadline_s")
    begun = cloud.drain("HostB", deadline_s=takes * 3 + 5)
    assert begun.status == 202 and begun.json["drain"]["deadline"], begun.body
    assert cloud.ended(begun.json["drain"]["id"], 120)["state"] == "completed" and cloud.servers("HostB") == []


def test_limits_of_aggregates_are_planned_for(cloud):
    """Never more instances than max_instances_per_host, nor more moves at once than max_io_ops_per_host, and no move is refused for it."""
    cloud = cloud(guests=6)
    aggregate = cloud.request("POST", "/v2.1/os-aggregates", {"aggregate": {"name": "small"}}).json["aggregate"]["id"]
    for action in ({"add_host": {"host": "HostC"}}, {"set_metadata": {"metadata": {"max_instances_per_host": "2", "max_io_ops_per_host": "1"}}}):
        assert cloud.request("POST", f"/v2.1/os-aggregates/{aggregate}/action", action).status == 200
    plan = cloud.drain("HostB", dry_run=True).json["drain"]
    to_c = sorted((m["start_ms"], m["start_ms"] + m["predicted_ms"]) for m in plan["moves"] if m["dest"] == "HostC")
    assert len(to_c) <= 2 and all(a[1] <= b[0] for a, b in zip(to_c, to_c[1:])), plan["moves"]
    drain = cloud.ended(cloud.drain("HostB").json["drain"]["id"])
    assert drain["state"] == "completed" and len(cloud.servers("HostC")) <= 2 and len(cloud.servers("HostD")) >= 4
    assert {m["attempts"] for m in drain["moves"]} == {0}
    assert cloud.request("POST", f"/v2.1/os-aggregates/{aggregate}/action", {"add_host": {"host": "HostD"}}).status == 200


def test_refusals(cloud):
    cloud = cloud(guests=4, link_mbps=400)
    assert_fault(cloud.drain("HostZ"), "itemNotFound", 404, "HostZ")
    assert_fault(cloud.drain(), "badRequest", 400, "hosts")
    assert_fault(cloud.drain("HostB", "HostB"), "badRequest", 400, "HostB is named twice")
    assert_fault(cloud.drain("HostB", parallel=-1), "badRequest", 400, "parallel")
    assert_fault(cloud.get("/godwit/v1/drains/7"), "itemNotFound", 404, "Drain 7")
    assert_fault(cloud.request("DELETE", "/godwit/v1/drains/x"), "itemNotFound", 404, "Drain x")
    drain = cloud.drain("HostB").json["drain"]["id"]
    assert_fault(cloud.drain("HostB"), "conflictingRequest", 409, "HostB is being drained already")
    assert_fault(cloud.request("POST", "/godwit/v1/hosts/HostB/undrain", {"undrain": {}}), "conflictingRequest", 409, "drain-cancel")
    assert cloud.request("DELETE", f"/godwit/v1/drains/{drain}").status == 202
    assert cloud.ended(drain, 120)["state"] == "cancelled"
    assert_fault(cloud.request("DELETE", f"/godwit/v1/drains/{drain}"), "conflictingRequest", 409, "has ended already")


def test_killed_on_the_way(cloud):
    """The simulated hosts die with the daemon's process and come back as they were added; the drain goes on all the same."""
    cloud = cloud(guests=8, link_mbps=1000)
    drain = cloud.drain("HostB").json["drain"]["id"]
    wait(lambda: len(moves_of(cloud.show(drain), "moved")) >= 2)
    cloud.kill()
    cloud.start_again()
    ended = cloud.ended(drain, 120)
    assert ended["state"] == "completed", ended
    assert cloud.servers("HostB") == [] and len(cloud.servers()) == 8
    assert cloud.host("HostB")["status"] == "disabled"


def test_cancel_and_return(cloud):
    cloud = cloud(guests=10, link_mbps=2000)
    drain = cloud.drain("HostB").json["drain"]["id"]
    wait(lambda: len(moves_of(cloud.show(drain), "moved")) >= 2)
    assert cloud.request("DELETE", f"/godwit/v1/drains/{drain}").status == 202
    ended = cloud.ended(drain, 120)
    moved = moves_of(ended, "moved")
    assert ended["state"] == "cancelled" and 2 <= len(moved) < 10 and not moves_of(ended, "moving")
    assert cloud.host("HostB")["status"] == "disabled"
    answer = cloud.request("POST", "/godwit/v1/hosts/HostB/undrain", {"undrain": {"return": True}})
    back = answer.json["undrain"]["drain"]
    assert answer.status == 202 and back["kind"] == "return" and len(back["moves"]) == len(moved)
    assert cloud.ended(back["id"], 120)["state"] == "completed"
    assert len(cloud.servers("HostB")) == 10 and cloud.host("HostB")["status"] == "enabled"


def test_failures_are_tried_elsewhere(cloud):
    """HostC says that it has memory and refuses all the same: another bridge."""
    cloud = cloud(guests=3, hosts=("HostD",))
    assert cloud.add("HostC", memory_mib=262144, bridge="other").status == 201
    drain = cloud.ended(cloud.drain("HostB").json["drain"]["id"])
    assert drain["state"] == "completed" and {m["dest"] for m in moves_of(drain, "moved")} == {"HostD"}
    assert max(m["attempts"] for m in drain["moves"]) == 1
    failed = [m for m in cloud.get("/godwit/v1/migrations?host=HostC").json["migrations"]]
    assert failed and {m["state"] for m in failed} == {"failed"}


def test_stopped_ones_stay_unless_told(cloud):
    cloud = cloud(guests=3)
    name = cloud.servers()[0]["name"]
    answer = cloud.move(name, {"migrate": {"host": "HostC"}})  # the simulator has no other way to stop one for a test
    cloud.wait(answer, "finished")
    plan = cloud.drain("HostC", dry_run=True).json["drain"]
    (stays,) = plan["moves"]
    assert stays["state"] == "stays" and "resize-confirm" in stays["reason"]


def test_balance(cloud):
    cloud = cloud(guests=9)

    def balance(**options):
        answer = cloud.request("POST", "/godwit/v1/balance", {"balance": options})
        return answer, answer.json.get("balance")

    answer, plan = balance(dry_run=True)
    assert answer.status == 200 and plan["drain"]["state"] == "planned" and plan["score_after"] < plan["score_before"] / 2
    assert len(plan["drain"]["moves"]) == 6 and plan["bytes"] >= 6 * 128 * MIB
    assert len(balance(dry_run=True, max_moves=2)[1]["drain"]["moves"]) == 2
    assert_fault(balance(objective="beauty")[0], "badRequest", 400, "objective")
    assert_fault(balance(aggregate="none")[0], "itemNotFound", 404, "Aggregate none")
    answer, begun = balance()
    assert answer.status == 202 and begun["drain"]["kind"] == "balance"
    assert cloud.ended(begun["drain"]["id"])["state"] == "completed"
    assert [len(cloud.servers(h)) for h in ("HostB", "HostC", "HostD")] == [3, 3, 3]
    answer, again = balance()
    assert answer.status == 200 and again["drain"]["moves"] == []  # even already: nothing is begun
    answer, packed = balance(objective="pack", dry_run=True)
    assert (packed["hosts_before"], packed["hosts_after"]) == (3, 1)


def test_what_guests_write_is_planned_for(cloud):
    """Nothing is known of a guest before somebody has looked: a drain has looked, and later plans know what is sent twice."""
    cloud = cloud(guests=2, link_mbps=800, dirty_mbps=400)

    def planned():
        return cloud.drain("HostB", dry_run=True).json["drain"]["moves"]
    assert {m["pause_ms"] for m in planned()} == {60}
    drain = cloud.drain("HostB", parallel=1).json["drain"]["id"]
    wait(lambda: moves_of(cloud.show(drain), "moving", "moved"))
    assert cloud.request("DELETE", f"/godwit/v1/drains/{drain}").status == 202
    assert cloud.ended(drain)["state"] in ("cancelled", "completed")
    assert cloud.request("POST", "/godwit/v1/hosts/HostB/undrain", {"undrain": {"return": True}}).status in (200, 202)
    wait(lambda: len(cloud.servers("HostB")) == 2, 60)
    wait(lambda: any(m["bytes"] > 200 * MIB and m["pause_ms"] > 60 for m in planned()))  # of 128 MiB


def service_set(cloud, host, version="2.53", **body):
    if version == "2.30":
        action = "enable" if body["status"] == "enabled" else "disable-log-reason"
        body = {"host": host, "binary": "nova-compute", **{k: v for k, v in body.items() if k != "status"}}
        return cloud.request("PUT", f"/v2.1/os-services/{action}", body, version)
    service = next(s for s in cloud.get("/v2.1/os-services", "2.53").json["services"] if s["host"] == host)
    return cloud.request("PUT", f"/v2.1/os-services/{service['id']}", body, "2.53")


@pytest.mark.parametrize("version", ["2.30", "2.53"])
@pytest.mark.parametrize("reason", ["drain", "drain: new firmware"])
def test_a_service_disabled_with_drain(cloud, version, reason):
    """`openstack compute service set --disable --disable-reason drain HostB nova-compute`."""
    cloud = cloud(guests=3, link_mbps=1600)
    assert service_set(cloud, "HostB", version, status="disabled", disabled_reason=reason).status == 200
    (drain,) = cloud.get("/godwit/v1/drains").json["drains"]
    assert drain["hosts"] == ["HostB"] and "drained (drain 1)" in cloud.host("HostB")["disabled_reason"]
    assert_fault(service_set(cloud, "HostB", version, status="enabled"), "conflictingRequest", 409, "godwit drain-cancel 1")
    assert_fault(service_set(cloud, "HostB", version, status="disabled", disabled_reason=reason), "conflictingRequest", 409, "being drained already")
    assert cloud.ended(drain["id"])["state"] == "completed" and cloud.servers("HostB") == []
    assert service_set(cloud, "HostB", version, status="enabled").status == 200 and cloud.host("HostB")["status"] == "enabled"


@pytest.mark.parametrize("reason", ["draining pipes", "new drain", "Drain"])
def test_a_service_disabled_for_another_reason(cloud, reason):
    cloud = cloud(guests=1)
    assert service_set(cloud, "HostB", status="disabled", disabled_reason=reason).status == 200
    assert cloud.get("/godwit/v1/drains").json["drains"] == [] and cloud.host("HostB")["disabled_reason"] == reason


def test_maintenance_mode_through_the_compute_api(cloud):
    cloud = cloud(guests=3)
    answer = cloud.request("PUT", "/v2.1/os-hosts/HostB", {"maintenance_mode": "enable"}, "2.42")
    assert (answer.status, answer.json) == (200, {"host": "HostB", "maintenance_mode": "on_maintenance"})
    (drain,) = cloud.get("/godwit/v1/drains").json["drains"]
    assert cloud.ended(drain["id"])["state"] == "completed" and cloud.servers("HostB") == []
    answer = cloud.request("PUT", "/v2.1/os-hosts/HostB", {"maintenance_mode": "disable"}, "2.42")
    assert (answer.status, answer.json) == (200, {"host": "HostB", "maintenance_mode": "off_maintenance"})
    assert cloud.host("HostB")["status"] == "enabled"


def test_balance_by_what_instances_do(cloud):
    """As many on each host, some of which work and some of which do not: vCPUs see no difference, the CPU time that they have had does."""
    cloud = cloud(guests=4, hosts=(), more="[DEFAULT]\ninventory_interval = 1\n", cpu_percent=90)
    assert cloud.add("HostC", instances=4, prefix="idle", disk="shared", memory_mib=65536, instance_memory_mib=128, cpu_percent=1).status == 201

    def busy(host):
        name = f'godwit_host_busy_cpus{{host="{host}"}} '
        return next((float(line[len(name):]) for line in cloud.get("/metrics").body.decode().splitlines() if line.startswith(name)), 0)
    vcpus = 4 * cloud.get(f"/v2.1/servers/{cloud.servers('HostB')[0]['id']}", "2.88").json["server"]["flavor"]["vcpus"]
    wait(lambda: abs(busy("HostB") - 0.9 * vcpus) < 0.05 * vcpus and busy("HostC") > 0)
    answer = cloud.request("POST", "/godwit/v1/balance", {"balance": {"objective": "cpu"}})
    assert answer.status == 202, answer.body
    assert cloud.ended(answer.json["balance"]["drain"]["id"])["state"] == "completed"
    workers = [s for s in cloud.servers("HostB") if s["name"].startswith("vm")]
    assert len(workers) == 2, [s["name"] for s in cloud.servers("HostB")]
