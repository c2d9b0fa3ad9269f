"""The simulator is proved by clients that others wrote: XenAPI.py (XML-RPC) and npm's xen-api (JSON-RPC). Each logs in, lists, follows
events, runs tasks and fails over."""
import json
import os
import re
import shutil
import subprocess
import time
import urllib.request

import pytest

from xapi_model import FIELDS, METHODS, OPAQUE

MODEL = os.environ.get("GODWIT_XENAPI_JSON", "")


def client(simulator, host="HostA"):
    XenAPI = pytest.importorskip("os_xenapi.client.XenAPI", reason="python3-os-xenapi is not installed")
    session = XenAPI.Session(simulator.url(host))
    session.Failure = XenAPI.Failure
    return session


def login(simulator, host="HostA"):
    session = client(simulator, host)
    session.login_with_password("root", "secret")
    return session


def test_xenapi_py_lists(simulate):
    api = login(simulate()).xenapi
    vms = api.VM.get_all_records()
    assert {v["name_label"] for v in vms.values()} >= {"shared", "local", "stopped"}
    assert all(isinstance(v["memory_static_max"], str) for v in vms.values())  # integers are text in XML-RPC
    assert len(api.host.get_all()) == 2


def test_xenapi_py_is_sent_to_the_master(simulate):
    simulator = simulate()
    session = client(simulator, "HostB")
    with pytest.raises(session.Failure) as failure:
        session.xenapi.login_with_password("root", "secret")
    assert failure.value.details == ["HOST_IS_SLAVE", simulator.hosts["HostA"]["address"]]


def test_xenapi_py_joins_and_ejects(simulate):
    simulator = simulate("--separate", "--hosts", "3")
    joiner, master = login(simulator, "HostB"), login(simulator, "HostA")
    uuid, address = simulator.hosts["HostB"]["uuid"], simulator.hosts["HostA"]["address"]
    with pytest.raises(joiner.Failure) as failure:
        joiner.xenapi.pool.join(address, "root", "wrong")
    assert failure.value.details[0] == "SESSION_AUTHENTICATION_FAILED"
    joiner.xenapi.pool.join(address, "root", "secret")
    until = time.time() + 10
    while simulator.look()["members"].get("HostA") != ["HostA", "HostB"] and time.time() < until:
        time.sleep(0.1)
    host = master.xenapi.host.get_by_uuid(uuid)
    while not master.xenapi.host.get_enabled(host) and time.time() < until:
        time.sleep(0.1)
    assert master.xenapi.host_metrics.get_live(master.xenapi.host.get_metrics(host))
    assert all(master.xenapi.PBD.get_currently_attached(p) for p in master.xenapi.host.get_PBDs(host))
    with pytest.raises(joiner.Failure) as failure:  # its session died with the restart
        joiner.xenapi.pool.get_all()
    assert failure.value.details[0] == "HOST_IS_SLAVE"
    task = master.xenapi.Async.pool.eject(host)
    while master.xenapi.task.get_status(task) == "pending" and time.time() < until:
        time.sleep(0.1)
    assert master.xenapi.task.get_status(task) == "success" and len(master.xenapi.host.get_all()) == 1
    with pytest.raises(master.Failure) as failure:
        master.xenapi.pool.eject(master.xenapi.host.get_all()[0])
    assert failure.value.details[0] == "INTERNAL_ERROR"


def test_xenapi_py_runs_a_task_and_follows_it(simulate):
    simulator = simulate()
    api = login(simulator).xenapi
    vm, host = api.VM.get_by_uuid(simulator.vms["shared"]), api.host.get_by_uuid(simulator.hosts["HostB"]["uuid"])
    token = getattr(api.event, "from")(["vm", "task"], "", 1.0)["token"]
    task = getattr(api, "Async").VM.pool_migrate(vm, host, {"live": "true"})
    seen, until = set(), time.time() + 10
    while ("task", "success") not in seen and time.time() < until:
        batch = getattr(api.event, "from")(["vm", "task"], token, 5.0)
        token = batch["token"]
        for event in batch["events"]:
            if "snapshot" in event:
                seen.add((event["class"], event["snapshot"].get("status", event["snapshot"].get("resident_on"))))
    assert ("task", "success") in seen and ("vm", host) in seen
    assert api.task.get_status(task) == "success"
    assert api.VM.get_resident_on(vm) == host


def test_xenapi_py_cancels(simulate):
    simulator = simulate("--seconds", "5")
    api = login(simulator).xenapi
    vm, host = api.VM.get_by_uuid(simulator.vms["shared"]), api.host.get_by_uuid(simulator.hosts["HostB"]["uuid"])
    task = getattr(api, "Async").VM.pool_migrate(vm, host, {"live": "true"})
    time.sleep(0.3)
    assert api.VM.get_current_operations(vm) == {task: "pool_migrate"}
    api.task.cancel(task)
    time.sleep(1)
    assert api.task.get_record(task)["error_info"] == ["TASK_CANCELLED", task]
    assert api.VM.get_current_operations(vm) == {}


@pytest.mark.parametrize("method,params,code", [
    ("VM.teleport", [], "MESSAGE_METHOD_UNKNOWN"),
    ("VM.get_record", [], "MESSAGE_PARAMETER_COUNT_MISMATCH"),
    ("VM.get_record", ["OpaqueRef:no"], "HANDLE_INVALID"),
    ("VM.get_record", [7], "FIELD_TYPE_ERROR"),
    ("VM.get_colour", ["OpaqueRef:no"], "MESSAGE_METHOD_UNKNOWN"),
    ("VM.pool_migrate", ["OpaqueRef:no", "OpaqueRef:no", "live"], "FIELD_TYPE_ERROR"),
    ("VM.start", ["OpaqueRef:no", "false", False], "FIELD_TYPE_ERROR"),
    ("host.get_by_uuid", ["no"], "UUID_INVALID"),
    ("Async.VM.get_record", ["OpaqueRef:no"], "Fault"),
])
def test_what_does_not_fit_the_model_is_refused(simulate, method, params, code):
    simulator = simulate()

    def call(name, *args):
        request = urllib.request.Request(f"{simulator.url()}/jsonrpc", json.dumps(
            {"jsonrpc": "2.0", "method": name, "params": args, "id": 1}).encode())
        return json.load(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10))

    session = call("session.login_with_password", "root", "secret")["result"]
    assert call(method, session, *params)["error"]["message"] == code
    assert call("VM.get_all", "OpaqueRef:stale")["error"]["message"] == "SESSION_INVALID"


SCRIPT = """
const {createClient} = require('xen-api');
(async () => {
  const [url, vmUuid, hostUuid] = process.argv.slice(2);
  const api = createClient({url, auth: {user: 'root', password: 'secret'}, allowUnauthorized: true, watchEvents: ['VM', 'host', 'pool', 'task']});
  await api.connect();
  await api.objectsFetched;
  const vm = api.getObjectByUuid(vmUuid), host = api.getObjectByUuid(hostUuid);
  const moved = new Promise(done => api.objects.on('update', all => {
    for (const id in all) if (all[id] && all[id].uuid === vmUuid && all[id].$resident_on && all[id].$resident_on.uuid === hostUuid) done();
  }));
  await api.callAsync('VM.pool_migrate', vm.$ref, host.$ref, {live: 'true'});
  await moved;
  console.log(JSON.stringify({pool: api.pool.name_label, host: api.getObjectByUuid(vmUuid).$resident_on.name_label}));
  await api.disconnect();
  process.exit(0);
})().catch(error => { console.error(error); process.exit(1); });
"""


@pytest.mark.parametrize("through", ["HostA", "HostB"])
def test_npm_xen_api_follows_a_migration(simulate, tmp_path, through):
    modules = os.environ.get("GODWIT_NODE_MODULES")
    if not modules or not os.path.isdir(f"{modules}/xen-api") or not shutil.which("node"):
        pytest.skip("GODWIT_NODE_MODULES names no folder with npm's xen-api")
    simulator = simulate()
    script = tmp_path / "client.js"
    script.write_text(SCRIPT)
    run = subprocess.run(["node", str(script), simulator.url(through), simulator.vms["shared"], simulator.hosts["HostB"]["uuid"]],
                         env={**os.environ, "NODE_PATH": modules, "no_proxy": "*"}, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout.strip().splitlines()[-1]) == {"pool": "P", "host": "HostB"}


def wire_type(text):
    """The published model's word for a type, as xapi_model.py writes it."""
    text = re.sub(r"enum \w+|option", "string", text)
    if text.endswith(" set"):
        return f"set({wire_type(text[:-4])})"
    if text.endswith(" map"):
        key, value = text[1:-5].split(" -> ", 1)
        return f"map({wire_type(key)},{wire_type(value)})"
    return "record" if text.endswith(" record") else text.removesuffix(" ref")


def test_the_model_is_the_published_one():
    if not os.path.exists(MODEL):
        pytest.skip("GODWIT_XENAPI_JSON names no published data model")
    published = {c["name"]: c for c in json.load(open(MODEL))}
    for name, fields in FIELDS.items():
        theirs = {f["name"]: f for f in published[name]["fields"]}
        for field, kind in fields.items():
            assert wire_type(theirs[field]["type"]) == kind.rstrip("="), f"{name}.{field}"
            assert kind.endswith("=") <= (theirs[field]["qualifier"] in ("RW", "StaticRO", "DynamicRO")
                                          or f"set_{field}" in {m["name"] for m in published[name]["messages"]}), f"{name}.{field}"
    for name, call in METHODS.items():
        cls, verb = name.split(".")
        messages = {m["name"]: m for m in published[cls]["messages"]}
        assert verb in messages, name
        params = [p for p in messages[verb]["params"] if p["name"] != "session_id"]
        assert [wire_type(p["type"]) for p in params][:len(call.args)] == call.args, name
        assert call.required <= len(params) and sum(p["required"] for p in params) <= call.required, name
    assert not OPAQUE & set(FIELDS)
