"""Every way of going wrong: exit status and words."""
import os
import subprocess

import pytest
from conftest import GODWIT
from fake_daemon import VM1, VM2, move, server

LIST = "/v2.1/servers/detail?name=%5Evm1%24"


# ---- 2: the command line

@pytest.mark.parametrize("words,message", [
    (["lst"], "There is no command 'lst'. Did you mean 'godwit list'?"),
    (["live-migrate", "vm1"], "There is no command 'live-migrate'. Did you mean 'godwit live-migration'?"),
    (["hostlist"], "There is no command 'hostlist'. Did you mean 'godwit host-list'?"),
    (["abort"], "There is no command 'abort'. Did you mean 'godwit live-migration-abort'?"),
    (["xyzzy"], "There is no command 'xyzzy'. 'godwit help' lists the commands."),
    (["help", "xyzzy"], "There is no command 'xyzzy'. 'godwit help' lists the commands."),
    (["help", "livemigration"], "There is no command 'livemigration'. Did you mean 'godwit live-migration'?"),
    (["--timeout", "0", "list"], "--timeout is '0', but must be a whole number from 1 on, as in 7."),
    (["list", "--hots", "x"], "There is no option --hots of list. Did you mean --host?"),
    (["--jsno", "list"], "There is no option --jsno. Did you mean --json?"),
    (["list", "-x"], "There is no option --x of list."),
    (["migrate", "--host"], "Option --host needs a value: --host HOST."),
    (["list", "--json=1"], "Option --json takes no value, but got '1'."),
    (["show"], "show: SERVER is missing."),
    (["host-add", "HostB"], "host-add: URI is missing."),
    (["live-migration", "a", "b", "c"], "live-migration: 'c' is one word too many."),
    (["server-migration-show", "vm1", "x7"], "MIGRATION is 'x7', but must be a whole number from 1 on, as in 7."),
    (["live-migration-abort", "vm1", "0"], "MIGRATION is '0', but must be a whole number from 1 on, as in 7."),
    (["live-migration-force-complete", "vm1", "-- 7"], "MIGRATION is '-- 7', but must be a whole number from 1 on, as in 7."),
    (["migration-list", "--limit", "many"], "--limit is 'many', but must be a whole number from 1 on, as in 7."),
    (["--timeout", "soon", "list"], "--timeout is 'soon', but must be a whole number from 1 on, as in 7."),
    (["--url", "HostA:8774", "list"],
     "--url is 'HostA:8774', but must be an address such as http://127.0.0.1:8774."),
    (["live-migration", "--block-migrate", "--no-block-migrate", "vm1"],
     "--block-migrate and --no-block-migrate exclude each other."),
    (["live-migration", "vm1", "--option", "live_migration_downtime"],
     "--option is 'live_migration_downtime', but must be NAME=VALUE; give it once for each."),
    (["plan", "vm1", "--option", "a=1", "--option", "=1"], "--option is '=1', but must be NAME=VALUE; give it once for each."),
    (["live-migration", "vm1", "--option", "a=1", "--option=b=2", "--option", "a=3"], "--option gives a twice: 'a=1' and 'a=3'; leave one of them out."),
    (["plan", "vm1", "--option", "a=1", "--option", "a=1"], "--option gives a twice: 'a=1' and 'a=1'; leave one of them out."),
    (["plan", "vm1", "--option"], "Option --option needs a value: --option NAME=VALUE."),
    (["show", b"vm\xff"], "'vm\N{REPLACEMENT CHARACTER}' is not UTF-8 text."),
])
def test_usage(daemon, godwit, words, message):
    if "-- 7" in words:
        words = [*words[:-2], "--", *words[-2:]]
    run = godwit(*words)
    assert (run.status, run.out) == (2, "")
    assert run.err.splitlines()[0] == f"Error: {message}"
    assert daemon.requests == []


def test_usage_shows_how(godwit):
    assert godwit("show").err.splitlines()[1:] == ["Usage: godwit show SERVER", "Example: godwit show vm1"]
    for name in ("gc", "watch"):
        assert godwit(name, "vm1").err.splitlines()[1] == f"Usage: godwit {name}"


def test_usage_as_json(godwit):
    run = godwit("lst", "--json")
    assert run.status == 2 and run.error["exit_status"] == 2 and "Did you mean" in run.error["message"]


def test_bad_address_in_the_environment(godwit):
    run = godwit("list", GODWIT_URL="nonsense")
    assert run.status == 2 and "GODWIT_URL is 'nonsense'" in run.err


# ---- 3: no daemon

def test_no_daemon(daemon, godwit):
    daemon.stop()
    run = godwit("list")
    daemon.start()
    assert run.status == 3
    assert run.err == (f"Error: The daemon cannot be reached at {daemon.url}: Connection refused. "
                       "Is godwitd running there? Another address is given with --url or GODWIT_URL.\n")


def test_the_version_is_told_without_a_daemon(daemon, godwit):
    daemon.stop()
    run, short = godwit("version"), godwit("--version")
    daemon.start()
    assert run.status == 3 and run.out.startswith("godwit ")
    assert short.status == 0 and short.out == run.out


def test_silent_daemon(daemon, godwit):
    daemon.slow["/godwit/v1/hosts"] = 3
    run = godwit("--timeout", "1", "host-list")
    assert run.status == 3 and "The daemon did not answer at" in run.err and "not known" not in run.err
    run = godwit("--timeout", "1", "host-add", "HostB", "qemu:///system")
    assert run.status == 3 and "Whether it did what was asked is not known" in run.err


def test_a_proxy_is_not_used_for_this_machine(daemon, godwit):
    daemon.on("GET", "/godwit/v1/hosts", {"hosts": []})
    assert godwit("host-list", http_proxy="http://127.0.0.1:1", no_proxy="example.org").status == 0


# ---- 4: not found

def test_no_such_server(daemon, godwit):
    daemon.on("GET", LIST, {"servers": [server(VM2, "VM1")]})
    run = godwit("show", "vm1")
    assert (run.status, run.err) == (4, "Error: There is no server 'vm1'; 'godwit list' shows all.\n")


def test_names_are_no_patterns(daemon, godwit):
    daemon.on("GET", "/v2.1/servers/detail?name=%5Ea%5C.b%5C%2A%24", {"servers": [server(name="a.b*")]})
    assert godwit("show", "a.b*").status == 0


def test_ambiguous_name(daemon, godwit):
    daemon.on("GET", LIST, {"servers": [server(), server(VM2, host="HostC")]})
    run = godwit("show", "vm1")
    assert run.status == 4
    assert run.err.splitlines() == ["Error: Several servers are named 'vm1'; name one by its UUID:",
                                    f"  - {VM1} on HostB", f"  - {VM2} on HostC"]


def test_a_uuid_may_be_a_name(daemon, godwit):
    daemon.on("GET", f"/v2.1/servers/detail?name=%5E{VM2}%24", {"servers": [server(VM1, VM2)]})
    assert godwit("show", VM2).status == 0


def test_upper_case_uuid(daemon, godwit):
    uuid = "aaaaaaaa-1111-4111-8111-111111111111"
    daemon.on("GET", f"/v2.1/servers/{uuid}", {"server": server(uuid)})
    assert godwit("show", uuid.upper()).status == 0


def test_no_such_host(daemon, godwit):
    daemon.on("DELETE", "/godwit/v1/hosts/HostZ", (404, {"itemNotFound": {"code": 404, "message": "no host HostZ"}}))
    assert godwit("host-remove", "HostZ").status == 4


def test_no_such_migration(daemon, godwit):
    daemon.has_server()
    run = godwit("server-migration-show", "vm1", "7")
    assert run.status == 4


def test_migration_of_another_server(daemon, godwit):
    daemon.has_server()
    daemon.has_move(move("running", instance_uuid=VM2, instance_name="vm2"))
    run = godwit("server-migration-show", "vm1", "7")
    assert run.status == 4 and "Migration 7 is one of vm2, not of vm1" in run.err


# ---- 1: answers that make no sense, or refuse

@pytest.mark.parametrize("answer,words", [
    ((200, b"<html>"), "is not JSON at line 1"),
    ((200, []), "is not a JSON object"),
    ((200, {"hosts": 3}), "field 'hosts': found 3, expected a list"),
    ((200, {}), "field 'hosts': found nothing, expected a list"),
    ((502, b"Bad Gateway"), "HTTP status 502 and no reason: is it godwitd?"),
    ((500, {"computeFault": {"code": 500, "message": "Unexpected"}}), "Error: Unexpected"),
    ((403, {"forbidden": {"code": 403, "message": "Policy forbids it"}}), "Error: Policy forbids it"),
    ((401, {"unauthorized": {"code": 401, "message": "who?"}}), "wants to know who asks. Set OS_USERNAME and OS_PASSWORD"),
    ((401, {"error": {"code": 401, "message": "The request you have made requires authentication: the user or the password is wrong."}}),
     "refused: wrong user or password"),
])
def test_strange_answers(daemon, godwit, answer, words):
    daemon.on("GET", "/godwit/v1/hosts", answer)
    run = godwit("host-list")
    assert (run.status, run.out) == (1, "") and words in run.err


REFUSAL = {"conflictingRequest": {"code": 409, "message": f"Cannot 'pause' instance {VM1} while it is active twice: virsh destroy {VM1}"}}


@pytest.mark.parametrize("name, which, words", [
    ("vm1", "vm1", f"Cannot 'pause' instance vm1 while it is active twice: virsh destroy {VM1}"),
    ("my vm", "my vm", f"Cannot 'pause' instance my vm while it is active twice: virsh destroy {VM1}"),
    ("vm1", VM1, f"Cannot 'pause' instance {VM1} while it is active twice: virsh destroy {VM1}"),
])
def test_who_asks_by_name_reads_names(daemon, godwit, name, which, words):
    shown = server(name=name)
    daemon.on("GET", f"/v2.1/servers/detail?name=%5E{name.replace(' ', '%20')}%24", {"servers": [shown]})
    daemon.on("GET", f"/v2.1/servers/{VM1}", {"server": shown})
    daemon.on("POST", f"/v2.1/servers/{VM1}/action", (409, REFUSAL))
    run = godwit("pause", which)
    assert run.status == 1 and words in run.err, run.err
    assert godwit("pause", which, "--json").error["message"] == words


def test_strange_migration(daemon, godwit):
    daemon.has_server()
    daemon.has_move(move("running", final="no"))
    run = godwit("server-migration-show", "vm1", "7")
    assert run.status == 1 and "field 'final': found \"no\", expected true or false" in run.err


def test_credentials_are_sent_but_not_shown(daemon, godwit):
    address = daemon.url.replace("http://", "http://admin:geheim@") + "/v2.1/"
    daemon.on("GET", "/godwit/v1/hosts", {"hosts": []})
    assert godwit("host-list", "--url", address).status == 0
    assert daemon.requests[0]["headers"]["Authorization"].startswith("Basic ")
    daemon.stop()
    run = godwit("host-list", "--url", address)
    daemon.start()
    assert run.status == 3 and "geheim" not in run.err


def test_full_disk(godwit):
    with open("/dev/full", "w") as full:
        done = subprocess.run([GODWIT, "help"], stdout=full, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    assert (done.returncode, done.stderr) == (1, "Error: standard output cannot be written.\n")
