"""What Godwit keeps of a pool while its members come and go: passwords, records by events, and instances that moved between pools before."""
import os
import subprocess

import pytest

from pool_cloud import GODWIT, GODWITD, Cloud, wait

pytestmark = pytest.mark.skipif(not os.path.exists(GODWITD), reason="godwitd is not built")


# ---- passwords that were given with addresses

@pytest.fixture
def keyed(tmp_path, simulate):
    """A cloud whose daemon knows no password but what comes with a host."""
    one = Cloud(tmp_path, simulate("--separate", "--hosts", "3"))
    os.unlink(tmp_path / "password")
    yield one
    one.close()
    assert one.simulator.look()["violations"] == []


def add_with_password(c, host):
    uri = f"xapi+http://root@{c.simulator.address(host)}?insecure=1"
    run = subprocess.run([GODWIT, "host-add", "--password-file", "-", host, uri], input="secret\n", text=True, capture_output=True, timeout=60,
                         env={"GODWIT_URL": c.url})
    assert run.returncode == 0, run.stderr


def kept(c):
    """Whose passwords are kept."""
    masters = {c.simulator.address(host): host for host in c.simulator.hosts}
    files = [f.name for f in c.folder.iterdir() if f.name.startswith("xenserver-")]
    return sorted(next(h for a, h in masters.items() if a in f) for f in files)


def answers(c, host):
    return wait(lambda: f"{host} (down)" not in c.ok("availability-zone-list"))


def start_anew(c):
    c.kill()
    c.simulator.do("expire")
    c.start()


def test_the_password_goes_with_the_host(keyed):
    c = keyed
    for host in ("HostA", "HostB"):
        add_with_password(c, host)
    assert kept(c) == ["HostA", "HostB"]
    c.make_pool("HostA", "HostB")
    assert kept(c) == ["HostA"]  # the pool's; HostB's own is of no use any more
    start_anew(c)
    assert answers(c, "HostB") and c.ok("live-migration", "shared", "HostB")
    c.ok("live-migration", "shared", "HostA")
    code, _ = c.confirm_code("HostB")
    c.ok("aggregate-remove-host", "--confirm", code, "pool", "HostB")
    assert kept(c) == ["HostA", "HostB"]  # it left with the pool's
    start_anew(c)
    assert answers(c, "HostB")
    c.ok("host-remove", "HostB")
    assert kept(c) == ["HostA"]


def test_a_failed_ejection_leaves_no_password_behind(keyed):
    c = keyed
    for host in ("HostA", "HostB"):
        add_with_password(c, host)
    c.make_pool("HostA", "HostB")
    c.simulator.do("fault", point="eject.unplug", error=["INTERNAL_ERROR", "Xapi_pool: PBD cannot be unplugged"])
    code, _ = c.confirm_code("HostB")
    c.refused("aggregate-remove-host", "--confirm", code, "pool", "HostB")
    assert c.state() == "error"
    c.ok("aggregate-set-metadata", "pool", "operational_state=active")
    assert c.host_address("HostB").endswith(f"{c.simulator.address('HostA')}/HostB?insecure=1")
    assert kept(c) == ["HostA"]


# ---- what is shown

def shown(c, host):
    return {line.split()[3] for line in c.ok("list", "--host", host).splitlines() if line.startswith("| ") and "Name" not in line}


def test_records_follow_a_join_and_an_ejection(cloud):
    c = cloud("--local", hosts=("HostA",))
    c.simulator.do("guest", host="HostB", name="sleeper", state="Halted")
    c.add_hosts("HostB")
    before = shown(c, "HostA")
    assert shown(c, "HostB") == {"sleeper"} and "sleeper" not in before
    c.make_pool("HostA", "HostB")
    assert wait(lambda: shown(c, "HostB") == {"sleeper"}) and shown(c, "HostA") == before
    # by an event of the pool, long before everything is asked for again
    c.simulator.do("guest", host="HostB", name="newcomer", state="Halted")
    assert wait(lambda: shown(c, "HostB") == {"sleeper", "newcomer"}, 10)
    code, _ = c.confirm_code("HostB")
    c.ok("aggregate-remove-host", "--confirm", code, "pool", "HostB")
    assert wait(lambda: shown(c, "HostB") == set(), 20), c.log.read_text()[-3000:]
    # the records of what was destroyed stay in the pool, and are its master's to show
    assert wait(lambda: shown(c, "HostA") == before | {"sleeper", "newcomer"}, 10), c.ok("list")
    # by an event of its own pool
    assert answers(c, "HostB")
    c.simulator.do("guest", host="HostB", name="firstling", state="Halted")
    assert wait(lambda: shown(c, "HostB") == {"firstling"}, 10), c.ok("list")


def test_an_instance_that_moved_between_pools_stays_itself_when_its_host_joins(cloud):
    c = cloud()
    c.ok("stop", "local")
    uuid = c.simulator.vm("local")["uuid"]
    c.make_pool("HostA")
    c.ok("migrate", "--host", "HostB", "local")
    assert "has not ended" in c.refused("aggregate-add-host", "pool", "HostB")
    c.ok("resize-confirm", "local")
    assert c.simulator.vm("local")["uuid"] != uuid
    c.ok("aggregate-add-host", "pool", "HostB")
    assert wait(lambda: "local" in shown(c, "HostB")) and "local" not in shown(c, "HostA")
    assert uuid in c.ok("show", "local")
    c.ok("start", "local")
    assert c.simulator.vm("local")["host"] == "HostB" and c.simulator.vm("local")["state"] == "Running"
    c.ok("live-migration", "--block-migrate", "local", "HostA")
    assert c.simulator.vm("local")["host"] == "HostA" and uuid in c.ok("show", "local")


def test_a_copy_of_an_instance_of_the_pool_is_refused(cloud):
    """It has a UUID of its own, but Godwit calls it by the other's."""
    c = cloud()
    c.simulator.do("guest", host="HostB", name="copy", state="Halted")
    copy, local = c.simulator.vm("copy")["uuid"], c.simulator.vm("local")["uuid"]
    c.simulator.do("set", **{"class": "VM"}, uuid=copy, values={"other_config": {"godwit_uuid": f"{local} {copy}"}})
    c.make_pool("HostA")
    assert "instances of the same UUID as HostB: copy" in c.refused("aggregate-add-host", "pool", "HostB")
