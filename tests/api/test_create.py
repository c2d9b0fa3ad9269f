"""Servers made and deleted, images and flavors, on a real godwitd with simulated hosts."""
import re
import os
import struct
import subprocess

import pytest
from api_server import BUILD
from test_godwitd import Godwitd, wait

GIB = 1 << 30


def qcow2(path, size, backing=0, crypt=0):
    with open(path, "wb") as f:
        f.write(struct.pack(">4sIQIIQI", b"QFI\xfb", 3, backing, 10 if backing else 0, 16, size, crypt).ljust(512, b"\0"))


@pytest.fixture
def daemon(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    qcow2(images / "cirros.qcow2", GIB // 2)
    qcow2(images / "layer.qcow2", GIB, backing=100)
    (images / "plain.raw").write_bytes(b"x" * 4096)
    (images / "notes.txt").write_text("not an image")
    daemon = Godwitd(str(tmp_path))
    assert daemon.add("HostA", instances=1, prefix="vm", memory_mib=8192).status == 201
    assert daemon.add("HostB", memory_mib=4096).status == 201
    wait(lambda: len(daemon.get("/v2.1/servers").json["servers"]) == 1)
    yield daemon
    daemon.close()


def image(daemon, name="cirros"):
    return next(i["id"] for i in daemon.get("/image/v2/images").json["images"] if i["name"] == name)


def flavor(daemon, name="small", version="2.1", **more):
    body = {"name": name, "ram": 512, "vcpus": 1, "disk": 1, **more}
    answer = daemon.request("POST", "/v2.1/flavors", {"flavor": body}, version)
    assert answer.status == 200, answer.body
    return answer.json["flavor"]["id"]


def body(daemon, **more):
    return {"server": {"name": "web", "imageRef": image(daemon), "flavorRef": flavor(daemon, f"f{os.urandom(4).hex()}"), "networks": "auto", **more}}


def create(daemon, version="2.88", **more):
    return daemon.request("POST", "/v2.1/servers", body(daemon, **more), version)


def show(daemon, uuid, version="2.88"):
    answer = daemon.get(f"/v2.1/servers/{uuid}", version)
    return answer.json["server"] if answer.status == 200 else None


def built(daemon, answer, status="ACTIVE"):
    assert answer.status == 202, answer.body
    uuid = answer.json["server"]["id"]
    return wait(lambda: (lambda s: s if s["status"] == status and not s["OS-EXT-STS:task_state"] else None)(show(daemon, uuid)))


def delete(daemon, uuid):
    answer = daemon.request("DELETE", f"/v2.1/servers/{uuid}")
    assert answer.status == 204, answer.body
    wait(lambda: show(daemon, uuid) is None)


def events(daemon, uuid):
    found = []
    for action in daemon.get(f"/v2.1/servers/{uuid}/os-instance-actions", "2.21").json["instanceActions"]:
        whole = daemon.get(f"/v2.1/servers/{uuid}/os-instance-actions/{action['request_id']}", "2.84").json["instanceAction"]
        found += [(action["action"], action["message"], e["event"], e["result"]) for e in whole["events"]]
    return found


def test_life(daemon):
    answer = create(daemon, metadata={"role": "web"}, tags=["blue"], description="a server")
    assert answer.status == 202, answer.body
    assert answer.headers["location"].endswith("/servers/" + answer.json["server"]["id"])
    server = built(daemon, answer)
    uuid = server["id"]
    assert (server["name"], server["metadata"], server["tags"], server["description"]) == ("web", {"role": "web"}, ["blue"], "a server")
    assert server["OS-EXT-SRV-ATTR:host"] == "HostA", "the roomiest"
    assert server["image"]["id"] == image(daemon)
    assert server["flavor"]["vcpus"] == 1 and server["flavor"]["ram"] == 512 and server["flavor"]["disk"] == 1
    assert server["OS-EXT-SRV-ATTR:instance_name"] == f"web-{uuid[:8]}" and server["OS-SRV-USG:launched_at"]
    assert daemon.get(f"/v2.1/servers/{uuid}/metadata/role").json == {"meta": {"role": "web"}}
    assert daemon.get(f"/v2.1/servers/{uuid}/tags/blue", "2.26").status == 204
    assert [s["id"] for s in daemon.get(f"/v2.1/servers?image={image(daemon)}").json["servers"]] == [uuid]
    moved = daemon.request("POST", f"/v2.1/servers/{uuid}/action", {"os-migrateLive": {"host": "HostB", "block_migration": "auto"}}, "2.30")
    assert daemon.wait(moved, "completed")["state"] == "completed"
    server = wait(lambda: (lambda s: s if s["status"] == "ACTIVE" else None)(show(daemon, uuid)))
    assert server["OS-EXT-SRV-ATTR:host"] == "HostB" and server["name"] == "web"
    delete(daemon, uuid)
    assert events(daemon, uuid)[::-1][0] == ("create", None, "compute__do_build_and_run_instance", "Success")
    assert events(daemon, uuid)[0] == ("delete", None, "compute_terminate_instance", "Success")
    assert daemon.request("DELETE", f"/v2.1/servers/{uuid}").status == 404


def test_adopted_ones_are_deleted_too(daemon):
    uuid = daemon.get("/v2.1/servers").json["servers"][0]["id"]
    assert daemon.request("POST", f"/v2.1/servers/{uuid}/action", {"forceDelete": None}).status == 204
    wait(lambda: show(daemon, uuid) is None)
    assert daemon.get("/v2.1/servers").json["servers"] == []


def test_several(daemon):
    answer = create(daemon, min_count=2, max_count="3", return_reservation_id=True)
    reservation = answer.json["reservation_id"]
    servers = wait(lambda: (lambda all_: all_ if len(all_) == 3 and all(s["status"] == "ACTIVE" for s in all_) else None)(
        [s for s in daemon.get("/v2.1/servers/detail", "2.3").json["servers"] if s["OS-EXT-SRV-ATTR:reservation_id"] == reservation]))
    assert sorted((s["name"], s["OS-EXT-SRV-ATTR:launch_index"]) for s in servers) == [("web-1", 0), ("web-2", 1), ("web-3", 2)]


@pytest.mark.parametrize("more, version, status, words", [
    ({"imageRef": ""}, "2.1", 400, "An image of image_dir is needed"),
    ({"imageRef": "nonsense"}, "2.1", 400, "Invalid imageRef provided."),
    ({"imageRef": "11111111-2222-4333-8444-555555555555"}, "2.1", 400, "Can not find requested image"),
    ({"flavorRef": "none"}, "2.1", 400, "Flavor none could not be found."),
    ({"name": ""}, "2.1", 400, "name"),
    ({"nonsense": 1}, "2.1", 400, "'nonsense' was unexpected"),
    ({"key_name": "mine"}, "2.1", 400, "Invalid key_name provided."),
    ({"user_data": "aGk="}, "2.1", 400, "neither a metadata service nor a config drive"),
    ({"config_drive": True}, "2.1", 400, "config_drive"),
    ({"personality": []}, "2.1", 400, "personality"),
    ({"security_groups": [{"name": "web"}]}, "2.1", 400, "There is only 'default'"),
    ({"block_device_mapping_v2": [{"source_type": "volume", "uuid": "x", "destination_type": "volume"}]}, "2.1", 400, "makes no volumes"),
    ({"networks": [{"port": "x"}]}, "2.1", 400, "Godwit keeps no ports"),
    ({"networks": "some"}, "2.37", 400, "'auto', 'none' or a list"),
    ({"availability_zone": "mars"}, "2.1", 400, "The requested availability zone is not available"),
    ({"availability_zone": "nova:HostX"}, "2.1", 400, "Compute host HostX could not be found."),
    ({"host": "HostX"}, "2.74", 400, "Compute host HostX could not be found."),
    ({"host": "HostA"}, "2.73", 400, "'host' was unexpected"),
    ({"tags": ["a"]}, "2.51", 400, "'tags' was unexpected"),
    ({"tags": ["a,b"]}, "2.52", 400, "without ','"),
    ({"description": "x"}, "2.18", 400, "'description' was unexpected"),
    ({"metadata": {"a": 1}}, "2.1", 400, "strings of 255"),
    ({"min_count": 3, "max_count": 2}, "2.1", 400, "min_count must be <= max_count"),
    ({"min_count": 0}, "2.1", 400, "from 1 on"),
    ({"max_count": 1000}, "2.1", 400, "100 servers"),
    ({"OS-DCF:diskConfig": "maybe"}, "2.1", 400, "AUTO or MANUAL")])
def test_refusals(daemon, more, version, status, words):
    answer = create(daemon, version, **more)
    assert answer.status == status and words in answer.fault[2], answer.body
    assert len(daemon.get("/v2.1/servers").json["servers"]) == 1, "nothing was made"


def test_networks_must_be_named_since_2_37(daemon):
    asked = body(daemon)
    del asked["server"]["networks"]
    assert "'networks' is a required property" in daemon.request("POST", "/v2.1/servers", asked, "2.37").fault[2]
    built(daemon, daemon.request("POST", "/v2.1/servers", asked, "2.36"))


def test_hints(daemon):
    asked = {**body(daemon), "os:scheduler_hints": {"same_host": "x"}}
    assert "'same_host' is not offered" in daemon.request("POST", "/v2.1/servers", asked).fault[2]


def test_image_that_does_not_fit(daemon):
    small = flavor(daemon, "tiny", disk=1)
    qcow2(os.path.join(daemon.folder, "images", "big.img"), 2 * GIB)
    answer = create(daemon, imageRef=image(daemon, "big"), flavorRef=small)
    assert answer.status == 400 and f"Flavor disk is {GIB} bytes, image is {2 * GIB} bytes." in answer.fault[2]
    whole = create(daemon, imageRef=image(daemon, "layer"))
    assert whole.status == 400 and "make it whole with qemu-img convert" in whole.fault[2]
    built(daemon, create(daemon, imageRef=image(daemon, "big"), flavorRef=flavor(daemon, "any", disk=0)))


def test_places(daemon):
    for more, version in (({"host": "HostB"}, "2.74"), ({"availability_zone": "nova:HostB"}, "2.1"), ({"hypervisor_hostname": "HostB"}, "2.74")):
        server = built(daemon, create(daemon, version, **more))
        assert server["OS-EXT-SRV-ATTR:host"] == "HostB"
        delete(daemon, server["id"])
    service = next(s for s in daemon.get("/v2.1/os-services", "2.53").json["services"] if s["host"] == "HostB")
    assert daemon.request("PUT", f"/v2.1/os-services/{service['id']}", {"status": "disabled", "disabled_reason": "broken fan"}, "2.53").status == 200
    failed = built(daemon, create(daemon, host="HostB"), "ERROR")
    assert "No valid host was found." in failed["fault"]["message"] and "broken fan" in failed["fault"]["message"]
    assert failed["OS-EXT-SRV-ATTR:host"] is None and failed["OS-EXT-STS:vm_state"] == "error"
    delete(daemon, failed["id"])
    assert built(daemon, create(daemon, availability_zone="nova:HostB"))["OS-EXT-SRV-ATTR:host"] == "HostB", "forced"


def test_no_room(daemon):
    failed = built(daemon, create(daemon, flavorRef=flavor(daemon, "huge", ram=7800)), "ERROR")
    assert "MiB of memory are free there" in failed["fault"]["message"]
    uuid = failed["id"]
    assert events(daemon, uuid) == [("create", "Error", "compute__do_build_and_run_instance", "Error")]
    for action in ({"os-migrateLive": {"host": None, "block_migration": "auto"}}, {"migrate": None}, {"os-stop": None}):
        answer = daemon.request("POST", f"/v2.1/servers/{uuid}/action", action, "2.30")
        assert answer.status == 409, answer.body
    assert "it is on no host" in answer.fault[2]
    delete(daemon, uuid)


def test_while_it_moves_it_is_not_deleted(daemon):
    uuid = daemon.get("/v2.1/servers").json["servers"][0]["id"]
    assert daemon.request("POST", f"/v2.1/servers/{uuid}/action", {"migrate": None}, "2.56").status == 202
    answer = daemon.request("DELETE", f"/v2.1/servers/{uuid}")
    assert answer.status == 409 and "Cannot 'delete' instance" in answer.fault[2]
    wait(lambda: show(daemon, uuid)["status"] == "VERIFY_RESIZE")
    delete(daemon, uuid)
    assert daemon.get("/v2.1/os-migrations").json["migrations"][0]["status"] == "confirmed"


# ---- images

def test_images(daemon):
    listed = {i["name"]: i for i in daemon.get("/image/v2/images").json["images"]}
    assert sorted(listed) == ["cirros", "layer", "plain"]
    cirros = listed["cirros"]
    assert (cirros["disk_format"], cirros["status"], cirros["virtual_size"], cirros["min_disk"]) == ("qcow2", "active", GIB // 2, 1)
    assert listed["plain"]["disk_format"] == "raw" and listed["plain"]["size"] == 4096
    assert listed["layer"]["status"] == "deactivated"
    assert daemon.get(f"/image/v2/images/{cirros['id']}").json == cirros
    assert daemon.get("/image/v2/images/cirros").status == 404
    assert [i["name"] for i in daemon.get("/image/v2/images?name=plain").json["images"]] == ["plain"]
    first = daemon.get("/image/v2/images?limit=2").json
    assert len(first["images"]) == 2 and [i["name"] for i in daemon.get("/image" + first["next"]).json["images"]] == ["plain"]
    proxy = daemon.get(f"/v2.1/images/{cirros['id']}").json["image"]
    assert (proxy["status"], proxy["minDisk"], proxy["OS-EXT-IMG-SIZE:size"]) == ("ACTIVE", 1, 512)
    assert len(daemon.get("/v2.1/images/detail").json["images"]) == 3 and daemon.get("/v2.1/images", "2.36").status == 404
    assert [i["name"] for i in daemon.get("/v2.1/images?limit=1").json["images"]] == ["cirros"]


# ---- flavors

def test_flavors(daemon):
    made = flavor(daemon, "m1", "2.75", id="one", swap="64", description="first", **{"OS-FLV-EXT-DATA:ephemeral": 3, "rxtx_factor": 2.5})
    assert made == "one"
    shown = daemon.get("/v2.1/flavors/one", "2.75").json["flavor"]
    assert (shown["name"], shown["ram"], shown["swap"], shown["OS-FLV-EXT-DATA:ephemeral"], shown["rxtx_factor"], shown["description"]) == (
        "m1", 512, 64, 3, 2.5, "first")
    assert len(daemon.get("/v2.1/flavors").json["flavors"]) == 2, "that of the adopted instance, too"
    again = daemon.request("POST", "/v2.1/flavors", {"flavor": {"name": "m1", "ram": 1, "vcpus": 1, "disk": 1}})
    assert again.status == 409 and again.fault[2] == "Flavor with name m1 already exists."
    again = daemon.request("POST", "/v2.1/flavors", {"flavor": {"name": "m2", "id": "one", "ram": 1, "vcpus": 1, "disk": 1}})
    assert again.status == 409 and again.fault[2] == "Flavor with ID one already exists."
    changed = daemon.request("PUT", "/v2.1/flavors/one", {"flavor": {"description": None}}, "2.55")
    assert changed.status == 200 and changed.json["flavor"]["description"] is None
    assert daemon.request("PUT", "/v2.1/flavors/one", {"flavor": {"description": None}}, "2.54").status in (404, 405)
    assert daemon.request("DELETE", "/v2.1/flavors/one").status == 202
    assert daemon.request("DELETE", "/v2.1/flavors/one").status == 404


@pytest.mark.parametrize("more, words", [({"ram": 0}, "from 1"), ({"vcpus": "two"}, "from 1"), ({"disk": -1}, "from 0"), ({"id": "a/b"}, "id"),
                                         ({"rxtx_factor": 0}, "above 0"), ({"name": " x"}, "name"), ({"colour": "red"}, "colour"),
                                         ({"description": "x"}, "description")])
def test_bad_flavors(daemon, more, words):
    answer = daemon.request("POST", "/v2.1/flavors", {"flavor": {"name": "m", "ram": 1, "vcpus": 1, "disk": 1, **more}}, "2.54")
    assert answer.status == 400 and words in answer.fault[2], answer.body


def test_extra_specs(daemon):
    made = flavor(daemon)
    root = f"/v2.1/flavors/{made}/os-extra_specs"
    assert daemon.request("POST", root, {"extra_specs": {"hw:cpu_policy": "shared", "n": 3}}).json == {"extra_specs": {"hw:cpu_policy": "shared", "n": 3}}
    assert daemon.get(root).json == {"extra_specs": {"hw:cpu_policy": "shared", "n": "3"}}
    assert daemon.request("PUT", f"{root}/n", {"n": "4"}).json == {"n": "4"}
    assert daemon.get(f"{root}/n").json == {"n": "4"}
    assert daemon.request("PUT", f"{root}/n", {"m": "4"}).status == 400
    assert daemon.request("POST", root, {"extra_specs": {"a/b": "1"}}).status == 400
    assert daemon.request("DELETE", f"{root}/n").status == 200
    assert daemon.request("DELETE", f"{root}/n").status == 404 and daemon.get(f"{root}/n").status == 404
    server = built(daemon, create(daemon, flavorRef=made))
    assert server["flavor"]["extra_specs"] == {"hw:cpu_policy": "shared"}
    assert "extra_specs" in daemon.get(f"/v2.1/flavors/{made}", "2.61").json["flavor"]
    assert daemon.request("DELETE", f"/v2.1/flavors/{made}").status == 202
    assert show(daemon, server["id"])["flavor"]["original_name"] == "small", "a server keeps its flavor"


def test_access(daemon):
    private = flavor(daemon, "mine", **{"os-flavor-access:is_public": False})
    listed = daemon.get("/v2.1/flavors").json["flavors"]
    assert private not in [f["id"] for f in listed]
    assert [f["id"] for f in daemon.get("/v2.1/flavors?is_public=false").json["flavors"]] == [private]
    assert private in [f["id"] for f in daemon.get("/v2.1/flavors?is_public=None").json["flavors"]]
    action = f"/v2.1/flavors/{private}/action"
    entry = {"flavor_access": [{"flavor_id": private, "tenant_id": "p1"}]}
    assert daemon.request("POST", action, {"addTenantAccess": {"tenant": "p1"}}).json == entry
    assert daemon.request("POST", action, {"addTenantAccess": {"tenant": "p1"}}).status == 409
    assert daemon.get(f"/v2.1/flavors/{private}/os-flavor-access").json == entry
    assert daemon.request("POST", action, {"removeTenantAccess": {"tenant": "p1"}}).json == {"flavor_access": []}
    assert daemon.request("POST", action, {"removeTenantAccess": {"tenant": "p1"}}).status == 404
    assert daemon.get(f"/v2.1/flavors/{flavor(daemon)}/os-flavor-access").status == 404


def test_derived_flavors_stay_as_they_are(daemon):
    (derived,) = daemon.get("/v2.1/flavors").json["flavors"]
    for method, path, sent in (("DELETE", "", None), ("POST", "/os-extra_specs", {"extra_specs": {"a": "b"}})):
        answer = daemon.request(method, f"/v2.1/flavors/{derived['id']}{path}", sent)
        assert answer.status == 403 and "Create a flavor instead" in answer.fault[2]
    assert built(daemon, create(daemon, flavorRef=derived["id"]))["flavor"]["original_name"] == derived["id"]


def test_it_stays_in_its_zone(daemon):
    """As in Nova: who asked for a zone keeps it, whoever moves the server."""
    made = daemon.request("POST", "/v2.1/os-aggregates", {"aggregate": {"name": "north", "availability_zone": "north"}}).json["aggregate"]
    assert daemon.request("POST", f"/v2.1/os-aggregates/{made['id']}/action", {"add_host": {"host": "HostB"}}).status == 200
    server = built(daemon, create(daemon, availability_zone="north"))
    assert server["OS-EXT-SRV-ATTR:host"] == "HostB" and server["OS-EXT-AZ:availability_zone"] == "north"
    refused = daemon.request("POST", f"/v2.1/servers/{server['id']}/action", {"os-migrateLive": {"host": None, "block_migration": "auto"}}, "2.30")
    assert refused.status == 400 and "north" in refused.fault[2], refused.body


def test_own_commands(daemon):
    def godwit(*argv):
        return subprocess.run([f"{BUILD}/src/cli/godwit", "--url", f"http://127.0.0.1:{daemon.port}", *argv], capture_output=True, text=True, timeout=30)

    flavor(daemon)
    made = godwit("boot", "--image", "cirros", "--flavor", "small", "--host", "HostB", "--nic", "none", "web")
    assert (made.returncode, made.stdout) == (0, "web was made: it is running on HostB.\n"), made.stderr
    assert "web" in godwit("list").stdout
    gone = godwit("delete", "web")
    assert (gone.returncode, gone.stdout) == (0, "web is deleted.\n"), gone.stderr
    assert godwit("delete", "web").returncode == 4
    unknown = godwit("boot", "--image", "nothing", "--flavor", "small", "web")
    assert unknown.returncode == 4 and "There is no image 'nothing'; there are: cirros, layer, plain." in unknown.stderr
    assert godwit("boot", "web").returncode == 2
    flavor(daemon, "huge", ram=1000000)
    failed = godwit("boot", "--image", "cirros", "--flavor", "huge", "web")
    assert failed.returncode == 1 and "web was not made: No valid host was found:\n  - HostA: 7168 MiB of memory are free" in failed.stderr
    assert re.search(r"web is listed as ERROR; remove it with: godwit delete [0-9a-f-]{36}\n$", failed.stderr)
