"""Starting, stopping, rebooting and pausing, on a real godwitd with simulated hosts."""
import subprocess

import pytest
from api_server import BUILD
from test_godwitd import Godwitd, wait


@pytest.fixture
def daemon(tmp_path):
    daemon = Godwitd(str(tmp_path))
    assert daemon.add("HostA", instances=2, prefix="vm", link_mbps=1000).status == 201
    assert daemon.add("HostB", link_mbps=1000).status == 201
    wait(lambda: len(daemon.get("/v2.1/servers").json["servers"]) == 2)
    yield daemon
    daemon.close()


def server(daemon, name="vm1"):
    return next(s for s in daemon.get("/v2.1/servers/detail").json["servers"] if s["name"].endswith(name[2:]))


def ask(daemon, body, uuid=None):
    return daemon.request("POST", f"/v2.1/servers/{uuid or server(daemon)['id']}/action", body)


def settled(daemon, status):
    return wait(lambda: (lambda s: s if s["status"] == status and not s["OS-EXT-STS:task_state"] else None)(server(daemon)))


def newest(daemon):
    uuid = server(daemon)["id"]
    action = daemon.get(f"/v2.1/servers/{uuid}/os-instance-actions").json["instanceActions"][0]
    return action, daemon.get(f"/v2.1/servers/{uuid}/os-instance-actions/{action['request_id']}", "2.84").json["instanceAction"]["events"]


@pytest.mark.parametrize("steps", [
    [({"os-stop": None}, "SHUTOFF", "stop"), ({"os-start": None}, "ACTIVE", "start")],
    [({"pause": None}, "PAUSED", "pause"), ({"unpause": None}, "ACTIVE", "unpause")],
    [({"reboot": {"type": "SOFT"}}, "ACTIVE", "reboot"), ({"reboot": {"type": "hard"}}, "ACTIVE", "reboot")],
    [({"pause": None}, "PAUSED", "pause"), ({"reboot": {"type": "HARD"}}, "ACTIVE", "reboot")]], ids=["stop", "pause", "reboot", "paused"])
def test_there_and_back(daemon, steps):
    for body, status, action in steps:
        assert ask(daemon, body).status == 202
        settled(daemon, status)
        found, events = wait(lambda: (lambda a: a if a[1] and a[1][0]["finish_time"] else None)(newest(daemon)))
        assert found["action"] == action and found["message"] is None
        assert (events[0]["event"], events[0]["result"], events[0]["host"]) == (f"compute_{action}_instance", "Success", "HostA")


@pytest.mark.parametrize("body, words", [
    ({"os-start": None}, "Cannot 'start' instance {} while it is in vm_state active"), ({"unpause": None}, "vm_state active: it must be paused"),
    ({"reboot": {"type": "gentle"}}, "'gentle' is not one of"), ({"reboot": {}}, "'type' is a required property"), ({"reboot": None}, "")])
def test_refusals(daemon, body, words):
    uuid = server(daemon)["id"]
    answer = ask(daemon, body)
    assert answer.status == (409 if "start" in str(body) or "unpause" in str(body) else 400)
    assert words.format(uuid) in answer.fault[2]
    assert server(daemon)["status"] == "ACTIVE"


def test_unknown_server(daemon):
    assert ask(daemon, {"os-stop": None}, "00000000-0000-4000-8000-000000000000").status == 404


def test_not_beside_a_move(daemon):
    """Neither while it moves, nor a move while something is done to it, nor while it waits for its user."""
    uuid = server(daemon)["id"]
    moved = daemon.request("POST", f"/v2.1/servers/{uuid}/action", {"migrate": None}, "2.56")
    assert moved.status == 202
    for body in ({"os-stop": None}, {"pause": None}, {"reboot": {"type": "HARD"}}):
        answer = ask(daemon, body)
        assert answer.status == 409 and "Cannot " in answer.fault[2], answer.body
    settled(daemon, "VERIFY_RESIZE")
    assert "vm_state resized" in ask(daemon, {"os-stop": None}).fault[2]


def test_a_failure_is_told(daemon):
    """Started where there is no room for it."""
    assert ask(daemon, {"os-stop": None}).status == 202
    settled(daemon, "SHUTOFF")
    godwit = [f"{BUILD}/src/cli/godwit", "--url", f"http://127.0.0.1:{daemon.port}"]
    name = server(daemon)["name"]
    done = subprocess.run([*godwit, "start", name], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, f"{name} was started: it is running on HostA.\n")
    assert subprocess.run([*godwit, "pause", name], capture_output=True, text=True).stdout == f"{name} was paused: it is paused on HostA.\n"
    refused = subprocess.run([*godwit, "start", name], capture_output=True, text=True)
    assert refused.returncode == 1 and "vm_state paused: it must be stopped" in refused.stderr
