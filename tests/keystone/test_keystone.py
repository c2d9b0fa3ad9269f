"""Tokens of a real Keystone: who is let in, as whom, and what happens when Keystone does not answer."""
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import BUILD, until

HOST = {"host": {"name": "HostA", "uri": "sim://keystone/HostA?instances=2"}}


@pytest.fixture(scope="module")
def tokens(keystone):
    return {name: keystone.token(user=name) for name in ("admin", "rita", "meg", "nick")}


def test_who_may_do_what(start, tokens):
    godwitd = start()
    for name, look, act in (("admin", 200, 201), ("rita", 200, 403), ("meg", 200, 403), ("nick", 403, 403)):
        assert godwitd.ask(tokens[name]).status == look, name
        assert godwitd.ask(tokens[name], "/godwit/v1/hosts", "POST", HOST).status == act, name
    answer = godwitd.ask(tokens["rita"], "/v2.1/os-aggregates", "POST", {"aggregate": {"name": "x"}})
    assert "Policy doesn't allow os_compute_api:os-aggregates:create to be performed." in answer.json["forbidden"]["message"]


@pytest.mark.parametrize("token", [None, "", "nonsense", "gAAAAABnonsense", "x" * 4000, "caf\u00e9"])
def test_no_token_no_entry(start, keystone, token):
    answer = start().ask(token.encode("utf-8").decode("latin-1") if token else token)
    assert answer.status == 401 and answer.headers["www-authenticate"] == f'Keystone uri="{keystone.url}"'
    assert answer.json["error"]["code"] == 401


def test_passwords_are_no_tokens(start):
    godwitd = start()
    answer = godwitd.request("GET", "/v2.1/servers", headers={"Authorization": "Basic YWRtaW46c2VjcmV0"})
    assert answer.status == 401
    answer = godwitd.request("POST", "/v3/auth/tokens", {"auth": {"identity": {"methods": ["password"]}}})
    assert answer.status == 404 and "log in at" in answer.json["error"]["message"]


def test_a_revoked_token_is_good_no_longer_than_the_cache(start, keystone):
    strict, easy = start(token_cache_time=0), start(token_cache_time=300)
    token = keystone.token()
    assert strict.ask(token).status == 200 and easy.ask(token).status == 200
    keystone.act("DELETE", "/auth/tokens", **{"X-Subject-Token": token})
    assert strict.ask(token).status == 401
    assert easy.ask(token).status == 200, "believed for token_cache_time"


def test_an_expired_token_is_refused_although_it_is_remembered(start, keystone):
    conf = keystone.folder / "keystone.conf"
    text = conf.read_text()
    keystone.stop()
    conf.write_text(text.replace("expiration = 3600", "expiration = 12"))
    keystone.start()
    try:
        godwitd = start(token_cache_time=300)
        token = keystone.token()
        assert godwitd.ask(token).status == 200
        until(lambda: godwitd.ask(token).status == 401, 40)
    finally:
        keystone.stop()
        conf.write_text(text)
        keystone.start()


def test_a_token_of_its_own_that_was_revoked_is_renewed(start, keystone):
    godwitd = start(token_cache_time=0)
    token = keystone.token()
    assert godwitd.ask(token).status == 200
    keystone.act("PATCH", "/users/" + keystone.id("user", "godwit"), {"user": {"password": "other"}})  # ends its tokens
    answer = godwitd.ask(token)
    assert answer.status == 503 and "temporarily unavailable" in answer.json["serviceUnavailable"]["message"]
    assert "the log-in of Godwit's own user" in godwitd.log.read_text() and "secret" not in godwitd.log.read_text()
    keystone.act("PATCH", "/users/" + keystone.id("user", "godwit"), {"user": {"password": "secret"}})
    until(lambda: godwitd.ask(token).status == 200, 40)  # what Keystone gives in the same second it takes for revoked, too
    assert "answers again" in godwitd.log.read_text()


def test_keystone_down_is_503_and_holds_up_nobody(start, keystone):
    godwitd = start(token_cache_time=300, http_connect_timeout=6)
    known, unknown = keystone.token(), [keystone.token(user=u) for u in ("rita", "meg")]
    assert godwitd.ask(known).status == 200
    keystone.signal(signal.SIGSTOP)  # it takes connections, and says nothing
    try:
        with ThreadPoolExecutor(40) as pool:
            waiting = [pool.submit(godwitd.ask, unknown[n % 2]) for n in range(8)]
            time.sleep(0.3)
            assert godwitd.ask(known).status == 200 and godwitd.request("GET", "/").status in (200, 300)
            assert not any(w.done() for w in waiting), "held up by those who wait for Keystone"
            assert {w.result().status for w in waiting} == {503}
    finally:
        keystone.signal(signal.SIGCONT)
    until(lambda: godwitd.ask(unknown[0]).status == 200)
    keystone.stop()
    fresh = "gAAAAAB" + "x" * 60
    began = time.monotonic()
    assert godwitd.ask(fresh).status == 503 and time.monotonic() - began < 20
    assert godwitd.ask(known).status == 200
    keystone.start()
    until(lambda: godwitd.ask(fresh).status == 401)


def test_the_commands_log_in_there(start, keystone):
    godwitd = start()
    url = f"http://127.0.0.1:{godwitd.port}"
    environment = {**keystone.environment(), "GODWIT_URL": url}

    def run(*words, **more):
        return subprocess.run(words, capture_output=True, text=True, env={**environment, **more}, timeout=60)

    godwit = os.path.join(BUILD, "src/cli/godwit")
    assert run(godwit, "host-add", "HostB", "sim://keystone-cli/HostB?instances=2").returncode == 0
    assert "vm-HostB-1" in run(godwit, "list").stdout
    assert run(godwit, "list", OS_TOKEN=keystone.token(), OS_PASSWORD="").returncode == 0
    wrong = run(godwit, "list", OS_PASSWORD="wrong")
    assert wrong.returncode != 0 and "does not let admin in" in wrong.stderr
    missing = run(godwit, "list", OS_AUTH_URL="")
    assert "takes tokens of Keystone" in missing.stderr and keystone.url in missing.stderr
    for name, kind, path in (("nova", "compute", "/v2.1"), ("glance", "image", "/image")):
        service = keystone.create("service", name=name, type=kind)
        keystone.create("endpoint", service_id=service, interface="public", region="RegionOne", url=url + path)
    listed = run("openstack", "server", "list", "-n", "-f", "value", "-c", "Name")
    assert sorted(listed.stdout.split()) == ["vm-HostB-1", "vm-HostB-2"], listed.stderr
    assert "vm-HostB-1" in run("nova", "list").stdout
    shown = run("openstack", "server", "show", "vm-HostB-1", "-f", "value", "-c", "name")
    assert shown.stdout.strip() == "vm-HostB-1", shown.stderr
