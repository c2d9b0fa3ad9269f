"""The command against godwitd itself, on simulated hosts: whether both mean the same by their words."""
import re
import subprocess
import time

import pytest
from conftest import BUILD, GODWIT, Run, clean_environment

GODWITD = BUILD / "src/daemon/godwitd"
pytestmark = pytest.mark.skipif(not GODWITD.exists(), reason="godwitd is not built")
VM = "vm-HostA-1"


def wait_for_port(log, process):
    for _ in range(500):
        found = re.search(r"listens on \S+ port (\d+)", log.read_text())
        if found:
            return found.group(1)
        assert process.poll() is None, log.read_text()
        time.sleep(0.02)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    folder = tmp_path_factory.mktemp("godwitd")
    (folder / "godwit.conf").write_text(f"[DEFAULT]\nstate_path = {folder}\n[api]\nauth_strategy = noauth\nport = 0\n")
    log = folder / "log"
    with open(log, "wb") as out:
        process = subprocess.Popen([GODWITD, "-c", folder / "godwit.conf"], stdout=out, stderr=out)
    url = f"http://127.0.0.1:{wait_for_port(log, process)}"

    def run(*words):
        return Run(subprocess.run([GODWIT, *words], capture_output=True, text=True, timeout=60,
                                  env=clean_environment(GODWIT_URL=url)))
    world = "instances=2&prefix=vm&disk=local&disk_gib=1&instance_memory_mib=64&link_mbps=2000"
    assert run("host-add", "HostA", f"sim://cli/HostA?{world}").status == 0
    assert run("host-add", "HostB", "sim://cli/HostB?link_mbps=2000").status == 0
    yield run
    process.terminate()
    process.wait(timeout=60)


def where(real, name=VM):
    return real("--json", "show", name).json["server"]["OS-EXT-SRV-ATTR:host"]


def test_hosts_and_servers(real):
    assert "| HostA | up    | enabled | 2 (2 run) |" in real("host-list").out
    assert f" | {VM} | ACTIVE | -          | running     | HostA |" in real("list", "--host", "HostA").out
    names = [line.split("|")[2].strip() for line in real("list").out.splitlines() if "| vm-" in line]
    assert names == sorted(names) and len(names) > 1
    twice = real("host-add", "HostB", "sim://cli/HostX")
    assert twice.status == 1 and "HostB is already there" in twice.err


def test_live_migration(real):
    run = real("live-migration", VM, "HostB")
    assert run.status == 0 and where(real) == "HostB"
    figures = r"in \S+ s: \S+ MiB copied, guest paused for \S+ s\.\n"
    assert re.fullmatch(f"{VM} moved from HostA to HostB {figures}", run.out)
    assert f"| {VM} | live | completed | HostA  | HostB " in real("server-migration-list", VM).out
    assert real("live-migration", VM).status == 0 and where(real) == "HostA"


def test_refusals(real):
    alone = real("live-migration", "--no-block-migrate", VM, "HostB")
    assert alone.status == 1 and alone.err.splitlines()[0] == f"Error: {VM} cannot move to HostB:"
    assert alone.err.splitlines()[1].startswith("  - disk vda ")
    assert alone.err.endswith(f"{VM} is on HostA (running).\n")
    assert real("live-migration", VM, "HostZ").status == 4
    assert real("live-migration", VM, "HostA").status == 1
    assert real("server-migration-show", VM, "999").status == 4
    assert real("host-remove", "HostZ").status == 4


@pytest.mark.parametrize("verb,host", [("resize-revert", "HostA"), ("resize-confirm", "HostB")])
def test_cold_migration(real, verb, host):
    name = "vm-HostA-2"
    run = real("migrate", "--host", "HostB", name)
    assert run.status == 0 and f"{name} was moved from HostA to HostB and rebooted" in run.out
    assert real("--json", "show", name).json["server"]["status"] == "VERIFY_RESIZE"
    assert real(verb, name).status == 0 and where(real, name) == host


@pytest.mark.parametrize("verb", ["resize-revert", "resize-confirm"])
def test_resize(real, verb):
    name, flavor = "vm-HostA-2", f"wide-{verb}"
    here = where(real, name)
    other = "HostB" if here == "HostA" else "HostA"
    assert "--vcpus is missing" in real("flavor-create", "--ram", "96", flavor).err
    assert real("flavor-create", "--ram", "96", "--vcpus", "3", "--disk", "2", flavor).status == 0
    assert f"| {flavor} | " in real("flavor-list").out
    assert "already exists" in real("flavor-create", "--ram", "96", "--vcpus", "3", flavor).err
    run = real("resize", name, flavor)
    assert run.status == 0 and f"{name} was resized, moved from {here} to {other} and rebooted" in run.out, run.err
    assert real(verb, name).status == 0 and where(real, name) == (other if verb == "resize-confirm" else here)
    assert (real("--json", "show", name).json["server"]["flavor"]["vcpus"] == 3) == (verb == "resize-confirm")
    assert real("flavor-delete", flavor).status == 0
    gone = real("resize", name, flavor)
    assert gone.status == 4 and f"There is no flavor '{flavor}'" in gone.err


def test_actions(real):
    actions = real("--json", "instance-action-list", VM).json["instanceActions"]
    assert actions
    run = real("instance-action", VM, actions[0]["request_id"])
    assert run.status == 0 and run.out.startswith("live-migration, asked for at ")


# ---- what does not exist

def test_a_status_that_does_not_exist(real):
    wrong = real("migration-list", "--status", "bogus")
    assert wrong.status == 1 and "status is 'bogus'" in wrong.err and "must be one of" in wrong.err and "completed" in wrong.err and "running" in wrong.err
    wrong = real("list", "--status", "NONSENSE")
    assert wrong.status == 1 and "status is 'NONSENSE'" in wrong.err and "SHUTOFF" in wrong.err and "VERIFY_RESIZE" in wrong.err
    assert real("list", "--status", "active").status == 0 and real("migration-list", "--status", "post-migrating").status == 0


# ---- suspended, locked, in error

def test_suspend_and_resume(real):
    name = "vm-HostA-2"
    host = where(real, name)
    assert real("suspend", name).out == f"{name} was suspended: it is suspended on {host}.\n"
    refused = real("live-migration", name)
    assert refused.status == 1 and f"its saved memory lies on {host}" in refused.err and f"godwit resume {name}" in refused.err
    plan = real("plan", name)
    assert plan.status == 5 and "suspended" in plan.out
    assert real("resume", name).out == f"{name} was resumed: it is running on {host}.\n"


def test_lock_and_reset_state(real):
    name = "vm-HostA-2"
    assert real("lock", "--reason", "audit", name).out == f"{name} is locked.\n"
    assert "audit" in real("show", name).out
    assert real("unlock", name).out == f"{name} is not locked any more.\n"
    assert real("reset-state", name).out == f"{name} is shown as in error.\n"
    refused = real("live-migration", name)
    assert refused.status == 1 and f"godwit reset-state {name} --active" in refused.err
    assert "| ERROR " in real("list").out
    assert real("reset-state", "--active", name).out == f"{name} is shown again as its host says.\n"
    assert "| ERROR " not in real("list").out


# ---- dry runs

def test_plan(real):
    """The same verdict as of the real move, and nothing done."""
    before = real("--json", "migration-list").json
    run = real("plan", VM)
    assert run.status == 0 and run.out.startswith(f"{VM} can move live from HostA to HostB. Nothing was done.\n")
    assert "| HostB | yes      | live, disks copied |" in run.out
    assert "  disk vda: copied to /sim/local/" in run.out and "VIR_MIGRATE_NON_SHARED_INC" in run.out
    plan = real("--json", "plan", VM, "HostB").json["plan"]
    assert plan["possible"] and plan["dest"] == "HostB" and plan["hosts"][0]["plan"]["method"] == "block"
    assert real("--json", "plan", "--cold", VM).json["plan"]["hosts"][0]["plan"]["method"] == "cold"
    assert real("--json", "migration-list").json == before and where(real) == "HostA"


def test_plan_refuses_with_every_reason(real):
    run = real("plan", "--no-block-migrate", VM, "HostB")
    assert run.status == 5 and f"{VM} on HostA cannot move live to any of these hosts." in run.out
    assert "blocks: disk vda " in run.out and "remedy: ask for a block migration" in run.out and "code:   not-shared" in run.out
    alone = real("live-migration", "--no-block-migrate", VM, "HostB")
    assert alone.status == 1 and "is not on storage that HostB shares" in alone.err  # the move says the same
    assert real("plan", VM, "HostZ").status == 4
    assert real("plan", "no-such").status == 4
    assert real("plan", "--block-migrate", "--no-block-migrate", VM).status == 2


def test_plan_of_a_server_that_waits_for_confirmation(real):
    name = "vm-HostA-2"
    back = "HostB" if where(real, name) == "HostA" else "HostA"
    assert real("migrate", "--host", back, name).status == 0
    run = real("plan", name)
    assert run.status == 5 and "cannot move now" in run.out and "resize-confirm" in run.out
    assert real("resize-revert", name).status == 0


def test_options_of_one_move(real):
    run = real("live-migration", "--option", "live_migration_completion_timeout=5", "--option", "live_migration_downtime=900", VM, "HostB")
    assert run.status == 0 and where(real) == "HostB", run.err
    shown = real("server-migration-list", VM, "--json").json["migrations"][0]
    assert shown["options"] == {"live_migration_completion_timeout": "5", "live_migration_downtime": "900"}
    out = real("plan", "--quick", "--option", "live_migration_completion_timeout=5", VM, "HostA").out
    assert "  ended when it takes longer than: 20.0 s\n" in out, out
    wrong = real("live-migration", "--option", "live_migration_downtime=soon", VM, "HostA")
    assert wrong.status == 1 and "live_migration_downtime" in wrong.err and "It must be a whole number from 0 to 1000000." in wrong.err
    assert real("live-migration", VM).status == 0 and where(real) == "HostA"
