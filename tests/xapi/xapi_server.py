"""The wire: HTTP and HTTPS, JSON-RPC 1.0 and 2.0 at /jsonrpc, XML-RPC at /, each simulated host at an address of its own. Every call is held
against the data model before it is carried out. POST /simulator is the tests' own door: what to build, what is to fail."""
import inspect
import json
import ssl
import subprocess
import threading
import time
import uuid as uuids
import xmlrpc.client
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

from xapi_calls import Calls
from xapi_model import GET_BY_NAME, METHODS, NULL, Call, Fault, fit
from xapi_world import LOCK, Job, run_steps

LOGINS = {"session.login_with_password": Call("session.login_with_password string string [string] [string] -> session"),
          "session.slave_local_login_with_password": Call("session.slave_local_login_with_password string string -> session")}
LATE_S = 4
BODY_LIMIT = 300 * 1024


# ---- calls

def implicit_call(calls, call, args):
    cls, name = call.name.split(".")
    pool = calls.pool
    if name == "get_all":
        return list(pool.all(cls))
    if name == "get_all_records":
        return {ref: dict(record) for ref, record in pool.all(cls).items()}
    if name == "get_by_uuid":
        return pool.find(cls, args[0])
    if name == "get_by_name_label" and cls in GET_BY_NAME:
        return [ref for ref, record in pool.all(cls).items() if record["name_label"] == args[0]]
    record = pool.get(cls, args[0])
    if name == "get_record":
        return dict(record)
    verb, field = name.split("_", 1)
    if verb == "get":
        return record[field]
    if verb == "set":
        pool.set(cls, args[0], **{field: args[1]})
    elif verb == "add":
        field = field.removeprefix("to_")
        if args[1] in record[field]:
            raise Fault("MAP_DUPLICATE_KEY", cls, field, args[0], args[1])
        pool.set(cls, args[0], **{field: {**record[field], args[1]: args[2]}})
    elif verb == "remove":
        field = field.removeprefix("from_")
        pool.set(cls, args[0], **{field: {k: v for k, v in record[field].items() if k != args[1]}})
    return ""


def check_arguments(call, args, xml):
    """As gen_server.ml: arity, then types; surplus arguments are ignored where there are defaults."""
    if len(args) < call.required or (len(args) > len(call.args) and call.required == len(call.args)):
        raise Fault("MESSAGE_PARAMETER_COUNT_MISMATCH", call.name, call.required + 1, len(args) + 1)
    try:
        return [fit(value, kind, xml) for value, kind in zip(args, call.args)]
    except ValueError as why:
        raise Fault("FIELD_TYPE_ERROR", f"{call.name}: {why}") from None


def login(world, host, args):
    if args[0] != "root" or args[1] != world.password:
        raise Fault("SESSION_AUTHENTICATION_FAILED", args[0], "Authentication failure")
    if not host.is_master():
        raise Fault("HOST_IS_SLAVE", host.pool.master().address)
    session = f"OpaqueRef:{uuids.uuid4()}"
    host.sessions[session] = {"user": args[0], "last": time.time()}
    return session


def check_session(host, session):
    if session not in host.sessions:
        if not host.is_master():
            raise Fault("HOST_IS_SLAVE", host.pool.master().address)
        raise Fault("SESSION_INVALID", session)


def carry_out(world, host, call, args, job):
    """A generator, for calls that take their time."""
    calls = Calls(world, host)
    calls.check_session = lambda: None
    work = getattr(calls, call.name.replace(".", "_"), None)
    if work is None:
        return implicit_call(calls, call, args)
    if "job" in inspect.signature(work).parameters:
        args = [*args, *([NULL] * 0)]
        result = work(*args, job=job)
    else:
        result = work(*args)
    if inspect.isgenerator(result):
        result = yield from result
    return "" if result is None else result


def run_job(world, host, call, args, job):
    try:
        result = run_steps(carry_out(world, host, call, args, job))
        with LOCK:
            job.end("success", f"<value>{escape(result)}</value>" if result else "")
        return result
    except Fault as fault:
        with LOCK:
            job.end("cancelled" if fault.error[0] == "TASK_CANCELLED" else "failure", error=fault.error)
        raise


def run_quietly(*args):
    try:
        run_job(*args)
    except Fault:
        pass  # the task says it


def dispatch(world, host, method, params, xml=False):
    """Runs one call; the lock is not held by the caller."""
    with LOCK:
        world.calls.append(method)
        world.counted += 1
        world.meet(f"call:{method}")
        if method in LOGINS:
            return login(world, host, check_arguments(LOGINS[method], params, xml))
        if method == "system.listMethods":  # asked by clients that look for what is there
            return [*LOGINS, *METHODS]
        asynchronous = method.startswith("Async.")
        call = METHODS.get(method.removeprefix("Async."))
        if call is None or not (call.implicit or hasattr(Calls, call.name.replace(".", "_")) or call.name.startswith("session.")):
            raise Fault("MESSAGE_METHOD_UNKNOWN", method)
        if not params:
            raise Fault("MESSAGE_PARAMETER_COUNT_MISMATCH", method, call.required + 1, 0)
        check_session(host, params[0])
        session = params[0]
        args = check_arguments(call, params[1:], xml)
        if method == "session.logout":
            del host.sessions[session]
            world.tokens.pop(session, None)
            return ""
        if method.startswith("session."):
            return host.ref if method == "session.get_this_host" else {"this_host": host.ref, "uuid": session}
        if asynchronous and (call.implicit or method.split(".")[1] in ("session", "task", "event")):
            raise Fault("Fault", f"No async mode for this operation (rpc: {method})")
        takes_time = "job" in inspect.signature(getattr(Calls, call.name.replace(".", "_"), login)).parameters
        job = Job(world, host.pool, method, host.ref) if asynchronous or takes_time else None
    if asynchronous:
        threading.Thread(target=run_quietly, args=(world, host, call, args, job), daemon=True).start()
        return job.ref
    if method == "event.from":
        calls = Calls(world, host)
        calls.check_session = lambda: check_session(host, session)
        return calls.event_from(*args)
    return run_job(world, host, call, args, job) if job else run_steps(carry_out(world, host, call, args, job))


# ---- XML-RPC as xapi writes it: text without a <string>, integers as text

def to_xml(value):
    if isinstance(value, bool):
        return f"<value><boolean>{int(value)}</boolean></value>"
    if isinstance(value, float):
        return f"<value><double>{value:.16g}</double></value>"
    if isinstance(value, dict):
        members = "".join(f"<member><name>{escape(str(k))}</name>{to_xml(v)}</member>" for k, v in value.items())
        return f"<value><struct>{members}</struct></value>"
    if isinstance(value, list):
        return f"<value><array><data>{''.join(map(to_xml, value))}</data></array></value>"
    return f"<value>{escape(str(value))}</value>"


def to_json(value):
    return json.dumps(value)  # writes NaN and Infinity as bare words, as xapi does


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def hold(self):
        while self.server.host.hung and self.path != "/simulator":
            time.sleep(0.05)

    def reply(self, status, text, kind):
        self.hold()
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        world, host = self.server.world, self.server.host
        if host.down:
            self.close_connection = True
            return
        self.hold()
        if "Content-Length" not in self.headers or self.headers.get("Expect"):
            self.reply(500, "<html><body>no Content-Length, or an Expect</body></html>", "text/html")
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/simulator":
            self.reply(200, json.dumps(world.door(json.loads(body))), "application/json")
            return
        if len(body) > BODY_LIMIT:
            self.reply(500, "<html><body>too large</body></html>", "text/html")
            return
        if self.path == "/jsonrpc" and not world.old:
            self.answer_json(world, host, body)
        elif self.path in ("/", "/RPC2", "/jsonrpc"):
            self.answer_xml(world, host, body)
        else:
            self.reply(404, "<html><body>not found</body></html>", "text/html")

    def broken(self, world, method):
        """Faults of the wire itself."""
        with LOCK:
            do = world.meet(f"wire:{method}")
        if do == "drop":
            self.close_connection = True
            self.connection.close()
        elif do == "late":
            time.sleep(LATE_S)
            return None
        elif do == "html":
            self.reply(500, "<html><body>Internal error</body></html>", "text/html")
        elif do == "garbage":
            self.reply(200, '{"jsonrpc":"2.0","result":[1,', "application/json")
        return do

    def answer_json(self, world, host, body):
        try:
            call = json.loads(body)
            method, params, number = call["method"], call["params"], call["id"]
            assert isinstance(params, list) and isinstance(number, (str, int))
        except (ValueError, KeyError, TypeError, AssertionError):
            self.reply(500, "<html><body>Internal error</body></html>", "text/html")
            return
        new = call.get("jsonrpc") == "2.0"
        answer = {"jsonrpc": "2.0", "id": number} if new else {"id": number, "result": "", "error": None}
        try:
            answer["result"] = dispatch(world, host, method, params)
        except Fault as fault:
            answer.pop("result", None)
            answer["error"] = {"code": 1, "message": fault.error[0], "data": fault.error[1:]} if new and not world.array_errors \
                else fault.error
        if not self.broken(world, method):
            self.reply(200, to_json(answer), "application/json")

    def answer_xml(self, world, host, body):
        try:
            params, method = xmlrpc.client.loads(body)
        except Exception:  # any of expat's and xmlrpc's own: the client did not send XML-RPC
            self.reply(500 if not world.old else 200, "<html><body>Internal error</body></html>", "text/html" if not world.old else "text/xml")
            return
        try:
            answer = {"Status": "Success", "Value": dispatch(world, host, method, list(params), xml=True)}
        except Fault as fault:
            answer = {"Status": "Failure", "ErrorDescription": fault.error}
        if not self.broken(world, method):
            self.reply(200, f"<?xml version='1.0'?><methodResponse><params><param>{to_xml(answer)}</param></params></methodResponse>",
                       "text/xml")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request, address):
        pass  # a client that hung up


def make_certificate(folder, name):
    """(certificate, key) files, self-signed."""
    cert, key = f"{folder}/{name}.pem", f"{folder}/{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj",
                    f"/CN={name}", "-addext", f"subjectAltName=IP:{name}"], check=True, capture_output=True)
    return cert, key


def serve(world, host, port, certificate=None):
    server = Server((host.address, port), Handler)
    server.world, server.host = world, host
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
