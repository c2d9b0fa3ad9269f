"""What people say of servers: name, description, metadata, tags, lock, shown state. On a real godwitd with simulated hosts: all of it outlives
moves and the daemon."""
import pytest
from test_godwitd import Godwitd, wait

NOBODY = "/v2.1/servers/00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    daemon = Godwitd(str(tmp_path_factory.mktemp("labels")))
    assert daemon.add("HostA", instances=8, prefix="vm", link_mbps=10000).status == 201
    assert daemon.add("HostB", link_mbps=10000).status == 201
    wait(lambda: len(daemon.get("/v2.1/servers").json["servers"]) == 8)
    yield daemon
    daemon.close()


@pytest.fixture
def path(daemon, request, taken=[]):  # noqa: B006
    """Of a server that no other test has."""
    rows = [s["id"] for s in daemon.get("/v2.1/servers").json["servers"]]
    uuid = next(u for u in sorted(rows) if u not in taken)
    taken.append(uuid)
    if len(taken) == len(rows):
        taken.clear()
    daemon.request("DELETE", f"/v2.1/servers/{uuid}/tags", None, "2.26")
    daemon.request("PUT", f"/v2.1/servers/{uuid}/metadata", {"metadata": {}})
    return f"/v2.1/servers/{uuid}"


def show(daemon, path, version="2.88"):
    return daemon.get(path, version).json["server"]


def act(daemon, path, body, version="2.88"):
    return daemon.request("POST", path + "/action", body, version)


def settled(daemon, path, status):
    return wait(lambda: (lambda s: s if s["status"] == status and not s["OS-EXT-STS:task_state"] else None)(show(daemon, path)))


# ---- PUT servers/{id}

def test_update(daemon, path):
    body = {"server": {"name": "mail", "description": "the post", "accessIPv4": "192.0.2.1", "accessIPv6": "2001:db8::1", "OS-DCF:diskConfig": "AUTO"}}
    answer = daemon.request("PUT", path, body, "2.88")
    assert answer.status == 200 and answer.json["server"] == show(daemon, path)
    server = answer.json["server"]
    assert {k: server[k] for k in body["server"]} == body["server"]
    assert server["OS-EXT-SRV-ATTR:instance_name"] != "mail", "the host's own name stays"
    assert [s["id"] for s in daemon.get("/v2.1/servers?name=mail").json["servers"]] == [server["id"]]
    assert [s["id"] for s in daemon.get("/v2.1/servers?description=post").json["servers"]] == [server["id"]]
    only = daemon.request("PUT", path, {"server": {"description": None}}, "2.19").json["server"]
    assert only["description"] is None and only["name"] == "mail"


@pytest.mark.parametrize("version, there", [("2.1", False), ("2.74", False), ("2.75", True)])
def test_the_answer_to_an_update(daemon, path, version, there):
    server = daemon.request("PUT", path, {"server": {"name": "x"}}, version).json["server"]
    for field in ("OS-EXT-STS:vm_state", "key_name", "config_drive", "OS-SRV-USG:launched_at", "OS-EXT-AZ:availability_zone"):
        assert (field in server) == there, field
    assert server["name"] == "x" and server["flavor"]


@pytest.mark.parametrize("server, version, words", [
    ({"name": ""}, "2.1", "name"), ({"name": " x"}, "2.1", "name"), ({"name": "x" * 256}, "2.1", "name"), ({"description": "x"}, "2.18", "'description' was unexpected"),
    ({"description": "x" * 256}, "2.19", "description"), ({"accessIPv4": "::1"}, "2.1", "'::1' is not a 'ipv4'"), ({"accessIPv6": "1.2.3.4"}, "2.1", "is not a 'ipv6'"),
    ({"OS-DCF:diskConfig": "SOME"}, "2.1", "['AUTO', 'MANUAL']"), ({"flying": 1}, "2.88", "'flying' was unexpected")])
def test_updates_that_make_no_sense(daemon, path, server, version, words):
    answer = daemon.request("PUT", path, {"server": server}, version)
    assert answer.status == 400 and words in answer.fault[2], answer.body


# ---- metadata

def test_metadata(daemon, path):
    def ask(method, rest="", body=None):
        answer = daemon.request(method, f"{path}/metadata{rest}", body)
        return answer.status, answer.json if answer.body else None
    assert ask("POST", "", {"metadata": {"a": "1", "b": ""}}) == (200, {"metadata": {"a": "1", "b": ""}})
    assert ask("POST", "", {"metadata": {"a": "2"}}) == (200, {"metadata": {"a": "2", "b": ""}})
    assert ask("PUT", "/c", {"meta": {"c": "3"}}) == (200, {"meta": {"c": "3"}})
    assert ask("GET", "/c") == (200, {"meta": {"c": "3"}})
    assert show(daemon, path)["metadata"] == {"a": "2", "b": "", "c": "3"}
    assert ask("DELETE", "/b") == (204, None) and ask("DELETE", "/b")[0] == 404 and ask("GET", "/b")[0] == 404
    assert ask("PUT", "", {"metadata": {"z": "0"}}) == (200, {"metadata": {"z": "0"}})
    assert ask("GET") == (200, {"metadata": {"z": "0"}})


@pytest.mark.parametrize("method, rest, body, status, words", [
    ("POST", "", {"metadata": {"k": 7}}, 400, "string"), ("POST", "", {"metadata": {"k": "x" * 256}}, 400, "255"), ("POST", "", {"metadata": {"a/b": "x"}}, 400, "key"),
    ("POST", "", {"metadata": []}, 400, "object"), ("POST", "", {}, 400, "'metadata' is a required property"),
    ("PUT", "/k", {"meta": {"k": "1", "l": "2"}}, 400, "too many items"), ("PUT", "/k", {"meta": {"l": "2"}}, 400, "URI mismatch"),
    ("PUT", "", {"metadata": {f"k{i}": "" for i in range(129)}}, 403, "Maximum number of metadata items exceeds 128"),
    ("DELETE", "/nothing", None, 404, "Metadata item was not found")])
def test_metadata_that_make_no_sense(daemon, path, method, rest, body, status, words):
    answer = daemon.request(method, f"{path}/metadata{rest}", body)
    assert answer.status == status and words in answer.fault[2], answer.body
    assert daemon.get(path + "/metadata").json == {"metadata": {}}


# ---- tags

def test_tags(daemon, path):
    def ask(method, rest="", body=None, version="2.26"):
        answer = daemon.request(method, f"{path}/tags{rest}", body, version)
        return answer.status, answer.json if answer.body else None
    assert ask("GET", version="2.25")[0] == 404
    assert ask("PUT", "", {"tags": ["a", "b", "a"]}) == (200, {"tags": ["a", "b"]})
    made = daemon.request("PUT", path + "/tags/c", None, "2.26")
    assert made.status == 201 and made.headers["Location"].endswith(path + "/tags/c")
    assert ask("PUT", "/c")[0] == 204 and ask("GET", "/c")[0] == 204 and ask("GET", "/d")[0] == 404
    assert ask("DELETE", "/a")[0] == 204 and ask("DELETE", "/a")[0] == 404
    assert show(daemon, path)["tags"] == ["b", "c"]
    uuid = path.split("/")[-1]

    def found(query):
        return uuid in [s["id"] for s in daemon.get("/v2.1/servers?" + query, "2.26").json["servers"]]
    assert [found(q) for q in ("tags=b,c", "tags=b,x", "tags-any=b,x", "tags-any=x", "not-tags=b,c", "not-tags=b,x", "not-tags-any=b,x", "not-tags-any=x")] == [
        True, False, True, False, False, True, False, True]
    assert ask("DELETE") == (204, None) and ask("GET") == (200, {"tags": []})


@pytest.mark.parametrize("tags, words", [(["x" * 61], "Maximum length of a tag is 60"), (["a,b"], "does not match"), ([""], "not empty"), ([7], "string"), ("a", "array"),
                                         ([str(i) for i in range(51)], "per-server limit 50")])
def test_tags_that_make_no_sense(daemon, path, tags, words):
    answer = daemon.request("PUT", path + "/tags", {"tags": tags}, "2.26")
    assert answer.status == 400 and words in answer.fault[2], answer.body
    assert daemon.get(path + "/tags", "2.26").json == {"tags": []}


# ---- a lock

def test_a_lock(daemon, path):
    assert act(daemon, path, {"lock": {"locked_reason": "do not touch"}}, "2.73").status == 202
    server = show(daemon, path)
    assert (server["locked"], server["locked_reason"]) == (True, "do not touch")
    uuid = path.split("/")[-1]
    assert [s["id"] for s in daemon.get("/v2.1/servers?locked=true", "2.73").json["servers"]] == [uuid]
    assert act(daemon, path, {"os-stop": None}).status == 202, "an administrator passes"
    settled(daemon, path, "SHUTOFF")
    assert act(daemon, path, {"unlock": None}).status == 202
    server = show(daemon, path)
    assert (server["locked"], server["locked_reason"]) == (False, None)
    names = [a["action"] for a in daemon.get(path + "/os-instance-actions").json["instanceActions"]]
    assert names == ["unlock", "stop", "lock"]
    act(daemon, path, {"os-start": None})
    settled(daemon, path, "ACTIVE")


@pytest.mark.parametrize("body, version, status", [
    ({"lock": {"locked_reason": "x"}}, "2.72", 202), ({"lock": None}, "2.1", 202), ({"lock": None}, "2.73", 202), ({"lock": {}}, "2.73", 202),
    ({"lock": {"locked_reason": ""}}, "2.73", 400), ({"lock": {"locked_reason": "x" * 256}}, "2.73", 400), ({"lock": {"why": "x"}}, "2.73", 400), ({"lock": 7}, "2.73", 400)])
def test_bodies_of_a_lock(daemon, path, body, version, status):
    assert act(daemon, path, body, version).status == status
    server = show(daemon, path)
    assert server["locked"] == (status == 202) and server["locked_reason"] is None
    act(daemon, path, {"unlock": None})


# ---- the shown state

def test_a_state_that_was_set(daemon, path):
    assert act(daemon, path, {"os-resetState": {"state": "error"}}).status == 202
    server = show(daemon, path)
    assert (server["status"], server["OS-EXT-STS:vm_state"], server["OS-EXT-STS:power_state"]) == ("ERROR", "error", 1), "the guest runs on"
    assert "administrator" in server["fault"]["message"]
    refused = act(daemon, path, {"os-migrateLive": {"host": None, "block_migration": "auto"}})
    assert refused.status == 409 and "vm_state error" in refused.fault[2] and "reset-state" in refused.fault[2]
    assert act(daemon, path, {"pause": None}).status == 409
    assert act(daemon, path, {"os-resetState": {"state": "active"}}).status == 202
    assert show(daemon, path)["status"] == "ACTIVE" and "fault" not in show(daemon, path)


def test_what_it_is_asked_next_ends_the_error(daemon, path):
    act(daemon, path, {"os-resetState": {"state": "error"}})
    assert act(daemon, path, {"reboot": {"type": "HARD"}}).status == 202
    settled(daemon, path, "ACTIVE")


def test_a_move_is_not_forgotten(daemon, path):
    """One that waits for its user: what is set is shown once it has ended."""
    assert act(daemon, path, {"migrate": None}, "2.56").status == 202
    settled(daemon, path, "VERIFY_RESIZE")
    assert act(daemon, path, {"os-resetState": {"state": "active"}}).status == 202
    assert show(daemon, path)["status"] == "VERIFY_RESIZE"
    assert act(daemon, path, {"confirmResize": None}).status == 204
    settled(daemon, path, "ACTIVE")


@pytest.mark.parametrize("value", [None, {}, {"state": "building"}, {"state": 7}, {"state": "error", "more": 1}])
def test_states_that_cannot_be_set(daemon, path, value):
    assert act(daemon, path, {"os-resetState": value}).status == 400


# ---- suspended

def test_suspend_and_resume(daemon, path):
    assert act(daemon, path, {"suspend": None}).status == 202
    server = settled(daemon, path, "SUSPENDED")
    assert (server["OS-EXT-STS:vm_state"], server["OS-EXT-STS:power_state"]) == ("suspended", 7)
    host = server["OS-EXT-SRV-ATTR:host"]
    for body in ({"os-migrateLive": {"host": None, "block_migration": "auto"}}, {"migrate": None}):
        refused = act(daemon, path, body)
        assert refused.status == 409 and f"its saved memory lies on {host}" in refused.fault[2] and "resume" in refused.fault[2]
    for body in ({"suspend": None}, {"os-start": None}, {"pause": None}):
        assert "vm_state suspended" in act(daemon, path, body).fault[2]
    assert daemon.get(path + "/diagnostics").status == 409
    assert act(daemon, path, {"resume": None}).status == 202
    settled(daemon, path, "ACTIVE")
    assert "vm_state active: it must be suspended" in act(daemon, path, {"resume": None}).fault[2]
    actions = daemon.get(path + "/os-instance-actions").json["instanceActions"]
    assert [a["action"] for a in actions if a["message"] is None][:2] == ["resume", "suspend"]


# ---- what is counted

def test_diagnostics(daemon, path):
    old = daemon.get(path + "/diagnostics", "2.47").json
    assert old["cpu0_time"] >= 0 and old["memory"] == show(daemon, path)["flavor"]["ram"] * 1024 and old["vda_read"] == -1
    new = daemon.get(path + "/diagnostics", "2.48").json
    assert (new["state"], new["num_cpus"], new["num_disks"], new["config_drive"], new["uptime"] >= 0) == ("running", 1, 1, False, True)
    assert new["memory_details"]["maximum"] == show(daemon, path)["flavor"]["ram"] and new["disk_details"][0]["read_bytes"] is None
    assert daemon.get(NOBODY + "/diagnostics").status == 404


# ---- what is not offered

@pytest.mark.parametrize("action, words", [
    ({"createImage": {"name": "x"}}, "copy the disk"), ({"rebuild": {}}, "make it anew"), ({"shelve": None}, "does not offer 'shelve'"),
    ({"os-getConsoleOutput": {}}, "on its host"), ({"nonsense": None}, "There is no such action: nonsense")])
def test_not_offered(daemon, path, action, words):
    answer = act(daemon, path, action)
    assert answer.status == 400 and words in answer.fault[2]


def test_consoles(daemon, path):
    old = act(daemon, path, {"os-getVNCConsole": {"type": "novnc"}}, "2.5")
    assert old.status == 400 and old.fault[2].startswith("Unavailable console type novnc")
    assert act(daemon, path, {"os-getVNCConsole": {"type": "novnc"}}, "2.6").status == 404
    new = daemon.request("POST", path + "/remote-consoles", {"remote_console": {"protocol": "vnc", "type": "novnc"}}, "2.6")
    assert new.status == 400 and new.fault[2].startswith("Unavailable console type novnc")


@pytest.mark.parametrize("method, rest, body", [
    ("PUT", "", {"server": {"name": "x"}}), ("POST", "/metadata", {"metadata": {}}), ("PUT", "/tags", {"tags": []}), ("PUT", "/tags/x", None), ("DELETE", "/tags", None),
    ("DELETE", "/metadata/k", None), ("POST", "/action", {"lock": None}), ("POST", "/action", {"suspend": None}), ("POST", "/action", {"os-resetState": {"state": "error"}})])
def test_unknown_server(daemon, method, rest, body):
    assert daemon.request(method, NOBODY + rest, body, "2.88").status == 404


# ---- what lasts

def test_labels_outlive_a_move_and_the_daemon(tmp_path):
    daemon = Godwitd(str(tmp_path))
    try:
        assert daemon.add("HostA", instances=1, prefix="vm", link_mbps=10000).status == 201
        assert daemon.add("HostB", link_mbps=10000).status == 201
        wait(lambda: daemon.get("/v2.1/servers").json["servers"])
        path = "/v2.1/servers/" + daemon.get("/v2.1/servers").json["servers"][0]["id"]
        daemon.request("PUT", path, {"server": {"name": "kept", "description": "d"}}, "2.88")
        daemon.request("PUT", path + "/tags", {"tags": ["t"]}, "2.88")
        daemon.request("POST", path + "/metadata", {"metadata": {"k": "v"}})
        act(daemon, path, {"lock": {"locked_reason": "r"}})
        assert act(daemon, path, {"os-migrateLive": {"host": "HostB", "block_migration": "auto"}}).status == 202
        wait(lambda: show(daemon, path)["OS-EXT-SRV-ATTR:host"] == "HostB" and show(daemon, path)["status"] == "ACTIVE")
        daemon.close()
        daemon = Godwitd(str(tmp_path))
        # the simulated world has been made anew, with the instance on HostA: until that is seen it may be seen nowhere
        server = wait(lambda: (lambda a: a.status == 200 and a.json["server"]["OS-EXT-SRV-ATTR:host"] == "HostA" and a.json["server"])(daemon.get(path, "2.88")))
        assert (server["name"], server["description"], server["tags"], server["metadata"], server["locked"], server["locked_reason"]) == (
            "kept", "d", ["t"], {"k": "v"}, True, "r")
    finally:
        daemon.close()
