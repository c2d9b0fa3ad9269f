"""What bash offers."""
import shutil
import subprocess

import pytest
import yaml
from conftest import GODWIT, ROOT, clean_environment
from fake_daemon import VM2, move, server


@pytest.fixture
def filled(daemon):
    daemon.on("GET", "/v2.1/servers", {"servers": [server(), server(VM2, "web"), server(VM2, "two words")]})
    daemon.on("GET", "/godwit/v1/hosts", {"hosts": [{"name": "HostB"}, {"name": "HostC"}]})
    daemon.on("GET", "/godwit/v1/migrations?limit=20", {"migrations": [move("running"), move("failed", id=12)]})
    return daemon


@pytest.mark.parametrize("words,offers", [
    (["migr"], ["migrate", "migration-list", "migration-resolve"]),
    (["comp"], []),
    (["show", ""], ["vm1", "web"]),
    (["show", "w"], ["web"]),
    (["show", "vm1", ""], []),
    (["--json", "live-migration", "vm1", "Host"], ["HostB", "HostC"]),
    (["--url", "x", "live-migration", "--block-migrate", "vm1", ""], ["HostB", "HostC"]),
    (["live-migration", "--"], ["--block-migrate", "--no-block-migrate", "--policy", "--option", "--url", "--cacert", "--insecure", "--json", "--no-wait", "--timeout",
                                "--help", "--version"]),
    (["list", "--host", "HostC"], ["HostC"]),
    (["migration-list", "--server", "v"], ["vm1"]),
    (["server-migration-show", "vm1", "1"], ["12"]),
    (["host-remove", ""], ["HostB", "HostC"]),
    (["host-add", ""], []),
    (["help", "vers"], ["version"]),
    (["--js"], ["--json"]),
    (["live-migration", "--policy", ""], ["balanced", "minimal-downtime", "fast", "never-pause"]),
    (["plan", "--option", "live_migration_p"], ["live_migration_permit_post_copy=", "live_migration_permit_auto_converge=",
                                                "live_migration_parallel_connections="]),
    (["live-migration", "--option", "live_migration_permit_post_copy="], [f"live_migration_permit_post_copy={v}" for v in ("true", "false")]),
    (["live-migration", "--option", "live_migration_downtime="], []),
    (["live-migration", "--option", "live_migration_downtime=800", "--option", "live_migration_d"],
     ["live_migration_downtime_steps=", "live_migration_downtime_delay="]),
    (["live-migration", "--option", "live_migration_bandwidth=9", "vm1", "H"], ["HostB", "HostC"]),
    (["server-group-create", "web", "soft"], ["soft-anti-affinity", "soft-affinity"]),
])
def test_offers(filled, godwit, words, offers):
    run = godwit("complete", "--", *words)
    assert (run.status, run.out.splitlines()) == (0, offers)


def test_the_options_of_a_move_are_those_of_the_api(godwit):
    with open(f"{ROOT}/docs/openapi.yaml") as f:
        known = yaml.safe_load(f)["components"]["schemas"]["LiveOptions"]["properties"]
    assert godwit("complete", "--", "live-migration", "--option", "").out.split() == [f"{name}=" for name in known]
    for name, schema in known.items():
        words = schema.get("enum", ["true", "false"] if "boolean" in schema.get("type", []) else [])
        assert godwit("complete", "--", "plan", "--option", f"{name}=").out.split() == [f"{name}={word}" for word in words]


def test_the_policies_are_those_of_the_help(godwit):
    offered = godwit("complete", "--", "plan", "--policy", "").out.split()
    assert f"how it is ended: {', '.join(offered[:-1])} or {offered[-1]}" in godwit("help", "plan").out


def test_nothing_without_a_daemon(daemon, godwit):
    daemon.stop()
    run = godwit("complete", "--", "show", "")
    daemon.start()
    assert (run.status, run.out, run.err) == (0, "", "")


def test_complete_is_not_advertised(godwit):
    assert "complete --" not in godwit("help").out


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
@pytest.mark.parametrize("words, replies", [
    (["live_migration_b"], ["live_migration_bandwidth="]),
    (["live_migration_compression", "="], ["auto", "none", "xbzrle", "zlib", "zstd"]),
    (["live_migration_compression", "=", "z"], ["zlib", "zstd"]),
    (["live_migration_compression=z"], ["live_migration_compression=zlib", "live_migration_compression=zstd"]),  # '=' is none of its word breaks
    (["live_migration_bandwidth", "=", "9", "--option", "block_migration_synchronous_writes", "=", "a"], ["auto", "always"]),
    (["live_migration_bandwidth", "=", "9", "vm1", "Host"], ["HostB", "HostC"]),
])
def test_in_bash_a_value_is_a_word_of_its_own(filled, words, replies):
    line = ["godwit", "live-migration", "--option", *words]
    script = (f"source {ROOT}/src/cli/completion.bash\nPATH={GODWIT.parent}:$PATH\n"
              f"COMP_WORDS=({' '.join(line)}) COMP_CWORD={len(line) - 1}\n_godwit\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, env=clean_environment(GODWIT_URL=filled.url))
    assert done.stdout.splitlines() == replies, done


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_in_bash(filled):
    script = (f"source {ROOT}/src/cli/completion.bash\nPATH={GODWIT.parent}:$PATH\n"
              "COMP_WORDS=(godwit live-migration vm1 Host) COMP_CWORD=3\n_godwit\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n"
              "complete -p godwit")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60,
                          env=clean_environment(GODWIT_URL=filled.url))
    assert done.stdout.splitlines()[:2] == ["HostB", "HostC"] and "-F _godwit godwit" in done.stdout
