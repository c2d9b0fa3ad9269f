"""Requests made up from docs/openapi.yaml, whole and damaged, against godwitd itself: every one is answered soon, none with 500, and
the daemon lives. GODWIT_REQUESTS_S is how long to search (5 seconds), GODWIT_REQUESTS_SEED where to begin."""
import http.client
import json
import os
import random
import re
import time

import openapi
import pytest
from test_godwitd import Godwitd, wait

SECONDS = float(os.environ.get("GODWIT_REQUESTS_S", "5"))
SEED = int(os.environ.get("GODWIT_REQUESTS_SEED", "1"))
ANSWER_S = 15  # what a client waits for one answer
REQUEST_ID = re.compile(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

GARBAGE = ["", "x", "0", "-1", "1", "null", "None", "True", "99999999999999999999", "a" * 300, "%00", "%ff", "..", "a b", "'\"<>",
           "\u00fc\u4e2d\U0001f426", "(a*)*$", "[", "2026-01-01", "2026-13-45T99:99:99Z", "1e400", "HostA", "HostB", "HostZ", "detail"]
VALUES = [None, True, False, 0, 1, -1, 2**63, 1.5, "", "x", "auto", "HostA", "HostZ", "sim://any/new?instances=1", "a" * 300, [], [1], {}, {"a": 1},
          "\u0000", "enabled", "disabled", [[[[]]]]]
VERSIONS = ["latest", "2", "x", "", "2.0", "2.89", "3.1", "2.1.1", "-2.1", "identity 3", "compute", "\u00fc"]


class Generator:
    def __init__(self, seed, known):
        self.random, self.known = random.Random(seed), known
        self.operations = [o for o in openapi.operations() if not o[2].get("x-stream")]  # test_events.py listens

    def one_in(self, n):
        return self.random.randrange(n) == 0

    def path(self, method, path):
        def put(match):
            values = self.known.get(match[1], [])
            if method == "DELETE" and match[1] in ("name", "service_id"):
                values = ["Any"]  # the hosts themselves are needed on
            return str(self.random.choice(values if values and not self.one_in(5) else GARBAGE))
        path = re.sub(r"{(\w+)}", put, path)
        if path.startswith("/v2.1/") and self.one_in(10):
            path = path.replace("/v2.1/", self.random.choice(["/v2.1/project/", "/v2/", "/v2.1//", "//v2.1/"]), 1)
        return "".join(c if c.isalnum() or c in "/:.-_%" else "".join(f"%{b:02x}" for b in c.encode()) for c in path)

    def query(self, operation):
        parameters = [p["name"] for p in operation.get("parameters", [])] + ["limit", "flying"]
        pairs = []
        while not self.one_in(2):
            value = self.random.choice(GARBAGE + [str(v) for vs in self.known.values() for v in vs])
            pairs.append(f"{self.random.choice(parameters)}=" + "".join(
                c if c.isalnum() or c in ":.-_%" else "".join(f"%{b:02x}" for b in c.encode()) for c in value))
        return "?" + "&".join(pairs) if pairs else ""

    def value(self, schema, minor):
        """Something that fits the schema, unless it is one time in six."""
        if self.one_in(6):
            return self.random.choice(VALUES)
        forms = schema.get("oneOf") or schema.get("anyOf")
        if forms:
            return self.value(self.random.choice(forms), minor)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        if "properties" in schema:
            return self.object(schema, minor)
        kind = schema.get("type", "null")
        kind = self.random.choice(kind) if isinstance(kind, list) else kind
        return {"string": lambda: self.random.choice(self.known["host"] + ["x"]), "integer": lambda: self.random.randrange(9),
                "boolean": lambda: self.one_in(2), "array": list, "object": dict}.get(kind, lambda: None)()

    def object(self, schema, minor):
        names = list(schema["properties"])
        if schema.get("maxProperties") == 1 and not self.one_in(8):
            names = [self.random.choice(names)]
        else:
            names = [n for n in names if n in schema["required"] and not self.one_in(12) or self.one_in(2)]
        body = {n: self.value(schema["properties"][n], minor) for n in names}
        if self.one_in(12):
            body["flying"] = 1
        return body

    def body(self, operation, minor):
        schema = openapi.project(operation["requestBody"]["content"]["application/json"]["schema"], minor)
        text = json.dumps(self.value(schema, minor)).encode()
        damage = self.random.randrange(15)
        if damage == 0:
            cut = self.random.randrange(len(text) + 1)
            return text[:cut] + bytes([self.random.randrange(256)]) + text[cut + 1:]
        return {1: text[:-1], 2: b"", 3: text + b"}", 4: b"[" * 3000, 5: b"\xff\xfe{}"}.get(damage, text)

    def headers(self, minor):
        headers = {"OpenStack-API-Version": f"compute 2.{minor}"}
        if self.one_in(15):
            odd = self.random.choice(VERSIONS)
            headers = {self.random.choice(["OpenStack-API-Version", "X-OpenStack-Nova-API-Version"]): odd.encode().decode("latin-1")}
        if not self.one_in(8):
            headers["Content-Type"] = "application/json"
        elif self.one_in(2):
            headers["Content-Type"] = self.random.choice(["text/xml", "application/json; charset=utf-8", "", "x" * 200])
        if self.one_in(8):
            headers["Accept"] = ""
        if self.one_in(20):
            headers["X-Auth-Token"] = self.random.choice(GARBAGE[:8])
        return headers

    def request(self):
        """method, path with query, body or None, headers."""
        method, path, operation = self.random.choice(self.operations)
        minor = self.random.randint(1, 88) if self.one_in(4) else min(max(30, operation.get("x-since", 1)), operation.get("x-until", 88))
        body = self.body(operation, minor) if "requestBody" in operation else None
        if self.one_in(25):
            method = self.random.choice(["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "FLY"])
        return method, self.path(method, path) + self.query(operation), body, self.headers(minor)


def check(answer, body, what):
    assert 200 <= answer.status < 600 and answer.status != 500, (what, answer.status, body)
    assert REQUEST_ID.fullmatch(answer.headers["x-openstack-request-id"]), what
    if not body or (answer.status < 400 and answer.headers["Content-Type"].startswith("text/plain")):
        return
    if answer.headers["Content-Type"].startswith("text/plain"):  # /metrics
        assert answer.status == 200 and b"# TYPE " in body, what
        return
    document = json.loads(body)
    if answer.status >= 400:
        (fault,) = document.values()
        assert fault["code"] == answer.status and isinstance(fault["message"], str), what


@pytest.fixture
def daemon(tmp_path):
    daemon = Godwitd(str(tmp_path))
    for name, count in (("HostA", 6), ("HostB", 2), ("HostC", 0)):
        assert daemon.add(name, instances=count, prefix="vm", link_mbps=2000, memory_mib=8192).status == 201
    wait(lambda: len(daemon.get("/v2.1/servers").json["servers"]) == 8)
    yield daemon
    daemon.close()


def test_any_request(daemon):
    servers = [s["id"] for s in daemon.get("/v2.1/servers").json["servers"]]
    hypervisors = daemon.get("/v2.1/os-hypervisors", "2.53").json["hypervisors"]
    ids = [h["id"] for h in hypervisors] + [1, 2]
    generator = Generator(SEED, {
        "server_id": servers, "instance_uuid": servers[:2], "migration_id": list(range(1, 9)), "hypervisor_id": ids, "service_id": ids + ["enable"],
        "aggregate_id": [1, 2, 3], "flavor_id": ["1c-512m-10g"], "host": ["HostA", "HostB", "HostC"], "name": ["HostA", "HostB", "Any"],
        "project_id": ["admin"], "alias": ["servers"], "marker": servers[:1]})
    connection = daemon.connect(ANSWER_S)
    end, count, statuses = time.monotonic() + SECONDS, 0, {}
    while time.monotonic() < end:
        what = method, path, body, headers = generator.request()
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            check(answer, answer.read(), what)
            statuses[answer.status] = statuses.get(answer.status, 0) + 1
        except (http.client.BadStatusLine, ConnectionError):  # what is not HTTP may cost the connection
            connection.close()
            assert daemon.get("/").status == 200, what
        except (UnicodeError, http.client.InvalidURL):
            connection.close()  # the library itself refuses to send it
        count += 1
    connection.close()
    assert daemon.process.poll() is None and daemon.get("/v2.1/servers").status == 200
    assert count > 50 * SECONDS and {200, 202, 400, 404, 405} <= set(statuses), (count, statuses)
