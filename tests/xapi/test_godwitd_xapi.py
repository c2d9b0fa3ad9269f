"""A real godwitd and the godwit command against the simulator, end to end; the truth is asked of the simulator."""
import os
import re
import subprocess
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("GODWIT_BUILD", os.path.join(ROOT, "build"))
GODWITD, GODWIT = f"{BUILD}/src/daemon/godwitd", f"{BUILD}/src/cli/godwit"
pytestmark = pytest.mark.skipif(not os.path.exists(GODWITD), reason="godwitd is not built")


class Daemon:
    def __init__(self, folder):
        self.folder, self.log = folder, folder / "log"
        (folder / "password").write_text("secret\n")
        (folder / "godwit.conf").write_text(f"[DEFAULT]\nstate_path = {folder}\ndebug = true\nshutdown_timeout = 1\n"
                                            f"reserved_host_memory_mb = 0\n[api]\nport = 0\nauth_strategy = noauth\n"
                                            f"[xenserver]\npassword_file = {folder}/password\n")
        self.start()

    def start(self):
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen([GODWITD, "-c", self.folder / "godwit.conf"], stdout=out, stderr=out)
        for _ in range(500):
            found = re.search(r"listens on \S+ port (\d+)", self.log.read_text())
            if found:
                break
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.02)
        self.url = f"http://127.0.0.1:{found.group(1)}"

    def run(self, *words):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("OS_", "GODWIT_"))}
        return subprocess.run([GODWIT, *words], capture_output=True, text=True, timeout=90, env={**environment, "GODWIT_URL": self.url})

    def ok(self, *words):
        run = self.run(*words)
        assert run.returncode == 0, run.stdout + run.stderr + self.log.read_text()[-3000:]
        return run.stdout

    def close(self):
        self.process.terminate()
        assert self.process.wait(20) == 0
        assert "secret" not in self.log.read_text(), "the password was logged"


@pytest.fixture
def daemon(tmp_path):
    one = Daemon(tmp_path)
    yield one
    one.close()


def join(daemon, simulator, *hosts, query="insecure=1"):
    scheme = "xapi" if simulator.tls else "xapi+http"
    for host in hosts:
        through = "HostC" if host == "HostC" else "HostA"
        daemon.ok("host-add", host, f"{scheme}://root@{simulator.address(through)}/{host}?{query}")


def wait_vm(simulator, name, **wanted):
    until = time.time() + 30
    while time.time() < until:
        vms = [v for v in simulator.look()["vms"][name] if all(v[k] == w for k, w in wanted.items())]
        if vms:
            return vms[0]
        time.sleep(0.1)
    raise AssertionError((wanted, simulator.look()["vms"][name]))


def test_inventory(daemon, simulate):
    join(daemon, simulate(), "HostA", "HostB")
    listed = daemon.ok("list")
    assert all(name in listed for name in ("shared", "local", "stopped"))
    assert "Control domain" not in listed and "template" not in listed
    assert "XenServer" in daemon.ok("--json", "hypervisor-show", "HostA")


def test_live_migration_on_shared_storage(daemon, simulate):
    simulator = simulate()
    join(daemon, simulator, "HostA", "HostB")
    daemon.ok("live-migration", "shared", "HostB")
    assert simulator.vm("shared")["host"] == "HostB"
    assert "Async.VM.pool_migrate" in simulator.look()["calls"]
    assert simulator.look()["violations"] == []


@pytest.mark.parametrize("to", ["HostB", "HostC"])
def test_block_migration_in_a_pool_and_between_pools(daemon, simulate, to):
    simulator = simulate()
    join(daemon, simulator, "HostA", "HostB", "HostC")
    before = simulator.look()["vdis"]
    daemon.ok("live-migration", "--block-migrate", "local", to)
    vm = wait_vm(simulator, "local", host=to, state="Running")
    assert len(simulator.look()["vms"]["local"]) == 1
    assert vm["disks"] == ["NFS virtual disk storage" if to == "HostB" else "Local storage of HostC"]
    after = simulator.look()["vdis"]
    assert sum(after.values()) == sum(before.values())
    assert "Async.VM.migrate_send" in simulator.look()["calls"]


def test_cold_migration_is_confirmed_and_reverted(daemon, simulate):
    simulator = simulate()
    join(daemon, simulator, "HostA", "HostB")
    disks = simulator.look()["vdis"]["P"]
    for verb, host in (("resize-revert", "HostA"), ("resize-confirm", "HostB")):
        daemon.ok("migrate", "--host", "HostB", "local")
        wait_vm(simulator, "local", host="HostB", state="Running")
        assert simulator.look()["vdis"]["P"] == disks + 1  # the original stays
        daemon.ok(verb, "local")
        vm = wait_vm(simulator, "local", host=host, state="Running")
        until = time.time() + 15
        while simulator.look()["vdis"]["P"] != disks and time.time() < until:
            time.sleep(0.1)
        assert simulator.look()["vdis"]["P"] == disks
    assert vm["other_config"].get("auto_poweron") == "true"


def test_abort(daemon, simulate):
    simulator = simulate("--seconds", "20")
    join(daemon, simulator, "HostA", "HostB")
    move = subprocess.Popen([GODWIT, "live-migration", "shared", "HostB"], env={**os.environ, "GODWIT_URL": daemon.url},
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    until = time.time() + 15
    while not simulator.vm("shared")["current_operations"] and time.time() < until:
        time.sleep(0.1)
    daemon.ok("live-migration-abort", "shared", "1")
    assert move.wait(30) != 0
    assert wait_vm(simulator, "shared", host="HostA", state="Running")["current_operations"] == {}


def running_on(simulator, host):
    return {name for name, vms in simulator.look()["vms"].items() for v in vms if v["host"] == host and v["state"] == "Running"
            and not name.startswith("Control domain")}


def test_drain_and_return(daemon, simulate):
    """Over shared storage by pool_migrate, a local disk by migrate_send; and the same ones home again. The stopped one stays where it is."""
    simulator = simulate()
    join(daemon, simulator, "HostA", "HostB")
    there = running_on(simulator, "HostA")
    assert {"shared", "local"} <= there
    plan = daemon.ok("drain", "--dry-run", "HostA")
    assert "shared" in plan and "local" in plan and "HostB" in plan
    drained = daemon.ok("drain", "--return", "HostA")
    assert "completed: 2 servers moved" in drained and "it is stopped, and stopped instances were not asked for" in drained, drained
    assert running_on(simulator, "HostA") == set() and there <= running_on(simulator, "HostB")
    assert {"Async.VM.pool_migrate", "Async.VM.migrate_send"} <= set(simulator.look()["calls"])
    daemon.ok("undrain", "HostA")
    until = time.time() + 60
    while running_on(simulator, "HostA") != there and time.time() < until:
        time.sleep(0.2)
    assert running_on(simulator, "HostA") == there
    assert simulator.look()["violations"] == []


def test_balance(daemon, simulate):
    """Two that run on one of two hosts: one goes."""
    simulator = simulate()
    join(daemon, simulator, "HostA", "HostB")
    before = running_on(simulator, "HostA")
    daemon.ok("balance")
    moved = running_on(simulator, "HostB")
    assert moved and running_on(simulator, "HostA") == before - moved and len(before) - len(moved) <= len(moved) + 1
    daemon.ok("balance")
    assert running_on(simulator, "HostB") == moved, "even already"
    assert simulator.look()["violations"] == []


# Rows of the table of failures: a fault, and where the instance and the migration end.
ROWS = [
    ("shared", [], "pool_migrate.before-suspend", {"error": ["INTERNAL_ERROR", "Not_enough_memory"]}, "HostA", "Running", "failed"),
    ("shared", [], "pool_migrate.after-suspend", {"error": ["INTERNAL_ERROR", "End_of_file"]}, None, "Halted", "failed"),
    ("shared", [], "pool_migrate.after-move", {"error": ["INTERNAL_ERROR", "handshake 4"]}, "HostB", "Running", "completed"),
    ("shared", [], "pool_migrate.before-suspend", {"action": "restart"}, "HostA", "Running", "failed"),
    ("shared", [], "pool_migrate.after-move", {"action": "restart"}, "HostB", "Running", "completed"),
    ("local", ["--block-migrate"], "migrate_send.mirror", {"error": ["MIRROR_FAILED", "OpaqueRef:x"]}, "HostA", "Running", "failed"),
    ("local", ["--block-migrate"], "migrate_send.after-complete", {"error": ["INTERNAL_ERROR", "blob push"]}, "HostB", "Running",
     "completed"),
]


@pytest.mark.parametrize("name,options,point,fault,host,state,end", ROWS, ids=[f"{r[2]}-{'-'.join(r[3])}" for r in ROWS])
def test_failures_half_way(daemon, simulate, name, options, point, fault, host, state, end):
    simulator = simulate()
    join(daemon, simulator, "HostA", "HostB")
    simulator.do("fault", point=point, **fault)
    daemon.run("live-migration", *options, name, "HostB")
    until = time.time() + 40
    while f" {end} " not in daemon.ok("server-migration-list", name) and time.time() < until:
        time.sleep(0.5)
    assert f" {end} " in daemon.ok("server-migration-list", name), daemon.log.read_text()[-4000:]
    vm = wait_vm(simulator, name, host=host, state=state)
    assert vm["current_operations"] == {} and simulator.look()["violations"] == []


def test_sessions_expire_and_masters_change(daemon, simulate):
    simulator = simulate()
    join(daemon, simulator, "HostA", "HostB")
    simulator.do("expire")
    daemon.ok("live-migration", "shared", "HostB")
    simulator.do("host", name="HostB", master=True)
    simulator.do("host", name="HostA", down=True, via="HostB")
    simulator.do("set", via="HostB", **{"class": "VM", "uuid": simulator.vms["stopped"], "values": {"name_label": "renamed"}})
    until = time.time() + 20
    while "renamed" not in daemon.ok("list") and time.time() < until:
        time.sleep(0.2)
    assert "renamed" in daemon.ok("list")


@pytest.mark.parametrize("old", [[], ["--old"]])
def test_tls_by_fingerprint_and_old_servers(daemon, simulate, tmp_path, old):
    simulator = simulate("--tls", str(tmp_path), *old)
    wrong = daemon.run("host-add", "HostA", f"xapi://root@{simulator.address()}/HostA?fingerprint={'0' * 64}")
    assert wrong.returncode != 0 and simulator.hosts["HostA"]["fingerprint"].lower() in wrong.stdout + wrong.stderr
    assert "session.login_with_password" not in simulator.look()["calls"]  # no password was sent
    unverified = daemon.run("host-add", "HostA", f"xapi://root@{simulator.address()}/HostA")
    assert unverified.returncode != 0
    join(daemon, simulator, "HostA", query=f"fingerprint={simulator.hosts['HostA']['fingerprint']}")
    assert "shared" in daemon.ok("list")


def test_no_move_between_kinds_of_hypervisor(daemon, simulate):
    join(daemon, simulate(), "HostA")
    daemon.ok("host-add", "Sim", "sim://xapi/Sim")
    refused = daemon.run("live-migration", "shared", "Sim")
    assert refused.returncode != 0 and re.search("kind|hypervisor", refused.stdout + refused.stderr)


def test_the_address_is_checked(daemon):
    for address, word in (("xapi://root:secret2@h", "password_file"), ("xapi+http://root@h", "insecure=1"),
                          ("xapi://root@h?fingerprint=12", "64 hexadecimal"), ("xapi://root@h?color=1", "cacert=FILE")):
        refused = daemon.run("host-add", "X", address)
        assert refused.returncode != 0 and word in refused.stderr + refused.stdout
