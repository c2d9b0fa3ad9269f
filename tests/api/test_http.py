"""What every request has in common: versions, faults, limits, and clients that behave badly."""
import json
import re
import socket
import threading
import time

import pytest
from api_server import assert_fault, uuid

REQUEST_ID = re.compile(r"req-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


# ---- version discovery

def test_versions(server):
    versions = server.get("/").json["versions"]
    assert [v["id"] for v in versions] == ["v2.0", "v2.1"]
    old, new = versions
    assert (old["version"], old["min_version"]) == ("", "")
    assert (new["status"], new["version"], new["min_version"]) == ("CURRENT", "2.88", "2.1")
    assert new["links"] == [{"rel": "self", "href": f"http://127.0.0.1:{server.port}/v2.1/"}]


@pytest.mark.parametrize("path", ["/v2.1", "/v2.1/", "/v2", "/v2/"])
def test_version_document(server, path):
    answer = server.get(path)
    assert answer.status == 200
    version = answer.json["version"]
    (listed,) = [v for v in server.get("/").json["versions"] if v["id"] == version["id"]]
    assert version["links"][0] == listed["links"][0]
    assert version["links"][1]["rel"] == "describedby"
    assert version["media-types"][0]["base"] == "application/json"


@pytest.mark.parametrize("path", ["/foo", "/v3/servers", "/godwit"])
def test_unversioned_path(server, path):
    answer = server.get(path)
    assert answer.status == 300
    assert [c["id"] for c in answer.json["choices"]] == ["v2.0", "v2.1"]


# ---- microversions

@pytest.mark.parametrize("headers, told", [
    ({}, "2.1"),
    ({"OpenStack-API-Version": "compute 2.30"}, "2.30"),
    ({"X-OpenStack-Nova-API-Version": "2.12"}, "2.12"),
    ({"OpenStack-API-Version": "compute 2.30", "X-OpenStack-Nova-API-Version": "2.12"}, "2.30"),
    ({"OpenStack-API-Version": "compute latest"}, "2.88"),
    ({"X-OpenStack-Nova-API-Version": "latest"}, "2.88"),
    ({"OpenStack-API-Version": "identity 3.5, compute 2.40"}, "2.40"),
    ({"OpenStack-API-Version": "identity 3.5"}, "2.1"),
    ({"OpenStack-API-Version": "COMPUTE 2.5"}, "2.5"),
])
def test_microversion(server, headers, told):
    answer = server.get("/v2.1/servers", headers=headers)
    assert answer.status == 200
    assert answer.headers["OpenStack-API-Version"] == f"compute {told}"
    assert answer.headers["X-OpenStack-Nova-API-Version"] == told
    assert set(answer.headers.get_all("Vary")) == {"OpenStack-API-Version", "X-OpenStack-Nova-API-Version"}


@pytest.mark.parametrize("version", ["2.999", "3.1", "2.0", "2.89", "1.1"])
def test_microversion_out_of_range(server, version):
    answer = server.get("/v2.1/servers", version)
    assert_fault(answer, "computeFault", 406,
                 f"Version {version} is not supported by the API. Minimum is 2.1 and maximum is 2.88.")
    assert answer.headers["OpenStack-API-Version"] == "compute 2.1"


@pytest.mark.parametrize("version", ["x", "2", "2.1.1", "2.01", "-2.1", "2.", ".1", "2.99999999999999999999"])
def test_microversion_malformed(server, version):
    assert_fault(server.get("/v2.1/servers", version), "badRequest", 400, f"API Version String {version} is of invalid format.")


def test_old_entry_point_has_no_microversions(server):
    answer = server.get(f"/v2/servers/{uuid('vm-active')}", "2.88")
    assert answer.status == 200 and "locked" not in answer.json["server"]


# ---- paths

def test_project_in_path(server):
    plain = server.get("/v2.1/servers").json["servers"]
    below = server.get("/v2.1/abc/servers").json["servers"]
    assert [s["id"] for s in plain] == [s["id"] for s in below]
    assert below[0]["links"][0]["href"] == f"http://127.0.0.1:{server.port}/v2.1/abc/servers/{below[0]['id']}"
    assert below[0]["links"][1]["href"] == f"http://127.0.0.1:{server.port}/abc/servers/{below[0]['id']}"


@pytest.mark.parametrize("path", ["/v2.1/nothing", "/v2.1/abc/nothing/here", "/v2.1/servers/a/b/c/d", "/godwit/v1/nothing",
                                  "/godwit/v1", "/v2.1/abc"])
def test_no_such_path(server, path):
    answer = server.get(path)
    assert_fault(answer, "itemNotFound", 404, "The resource could not be found.")
    assert REQUEST_ID.fullmatch(answer.headers["x-openstack-request-id"])


@pytest.mark.parametrize("method, path, allowed", [
    ("PUT", "/v2.1/servers", "GET, POST"),
    ("DELETE", "/v2.1/os-migrations", "GET"),
    ("PUT", f"/v2.1/servers/{uuid('vm-active')}/action", "POST"),
    ("PUT", "/godwit/v1/hosts", "GET, POST"),
    ("PATCH", "/godwit/v1/hosts/HostA", "GET, DELETE"),
    ("POST", "/", "GET"),
])
def test_wrong_method(server, method, path, allowed):
    answer = server.request(method, path)
    assert_fault(answer, "badMethod", 405, method)
    assert answer.headers["Allow"] == allowed


def test_method_of_later_microversion(server):
    path = f"/v2.1/servers/{uuid('vm-running')}/migrations/3"
    assert_fault(server.request("DELETE", path, version="2.22"), "itemNotFound", 404)
    assert_fault(server.request("DELETE", path, version="2.23"), "badMethod", 405)


def test_extra_slashes(server):
    assert server.get("//v2.1//servers/").status == 200


def test_head(server):
    answer = server.request("HEAD", "/v2.1/servers")
    assert answer.status == 200 and answer.body == b"" and int(answer.headers["Content-Length"]) > 100


def test_request_ids(server):
    first, second = server.get("/"), server.get("/")
    assert REQUEST_ID.fullmatch(first.headers["x-openstack-request-id"])
    assert first.headers["x-compute-request-id"] == first.headers["x-openstack-request-id"]
    assert first.headers["x-openstack-request-id"] != second.headers["x-openstack-request-id"]


@pytest.mark.parametrize("host", ['evil"><script>', "a/b", "a b", "x" * 300])
def test_host_header_is_not_echoed_when_it_is_no_host(server, host):
    answer = server.get("/", headers={"Host": host})
    assert answer.json["versions"][0]["links"][0]["href"] == "http://localhost/v2/"


def test_percent_encoding(server):
    name = "%76m-active"
    assert [s["name"] for s in server.get(f"/v2.1/servers?name=^{name}$").json["servers"]] == ["vm-active"]
    assert server.get("/v2.1/servers?name=%zz%0").json["servers"] == []
    assert server.get("/v2.1/servers?name=%00").json["servers"] == []
    assert server.get("/v2.1/servers/%ff%fe").status == 404


# ---- bodies

@pytest.mark.parametrize("body", ["", "{", "[]", "null", "7", '"x"', '{"a":1}{', b"\xff\xfe", '{"migrate":null,"migrate":null}',
                                  "[" * 5000, '{"a":"\\ud800"}', '{"a\\u0000b":1}'])
def test_malformed_body(server, body):
    assert_fault(server.action("vm-active", body), "badRequest", 400, "Malformed request body")


@pytest.mark.parametrize("kind, status", [("application/json; charset=utf-8", 202), ("text/plain", 202),
                                          ("application/vnd.openstack.compute+json", 202), ("application/xml", 415),
                                          ("application/x-www-form-urlencoded", 415)])
def test_content_type(server, kind, status):
    answer = server.request("POST", f"/v2.1/servers/{uuid('vm-active')}/action", '{"migrate":null}',
                            headers={"Content-Type": kind})
    assert answer.status == status
    if status == 415:
        assert_fault(answer, "badMediaType", 415, "Unsupported Content-Type")


def test_body_without_type(server):
    connection = server.connect()
    connection.putrequest("POST", f"/v2.1/servers/{uuid('vm-active')}/action")
    connection.putheader("Content-Length", "16")
    connection.putheader("Accept", "")  # openstacksdk sends it empty on actions
    connection.endheaders(b'{"migrate":null}')
    assert connection.getresponse().status == 202


def test_body_too_large(server):
    answer = server.action("vm-active", '{"migrate":"' + "x" * (1 << 20) + '"}')
    assert_fault(answer, "overLimit", 413, "1048576 bytes")


def test_body_at_the_limit(server):
    padding = "x" * ((1 << 20) - len('{"migrate":""}'))
    assert server.action("vm-active", '{"migrate":"' + padding + '"}').status == 202


def test_header_too_large(server):
    assert server.get("/", headers={"X-Big": "x" * 100_000}).status in (413, 431)
    assert server.get("/").status == 200


def test_keep_alive(server):
    connection = server.connect()
    for _ in range(5):
        assert server.get("/v2.1/servers", connection=connection).status == 200
    assert_fault(server.get("/v2.1/servers/none", connection=connection), "itemNotFound", 404)
    assert server.request("POST", "/godwit/v1/hosts", "{", connection=connection).status == 400
    assert server.get("/", connection=connection).status == 200


# ---- load, and clients that behave badly

def test_500_connections(server):
    connections = [server.connect() for _ in range(500)]
    for c in connections:
        c.connect()
    for c in connections:
        c.request("GET", "/v2.1/servers?limit=1")
    assert all(c.getresponse().status == 200 for c in connections)
    for c in connections:
        c.close()


def test_slow_clients_hurt_nobody_and_are_cut_off(start):
    server = start("--request", "2")
    slow = []
    for _ in range(50):
        s = socket.create_connection(("127.0.0.1", server.port))
        s.sendall(b"POST /v2.1/servers/x/action HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        slow.append(s)
    began = time.monotonic()
    cut = 0
    while cut < len(slow) and time.monotonic() - began < 15:
        at = time.monotonic()
        assert server.get("/v2.1/servers").status == 200
        assert time.monotonic() - at < 2
        time.sleep(0.3)
        cut = 0
        for s in slow:
            try:  # a byte now and then keeps an idle timer from ever running out
                s.sendall(b" ")
                s.settimeout(0.001)
                cut += s.recv(1) == b""
            except TimeoutError:
                pass
            except OSError:
                cut += 1
    assert cut == len(slow)
    assert time.monotonic() - began >= 1.9


def test_slow_header_is_cut_off(start):
    server = start("--request", "1")
    s = socket.create_connection(("127.0.0.1", server.port))
    s.settimeout(10)
    s.sendall(b"GET / HT")
    began = time.monotonic()
    try:
        assert s.recv(100) == b""
    except ConnectionResetError:
        pass
    assert 0.9 < time.monotonic() - began < 5


def test_client_that_leaves_while_waiting(server):
    for _ in range(20):
        s = socket.create_connection(("127.0.0.1", server.port))
        body = json.dumps({"os-migrateLive": {"host": "HostLate", "block_migration": "auto"}}).encode()
        s.sendall(b"POST /v2.1/servers/" + uuid("vm-active").encode() + b"/action HTTP/1.1\r\nHost: x\r\n"
                  b"OpenStack-API-Version: compute 2.30\r\nContent-Type: application/json\r\n"
                  b"Content-Length: %d\r\n\r\n" % len(body) + body)
        s.close()
    time.sleep(0.5)
    assert server.get("/").status == 200


def test_waiting_requests_hold_no_thread(start):
    server = start("--threads", "1", "--wait", "5")
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(server.live("HostNever"))) for _ in range(20)]
    for t in threads:
        t.start()
    time.sleep(0.3)
    assert server.get("/v2.1/servers").status == 200
    assert not answers
    for t in threads:
        t.join()
    assert [a.status for a in answers] == [202] * 20


def put_slow(server, answers):
    """Metadata that the disk takes its time with."""
    path = f"/v2.1/servers/{uuid('vm-active')}/metadata/slow"
    answers.append(server.request("PUT", path, {"meta": {"slow": "x"}}, "2.30").status)


def move_slow(version):
    """A move whose journal the disk takes its time with, while the checks end."""
    return lambda server, answers: answers.append(server.live("HostSlowDisk", version).status)


@pytest.mark.parametrize("write, status", [(put_slow, 200), (move_slow("2.30"), 202), (move_slow("2.34"), 202)], ids=["metadata", "checked", "at-once"])
def test_writes_hold_no_thread(start, write, status):
    server = start("--threads", "1")
    answers = []
    threads = [threading.Thread(target=write, args=(server, answers)) for _ in range(8)]
    began = time.monotonic()
    for t in threads:
        t.start()
    time.sleep(0.2)
    assert server.get("/v2.1/servers").status == 200
    assert not answers  # nobody's read waits for the disk
    for t in threads:
        t.join()
    assert answers == [status] * 8
    assert time.monotonic() - began < 12  # nor one write for the other: 24 s in turn


def test_stop_waits_for_writes(start):
    server = start("--threads", "1")
    answers = []
    thread = threading.Thread(target=put_slow, args=(server, answers))
    thread.start()
    time.sleep(0.5)
    server.close()
    thread.join()
    assert answers == [200]


def test_stop_answers_what_waits(start):
    server = start("--wait", "60")
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(server.live("HostNever"))) for _ in range(5)]
    for t in threads:
        t.start()
    time.sleep(0.5)
    server.close()
    for t in threads:
        t.join()
    for answer in answers:
        assert_fault(answer, "serviceUnavailable", 503, "Godwit is stopping", "recorded")
    assert len(answers) == 5
