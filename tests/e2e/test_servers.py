"""A server made from an image on real hosts, moved and deleted, the daemon killed on the way; and nothing left of it afterwards."""
import hashlib
import json
import os
import random
import signal
import subprocess
import time

import pytest

SEED = int(os.environ.get("GODWIT_SERVERS_SEED", random.SystemRandom().randrange(1 << 30)))
KILLS = int(os.environ.get("GODWIT_SERVERS_KILLS", "6"))
VERSION = "2.74"


@pytest.fixture(scope="module")
def images(cloud):
    """One image in each format, with the same bytes in it: 24 MiB, data and holes."""
    folder = os.path.join(cloud.folder, "images")
    os.makedirs(folder)
    raw = os.path.join(folder, "pattern-raw.raw")
    with open(raw, "wb") as f:
        for at in (0, 5 << 20, 17 << 20):
            f.seek(at)
            f.write(random.Random(at).randbytes(1 << 20))
        f.truncate(24 << 20)
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, os.path.join(folder, "pattern-qcow2.qcow2")], check=True)
    made = cloud.request("POST", "/v2.1/flavors", {"flavor": {"name": "one", "id": "one", "ram": 64, "vcpus": 1, "disk": 1}})
    assert made.status == 200, made.text
    return {i["name"]: i["id"] for i in cloud.get("/image/v2/images").json["images"]}


@pytest.fixture(params=["/srv/instances", "/srv/local"], ids=["shared", "local"])
def place(request, cloud, lab, images):
    """instances_path, and that nothing is there afterwards that was not there before."""
    before = everything(lab)
    cloud.restart(instances_path=request.param, virt_type="qemu", shutdown_timeout=2)  # nothing in these guests hears the button
    yield request.param
    left = {host: sorted(after - before[host]) for host, after in everything(lab).items()}
    assert not any(left.values()), f"left over: {left}"


def everything(lab):
    """Files, folders, definitions and pools."""
    found = {}
    for host in lab.compute():
        listed = host.run("sh", "-c", "find /srv/local /srv/instances; virsh -q -c qemu:///system list --all --name;"
                          " virsh -q -c qemu:///system pool-list --all --name").stdout
        found[host.name] = {name for name in listed.split() if ".godwit-probe-" not in name}
    return found


def create(cloud, image, **more):
    server = {"name": "web", "imageRef": image, "flavorRef": "one", "networks": "none", **more}
    answer = cloud.request("POST", "/v2.1/servers", {"server": server}, version=VERSION)
    assert answer.status == 202, answer.text
    return answer.json["server"]["id"]


def show(cloud, uuid):
    answer = cloud.get(f"/v2.1/servers/{uuid}", version="2.88")
    return answer.json["server"] if answer.status == 200 else None


def wait_for(cloud, uuid, *states, seconds=90):
    end = time.monotonic() + seconds
    while True:
        server = show(cloud, uuid)
        if server and server["status"] in states and not server["OS-EXT-STS:task_state"]:
            return server
        assert time.monotonic() < end, f"{server}\n{cloud.daemon_log()[-3000:]}"
        time.sleep(0.05)


def delete(cloud, uuid, seconds=60):
    answer = cloud.request("DELETE", f"/v2.1/servers/{uuid}")
    assert answer.status == 204, answer.text
    end = time.monotonic() + seconds
    while show(cloud, uuid):
        assert time.monotonic() < end, cloud.daemon_log()[-3000:]
        time.sleep(0.05)


def other(host):
    return "HostC" if host == "HostB" else "HostB"


@pytest.mark.parametrize("kind", ["raw", "qcow2"])
def test_life(lab, cloud, images, place, kind):
    uuid = create(cloud, images[f"pattern-{kind}"], host="HostB")
    server = wait_for(cloud, uuid, "ACTIVE", "ERROR")
    assert server["status"] == "ACTIVE", server["fault"]
    assert server["OS-EXT-SRV-ATTR:host"] == "HostB"
    path = f"{place}/{uuid}/disk"
    listed = lab.run("HostB", "qemu-img", "info", "-U", "--output=json", path).stdout
    assert f'"format": "{kind}"' in listed and f'"virtual-size": {1 << 30}' in listed, listed
    original = os.path.join(cloud.folder, "images", f"pattern-{kind}.{kind}")
    lab.run("HostB", "qemu-img", "compare", "-U", "-f", kind, "-F", kind, path, original)  # what is longer is zero: the same
    assert int(lab.run("HostB", "du", "-k", path).stdout.split()[0]) < 8 << 10, "it is sparse"
    xml = lab.run("HostB", "virsh", "-c", "qemu:///system", "dumpxml", uuid).stdout
    for part in ("type='vnc'", "<serial type='pty'", "cache='none'", "bus='virtio'", "<title>web</title>", "machine='pc-q35"):
        assert part in xml, part
    moved = cloud.request("POST", f"/v2.1/servers/{uuid}/action", {"os-migrateLive": {"host": "HostC", "block_migration": "auto"}},
                          version="2.30")
    assert cloud.wait(moved)["state"] == "completed"
    assert wait_for(cloud, uuid, "ACTIVE")["OS-EXT-SRV-ATTR:host"] == "HostC"
    if place == "/srv/local":
        assert lab.run("HostB", "sh", "-c", f"ls -d {place}/{uuid} || true").stdout == "", "its own folder moved with it"
    moved = cloud.request("POST", f"/v2.1/servers/{uuid}/action", {"migrate": {"host": "HostB"}}, version="2.56")
    assert cloud.wait(moved)["state"] == "finished"
    delete(cloud, uuid)


def memory_of(lab, host, uuid):
    """vCPUs and KiB, as libvirt has it."""
    told = dict(line.split(":", 1) for line in lab.virsh(host, "dominfo", uuid).stdout.splitlines() if ":" in line)
    return int(told["CPU(s)"]), int(told["Max memory"].split()[0])


def disk_of(lab, host, place, uuid):
    listed = lab.run(host, "sh", "-c", f"for f in {place}/{uuid}/*; do qemu-img info -U --output json $f; done").stdout
    return json.loads(listed)["virtual-size"]


@pytest.mark.parametrize("kind, end", [("raw", "confirmResize"), ("qcow2", "revertResize")])
def test_resize(lab, cloud, images, place, kind, end):
    """The guest runs with the flavor's vCPUs, memory and disk; back in the old ones after a revert; the daemon dies at a random moment."""
    cloud.request("POST", "/v2.1/flavors", {"flavor": {"name": "two", "id": "two", "ram": 96, "vcpus": 2, "disk": 2}})
    rng = random.Random(SEED)
    uuid = create(cloud, images[f"pattern-{kind}"], host="HostB")
    wait_for(cloud, uuid, "ACTIVE")
    answer = cloud.request("POST", f"/v2.1/servers/{uuid}/action", {"resize": {"flavorRef": "two"}})
    assert answer.status == 202, answer.text
    time.sleep(rng.uniform(0, 1.5))
    cloud.restart(signal.SIGKILL)
    server = wait_for(cloud, uuid, "VERIFY_RESIZE")
    host = server["OS-EXT-SRV-ATTR:host"]
    assert (server["flavor"]["vcpus"], server["flavor"]["ram"], server["flavor"]["disk"]) == (2, 96, 2) and host != "HostB"
    assert memory_of(lab, host, uuid) == (2, 96 << 10) and disk_of(lab, host, place, uuid) == 2 << 30
    assert memory_of(lab, "HostB", uuid) == (1, 64 << 10)
    assert lab.virsh(host, "domstate", uuid).stdout.strip() == "running"
    assert cloud.request("POST", f"/v2.1/servers/{uuid}/action", {end: None}).status in (202, 204)
    time.sleep(rng.uniform(0, 0.5))
    cloud.restart(signal.SIGKILL)
    server = wait_for(cloud, uuid, "ACTIVE")
    if end == "confirmResize":
        assert server["flavor"]["vcpus"] == 2 and server["OS-EXT-SRV-ATTR:host"] == host
        assert lab.virsh("HostB", "dominfo", uuid, check=False).returncode != 0
    else:
        assert server["flavor"]["vcpus"] == 1 and server["OS-EXT-SRV-ATTR:host"] == "HostB"
        assert memory_of(lab, "HostB", uuid) == (1, 64 << 10) and lab.virsh(host, "dominfo", uuid, check=False).returncode != 0
    home = server["OS-EXT-SRV-ATTR:host"]
    original = os.path.join(cloud.folder, "images", f"pattern-{kind}.{kind}")
    path = lab.run(home, "sh", "-c", f"ls {place}/{uuid}/*").stdout.strip()
    lab.run(home, "qemu-img", "compare", "-U", "-f", kind, "-F", kind, path, original)
    delete(cloud, uuid)


def test_failures_leave_nothing(lab, cloud, images, place):
    uuid = create(cloud, images["pattern-raw"], networks=[{"uuid": "nowhere"}], host="HostC")
    failed = wait_for(cloud, uuid, "ERROR")
    assert "HostC has no network nowhere" in failed["fault"]["message"]
    delete(cloud, uuid)


def leave_pool(lab, host, path):
    """What is left of a folder's removal where the daemon was killed between two calls: a pool that is defined and stopped."""
    name = "godwit-" + hashlib.sha1(path.encode()).hexdigest()[:12]
    xml = f"<pool type='dir'><name>{name}</name><target><path>{path}</path></target></pool>"
    lab.run(host, "sh", "-c", f"echo \"{xml}\" > /tmp/{name}.xml; virsh -c qemu:///system pool-define /tmp/{name}.xml; rm /tmp/{name}.xml")


def test_an_interrupted_removal_is_no_obstacle(lab, cloud, images, place):
    """Neither to coming back to that host nor to being deleted there."""
    uuid = create(cloud, images["pattern-raw"], host="HostB")
    assert wait_for(cloud, uuid, "ACTIVE", "ERROR")["status"] == "ACTIVE"
    leave_pool(lab, "HostC", f"{place}/{uuid}")
    moved = cloud.request("POST", f"/v2.1/servers/{uuid}/action", {"os-migrateLive": {"host": "HostC", "block_migration": "auto"}},
                          version="2.30")
    assert cloud.wait(moved)["state"] == "completed"
    pools = lab.run("HostC", "virsh", "-q", "-c", "qemu:///system", "pool-list", "--all", "--name").stdout
    if "godwit-" not in pools:
        leave_pool(lab, "HostC", f"{place}/{uuid}")
    delete(cloud, uuid)


def test_killed_at_any_moment(lab, cloud, images, place):
    """Made while the daemon dies again and again, moved while it dies, deleted while it dies."""
    rng = random.Random(SEED)
    print(f"GODWIT_SERVERS_SEED={SEED}")
    for _ in range(KILLS // 2):
        uuid = create(cloud, rng.choice(list(images.values())))
        time.sleep(rng.uniform(0, 1.2))
        cloud.restart(signal.SIGKILL)
        server = wait_for(cloud, uuid, "ACTIVE", "ERROR")
        assert server["status"] == "ACTIVE", server["fault"]
        moved = cloud.request("POST", f"/v2.1/servers/{uuid}/action",
                              {"os-migrateLive": {"host": other(server["OS-EXT-SRV-ATTR:host"]), "block_migration": "auto"}}, version="2.30")
        assert moved.status == 202, moved.text
        assert cloud.wait(moved)["state"] == "completed"
        assert cloud.request("DELETE", f"/v2.1/servers/{uuid}").status == 204
        time.sleep(rng.uniform(0, 0.6))
        cloud.restart(signal.SIGKILL)
        end = time.monotonic() + 60
        while show(cloud, uuid):
            assert time.monotonic() < end, cloud.daemon_log()[-3000:]
            time.sleep(0.05)
