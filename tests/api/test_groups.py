"""Server groups and pins: bodies by microversion on the engine of memory; what they do to moves, drains and new servers on godwitd with
simulated hosts."""
import re

import pytest
from api_server import assert_fault
from test_create import create, daemon  # noqa: F401 (fixture)
from drain_cloud import Cloud, cloud  # noqa: F401 (fixture)
from test_godwitd import wait

PATH = "/v2.1/os-server-groups"
UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$")
NOBODY = "00000000-0000-4000-8000-00000000dead"


# ---- bodies and schemas

def wanted(minor, name="web", policy="anti-affinity", **more):
    return {"server_group": {"name": name, **({"policies": [policy]} if minor < 64 else {"policy": policy}), **more}}


@pytest.mark.parametrize("minor", [1, 12, 13, 63, 64, 88])
def test_body(server, minor):
    version = f"2.{minor}"
    fields = {"id", "name", "members"}
    fields |= {"policies", "metadata"} if minor < 64 else {"policy", "rules"}
    fields |= {"project_id", "user_id"} if minor >= 13 else set()
    answer = server.request("POST", PATH, wanted(minor), version)
    group = answer.json["server_group"]
    assert answer.status == 200 and set(group) == fields and UUID.match(group["id"])
    assert (group["name"], group["members"]) == ("web", [])
    assert group["policies"] == ["anti-affinity"] if minor < 64 else (group["policy"], group["rules"]) == ("anti-affinity", {})
    assert server.get(f"{PATH}/{group['id']}", version).json == {"server_group": group}
    assert group in server.get(PATH, version).json["server_groups"]
    answer = server.request("DELETE", f"{PATH}/{group['id']}", version=version)
    assert (answer.status, answer.body) == (204, b"")
    assert_fault(server.get(f"{PATH}/{group['id']}", version), "itemNotFound", 404, f"Instance group {group['id']} could not be found.")
    assert_fault(server.request("DELETE", f"{PATH}/{group['id']}", version=version), "itemNotFound", 404, "could not be found")


@pytest.mark.parametrize("version, body, words", [
    ("2.88", {}, ["'server_group' is a required property"]),
    ("2.88", {"server_group": {"policy": "affinity"}}, ["'name' is a required property"]),
    ("2.88", {"server_group": {"name": "x"}}, ["'policy' is a required property"]),
    ("2.63", {"server_group": {"name": "x"}}, ["'policies' is a required property"]),
    ("2.63", {"server_group": {"name": "x", "policies": []}}, ["field/attribute policies", "list of one policy"]),
    ("2.63", {"server_group": {"name": "x", "policies": ["affinity", "anti-affinity"]}}, ["list of one policy"]),
    ("2.63", {"server_group": {"name": "x", "policies": ["legacy"]}}, ["Value: legacy", "soft-affinity"]),
    ("2.14", {"server_group": {"name": "x", "policies": ["soft-affinity"]}}, ["Value: soft-affinity", "came with 2.15"]),
    ("2.88", {"server_group": {"name": "x", "policy": "near"}}, ["field/attribute policy. Value: near"]),
    ("2.88", {"server_group": {"name": "x", "policies": ["affinity"], "policy": "affinity"}}, ["'policies' was unexpected"]),
    ("2.63", {"server_group": {"name": "x", "policies": ["affinity"], "rules": {}}}, ["'rules' was unexpected"]),
    ("2.88", {"server_group": {"name": "", "policy": "affinity"}}, ["field/attribute name"]),
    ("2.88", {"server_group": {"name": "x", "policy": "affinity", "rules": {"max_server_per_host": 2}}}, ["Only anti-affinity policy supports"]),
    ("2.88", {"server_group": {"name": "x", "policy": "anti-affinity", "rules": {"max_server_per_host": 0}}}, ["max_server_per_host", "from 1 on"]),
    ("2.88", {"server_group": {"name": "x", "policy": "anti-affinity", "rules": {"max_server_per_host": "two"}}}, ["max_server_per_host"]),
    ("2.88", {"server_group": {"name": "x", "policy": "anti-affinity", "rules": {"least": 2}}}, ["'least' was unexpected"]),
])
def test_schema(server, version, body, words):
    assert_fault(server.request("POST", PATH, body, version), "badRequest", 400, *words)


@pytest.mark.parametrize("policy", ["affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"])
def test_policies(server, policy):
    group = server.request("POST", PATH, wanted(15, policy=policy), "2.15").json["server_group"]
    assert server.get(f"{PATH}/{group['id']}", "2.88").json["server_group"]["policy"] == policy
    server.request("DELETE", f"{PATH}/{group['id']}")


def test_rules_and_pages(server):
    made = [server.request("POST", PATH, wanted(88, f"g{n}", rules={"max_server_per_host": most}), "2.88").json["server_group"]
            for n, most in enumerate((1, "2", 30))]
    assert [g["rules"]["max_server_per_host"] for g in made] == [1, 2, 30]
    ours = [g["id"] for g in server.get(PATH).json["server_groups"]]
    assert [g["id"] for g in made] == ours
    assert [g["id"] for g in server.get(f"{PATH}?limit=1&offset=1").json["server_groups"]] == ours[1:2]
    assert server.get(f"{PATH}?offset=99&all_projects=True").json == {"server_groups": []}
    assert_fault(server.get(f"{PATH}?offset=-1"), "badRequest", 400, "offset")
    assert_fault(server.get(f"{PATH}?colour=red", "2.75"), "badRequest", 400, "colour")
    for group in made:
        assert server.request("DELETE", f"{PATH}/{group['id']}").status == 204


# ---- what they do

def make(cloud, policy, *servers, most=None, name="web"):
    rules = {"rules": {"max_server_per_host": most}} if most else {}
    group = cloud.request("POST", PATH, wanted(88, name, policy, **rules), "2.88").json["server_group"]["id"]
    for server in servers:
        assert put(cloud, group, server["id"]).status == 204
    return group


def put(cloud, group, uuid):
    return cloud.request("POST", f"/godwit/v1/server-groups/{group}/members", {"member": {"server": uuid}})


def take(cloud, group, uuid):
    return cloud.request("DELETE", f"/godwit/v1/server-groups/{group}/members/{uuid}")


def pin(cloud, server, hosts):
    assert cloud.request("POST", f"/v2.1/servers/{server['id']}/metadata", {"metadata": {"godwit:hosts": hosts}}).status == 200


def live(cloud, server, host=None):
    body = {"os-migrateLive": {"host": host, "block_migration": "auto"}}
    answer = cloud.request("POST", f"/v2.1/servers/{server['id']}/action", body, "2.30")
    if answer.status == 202:
        wait(lambda: cloud.get(f"/v2.1/servers/{server['id']}").json["server"]["status"] == "ACTIVE")
    return answer


def members(cloud, group):
    return cloud.get(f"{PATH}/{group}").json["server_group"]["members"]


def spread(cloud, *hosts):
    return {host: len(cloud.servers(host)) for host in hosts}


def test_members(cloud):
    cloud = cloud(guests=3)
    one, two, three = cloud.servers()
    web, db = make(cloud, "anti-affinity", one, two), make(cloud, "affinity", three, name="db")
    assert members(cloud, web) == [one["id"], two["id"]]
    assert put(cloud, web, one["id"]).status == 204 and len(members(cloud, web)) == 2
    assert_fault(put(cloud, db, one["id"]), "conflictingRequest", 409, "is in the group web", "take it out of that first")
    assert_fault(put(cloud, NOBODY, one["id"]), "itemNotFound", 404, NOBODY)
    assert_fault(put(cloud, web, NOBODY), "itemNotFound", 404, NOBODY)
    assert_fault(take(cloud, db, one["id"]), "itemNotFound", 404, "is not in the group db")
    assert cloud.get(f"/v2.1/servers/{one['id']}", "2.71").json["server"]["server_groups"] == [web]
    assert "server_groups" not in cloud.get(f"/v2.1/servers/{one['id']}", "2.70").json["server"]
    cloud.kill()
    cloud.start_again()
    wait(lambda: len(cloud.servers()) == 3)
    assert members(cloud, web) == [one["id"], two["id"]] and members(cloud, db) == [three["id"]]
    assert take(cloud, web, one["id"]).status == 204 and members(cloud, web) == [two["id"]]
    assert put(cloud, db, one["id"]).status == 204
    assert cloud.get(f"/v2.1/servers/{one['id']}", "2.71").json["server"]["server_groups"] == [db]
    assert cloud.request("DELETE", f"{PATH}/{db}").status == 204
    assert cloud.get(f"/v2.1/servers/{one['id']}", "2.71").json["server"]["server_groups"] == []


def test_moves_stay_apart(cloud):
    cloud = cloud(guests=3)
    one, two, three = cloud.servers()
    group = make(cloud, "anti-affinity", one, two, three)
    assert live(cloud, one, "HostC").status == 202
    assert_fault(live(cloud, two, "HostC"), "badRequest", 400, "HostC has 1 of the group web", "server-group-remove-server web")
    assert live(cloud, two).status == 202  # the daemon chooses the other
    assert spread(cloud, "HostB", "HostC", "HostD") == {"HostB": 1, "HostC": 1, "HostD": 1}
    assert_fault(live(cloud, three), "badRequest", 400, "HostC has 1 of the group web", "HostD has 1 of the group web")
    assert take(cloud, group, three["id"]).status == 204 and live(cloud, three, "HostC").status == 202


def test_moves_stay_together(cloud):
    cloud = cloud(guests=2)
    one, two = cloud.servers()
    make(cloud, "affinity", one, two)
    assert_fault(live(cloud, one, "HostC"), "badRequest", 400, "HostC has none of the group web", "empty HostB with godwit drain")


def action(cloud, server, host=None):
    body = {"os-migrateLive": {"host": host, "block_migration": "auto"}}
    return cloud.request("POST", f"/v2.1/servers/{server['id']}/action", body, "2.34")  # answered before it is checked


def test_moves_begun_at_once_stay_apart(cloud):
    """Each is checked while the others are: whoever comes last sees where they go."""
    cloud = cloud(guests=3, hosts=("HostC", "HostD", "HostE"), latency_ms=150)
    servers = cloud.servers()
    make(cloud, "anti-affinity", *servers)
    for server in servers:
        assert action(cloud, server).status == 202
    wait(lambda: all(m["final"] for m in cloud.get("/godwit/v1/migrations").json["migrations"]), 60)
    wait(lambda: sorted(len(cloud.servers(h)) for h in ("HostC", "HostD", "HostE")) == [1, 1, 1])


def test_a_group_comes_home_together(cloud):
    cloud = cloud(guests=2)
    make(cloud, "affinity", *cloud.servers())
    assert cloud.ended(cloud.drain("HostB").json["drain"]["id"])["state"] == "completed" and cloud.servers("HostB") == []
    back = cloud.request("POST", "/godwit/v1/hosts/HostB/undrain", {"undrain": {"return": True}}).json["undrain"]["drain"]
    ended = cloud.ended(back["id"])
    assert ended["state"] == "completed" and len(cloud.servers("HostB")) == 2, ended


def test_a_disabled_host_holds_no_group(cloud):
    cloud = cloud(guests=2)
    one, other = cloud.servers()
    assert live(cloud, other, "HostC").status == 202
    wait(lambda: len(cloud.servers("HostC")) == 1)
    make(cloud, "affinity", one, other)
    service = next(s for s in cloud.get("/v2.1/os-services", "2.53").json["services"] if s["host"] == "HostC")
    assert cloud.request("PUT", f"/v2.1/os-services/{service['id']}", {"status": "disabled"}, "2.53").status == 200
    drain = cloud.ended(cloud.drain("HostB").json["drain"]["id"])
    assert drain["state"] == "completed" and len(cloud.servers("HostD")) == 1, drain


def test_soft_ones_prefer(cloud):
    """The least full host would be another each time."""
    cloud = cloud(guests=4, hosts=("HostC", "HostD", "HostE"))
    one, two, three, four = cloud.servers()
    make(cloud, "soft-affinity", one, two, three)
    assert live(cloud, one, "HostD").status == 202 and live(cloud, two).status == 202
    assert spread(cloud, "HostC", "HostD", "HostE")["HostD"] == 2
    assert live(cloud, three, "HostC").status == 202  # a wish only


def test_drain_keeps_groups(cloud):
    """Three that stay apart leave three hosts' worth of places; two that stay together go together; nothing is tried that would be refused."""
    cloud = cloud(guests=6, hosts=("HostC", "HostD"))
    a, b, c, d, e, f = cloud.servers()
    make(cloud, "anti-affinity", a, b, c)
    make(cloud, "affinity", d, e, name="pair")
    plan = cloud.drain("HostB", dry_run=True).json["drain"]
    stays = {m["instance_name"]: m["reason"] for m in plan["moves"] if m["state"] != "planned"}
    assert len(stays) == 1 and "as many of its group web (anti-affinity) as one host may have" in next(iter(stays.values())), plan["moves"]
    drain = cloud.ended(cloud.drain("HostB").json["drain"]["id"])
    assert {m["attempts"] for m in drain["moves"]} == {0}
    where = {s["id"]: s["OS-EXT-SRV-ATTR:host"] for s in cloud.servers()}
    assert sorted(where[x["id"]] for x in (a, b, c)) == ["HostB", "HostC", "HostD"]
    assert where[d["id"]] == where[e["id"]] != "HostB" and where[f["id"]] != "HostB"


def test_pins(cloud):
    cloud = cloud(guests=3)
    one, two, three = cloud.servers()
    pin(cloud, one, "HostB, HostD")
    pin(cloud, two, "HostB")
    assert_fault(live(cloud, one, "HostC"), "badRequest", 400, "is pinned to", "godwit:hosts=HostB, HostD", "godwit unpin")
    plan = cloud.drain("HostB", dry_run=True).json["drain"]
    assert {m["instance_name"]: m.get("dest") for m in plan["moves"] if m["state"] == "planned"}[one["name"]] == "HostD"
    stays = [m for m in plan["moves"] if m["state"] != "planned"]
    assert [m["instance_name"] for m in stays] == [two["name"]] and "is pinned to HostB" in stays[0]["reason"]
    drain = cloud.ended(cloud.drain("HostB").json["drain"]["id"])
    assert [s["id"] for s in cloud.servers("HostB")] == [two["id"]] and {m["attempts"] for m in drain["moves"]} == {0}
    assert cloud.request("DELETE", f"/v2.1/servers/{two['id']}/metadata/godwit:hosts").status == 204
    assert live(cloud, two, "HostC").status == 202


def test_a_plan_tells_of_every_host(cloud):
    """Also of those that placement does not even try, each by its name with everything against it."""
    cloud = cloud(guests=2, hosts=("HostC", "HostD", "HostE"))
    one, two = cloud.servers()
    make(cloud, "anti-affinity", one, two)
    assert live(cloud, two, "HostC").status == 202
    pin(cloud, one, "HostB, HostC, HostE")
    service = next(s for s in cloud.get("/v2.1/os-services", "2.53").json["services"] if s["host"] == "HostD")
    body = {"status": "disabled", "disabled_reason": "new RAM: 64 GiB"}
    assert cloud.request("PUT", f"/v2.1/os-services/{service['id']}", body, "2.53").status == 200
    plan = cloud.request("POST", "/godwit/v1/plan", {"plan": {"server": one["id"]}}).json["plan"]
    told = {h["host"]: (h["possible"], [f["code"] for f in h["findings"]]) for h in plan["hosts"]}
    assert told == {"HostE": (True, []), "HostC": (False, ["group-anti-affinity"]), "HostD": (False, ["host-disabled", "pinned"])}, plan


def test_balance_keeps_groups_and_pins(cloud):
    """All are on one host: what must stay there stays, however uneven that is."""
    cloud = cloud(guests=8)
    servers = cloud.servers()
    make(cloud, "affinity", *servers[:3])
    for one in servers[3:6]:
        pin(cloud, one, "Host?" if one is servers[5] else "HostB")
    plan = cloud.request("POST", "/godwit/v1/balance", {"balance": {"dry_run": True}}).json["balance"]["drain"]
    moved = {m["instance_name"] for m in plan["moves"]}
    assert moved and moved <= {s["name"] for s in servers[5:]}, plan["moves"]


def test_new_servers_join(daemon):  # noqa: F811
    """As many as fit apart; the next is told why. A deleted one leaves its place."""
    group = daemon.request("POST", PATH, wanted(88), "2.88").json["server_group"]["id"]
    made = []
    for _ in range(3):
        answer = boot(daemon, group)
        assert answer.status == 202, answer.body
        made.append(answer.json["server"]["id"])
        wait(lambda: show(daemon, made[-1])["OS-EXT-STS:task_state"] is None)
    shown = [show(daemon, uuid) for uuid in made]
    assert [s["status"] for s in shown] == ["ACTIVE", "ACTIVE", "ERROR"]
    assert {s["OS-EXT-SRV-ATTR:host"] for s in shown[:2]} == {"HostA", "HostB"}
    assert "of the group web" in shown[2]["fault"]["message"]
    assert members(daemon, group) == made
    assert daemon.request("DELETE", f"/v2.1/servers/{made[0]}").status == 204
    wait(lambda: daemon.get(f"/v2.1/servers/{made[0]}").status == 404)
    assert members(daemon, group) == made[1:]
    again = boot(daemon, group).json["server"]["id"]
    wait(lambda: show(daemon, again)["status"] == "ACTIVE")
    assert_fault(boot(daemon, NOBODY), "badRequest", 400, f"Instance group {NOBODY} could not be found.")
    assert_fault(boot(daemon, "web"), "badRequest", 400, "field/attribute group", "UUID")


def boot(daemon, group):  # noqa: F811
    from test_create import body
    return daemon.request("POST", "/v2.1/servers", {**body(daemon), "os:scheduler_hints": {"group": group}}, "2.88")


def show(daemon, uuid):  # noqa: F811
    return daemon.get(f"/v2.1/servers/{uuid}", "2.88").json["server"]


def test_new_servers_are_pinned(daemon):  # noqa: F811
    for host in ("HostA", "HostB"):
        uuid = create(daemon, metadata={"godwit:hosts": host}).json["server"]["id"]
        wait(lambda: show(daemon, uuid)["status"] == "ACTIVE")
        assert show(daemon, uuid)["OS-EXT-SRV-ATTR:host"] == host
