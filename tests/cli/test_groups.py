"""The commands about server groups and pins: what they send, what they show, what they refuse; and the same on a real daemon."""
import re

import pytest
from fake_daemon import VM1, server
from test_with_daemon import GODWITD, real  # noqa: F401 (fixture)

WEB = {"id": "11111111-0000-4000-8000-000000000001", "name": "web", "policy": "anti-affinity", "rules": {"max_server_per_host": 2},
       "members": [VM1], "project_id": "admin", "user_id": "admin"}
DB = {**WEB, "id": "11111111-0000-4000-8000-000000000002", "name": "db", "policy": "affinity", "rules": {}, "members": []}
LIST = "/v2.1/os-server-groups?all_projects=true&limit=1000&offset=0"


@pytest.fixture
def groups(daemon):
    daemon.on("GET", LIST, {"server_groups": [WEB, DB]})
    daemon.on("GET", f"/v2.1/servers/{VM1}", {"server": server()})
    return daemon


def test_list(groups, godwit):
    run = godwit("server-group-list")
    assert (run.status, run.err) == (0, "")
    assert run.out.splitlines() == [
        "+--------------------------------------+------+---------------+----------+---------+",
        "| ID                                   | Name | Policy        | Per host | Members |",
        "+--------------------------------------+------+---------------+----------+---------+",
        "| 11111111-0000-4000-8000-000000000001 | web  | anti-affinity | 2        | 1       |",
        "| 11111111-0000-4000-8000-000000000002 | db   | affinity      | -        | 0       |",
        "+--------------------------------------+------+---------------+----------+---------+"]
    assert godwit("--json", "server-group-list").json == {"server_groups": [WEB, DB]}


def test_list_pages(daemon, godwit):
    """A page that is full is not the last."""
    many = [{**DB, "name": f"g{n}"} for n in range(1000)]
    daemon.on("GET", LIST, {"server_groups": many})
    daemon.on("GET", LIST.replace("offset=0", "offset=1000"), {"server_groups": [WEB]})
    assert len(godwit("--json", "server-group-list").json["server_groups"]) == 1001


def test_list_empty(daemon, godwit):
    daemon.on("GET", LIST, {"server_groups": []})
    assert "godwit server-group-create NAME anti-affinity" in godwit("server-group-list").out


@pytest.mark.parametrize("which", ["web", WEB["id"]])
def test_show(groups, godwit, which):
    run = godwit("server-group-show", which)
    assert run.status == 0 and "| web " in run.out and f"| vm1    | {VM1} | HostB | ACTIVE |" in run.out, run.out
    assert godwit("--json", "server-group-show", which).json == {"server_group": WEB}


def test_names_that_several_have(daemon, godwit):
    daemon.on("GET", LIST, {"server_groups": [WEB, {**DB, "name": "web"}]})
    run = godwit("server-group-show", "web")
    assert run.status == 4 and "Several server groups are named 'web'" in run.err and WEB["id"] in run.err and DB["id"] in run.err
    assert godwit("--json", "server-group-show", DB["id"]).json["server_group"]["id"] == DB["id"]


@pytest.mark.parametrize("words", [["server-group-show"], ["server-group-delete"], ["server-group-add-server", VM1],
                                   ["server-group-remove-server", VM1]])
def test_unknown(groups, godwit, words):
    run = godwit(words[0], "cache", *words[1:])
    assert run.status == 4 and run.err == "Error: There is no server group 'cache'; 'godwit server-group-list' shows all.\n"


@pytest.mark.parametrize("typed", ["0", "two", "-1"])
def test_numbers(daemon, godwit, typed):
    run = godwit("server-group-create", "--max-per-host", typed, "web", "anti-affinity")
    assert run.status == 2 and "max-per-host" in run.err and daemon.asked("POST") == []


def test_real(real):  # noqa: F811
    one, two = "vm-HostA-1", "vm-HostA-2"
    here = real("--json", "show", one).json["server"]["OS-EXT-SRV-ATTR:host"]
    other = "HostB" if here == "HostA" else "HostA"
    run = real("server-group-create", "--max-per-host", "1", "web", "anti-affinity")
    assert run.status == 0 and "godwit server-group-add-server web SERVER" in run.out
    assert real("server-group-create", "web", "near").status == 1
    for name in (one, two):
        run = real("server-group-add-server", "web", name)
        assert run.status == 0 and f"{name} is in the group web" in run.out
    if real("--json", "show", two).json["server"]["OS-EXT-SRV-ATTR:host"] == here:
        assert real("server-group-remove-server", "web", two).status == 0
        assert real("live-migration", two, other).status == 0
        assert real("server-group-add-server", "web", two).status == 0
    refused = real("live-migration", one, other)
    assert refused.status == 1 and f"{other} has 1 of the group web" in refused.err
    assert f"| {two} " in real("server-group-show", "web").out
    assert real("server-group-remove-server", "web", two).out == f"{two} is no longer in the group web.\n"
    assert real("server-group-remove-server", "web", two).status == 4
    run = real("pin", one, here, "rack*")
    assert run.status == 0 and f"takes it to {here},rack* only. It is on {here} now." in run.out
    assert "no host matches 'rack*'; there are: " in run.err and f"no host matches '{here}'" not in run.err
    assert re.search(rf"\| pinned to +\| {here},rack\* ", real("show", one).out)
    assert re.search(r"\| server groups +\| web ", real("show", one).out)
    refused = real("live-migration", one, other)
    assert refused.status == 1 and f"godwit:hosts={here},rack*" in refused.err and f"godwit unpin {one}" in refused.err
    assert real("unpin", one).out == f"{one} is no longer pinned.\n"
    assert real("unpin", one).status == 4
    assert real("live-migration", one, other).status == 0
    assert real("server-group-delete", "web").status == 0 and "No server groups yet" in real("server-group-list").out
