"""Doctor and plan on the lab, which is broken in one way at a time and mended again."""
import contextlib
import re
import time

import pytest
from cloud import wait_for


def checkup(cloud, probe=False, *hosts):
    answer = cloud.request("POST", "/godwit/v1/checkups", {"checkup": {"probe": probe, "hosts": list(hosts)}})
    assert answer.status == 202, answer.text
    id_ = answer.json["checkup"]["id"]
    end = time.monotonic() + 120
    while True:
        now = cloud.get(f"/godwit/v1/checkups/{id_}").json["checkup"]
        if now["status"] == "done":
            return now
        assert time.monotonic() < end, now
        time.sleep(0.1)


def found(result):
    """{code: finding} of everything."""
    return {f["code"]: f for row in result["hosts"] + result["pairs"] for f in row["findings"]}


def pair(result, source, dest):
    return next(p for p in result["pairs"] if (p["source"], p["dest"]) == (source, dest))


def left(lab):
    """What probes might leave behind."""
    return [host.run("sh", "-c", "virsh -q -c qemu:///system list --all --name | grep godwit-probe; "
                     "ls -A /srv/instances /srv/local | grep godwit-probe; true").stdout for host in lab.compute()]


@pytest.fixture(autouse=True)
def clean(lab):
    yield
    assert left(lab) == [""] * len(lab.compute())


@contextlib.contextmanager
def file_changed(host, path, old, new):
    before = host.run("cat", path).stdout
    assert old in before
    host.run("sh", "-c", f"cat > {path}", text_in=before.replace(old, new))
    try:
        yield
    finally:
        host.run("sh", "-c", f"cat > {path}", text_in=before)


def start(cloud, lab, name):
    lab.start_libvirtd(name)
    wait_for(f"{name} to answer", lambda: cloud.request("POST", f"/godwit/v1/hosts/{name}/refresh").status == 204, 60)


def restart(cloud, lab, name):
    lab.kill_libvirtd(name)
    start(cloud, lab, name)


@contextlib.contextmanager
def restarted(cloud, lab, name):
    """Libvirtd reads its configuration again, before and after."""
    restart(cloud, lab, name)
    try:
        yield
    finally:
        restart(cloud, lab, name)


def test_all_ways_are_proved(cloud, lab):
    result = checkup(cloud, True)
    assert set(found(result)) <= {"tcp-unprotected"}, found(result)
    assert result["verdict"] == "warning" and len(result["pairs"]) == 2
    for way in result["pairs"]:
        assert way["probe"]["step"] == "done" and way["probe"]["disk"] is True and way["probe"]["shared"] is True
        assert 0 < way["probe"]["took_ms"] < 15000
    facts = result["hosts"][0]["facts"]
    assert facts["folder"]["there"] and facts["folder"]["writable"] and abs(facts["clock_ahead_ms"]) < 2000


def test_what_a_way_carries_is_measured(cloud, lab):
    """It is planned with, also after a restart, and a limit is kept."""
    cloud.lab.guest("vm1", "HostB")
    try:
        lab.link("HostB", rate=20)
        result = checkup(cloud, True)
        there, back = pair(result, "HostB", "HostC")["probe"], pair(result, "HostC", "HostB")["probe"]
        for way in (there, back):
            assert way["link_problem"] is None and not way["link_at_least"]
            assert 14e6 < way["link_bps"] < 22e6, result["pairs"]
        cloud.refresh()
        for _ in ("as measured", "after a restart"):
            plan = cloud.request("POST", "/godwit/v1/plan", {"plan": {"server": cloud.uuid("vm1"), "host": "HostC", "measure": False}}).json
            made = plan["plan"]["hosts"][0]["prediction"]["made_from"]
            assert made["link_from"] == "probe" and made["link_bps"] == there["link_bps"] and made["link_seen_at"]
            cloud.restart()
        cloud.restart(live_migration_bandwidth=10)
        way = pair(checkup(cloud, True), "HostB", "HostC")["probe"]
        assert way["link_at_least"] and way["link_bps"] < 1.1 * 10 * 2**20
    finally:
        lab.link("HostB")
        cloud.restart(live_migration_bandwidth=0)
        lab.remove_guest("vm1")


def test_pools_of_daemons_that_were_killed_go(cloud, lab):
    """A daemon that was killed while it had a folder open leaves the pool that it made for it. The pool's UUID tells when that was."""
    host, now_ms = lab.host("HostC"), int(time.time() * 1000)
    made = {"godwit-old": ("create", 3700), "godwit-removal": ("define", 3700), "godwit-new": ("create", 3500), "someones": ("create", 3700)}
    for name, (how, age_s) in made.items():
        stamp = f"{now_ms - age_s * 1000:012x}"
        xml = (f"<pool type='dir'><name>{name}</name><uuid>{stamp[:8]}-{stamp[8:]}-7000-8000-{name.encode()[-6:].hex()}</uuid>"
               f"<target><path>/srv/{name}</path></target></pool>")
        host.run("sh", "-c", f"mkdir -p /srv/{name}; cat > /tmp/pool.xml; virsh -q -c qemu:///system pool-{how} /tmp/pool.xml", text_in=xml)
    checkup(cloud)
    left = host.run("virsh", "-q", "-c", "qemu:///system", "pool-list", "--all", "--name").stdout
    assert [name for name in made if name in left] == ["godwit-new", "someones"]
    host.run("sh", "-c", "for pool in godwit-new someones; do virsh -q -c qemu:///system pool-destroy $pool; done; "
             "cd /srv; rmdir godwit-old godwit-removal godwit-new someones; rm /tmp/pool.xml")


def test_probes_are_no_instances(cloud, lab):
    """Neither while they are there nor afterwards, and what a crash left is removed."""
    xml = ("<domain type='qemu'><name>godwit-probe-1000000000-0000abcd</name><memory unit='KiB'>8192</memory><vcpu>1</vcpu>"
           "<os><type arch='x86_64' machine='pc'>hvm</type></os></domain>")
    host = lab.host("HostB")
    host.run("sh", "-c", "cat > /tmp/probe.xml && virsh -q -c qemu:///system create --paused /tmp/probe.xml", text_in=xml)
    cloud.refresh()
    assert "godwit-probe" not in cloud.get("/v2.1/servers/detail").text
    finding = found(checkup(cloud))["probe-left-over"]
    assert "godwit-probe-1000000000-0000abcd" in finding["fact"]
    assert "probe-left-over" not in found(checkup(cloud))


def test_name_that_the_source_cannot_resolve(cloud, lab, guest):
    guest("doc1")
    with file_changed(lab.host("HostB"), "/etc/hosts", "HostC hostc", "HostNobody"):
        result = checkup(cloud, True)
        assert "names-unresolved" in found(result), found(result)
        finding = found(result)["names-unresolved"]
        assert "HostB cannot resolve the name of HostC" in finding["fact"] and "/etc/hosts" in finding["commands"]
        assert pair(result, "HostC", "HostB")["probe"]["step"] == "done"
    assert "names-unresolved" not in found(checkup(cloud, True))



@pytest.mark.parametrize("host, rule, code", [
    ("HostB", "dport 16509 unreachable", "control-port"),        # refused on the way
    ("HostB", "dport 49152-49261 unreachable", "migration-port"),
    ("HostC", "sport 49152-49261 blackhole", "migration-port"),  # answers are lost: nobody says so
])
def test_blocked_port(cloud, lab, host, rule, code):
    lab.host(host).ip(f"rule add ipproto tcp {rule}")
    try:
        result = checkup(cloud, True)
        assert pair(result, "HostB", "HostC")["checks"]["probe"] == "blocks"
        findings = found({"hosts": [], "pairs": [pair(result, "HostB", "HostC")]})
        assert code in findings, findings
        finding = findings[code]
        assert "HostB does not reach" in finding["fact"] and "HostC" in finding["fact"] and finding["commands"]
    finally:
        lab.host(host).ip(f"rule del ipproto tcp {rule}")
    assert code not in found(checkup(cloud, True))


def test_other_user_and_closed_folder(cloud, lab):
    """The manual: the same UID and GID everywhere, and the execute bit on instances_path."""
    host = lab.host("HostC")
    with file_changed(host, "/etc/libvirt/qemu.conf", 'user = "root"', 'user = "libvirt-qemu"'), restarted(cloud, lab, "HostC"):
        host.run("chmod", "0700", "/srv/instances")
        try:
            findings = found(checkup(cloud))
        finally:
            host.run("chmod", "0755", "/srv/instances")
        assert "+64055" in findings["qemu-user"]["fact"]
        assert "mode 0700" in findings["instances-path-search"]["fact"]
        assert findings["instances-path-search"]["commands"].startswith("chmod o+x '/srv/instances'")
        assert "instances-path-search" not in found(checkup(cloud))


def test_folder_that_is_missing_or_read_only(cloud, lab):
    cloud.restart(instances_path="/srv/nowhere")
    try:
        result = found(checkup(cloud))
        assert "/srv/nowhere" in result["instances-path-missing"]["fact"]
    finally:
        cloud.restart(instances_path="/srv/instances")
    assert "instances-path-missing" not in found(checkup(cloud))


def test_folder_that_is_not_shared(cloud, lab):
    cloud.restart(instances_path="/srv/local")
    try:
        result = checkup(cloud, True)
        assert "instances-path-not-shared" in found(result)
        assert pair(result, "HostB", "HostC")["probe"]["step"] == "done"  # the probe's disk travels all the same
    finally:
        cloud.restart(instances_path="/srv/instances")


def test_same_host_name(cloud, lab):
    host = lab.host("HostC")
    host.run("hostname", "HostB")
    try:
        with restarted(cloud, lab, "HostC"):
            assert "host-name" in found(checkup(cloud))
    finally:
        host.run("hostname", "HostC")
        restart(cloud, lab, "HostC")


def test_dead_host_costs_its_timeout_once(cloud, lab):
    lab.kill_libvirtd("HostC")
    try:
        began = time.monotonic()
        result = checkup(cloud, True)
        assert time.monotonic() - began < 40
        assert "unreachable" in found(result) and result["verdict"] == "blocks"
        assert result["pairs"] == [] and result["steps_done"] == result["steps"]
    finally:
        start(cloud, lab, "HostC")


def test_cpu_baseline(cloud):
    run = cloud.cli("cpu-baseline", "HostB", "HostC")
    assert run.returncode == 0 and "<cpu" in run.stdout and "<model" in run.stdout, run.stderr


def test_plan_says_what_the_move_does(cloud, guest):
    guest("doc2", disks=["shared", "local"])
    run = cloud.cli("plan", "doc2", "HostC")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "disk vda: shared, /srv/instances/" in run.stdout and "disk vdb: copied to /srv/local/" in run.stdout
    refused = cloud.cli("plan", "--no-block-migrate", "doc2", "HostC")
    assert refused.returncode == 5 and "code:   not-shared" in refused.stdout
    row = cloud.wait(cloud.live("doc2", "HostC"))
    assert row["state"] == "completed", row


def test_audits_find_it_by_themselves(lab, cloud):
    """What an administrator broke by accident is in the log and in the metrics soon, and so is that it is whole again."""
    blocked = lambda: re.findall(r'findings\{host="HostC",severity="blocks"\} (\d)', cloud.get("/metrics").text)  # noqa: E731
    folder = "/srv/local/instances"
    for host in lab.compute():
        host.run("mkdir", folder)
    cloud.restart(audit_interval=1, instances_path=folder)
    try:
        wait_for("an audit", lambda: blocked() == ["0"], 60)
        lab.run("HostC", "rmdir", folder)
        wait_for("the finding", lambda: blocked() == ["1"], 60)
        assert "host HostC: instances-path-missing: " in cloud.daemon_log()
        assert folder in cloud.cli("doctor", "--last").stdout
        lab.run("HostC", "mkdir", folder)
        wait_for("its end", lambda: blocked() == ["0"], 60)
        assert "host HostC: instances-path-missing is mended" in cloud.daemon_log()
    finally:
        cloud.restart(audit_interval=0, instances_path="/srv/instances")
        for host in lab.compute():
            host.run("rm", "-rf", folder)
