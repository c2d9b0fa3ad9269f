"""A godwitd with passwords and files of its own: for test_auth.py and test_tls.py."""
import base64
import http.client
import json
import os
import re
import ssl
import subprocess
import time

import pytest
from api_server import BUILD

GODWITD = os.path.join(BUILD, "src/daemon/godwitd")


def wait(condition, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def write_users(folder, users):
    """Lines of user:hash[:role]."""
    lines = [line.split(":") for line in users.split()]
    (folder / "htpasswd").touch(mode=0o600)
    (folder / "htpasswd").write_text("# users\n" + "".join(f"{name}:{hash_}\n" for name, hash_, *_ in lines))
    (folder / "htpasswd.roles").write_text("".join(f"{name}:{role[0]}\n" for name, _, *role in lines if role))


class Daemon:
    """A godwitd with passwords; `lines` go into its [api] section."""

    def __init__(self, folder, *lines, users=None):
        self.folder, self.tls = folder, any(line.startswith("ssl_cert_file") for line in lines)
        if users is not None:
            write_users(folder, users)
        (folder / "godwit.conf").write_text("\n".join([f"[DEFAULT]\nstate_path = {folder}\n[api]\nport = 0", *lines]) + "\n")
        self.log = open(folder / "log", "w+")
        self.process = subprocess.Popen([GODWITD, "-c", folder / "godwit.conf"], stderr=self.log, stdout=self.log)
        found = wait(lambda: re.search(r"listens on \S+ port (\d+)", self.read_log()) or self.process.poll() is not None)
        assert found is not True, self.read_log()
        self.port = int(found[1])

    def read_log(self):
        return (self.folder / "log").read_text()

    def close(self):
        self.process.terminate()
        self.process.wait(30)

    def request(self, method, path, body=None, **headers):
        """(status, headers, JSON or None); user="name:password" is HTTP basic."""
        if self.tls:
            context = ssl.create_default_context(cafile=self.folder / "cert.pem")
            connection = http.client.HTTPSConnection("localhost", self.port, timeout=90, context=context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        user = headers.pop("user", None)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if user:
            sent["Authorization"] = "Basic " + base64.b64encode(user.encode()).decode()
        connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json", **sent})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, answer.headers, json.loads(text) if text[:1] == b"{" else None

    def log_in(self, name, password, scope=True, **where):
        user = {"name": name, "password": password, "domain": {"id": "default"}, **where}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
        if scope:
            body["auth"]["scope"] = {"project": {"name": "admin", "domain": {"id": "default"}}}
        return self.request("POST", "/v3/auth/tokens", body)


@pytest.fixture
def password(tmp_path):
    return lambda: (tmp_path / "admin-password").read_text().strip()


@pytest.fixture
def daemon(tmp_path):
    daemon = Daemon(tmp_path)
    yield daemon
    daemon.close()


def hash_of(password, cost=5):
    import ctypes
    import ctypes.util
    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    return crypt(password.encode(), f"$2b${cost:02}$".encode() + b"abcdefghijklmnopqrstuu").decode()


def make_certificate(folder, name="localhost"):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
                   check=True, capture_output=True)
