"""The API over an engine of memory (tests/api/fake_engine.c), and what its tests share."""
import http.client
import json
import os
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("GODWIT_BUILD", os.path.join(ROOT, "build"))
DAEMON = os.path.join(BUILD, "tests/api/api_fake_daemon")

NAMES = ["vm-active", "vm-stopped", "vm-paused", "vm-suspended", "vm-crashed", "vm-nostate", "vm-down", "vm-queued",
         "vm-paused-queued", "vm-running", "vm-postcopy", "vm-prep", "vm-moving", "vm-starting", "vm-verify", "vm-reverting",
         "vm-done"]
# id of the fixed migration of each
MIGRATION = {"vm-queued": 1, "vm-paused-queued": 2, "vm-running": 3, "vm-postcopy": 4, "vm-prep": 5, "vm-moving": 6,
             "vm-starting": 7, "vm-verify": 8, "vm-reverting": 9, "vm-done": 10}


def uuid(name):
    return f"10000000-0000-4000-8000-{NAMES.index(name) + 1:012d}"


def migration_uuid(name):
    return f"20000000-0000-4000-8000-{MIGRATION[name]:012d}"


class Answer:
    def __init__(self, response, body):
        self.status, self.headers, self.body = response.status, response.headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def fault(self):
        """(name, code, message) of a fault in Nova's shape."""
        (name, value), = self.json.items()
        return name, value["code"], value["message"]


class Server:
    def __init__(self, *options):
        self.errors = tempfile.TemporaryFile("w+")  # a pipe that nobody reads would fill up and stop it
        self.process = subprocess.Popen([DAEMON, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        text=True, env={**os.environ, "G_SLICE": "always-malloc"})  # sanitizers see it then
        line = self.process.stdout.readline()
        assert line, self.read_errors()
        self.port = int(line)

    def read_errors(self):
        self.errors.seek(0)
        return self.errors.read()

    def connect(self, timeout=60):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, method, path, body=None, version=None, headers=None, connection=None):
        headers = dict(headers or {})
        if version:
            headers.setdefault("OpenStack-API-Version", f"compute {version}")
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        own = connection is None
        connection = connection or self.connect()
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response, response.read())
        finally:
            if own:
                connection.close()

    def get(self, path, version=None, **options):
        return self.request("GET", path, version=version, **options)

    def action(self, name, body, version=None):
        return self.request("POST", f"/v2.1/servers/{uuid(name)}/action", body, version)

    def live(self, host, version="2.30", name="vm-active"):
        return self.action(name, {"os-migrateLive": {"host": host, "block_migration": "auto"}}, version)

    def close(self):
        """Ends it, and fails when it did not end well (a sanitizer speaks by exit code and on stderr)."""
        if self.process.stdin.closed:
            return
        self.process.stdin.close()
        code = self.process.wait(30)
        errors = self.read_errors()
        assert code == 0 and "ERROR: " not in errors and "WARNING: ThreadSanitizer" not in errors, errors


def assert_fault(answer, name, code, *words):
    assert answer.status == code, answer.body
    assert answer.fault[:2] == (name, code)
    for word in words:
        assert word in answer.fault[2], answer.fault
