"""What bash offers."""
import shutil
import subprocess

import pytest
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
])
def test_offers(filled, godwit, words, offers):
    run = godwit("complete", "--", *words)
    assert (run.status, run.out.splitlines()) == (0, offers)


def test_nothing_without_a_daemon(daemon, godwit):
    daemon.stop()
    run = godwit("complete", "--", "show", "")
    daemon.start()
    assert (run.status, run.out, run.err) == (0, "", "")


def test_complete_is_not_advertised(godwit):
    assert "complete --" not in godwit("help").out


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_in_bash(filled):
    script = (f"source {ROOT}/src/cli/completion.bash\nPATH={GODWIT.parent}:$PATH\n"
              "COMP_WORDS=(godwit live-migration vm1 Host) COMP_CWORD=3\n_godwit\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n"
              "complete -p godwit")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=20,
                          env=clean_environment(GODWIT_URL=filled.url))
    assert done.stdout.splitlines()[:2] == ["HostB", "HostC"] and "-F _godwit godwit" in done.stdout
