"""Debian's Keystone with SQLite on a port of its own, and a godwitd over simulated hosts that takes its tokens."""
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("GODWIT_BUILD", os.path.join(ROOT, "build"))
sys.path.insert(0, os.path.join(ROOT, "tests", "api"))
from api_server import Server  # noqa: E402

KEEP = {k: v for k, v in os.environ.items() if not k.startswith(("OS_", "GODWIT_"))}
CONF = """[DEFAULT]
log_file = {folder}/keystone.log
[database]
connection = sqlite:///{folder}/keystone.db
[token]
expiration = 3600
[fernet_tokens]
key_repository = {folder}/fernet
[fernet_receipts]
key_repository = {folder}/receipts
[cache]
enabled = false
[identity]
password_hash_rounds = 4
"""


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(what, seconds=30):
    end = time.monotonic() + seconds
    while not (value := what()):
        assert time.monotonic() < end
        time.sleep(0.1)
    return value


class Keystone:
    def __init__(self, folder):
        self.folder, self.port, self.process = folder, free_port(), None
        self.url = f"http://127.0.0.1:{self.port}/v3"
        (folder / "keystone.conf").write_text(CONF.format(folder=folder))
        for name in ("fernet", "receipts"):
            (folder / name).mkdir(mode=0o700)
        user = subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()
        group = subprocess.run(["id", "-gn"], capture_output=True, text=True).stdout.strip()
        owner = ["--keystone-user", user, "--keystone-group", group]
        for words in (["db_sync"], ["fernet_setup", *owner], ["receipt_setup", *owner],
                      ["bootstrap", "--bootstrap-password", "secret", "--bootstrap-public-url", self.url, "--bootstrap-region-id", "RegionOne"]):
            done = subprocess.run(["keystone-manage", "--config-file", folder / "keystone.conf", *words], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
        with sqlite3.connect(folder / "keystone.db") as db:  # a session that Keystone forgets to end locks out no writer then
            db.execute("PRAGMA journal_mode = WAL")

    def start(self):
        environment = {**KEEP, "OS_KEYSTONE_CONFIG_FILES": str(self.folder / "keystone.conf")}
        with open(self.folder / "out", "a") as out:
            self.process = subprocess.Popen(["keystone-wsgi-public", "-p", str(self.port), "-b", "127.0.0.1"], env=environment, stdout=out,
                                            stderr=out, start_new_session=True)
        until(lambda: socket.socket().connect_ex(("127.0.0.1", self.port)) == 0)

    def signal(self, number):
        os.killpg(self.process.pid, number)

    def stop(self):
        if self.process:
            self.signal(signal.SIGKILL)
            self.process.wait(10)
            self.process = None

    def environment(self, user="admin", project="admin", password="secret"):
        return {**KEEP, "OS_AUTH_URL": self.url, "OS_USERNAME": user, "OS_PASSWORD": password, "OS_PROJECT_NAME": project,
                "OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_NAME": "Default", "OS_IDENTITY_API_VERSION": "3"}

    def ask(self, method, path, body=None, **headers):
        """One request; the answer's body, or {}, and its headers."""
        request = urllib.request.Request(self.url + path, json.dumps(body).encode() if body else None, method=method,
                                         headers={"Content-Type": "application/json", **headers})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"{}"), answer.headers

    def token(self, user="admin", project="admin"):
        domain = {"id": "default"}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": user, "domain": domain, "password": "secret"}}},
                         "scope": {"project": {"name": project, "domain": domain}}}}
        return self.ask("POST", "/auth/tokens", body)[1]["X-Subject-Token"]

    def act(self, method, path, body=None, **headers):
        """As the administrator."""
        return self.ask(method, path, body, **{"X-Auth-Token": self.token(), **headers})[0]

    def id(self, kind, name):
        return self.act("GET", f"/{kind}s?name={name}")[f"{kind}s"][0]["id"]

    def create(self, kind, **values):
        return self.act("POST", f"/{kind}s", {kind: values})[kind]["id"]

    def grant(self, user, project, role):
        self.act("PUT", f"/projects/{self.id('project', project)}/users/{self.id('user', user)}/roles/{self.id('role', role)}")


@pytest.fixture(scope="session")
def keystone(tmp_path_factory):
    if not shutil.which("keystone-wsgi-public"):
        pytest.skip("keystone is not installed")
    keystone = Keystone(tmp_path_factory.mktemp("keystone"))
    try:
        populate(keystone)
        yield keystone
    finally:
        keystone.stop()


def populate(keystone):
    keystone.start()
    keystone.create("project", name="service")
    keystone.create("role", name="nothing")
    for user, project, role in (("godwit", "service", "admin"), ("rita", "admin", "reader"), ("meg", "admin", "member"),
                                ("nick", "admin", "nothing")):
        keystone.create("user", name=user, password="secret")
        keystone.grant(user, project, role)


class Godwitd(Server):
    """A daemon that takes that Keystone's tokens."""

    def __init__(self, folder, keystone, **options):
        self.folder = folder
        (folder / "password").write_text("secret\n")
        (folder / "password").chmod(0o600)
        more = "".join(f"{k} = {v}\n" for k, v in {"http_connect_timeout": 2, **options}.items())
        (folder / "godwit.conf").write_text(
            f"[DEFAULT]\nstate_path = {folder}\n[api]\nport = 0\nauth_strategy = keystone\n[keystone_authtoken]\n"
            f"auth_url = {keystone.url}\npassword_file = {folder}/password\n{more}")
        self.log = folder / "log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([os.path.join(BUILD, "src/daemon/godwitd"), "-c", folder / "godwit.conf"], stderr=log)
        found = until(lambda: re.search(r"listens on \S+ port (\d+)", self.log.read_text()), 10)
        self.port = int(found[1])

    def ask(self, token, path="/v2.1/servers", method="GET", body=None):
        return self.request(method, path, body, "2.88", headers={"X-Auth-Token": token} if token else None)

    def close(self):
        self.process.terminate()
        assert self.process.wait(20) == 0


@pytest.fixture
def start(keystone, tmp_path_factory):
    made = []

    def make(**options):
        made.append(Godwitd(tmp_path_factory.mktemp("godwitd"), keystone, **options))
        return made[-1]

    yield make
    for godwitd in made:
        godwitd.close()
