"""A daemon that answers what a test scripts, and remembers what it was asked."""
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VM1 = "11111111-1111-4111-8111-111111111111"
VM2 = "22222222-2222-4222-8222-222222222222"


def server(uuid=VM1, name="vm1", host="HostB", status="ACTIVE", power=1, **more):
    return {"id": uuid, "name": name, "status": status, "OS-EXT-SRV-ATTR:host": host, "OS-EXT-STS:power_state": power,
            "OS-EXT-STS:task_state": None, "flavor": {"vcpus": 2, "ram": 512}, "created": "2026-11-23T05:00:00Z",
            "updated": "2026-11-23T05:10:00Z", **more}


MIB = 1 << 20


def move(state, kind="live-migration", **more):
    """A row of /godwit/v1/migrations; what is not named is as in the middle of a copy."""
    status = {"stopping": "migrating", "moving": "migrating", "settling": "post-migrating"}.get(state, state)
    final = state in ("completed", "confirmed", "reverted", "cancelled", "failed", "error")
    progress = {"elapsed_ms": 900, "downtime_ms": 0, "memory_total": 512 * MIB, "memory_processed": 180 * MIB,
                "memory_remaining": 256 * MIB, "disk_total": 0, "disk_processed": 0, "disk_remaining": 0,
                "memory_bps": 95 * MIB, "dirty_bps": MIB, "iteration": 2, "throttle_percent": 0}
    progress.update(more.pop("progress", {}))
    row = {"id": 7, "uuid": "77777777-7777-4777-8777-777777777777", "instance_uuid": VM1, "instance_name": "vm1",
           "kind": kind, "state": state, "status": status, "source": "HostB", "dest": "HostC", "reason": None,
           "created_at": "2026-11-23T05:18:50.123456", "started_at": None, "ended_at": None,
           "updated_at": "2026-11-23T05:18:51.000000", "progress": progress, "final": final,
           "disks_copied": False, "total_ms": 1240 if final or state == "finished" else None}
    row.update(more)
    return row


DONE = {"memory_processed": 310 * MIB, "memory_remaining": 0, "downtime_ms": 90}


class FakeDaemon:
    def __init__(self):
        self.replies = {}
        self.requests = []
        self.slow = {}  # path -> seconds before the answer
        self.connections = []
        self.http = None
        self.port = None
        self.start()

    def start(self):
        handler = type("Handler", (Handler,), {"daemon": self})
        self.http = ThreadingHTTPServer(("127.0.0.1", self.port or 0), handler)
        self.http.daemon_threads = True
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        """Gone: connections are refused until start()."""
        self.http.shutdown()
        self.http.server_close()
        for connection in self.connections:  # those kept alive would be served on
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.connections.clear()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def on(self, method, path, *answers):
        """Answers one after another; the last one stays. Each: a body (status 200), or (status, body[, headers])."""
        self.replies[method, path] = [a if isinstance(a, tuple) else (200, a) for a in answers]

    def has_server(self, **fields):
        """vm1, by name and by UUID."""
        shown = server(**fields)
        self.on("GET", f"/v2.1/servers/detail?name=%5E{shown['name']}%24", {"servers": [shown]})
        self.on("GET", f"/v2.1/servers/{shown['id']}", {"server": shown})

    def has_move(self, *rows):
        self.on("GET", "/godwit/v1/migrations/7", *({"migration": row} for row in rows))

    def asked(self, method, path=None):
        return [r for r in self.requests if r["method"] == method and path in (None, r["path"])]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    daemon = None

    def setup(self):
        super().setup()
        self.daemon.connections.append(self.connection)

    def answer(self):
        daemon = self.daemon
        size = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(size)
        daemon.requests.append({"method": self.command, "path": self.path, "headers": dict(self.headers),
                                "body": json.loads(raw) if raw else None})
        script = daemon.replies.get((self.command, self.path))
        if script is None:
            script = [(404, {"itemNotFound": {"code": 404, "message": f"not scripted: {self.command} {self.path}"}})]
        status, body, *headers = script.pop(0) if len(script) > 1 else script[0]
        time.sleep(daemon.slow.get(self.path, 0))
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers[0] if headers else {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = do_PUT = answer

    def log_message(self, *_):
        pass
