"""Who may call: passwords, tokens, roles and limits, on a real godwitd with its own files."""
import base64
import concurrent.futures
import os
import re
import signal
import stat
import subprocess
import threading
import time

import pytest
from api_server import BUILD
from auth_daemon import GODWITD, Daemon, daemon, hash_of, make_certificate, password, wait, write_users  # noqa: F401 (fixtures)


# ---- the first start

def test_the_first_start_makes_an_admin(daemon, tmp_path, password):
    for name in ("htpasswd", "admin-password", "token.key"):
        assert stat.S_IMODE(os.stat(tmp_path / name).st_mode) == 0o600, name
    assert len(password()) == 24 and password() not in daemon.read_log() and str(tmp_path / "admin-password") in daemon.read_log()
    assert daemon.request("GET", "/v2.1/servers", user="admin:" + password())[0] == 200
    first = password()
    daemon.close()
    again = Daemon(tmp_path)
    assert password() == first and again.request("GET", "/v2.1/servers", user="admin:" + first)[0] == 200
    again.close()


@pytest.mark.parametrize("line, why", [
    ("admin", "htpasswd:2: is not USER:HASH"), ("admin:{SHA}x", "htpasswd:2: is not a bcrypt hash"),
])
def test_a_file_that_makes_no_sense(tmp_path, line, why):
    (tmp_path / "htpasswd").touch(mode=0o600)
    (tmp_path / "htpasswd").write_text("# users\n" + line + "\n")
    (tmp_path / "godwit.conf").write_text(f"[DEFAULT]\nstate_path = {tmp_path}\n[api]\nport = 0\n")
    run = subprocess.run([GODWITD, "-c", tmp_path / "godwit.conf"], capture_output=True, text=True, timeout=60)
    assert run.returncode == 1 and why in run.stderr


def refuses_to_start(tmp_path, *lines):
    (tmp_path / "godwit.conf").write_text("\n".join([f"[DEFAULT]\nstate_path = {tmp_path}\n[api]\nport = 0", *lines]) + "\n")
    run = subprocess.run([GODWITD, "-c", tmp_path / "godwit.conf"], capture_output=True, text=True, timeout=60)
    assert run.returncode == 1
    return run.stderr


def test_roles_that_make_no_sense(tmp_path):
    write_users(tmp_path, f"anna:{hash_of('a')}:king")
    assert "htpasswd.roles:1: is not USER:ROLE" in refuses_to_start(tmp_path)


def test_secrets_that_everyone_may_read(tmp_path):
    write_users(tmp_path, f"anna:{hash_of('a')}")
    os.chmod(tmp_path / "htpasswd", 0o644)
    assert "everyone may read it (mode 644)" in refuses_to_start(tmp_path)
    os.chmod(tmp_path / "htpasswd", 0o600)
    make_certificate(tmp_path)
    os.chmod(tmp_path / "key.pem", 0o604)
    assert "key.pem: everyone may read it" in refuses_to_start(tmp_path, f"ssl_cert_file = {tmp_path}/cert.pem", f"ssl_key_file = {tmp_path}/key.pem")


def test_a_new_password_leaves_the_role(tmp_path):
    """As htpasswd does it: the whole line is written anew."""
    daemon = Daemon(tmp_path, users=f"rita:{hash_of('r')}:reader")
    try:
        (tmp_path / "htpasswd").write_text(f"rita:{hash_of('s')}\n")
        time.sleep(1.2)
        assert daemon.request("GET", "/v2.1/servers", user="rita:s")[0] == 200
        assert daemon.request("GET", "/godwit/v1/hosts", user="rita:s")[0] == 403
    finally:
        daemon.close()


def test_a_token_of_a_token_ends_with_it(daemon, password):
    _, headers, body = daemon.log_in("admin", password())
    first = headers["X-Subject-Token"]
    time.sleep(1.1)
    _, headers, again = daemon.request("POST", "/v3/auth/tokens", {"auth": {"identity": {"methods": ["token"], "token": {"id": first}}}})
    assert again["token"]["expires_at"] == body["token"]["expires_at"]
    second = headers["X-Subject-Token"]
    assert daemon.request("DELETE", "/v3/auth/tokens", X_Auth_Token=second, X_Subject_Token=first)[0] == 204
    assert daemon.request("GET", "/v2.1/servers", X_Auth_Token=second)[0] == 401


def test_noauth_is_for_loopback_only(tmp_path):
    (tmp_path / "godwit.conf").write_text(f"[DEFAULT]\nstate_path = {tmp_path}\n[api]\nport = 0\nlisten = 0.0.0.0\nauth_strategy = noauth\n")
    run = subprocess.run([GODWITD, "-c", tmp_path / "godwit.conf"], capture_output=True, text=True, timeout=60)
    assert run.returncode == 1 and "would make everyone an administrator" in run.stderr


# ---- passwords and roles

def test_without_a_password(daemon):
    for path in ("/v2.1/servers", "/v2.1/os-services", "/godwit/v1/hosts", "/metrics", "/v2.1/admin/servers/detail"):
        status, headers, body = daemon.request("GET", path)
        assert status == 401 and headers["WWW-Authenticate"].startswith("Basic realm="), path
        assert body["error"] == {"code": 401, "title": "Unauthorized", "message": "The request you have made requires authentication."}
    for path in ("/", "/v2.1", "/v3"):
        assert daemon.request("GET", path)[0] in (200, 300), path


def test_a_wrong_password_is_told_from_none(daemon):
    status, headers, body = daemon.request("GET", "/v2.1/servers", user="admin:wrong")
    assert status == 401 and headers["WWW-Authenticate"].startswith("Basic realm=")
    assert body["error"]["message"].endswith("the user or the password is wrong.")


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic " + base64.b64encode(b"nocolon").decode(), "Bearer x",
                                    "Basic " + base64.b64encode(b"a:\xff").decode(), "Basic " + base64.b64encode(b"a\0:b").decode()])
def test_malformed_credentials(daemon, header):
    assert daemon.request("GET", "/v2.1/servers", Authorization=header)[0] == 401


def test_roles(tmp_path):
    users = f"anna:{hash_of('a')}\nrita:{hash_of('r')}:reader\nnick:{hash_of('n')}:none\n"
    daemon = Daemon(tmp_path, users=users)
    try:
        def status(user, method, path, body=None):
            return daemon.request(method, path, body, user=user)[0]
        assert status("anna:a", "GET", "/v2.1/os-services") == 200
        assert [status("rita:r", "GET", p) for p in ("/v2.1/servers/detail", "/v2.1/flavors", "/metrics")] == [200, 200, 200]
        assert status("rita:r", "GET", "/godwit/v1/hosts") == 403
        status_, _, body = daemon.request("POST", "/v2.1/os-aggregates", {"aggregate": {"name": "x"}}, user="rita:r")
        assert status_ == 403
        assert body["forbidden"]["message"] == "Policy doesn't allow os_compute_api:os-aggregates:create to be performed."
        assert status("nick:n", "GET", "/v2.1/servers") == 403
        assert status("anna:r", "GET", "/v2.1/servers") == 401
    finally:
        daemon.close()


def test_a_changed_file_counts_soon(tmp_path):
    daemon = Daemon(tmp_path, users=f"anna:{hash_of('a')}\n")
    try:
        assert daemon.request("GET", "/v2.1/servers", user="anna:a")[0] == 200
        token = daemon.log_in("anna", "a")[1]["X-Subject-Token"]
        assert daemon.request("GET", "/v2.1/servers", X_Auth_Token=token)[0] == 200
        (tmp_path / "htpasswd").write_text(f"anna:{hash_of('b')}\n")
        time.sleep(1.2)  # it is looked at once a second
        assert daemon.request("GET", "/v2.1/servers", user="anna:b")[0] == 200
        assert daemon.request("GET", "/v2.1/servers", user="anna:a")[0] == 401
        assert daemon.request("GET", "/v2.1/servers", X_Auth_Token=token)[0] == 401, "a token of the old password"
        (tmp_path / "htpasswd").write_text("nonsense\n")
        time.sleep(1.2)
        assert daemon.request("GET", "/v2.1/servers", user="anna:b")[0] == 200, "a slip locks nobody out"
        assert "the users stay as they were" in daemon.read_log()
    finally:
        daemon.close()


def test_failed_attempts_are_limited(tmp_path):
    daemon = Daemon(tmp_path, users=f"anna:{hash_of('a')}\nrita:{hash_of('r')}\n")
    try:
        assert [daemon.request("GET", "/v2.1/servers", user=f"anna:{i}")[0] for i in range(5)] == [401] * 5
        status, headers, body = daemon.request("GET", "/v2.1/servers", user="anna:a")
        assert status == 429 and "Too many failed attempts" in body["overLimit"]["message"]
        assert "the right password is refused, too" in body["overLimit"]["message"]
        assert 0 < int(headers["Retry-After"]) <= 60 and f"Try again in {headers['Retry-After']} s" in body["overLimit"]["message"]
        time.sleep(1.1)
        later = int(daemon.request("GET", "/v2.1/servers", user="anna:a")[1]["Retry-After"])
        assert later < int(headers["Retry-After"]), "what is left, not the whole of it"
        assert daemon.read_log().count("too many failed log-ins as 'anna'") == 1
        assert daemon.log_in("anna", "a")[0] == 429
        assert daemon.request("GET", "/v2.1/servers", user="rita:r")[0] == 200, "others are heard"
        assert "anna" in daemon.read_log() and "anna:" not in daemon.read_log()
    finally:
        daemon.close()


ACTIONS = {"os-migrateLive": "os-migrate-server:migrate_live", "migrate": "os-migrate-server:migrate", "evacuate": "os-evacuate",
           "confirmResize": "servers:confirm_resize", "revertResize": "servers:revert_resize", "os-start": "servers:start",
           "os-stop": "servers:stop", "reboot": "servers:reboot", "pause": "os-pause-server:pause", "unpause": "os-pause-server:unpause"}


def test_a_refusal_names_the_rule_of_nova(tmp_path):
    daemon = Daemon(tmp_path, users=f"rita:{hash_of('r')}:reader\nnick:{hash_of('n')}:none\n")
    try:
        def rule(user, method, path, body=None):
            status, _, answer = daemon.request(method, path, body, user=user)
            assert status == 403, (method, path, answer)
            return re.fullmatch(r"Policy doesn't allow (\S+) to be performed\.", answer["forbidden"]["message"])[1]
        for action, policy in ACTIONS.items():
            assert rule("rita:r", "POST", "/v2.1/servers/x/action", {action: None}) == "os_compute_api:" + policy
            assert rule("nick:n", "POST", "/v2.1/admin/servers/x/action", {action: {}}) == "os_compute_api:" + policy
        assert rule("rita:r", "GET", "/v2.1/os-hypervisors/detail") == "os_compute_api:os-hypervisors:list-detail"
        assert rule("rita:r", "PUT", "/v2.1/os-services/x", {}) == "os_compute_api:os-services:update"
        assert rule("nick:n", "GET", "/v2.1/servers/x/os-instance-actions") == "os_compute_api:os-instance-actions:list"
        assert rule("rita:r", "POST", "/godwit/v1/drains", {}) == "godwit:drains:create"
        assert daemon.request("POST", "/v2.1/servers/x/action", {"nonsense": None}, user="rita:r")[0] == 400
    finally:
        daemon.close()


# ---- a password takes long to judge, on purpose

def cpu_seconds(daemon):
    with open(f"/proc/{daemon.process.pid}/stat") as f:
        words = f.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def judged_in(daemon, users, rounds=4):
    """Processor time of the daemon for each user's wrong try: the least of several, in turn, since what else runs slows a processor."""
    times = {user: [] for user in users}
    for i in range(rounds):
        for user in users:
            begun = cpu_seconds(daemon)
            assert daemon.request("GET", "/v2.1/servers", user=f"{user}:wrong{i}")[0] == 401
            times[user].append(cpu_seconds(daemon) - begun)
    return {user: min(each) for user, each in times.items()}


def test_time_does_not_tell_names(tmp_path):
    """Hashes of different cost in one file: all wrong tries cost as much as the costliest."""
    daemon = Daemon(tmp_path, users=f"cheap:{hash_of('c', 5)}\nmiddle:{hash_of('m', 10)}\ndear:{hash_of('d', 12)}\n")
    try:
        times = judged_in(daemon, ("cheap", "middle", "dear", "nobody"))
        assert times["nobody"] > 0.05, "not hashed at all"
        assert max(times.values()) < 1.5 * min(times.values()), times
    finally:
        daemon.close()


@pytest.mark.parametrize("cost", ["03", "18", "31"])
def test_a_cost_that_would_block(tmp_path, cost):
    write_users(tmp_path, "anna:" + re.sub(r"\$05\$", f"${cost}$", hash_of("a")))
    assert "bcrypt cost out of 4 to 17" in refuses_to_start(tmp_path)


def test_a_flood_of_log_ins_delays_nobody(tmp_path):
    """Two dozen at once, each some 0.1 s of processor time: all are heard, and whoever has a token is served as before."""
    users = "".join(f"u{i}:{hash_of(str(i), 11)}\n" for i in range(24))
    daemon = Daemon(tmp_path, users=users)
    try:
        token = daemon.log_in("u0", "0")[1]["X-Subject-Token"]
        ends = {}

        def log_in(i):
            ends[i] = daemon.log_in(f"u{i}", str(i))[0]
        flood = [threading.Thread(target=log_in, args=(i,)) for i in range(24)]
        for one in flood:
            one.start()
        served = 0
        while any(one.is_alive() for one in flood):
            assert daemon.request("GET", "/v2.1/servers", X_Auth_Token=token)[0] == 200
            served += 1
        for one in flood:
            one.join()
        assert list(ends.values()) == [201] * 24, ends
        # behind the hashing a request would wait for the end of one: one or two would be served for each log-in
        assert served > 100
    finally:
        daemon.close()


def test_the_queue_of_one_address_is_bounded(tmp_path):
    daemon = Daemon(tmp_path, users="".join(f"u{i}:{hash_of(str(i), 11)}\n" for i in range(60)))
    try:
        with concurrent.futures.ThreadPoolExecutor(60) as pool:
            ends = list(pool.map(lambda i: daemon.log_in(f"u{i}", str(i))[:2], range(60)))
        assert {status for status, _ in ends} == {201, 429}
        assert all(headers["Retry-After"] == "1" for status, headers in ends if status == 429)
    finally:
        daemon.close()


def test_guesses_that_come_at_once_are_counted(tmp_path):
    daemon = Daemon(tmp_path, users=f"anna:{hash_of('a', 10)}\n")
    try:
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            ends = list(pool.map(lambda i: daemon.log_in("anna", f"guess{i}")[0], range(20)))
        assert 5 <= ends.count(401) <= 6 and ends.count(429) == 20 - ends.count(401), ends
    finally:
        daemon.close()


# ---- tokens

def test_everyone_may_revoke_his_own_token(tmp_path):
    users = f"anna:{hash_of('a')}\nrita:{hash_of('r')}:reader\nnick:{hash_of('n')}:none\n"
    daemon = Daemon(tmp_path, users=users)
    try:
        token = {name: daemon.log_in(name, name[0])[1]["X-Subject-Token"] for name in ("anna", "rita", "nick")}

        def ask(method, own, subject):
            return daemon.request(method, "/v3/auth/tokens", X_Auth_Token=token[own], X_Subject_Token=token[subject])[0]
        assert [ask("GET", "nick", "nick"), ask("GET", "rita", "nick"), ask("DELETE", "rita", "nick"), ask("DELETE", "nick", "anna")] == [200, 404, 404, 404]
        assert ask("GET", "anna", "nick") == 200
        assert ask("DELETE", "nick", "nick") == 204
        assert ask("GET", "nick", "nick") == 401 and ask("GET", "anna", "nick") == 404
        assert ask("DELETE", "anna", "rita") == 204 and ask("GET", "rita", "rita") == 401
    finally:
        daemon.close()


def test_a_token(daemon, password):
    status, headers, body = daemon.log_in("admin", password())
    token = body["token"]
    assert status == 201 and token["user"]["name"] == "admin" and [r["name"] for r in token["roles"]] == ["admin"]
    assert token["project"]["name"] == "admin" and token["project"]["domain"]["id"] == "default"
    compute = next(c for c in token["catalog"] if c["type"] == "compute")
    assert {e["url"] for e in compute["endpoints"]} == {f"http://127.0.0.1:{daemon.port}/v2.1"}
    subject = headers["X-Subject-Token"]
    assert daemon.request("GET", "/godwit/v1/hosts", X_Auth_Token=subject)[0] == 200
    status, _, body = daemon.request("GET", "/v3/auth/tokens", X_Auth_Token=subject, X_Subject_Token=subject)
    assert status == 200 and body["token"]["expires_at"] == token["expires_at"]
    again = daemon.request("POST", "/v3/auth/tokens", {"auth": {"identity": {"methods": ["token"], "token": {"id": subject}}}})
    assert again[0] == 201 and "roles" not in again[2]["token"], "unscoped"
    assert daemon.request("GET", "/v3/projects", X_Auth_Token=subject)[2]["projects"][0]["name"] == "admin"
    assert daemon.request("DELETE", "/v3/auth/tokens", X_Auth_Token=subject, X_Subject_Token=subject)[0] == 204
    assert daemon.request("GET", "/v2.1/servers", X_Auth_Token=subject)[0] == 401


def test_a_token_outlives_the_daemon(daemon, tmp_path, password):
    token = daemon.log_in("admin", password())[1]["X-Subject-Token"]
    daemon.close()
    again = Daemon(tmp_path)
    assert again.request("GET", "/v2.1/servers", X_Auth_Token=token)[0] == 200
    again.close()


def test_tokens_that_are_none(daemon, password):
    good = daemon.log_in("admin", password())[1]["X-Subject-Token"]
    head, payload, signature = good.split(".")
    forged = base64.urlsafe_b64encode(base64.urlsafe_b64decode(payload).replace(b" admin", b" other")).decode()
    for token in ("", "x", head, f"{head}.{payload}", f"{head}.{payload}.{'0' * 64}", f"{head}.{forged}.{signature}", good + "0", good[:-1],
                  good.upper(), "gwt1." + "A" * 5000 + ".00"):
        assert daemon.request("GET", "/v2.1/servers", X_Auth_Token=token)[0] == 401, token


def test_a_token_expires(tmp_path, password):
    daemon = Daemon(tmp_path, "token_expiration = 60")
    try:
        _, headers, body = daemon.log_in("admin", password())
        lasts = [time.mktime(time.strptime(body["token"][k][:19], "%Y-%m-%dT%H:%M:%S")) for k in ("issued_at", "expires_at")]
        assert lasts[1] - lasts[0] == 60
        # the clock of another process: an hour later
        token = headers["X-Subject-Token"]
        daemon.close()
        if subprocess.run(["faketime", "--version"], capture_output=True, check=False).returncode:
            pytest.skip("faketime is not installed")
        os.environ["FAKETIME"] = "+2m"
    finally:
        os.environ.pop("FAKETIME", None)
        daemon.close()
    later = subprocess.Popen(["faketime", "-f", "+2m", GODWITD, "-c", tmp_path / "godwit.conf"], stderr=open(tmp_path / "log", "w"),
                             start_new_session=True)
    try:
        found = wait(lambda: re.search(r"listens on \S+ port (\d+)", (tmp_path / "log").read_text()))
        daemon.port = int(found[1])
        assert daemon.request("GET", "/v2.1/servers", X_Auth_Token=token)[0] == 401
    finally:
        os.killpg(later.pid, signal.SIGTERM)  # faketime and what it runs
        later.wait(10)


@pytest.mark.parametrize("body, status", [
    ({}, 400), ({"auth": 7}, 400), ({"auth": {"identity": {"methods": ["oauth"]}}}, 400),
    ({"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "admin"}}}}}, 400),
    ({"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": 7, "password": "x"}}}}}, 400),
    ({"auth": {"identity": {"methods": ["token"], "token": {"id": "x"}}}}, 401),
    ({"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "nobody", "password": "x"}}}}}, 401)])
def test_bad_log_ins(daemon, body, status):
    assert daemon.request("POST", "/v3/auth/tokens", body)[0] == status


# ---- the command

def test_the_command_finds_the_password(daemon, tmp_path, password):
    godwit = os.path.join(BUILD, "src/cli/godwit")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("OS_", "GODWIT_"))}

    def run(**environment):
        return subprocess.run([godwit, "host-list"], capture_output=True, text=True,
                              env={**clean, "GODWIT_URL": f"http://127.0.0.1:{daemon.port}", **environment})
    assert run(GODWIT_PASSWORD_FILE=str(tmp_path / "admin-password")).returncode == 0
    assert run(OS_USERNAME="admin", OS_PASSWORD=password()).returncode == 0
    nobody = run(OS_USERNAME="admin", OS_PASSWORD="wrong")
    assert nobody.returncode == 1 and "wrong user or password" in nobody.stderr and "GODWIT_PASSWORD_FILE" in nobody.stderr
    missing = run(GODWIT_PASSWORD_FILE="/nowhere")
    assert missing.returncode == 2 and "GODWIT_PASSWORD_FILE is '/nowhere'" in missing.stderr
