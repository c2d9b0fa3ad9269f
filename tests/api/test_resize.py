"""Another flavor for a server: on a real godwitd with simulated hosts, confirmed, reverted, and refused."""
import pytest
from test_create import GIB, body, built, create, daemon, events, flavor, image, show  # noqa: F401 (fixtures)
from test_godwitd import wait


def resize(daemon, uuid, flavor_id, version="2.1", **more):
    return daemon.request("POST", f"/v2.1/servers/{uuid}/action", {"resize": {"flavorRef": flavor_id, **more}}, version)


def act(daemon, uuid, action):
    return daemon.request("POST", f"/v2.1/servers/{uuid}/action", {action: None}).status


def rests(daemon, uuid, status):
    return wait(lambda: (lambda s: s if s["status"] == status and not s["OS-EXT-STS:task_state"] else None)(show(daemon, uuid)))


def shape(server):
    return server["flavor"]["original_name"], server["flavor"]["vcpus"], server["flavor"]["ram"], server["flavor"]["disk"]


def newest(daemon, uuid):
    return daemon.get(f"/v2.1/os-migrations?instance_uuid={uuid}", "2.80").json["migrations"][0]


@pytest.mark.parametrize("power", ["ACTIVE", "SHUTOFF"])
@pytest.mark.parametrize("end", ["confirmResize", "revertResize"])
def test_life(daemon, power, end):  # noqa: F811
    before = built(daemon, create(daemon))
    uuid = before["id"]
    small = before["flavor"]["original_name"]
    big = flavor(daemon, "big", vcpus=3, ram=1024, disk=4)
    if power == "SHUTOFF":
        assert act(daemon, uuid, "os-stop") == 202
        rests(daemon, uuid, "SHUTOFF")
    answer = resize(daemon, uuid, big, **{"OS-DCF:diskConfig": "MANUAL"})
    assert answer.status == 202 and answer.body == b"", answer.body
    assert daemon.wait(answer, "finished")["kind"] == "resize"
    resized = rests(daemon, uuid, "VERIFY_RESIZE")
    assert shape(resized) == ("big", 3, 1024, 4) and resized["OS-EXT-SRV-ATTR:host"] == "HostB"
    row = newest(daemon, uuid)
    flavors = {f["name"]: n for n, f in enumerate(daemon.get("/v2.1/flavors").json["flavors"])}
    assert row["migration_type"] == "resize" and row["status"] == "finished" and {"big", small} <= set(flavors)
    assert row["old_instance_type_id"] != row["new_instance_type_id"]
    hypervisors = {h["hypervisor_hostname"]: h for h in daemon.get("/v2.1/os-hypervisors/detail", "2.53").json["hypervisors"]}
    assert hypervisors["HostB"]["vcpus_used"] == (3 if power == "ACTIVE" else 0)
    assert act(daemon, uuid, end) == (204 if end == "confirmResize" else 202)
    after = rests(daemon, uuid, power)
    if end == "confirmResize":
        assert shape(after) == ("big", 3, 1024, 4) and after["OS-EXT-SRV-ATTR:host"] == "HostB"
    else:
        assert shape(after) == shape(before) and after["OS-EXT-SRV-ATTR:host"] == "HostA"
    wait(lambda: newest(daemon, uuid)["status"] == ("confirmed" if end == "confirmResize" else "reverted"))
    told = events(daemon, uuid)
    for event in ("conductor_migrate_server", "compute_prep_resize", "compute_resize_instance", "compute_finish_resize"):
        if power == "SHUTOFF" and event == "compute_resize_instance":
            continue  # there is no guest to stop
        assert ("resize", None, event, "Success") in told, told
    assert [r["migration_type"] for r in daemon.get("/v2.1/os-migrations?migration_type=resize", "2.23").json["migrations"]] == ["resize"]


def test_back_and_forth(daemon):  # noqa: F811
    uuid = built(daemon, create(daemon))["id"]
    for name, vcpus, host in (("one", 2, "HostB"), ("two", 4, "HostA"), ("three", 1, "HostB")):
        assert daemon.wait(resize(daemon, uuid, flavor(daemon, name, vcpus=vcpus, disk=2)), "finished")["state"] == "finished"
        rests(daemon, uuid, "VERIFY_RESIZE")
        assert act(daemon, uuid, "confirmResize") == 204
        server = rests(daemon, uuid, "ACTIVE")
        assert shape(server)[:2] == (name, vcpus) and server["OS-EXT-SRV-ATTR:host"] == host


def test_adopted_instance(daemon):  # noqa: F811
    uuid = daemon.get("/v2.1/servers").json["servers"][0]["id"]
    old = show(daemon, uuid)["flavor"]
    answer = resize(daemon, uuid, flavor(daemon, "wide", vcpus=old["vcpus"] + 1, ram=old["ram"] + 256, disk=old["disk"] + 1))
    daemon.wait(answer, "finished")
    now = rests(daemon, uuid, "VERIFY_RESIZE")["flavor"]
    assert (now["vcpus"], now["ram"], now["disk"]) == (old["vcpus"] + 1, old["ram"] + 256, old["disk"] + 1)
    assert act(daemon, uuid, "confirmResize") == 204
    now = rests(daemon, uuid, "ACTIVE")["flavor"]
    assert (now["vcpus"], now["ram"], now["disk"]) == (old["vcpus"] + 1, old["ram"] + 256, old["disk"] + 1)


def test_deleted_while_it_waits_it_goes_from_both(daemon):  # noqa: F811
    uuid = built(daemon, create(daemon))["id"]
    daemon.wait(resize(daemon, uuid, flavor(daemon, "big", vcpus=2, disk=2)), "finished")
    rests(daemon, uuid, "VERIFY_RESIZE")
    assert daemon.request("DELETE", f"/v2.1/servers/{uuid}").status == 204
    wait(lambda: show(daemon, uuid) is None)
    assert newest(daemon, uuid)["status"] == "confirmed"


def refusal(daemon, uuid, change, version="2.1"):
    before = show(daemon, uuid)
    answer = daemon.request("POST", f"/v2.1/servers/{uuid}/action", {"resize": change}, version)
    wait(lambda: not show(daemon, uuid)["OS-EXT-STS:task_state"])
    after = show(daemon, uuid)
    assert (after["flavor"], after["status"], after["OS-EXT-SRV-ATTR:host"]) == (before["flavor"], before["status"], before["OS-EXT-SRV-ATTR:host"])
    return answer.status, answer.fault[2]


def test_refusals(daemon):  # noqa: F811
    asked = body(daemon)
    uuid = built(daemon, daemon.request("POST", "/v2.1/servers", asked, "2.88"))["id"]
    small = asked["server"]["flavorRef"]
    assert refusal(daemon, uuid, {"flavorRef": small}) == (400, "When resizing, instances must change flavor!")
    for change, words in (
            ({"flavorRef": "none"}, "Unable to locate requested flavor."),
            ({"flavorRef": flavor(daemon, "flat", disk=0)}, "Resize to zero disk flavor is not allowed."),
            ({"flavorRef": flavor(daemon, "vast", ram=1 << 20)}, "No valid host was found."),
            ({}, "'flavorRef' is a required property"),
            ({"flavorRef": 1.5}, "flavorRef"),
            ({"flavorRef": small, "host": "HostB"}, "'host' was unexpected"),
            ({"flavorRef": small, "OS-DCF:diskConfig": "maybe"}, "OS-DCF:diskConfig")):
        status, text = refusal(daemon, uuid, change)
        assert status == 400 and words in text, (change, text)
    missing = daemon.request("POST", "/v2.1/servers/11111111-2222-4333-8444-555555555555/action", {"resize": {"flavorRef": small}})
    assert missing.status == 404 and "could not be found" in missing.fault[2]


def test_a_smaller_disk_is_refused(daemon):  # noqa: F811
    uuid = built(daemon, create(daemon, flavorRef=flavor(daemon, "roomy", disk=5)))["id"]
    status, text = refusal(daemon, uuid, {"flavorRef": flavor(daemon, "less", disk=4)})
    assert status == 400 and "a disk that is made smaller loses what is at its end" in text


def test_while_it_waits_nothing_else_begins(daemon):  # noqa: F811
    uuid = built(daemon, create(daemon))["id"]
    daemon.wait(resize(daemon, uuid, flavor(daemon, "big", vcpus=2, disk=2)), "finished")
    rests(daemon, uuid, "VERIFY_RESIZE")
    other = flavor(daemon, "other", vcpus=1, disk=2)
    for action in ({"resize": {"flavorRef": other}}, {"migrate": None}):
        answer = daemon.request("POST", f"/v2.1/servers/{uuid}/action", action)
        assert answer.status == 409 and "vm_state resized" in answer.fault[2]
