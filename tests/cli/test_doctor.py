"""`godwit doctor` over simulated hosts that are broken in ways that their addresses say."""
import subprocess
import time

import pytest
from conftest import GODWIT, Run, clean_environment
from test_with_daemon import GODWITD, wait_for_port

pytestmark = pytest.mark.skipif(not GODWITD.exists(), reason="godwitd is not built")


@pytest.fixture
def fleet(tmp_path):
    """Starts a daemon whose hosts are named by keyword: parameters of their addresses. audit_interval: of godwit.conf."""
    daemons = []

    def make(audit_interval=0, **hosts):
        (tmp_path / "godwit.conf").write_text(f"[DEFAULT]\nstate_path = {tmp_path}\naudit_interval = {audit_interval}\n"
                                              "[api]\nauth_strategy = noauth\nport = 0\n")
        log = tmp_path / "log"
        with open(log, "wb") as out:
            daemons.append(subprocess.Popen([GODWITD, "-c", tmp_path / "godwit.conf"], stdout=out, stderr=out))
        env = clean_environment(GODWIT_URL=f"http://127.0.0.1:{wait_for_port(log, daemons[0])}")

        def run(*words):
            return Run(subprocess.run([GODWIT, *words], capture_output=True, text=True, timeout=60, env=env))
        for name, parameters in hosts.items():
            assert run("host-add", name, f"sim://{tmp_path.name}/{name}?{parameters}").status == 0
        return run
    yield make
    for process in daemons:
        process.terminate()
        process.wait(timeout=60)


def codes(checkup):
    return {f["code"] for row in checkup["hosts"] + checkup["pairs"] for f in row["findings"]}


def test_ready(fleet):
    godwit = fleet(HostA="", HostB="")
    run = godwit("doctor", "--probe")
    assert run.status == 0 and "Nothing was found." in run.out
    assert "| HostA     |               | ok, 119 MiB/s |" in run.out
    assert "nothing: no finding" in godwit("doctor", "--fix-plan").out.lower()


def test_no_hosts(fleet):
    run = fleet()("doctor")
    assert run.status == 0 and "host-add" in run.out


def test_every_finding_of_hosts_and_pairs(fleet):
    godwit = fleet(HostA="", HostB="qemu_user=%2B107:%2B107&clock_ms=3000", HostC="hostname=localhost")
    run = godwit("doctor")
    assert run.status == 5 and "| HostB | ok         | ok       | ok      | ok     | ok    | warning |" in run.out
    assert "blocks: HostC calls itself localhost" in run.out and "from HostA to HostB:" in run.out
    assert codes(godwit("--json", "doctor").json["checkup"]) == {"clock", "qemu-user", "host-name-localhost"}
    some = godwit("--json", "doctor", "HostA", "HostB").json["checkup"]
    assert codes(some) == {"clock", "qemu-user"} and some["verdict"] == "warning"
    plan = godwit("doctor", "--fix-plan")
    assert "usermod -u 64055" in plan.out and "usermod -u 107" not in plan.out  # one advice for all
    assert "hostnamectl set-hostname HostC   # on HostC" in plan.out


def test_what_a_way_was_measured_to_carry_is_planned_with(fleet):
    """Another way is taken to be like it."""
    godwit = fleet(HostA="instances=1&prefix=vm&link_mbps=800", HostB="link_mbps=800", HostC="link_mbps=400")
    vm = "vm-HostA-1"
    assert "a link of 954 MiB/s (assumed: nobody measured it, as" in godwit("plan", vm, "HostB", "--quick").out
    assert "No way was tried: it has two ends." in godwit("doctor", "--probe", "HostA").out
    assert godwit("doctor", "--probe", "HostA", "HostB").status == 0
    assert "a link of 95.4 MiB/s (measured 0" in godwit("plan", vm, "HostB", "--quick").out
    assert "a link of 95.4 MiB/s (as between other hosts" in godwit("plan", vm, "HostC", "--quick").out
    limited = godwit("plan", vm, "HostB", "--quick", "--option", "live_migration_bandwidth=5").out
    assert "a link of 95.4 MiB/s (measured 0" in limited and "bandwidth limit: 5 MiB/s" in limited
    way = godwit("--json", "doctor", "--probe", "HostA", "HostC").json["checkup"]["pairs"][0]
    assert (way["probe"]["link_bps"], way["probe"]["link_at_least"], way["probe"]["link_problem"]) == (50000000, False, None)
    assert "a link of 47.7 MiB/s (measured 0" in godwit("plan", vm, "HostC", "--quick").out


def test_a_way_that_is_cut_is_found_by_a_probe_only(fleet):
    godwit = fleet(HostA="", HostB="link_mbps=0")
    assert godwit("doctor").status == 0
    run = godwit("doctor", "--probe")
    assert run.status == 5 and run.out.count("code:   migration-port") == 2
    assert "HostA does not reach the migration ports of HostB" in run.out


def test_unknown_host(fleet):
    assert fleet(HostA="")("doctor", "HostZ").status == 4


def test_cpu_baseline_that_nobody_tells(fleet):
    run = fleet(HostA="", HostB="")("cpu-baseline", "HostA", "HostB")
    assert run.status == 1 and "CPU model" in run.err


def test_audits_that_nobody_asked_for(fleet, tmp_path):
    """The log tells what is new, once, and that it was mended; /metrics count it; --last shows it with its time."""
    godwit = fleet(audit_interval=1, HostA="", HostB="clock_ms=3000")
    last = lambda: codes(godwit("--json", "doctor", "--last").json["checkup"])  # noqa: E731
    wait_for(lambda: godwit("doctor", "--last").status == 0 and last() == {"clock"})
    run = godwit("doctor", "--last")
    assert run.status == 0 and "| HostB | ok " in run.out and "Found by the daemon itself at 20" in run.out
    assert "chrony" in godwit("doctor", "--last", "--fix-plan").out
    assert godwit("host-remove", "HostB").status == 0
    wait_for(lambda: not last())
    time.sleep(2.5)  # two more audits
    log = (tmp_path / "log").read_text()
    assert log.count("host HostB: clock: ") == 1 and "remedy" in log
    assert godwit("doctor", "--last", "HostA").status == 2


def test_audits_are_off(fleet):
    run = fleet(audit_interval=0, HostA="")("doctor", "--last")
    assert run.status == 4 and "audit_interval is 0" in run.err


def wait_for(condition, seconds=40):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)
