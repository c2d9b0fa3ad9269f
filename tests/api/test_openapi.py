"""docs/openapi.yaml says exactly what is served: every route, and every field at every microversion."""
import os
import re
import subprocess
import urllib.parse

import jsonschema
import openapi
import pytest
from api_server import BUILD, MIGRATION, NAMES, uuid

MINORS = range(1, 89)


def routes():
    text = subprocess.run([os.path.join(BUILD, "tests/api/print_routes")], capture_output=True, text=True, check=True).stdout
    rows = (line.split(" ") for line in text.splitlines())
    return {(method, path.rstrip("/") or "/", int(since), int(until), role) for method, path, since, until, role in rows}


def documented():
    return {(method, re.sub(r"{\w+}", "{}", path), o.get("x-since", 0), o.get("x-until", 0), o["x-role"])
            for method, path, o in openapi.operations()}


def test_every_route_is_documented_and_no_other():
    assert routes() == documented()


def test_references_lead_somewhere():
    def walk(thing):
        if isinstance(thing, dict):
            openapi.resolve(thing)
            for value in thing.values():
                walk(value)
        elif isinstance(thing, list):
            for value in thing:
                walk(value)
    walk(openapi.DOCUMENT)
    used = set(re.findall(r"#/components/(\w+/\w+)", str(openapi.DOCUMENT)))
    made = {f"{kind}/{name}" for kind, things in openapi.DOCUMENT["components"].items() for name in things}
    assert used == made, used ^ made


# ---- answers

# What stands for {} in each path; the server is looked up for every one of its names.
SAMPLES = {
    "request_id": "req-1", "flavor_id": "2c-512m-10g", "project_id": "admin", "alias": "os-migrations", "name": "HostA", "network": "net",
    "key": "k", "tag": "t", "image_id": "40000000-0000-4000-8000-000000000001", "drain_id": "1", "rolling_id": "1",
}
SAMPLE_OF_PATH = {"/v2.1/flavors/{flavor_id}/os-extra_specs/{key}": "k", "/v2.1/flavors/{flavor_id}/os-flavor-access": "k",
                  "/v2.1/os-hypervisors/{hypervisor_id}/search": "Host", "/v2.1/os-hypervisors/{hypervisor_id}/servers": "Host"}


def samples(path, minor, aggregate=None):
    """Paths with something in the place of each {}."""
    if path in SAMPLE_OF_PATH:
        return [re.sub(r"{\w+}", SAMPLE_OF_PATH[path], path)]
    names = NAMES if "{server_id}" in path else [None]
    if "/migrations/{migration_id}" in path and "{server_id}" in path:
        names = ["vm-queued", "vm-running", "vm-postcopy"]
    out = []
    if "{request_id}" in path:
        names = list(MIGRATION)
    for name in names:
        values = {**SAMPLES, "aggregate_id": aggregate, "server_id": name and uuid(name), "migration_id": MIGRATION.get(name, 3),
                  "port_id": f"52:54:00:00:00:{NAMES.index(name) + 1 if name else 0:02x}",
                  "hypervisor_id": 1 if minor < 53 else "30000000-0000-4000-8000-000000000001"}
        out.append(re.sub(r"{(\w+)}", lambda m: str(values[m[1]]), path))
    return out


@pytest.fixture(scope="module")
def aggregate(server):
    """One with a host and metadata; its id."""
    made = server.request("POST", "/v2.1/os-aggregates", {"aggregate": {"name": "of-openapi", "availability_zone": "z"}}).json["aggregate"]
    path = f"/v2.1/os-aggregates/{made['id']}"
    for body in ({"add_host": {"host": "HostB"}}, {"set_metadata": {"metadata": {"ssd": "true"}}}):
        assert server.request("POST", path + "/action", body).status == 200
    yield made["id"]
    assert server.request("POST", path + "/action", {"remove_host": {"host": "HostB"}}).status == 200
    assert server.request("DELETE", path).status == 200


@pytest.fixture(scope="module", autouse=True)
def group(server):
    made = server.request("POST", "/v2.1/os-server-groups", {"server_group": {
        "name": "of-openapi", "policy": "anti-affinity", "rules": {"max_server_per_host": 2}}}, "2.64").json["server_group"]
    SAMPLES["server_group_id"] = made["id"]
    yield
    assert server.request("DELETE", f"/v2.1/os-server-groups/{made['id']}").status == 204


@pytest.fixture(scope="module", autouse=True)
def checkup(server):
    """One that has ended."""
    SAMPLES["checkup_id"] = id_ = server.request("POST", "/godwit/v1/checkups", {"checkup": {"probe": True}}).json["checkup"]["id"]
    server.get(f"/godwit/v1/checkups/{id_}")


READS = [(path, operation) for method, path, operation in openapi.operations() if method == "GET" and path not in ("/metrics", "/v3/auth/tokens") and not operation.get("x-stream")]


@pytest.mark.parametrize("path, operation", READS, ids=[path for path, _ in READS])
def test_answers(server, aggregate, path, operation):
    """Those of every microversion, except where only one counts."""
    connection = server.connect()
    status = int(next(iter(operation["responses"])))
    minors = MINORS if path.startswith("/v2.1/") else [1]
    before = None
    for minor in minors:
        if not openapi.holds(operation, minor):
            for one in samples(path, minor, aggregate)[:1]:
                assert server.get(one, f"2.{minor}", connection=connection).status in (400, 404), (one, minor)
            continue
        if minor >= operation.get("x-gone", 999):
            assert server.get(path, f"2.{minor}", connection=connection).status == 404, minor
            continue
        schema = openapi.answer_schema(operation, status, minor)
        steps = schema != before
        checker = jsonschema.Draft202012Validator(schema)
        # all samples at each step, the first at the others
        for one in samples(path, minor, aggregate)[:None if steps else 1]:
            answer = server.get(one, f"2.{minor}" if path.startswith("/v2.1/") else None, connection=connection)
            assert answer.status == status, (one, minor, answer.body)
            problems = [f"{list(p.absolute_path)}: {p.message[:300]}" for p in checker.iter_errors(answer.json)]
            assert not problems, (one, minor, problems)
        before = schema


# Path in the document, the same with something in the place of each {}, method, body, microversions.
SERVICE = "/v2.1/os-services/{service_id}"
HOST_B = {"host": "HostB", "binary": "nova-compute"}
WRITES = [
    (SERVICE, "/v2.1/os-services/disable-log-reason", "PUT", {**HOST_B, "disabled_reason": "r"}, [1, 52]),
    (SERVICE, "/v2.1/os-services/force-down", "PUT", {**HOST_B, "forced_down": False}, [11, 52]),
    (SERVICE, "/v2.1/os-services/enable", "PUT", HOST_B, [1, 52]),
    (SERVICE, "/v2.1/os-services/30000000-0000-4000-8000-000000000002", "PUT", {"status": "enabled"}, [53, 69, 88]),
    ("/v2.1/os-aggregates/{aggregate_id}", "/v2.1/os-aggregates/AGGREGATE", "PUT", {"aggregate": {"name": "of-openapi"}}, [1, 40, 41, 88]),
    ("/v2.1/os-aggregates/{aggregate_id}/action", "/v2.1/os-aggregates/AGGREGATE/action", "POST",
     {"set_metadata": {"metadata": {"k": "v"}}}, [1, 40, 41, 88]),
    ("/v2.1/os-hosts/{name}", "/v2.1/os-hosts/HostB", "PUT", {"status": "enable"}, [1, 42]),
    ("/v2.1/os-hosts/{name}", "/v2.1/os-hosts/HostB", "PUT", {"maintenance_mode": "disable"}, [1, 42]),
    ("/godwit/v1/drains", "/godwit/v1/drains", "POST", {"drain": {"hosts": ["HostB"], "dry_run": True}}, [1]),
    ("/godwit/v1/hosts/{name}/undrain", "/godwit/v1/hosts/HostB/undrain", "POST", {"undrain": {"return": True}}, [1]),
    ("/godwit/v1/balance", "/godwit/v1/balance", "POST", {"balance": {"dry_run": True, "objective": "cpu"}}, [1]),
    ("/godwit/v1/plan", "/godwit/v1/plan", "POST", {"plan": {"server": uuid("vm-active")}}, [1]),
    ("/godwit/v1/plan", "/godwit/v1/plan", "POST", {"plan": {"server": uuid("vm-running"), "cold": True}}, [1]),
]


@pytest.mark.parametrize("path, sample, method, body, minors", WRITES, ids=lambda v: v if isinstance(v, str) else "")
def test_answers_of_writes(server, aggregate, path, sample, method, body, minors):
    operation = openapi.DOCUMENT["paths"][path][method.lower()]
    for minor in minors:
        answer = server.request(method, sample.replace("AGGREGATE", str(aggregate)), body, f"2.{minor}")
        assert answer.status == 200, answer.body
        jsonschema.Draft202012Validator(openapi.answer_schema(operation, 200, minor)).validate(answer.json)
        content = openapi.project(operation["requestBody"]["content"]["application/json"]["schema"], minor)
        jsonschema.Draft202012Validator(content).validate(body)


@pytest.mark.parametrize("minor", [1, 40, 41, 88])
def test_answer_of_a_creation(server, minor):
    operation = openapi.DOCUMENT["paths"]["/v2.1/os-aggregates"]["post"]
    answer = server.request("POST", "/v2.1/os-aggregates", {"aggregate": {"name": f"made-{minor}"}}, f"2.{minor}")
    jsonschema.Draft202012Validator(openapi.answer_schema(operation, 200, minor)).validate(answer.json)
    assert server.request("DELETE", f"/v2.1/os-aggregates/{answer.json['aggregate']['id']}").status == 200


# ---- query parameters

def value_of(parameter):
    schema = parameter["schema"]
    if "examples" in schema:
        return schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    return {"integer": "1", "boolean": "True"}.get(schema["type"], {"date-time": "2026-01-02T03:04:05Z"}.get(schema.get("format"), "x"))


STRICT = [(path, operation) for path, operation in READS if "x-strict" in operation]


@pytest.mark.parametrize("path, operation", STRICT, ids=[path for path, _ in STRICT])
def test_query_parameters(server, path, operation):
    """Each is known from its microversion on; before, and with a name that nobody knows, it is refused where that is promised."""
    connection = server.connect()
    strict = operation["x-strict"]

    def refused(name, value, minor):
        one = samples(path, minor)[0]
        answer = server.get(f"{one}?{name}={urllib.parse.quote(value)}", f"2.{minor}", connection=connection)
        return b"was unexpected" in answer.body

    assert refused("flying", "x", max(strict, 1)) and (strict == 1 or not refused("flying", "x", strict - 1))
    for parameter in operation["parameters"]:
        since = parameter.get("x-since", 1)
        name, value = parameter["name"], value_of(parameter)
        for minor in {since, max(since, strict), 88}:
            assert not refused(name, value, minor), (name, minor)
        if since > strict:
            assert refused(name, value, since - 1), (name, since - 1)


# ---- bodies of actions

def actions():
    schema = openapi.resolve({"$ref": "#/components/schemas/ServerAction"})
    return list(schema["properties"])


@pytest.mark.parametrize("minor", [1, 24, 25, 29, 30, 55, 56, 67, 68, 88])
def test_action_fields(server, minor):
    """A field that the document does not know is refused, and so is the lack of one that it requires."""
    schema = openapi.project({"$ref": "#/components/schemas/ServerAction"}, minor)
    for name in actions():
        fields = schema["properties"].get(name, {})
        for form in fields.get("oneOf", [fields]):
            if "properties" not in form:
                continue
            good = {field: None if field == "host" else True for field in form["required"]}
            refusal = server.action("vm-crashed", {name: {**good, "flying": 1}}, f"2.{minor}")
            assert refusal.status == 400 and "'flying' was unexpected" in refusal.fault[2], (name, refusal.body)
            for field in form["required"]:
                body = {k: v for k, v in good.items() if k != field}
                refusal = server.action("vm-crashed", {name: body}, f"2.{minor}")
                assert refusal.status == 400 and f"'{field}' is a required property" in refusal.fault[2], (name, refusal.body)
