"""A godwitd that runs in the lab's HostA, and clients of it there."""
import json
import os
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("GODWIT_BUILD", os.path.join(ROOT, "build"))
sys.path.insert(0, os.path.join(ROOT, "lab"))

from gwlab import Lab  # noqa: E402
from gwlab.tools import wait_for  # noqa: E402

VERSION = "2.30"  # refusals are answered at once, with every reason

# Runs in HostA's network: one request per line of JSON, one answer per line.
RELAY = r"""
import http.client, json, sys
for line in sys.stdin:
    ask = json.loads(line)
    try:
        c = http.client.HTTPConnection("127.0.0.1", 8774, timeout=ask.get("timeout", 100))
        c.request(ask["method"], ask["path"], ask.get("body"), ask["headers"])
        r = c.getresponse()
        answer = {"status": r.status, "headers": dict((k.lower(), v) for k, v in r.getheaders()), "body": r.read().decode()}
        c.close()
    except OSError as e:
        answer = {"status": 0, "headers": {}, "body": str(e)}
    print(json.dumps(answer), flush=True)
"""


class Answer:
    def __init__(self, raw: dict):
        self.status, self.headers, self.text = raw["status"], raw["headers"], raw["body"]

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def fault(self) -> str:
        """The message of a fault in Nova's shape."""
        (body,) = self.json.values()
        return body["message"]


class Cloud:
    """The daemon and the lab; `hosts` are added under their own names."""

    def __init__(self, lab: Lab, folder: str):
        self.lab, self.folder = lab, str(folder)
        self.daemon = None
        self.relay = None
        self.prefix = []  # what godwitd is started by

    # ---- the daemon

    def configure(self, **options) -> None:
        self.options = {"auth_strategy": "noauth", "state_path": self.folder, "instances_path": "/srv/instances", "shutdown_timeout": "20",
                        "audit_interval": "0", **options}  # audits make files on the hosts for moments

    def start(self) -> None:
        conf = os.path.join(self.folder, "godwit.conf")
        with open(conf, "w") as f:
            f.write("[DEFAULT]\n" + "".join(f"{k} = {v}\n" for k, v in self.options.items()))
        self.log = open(os.path.join(self.folder, "godwitd.log"), "a")
        command = self.lab.command("HostA", [*self.prefix, os.path.join(BUILD, "src/daemon/godwitd"), "--config", conf], "/")
        self.daemon = subprocess.Popen(command, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        wait_for("the daemon", lambda: self.daemon.poll() is not None or self.get("/").status == 200, 60)
        assert self.daemon.poll() is None, open(self.log.name).read()

    def daemon_pid(self) -> int:
        """Of godwitd itself as this machine sees it (the Popen object is nsenter's)."""
        with open(f"/proc/{self.daemon.pid}/task/{self.daemon.pid}/children") as f:
            children = f.read().split()
        return int(children[0]) if children else self.daemon.pid

    def stop(self, sig=signal.SIGTERM) -> int:
        if self.daemon:
            if self.daemon.poll() is None:
                os.kill(self.daemon_pid(), sig)
            try:
                code = self.daemon.wait(30)
            except subprocess.TimeoutExpired:
                raise AssertionError(f"godwitd does not end:\n{self.stacks()}\n{self.daemon_log()[-2000:]}") from None
            self.daemon = None
            return code
        return 0

    def stacks(self) -> str:
        """Of a daemon that hangs, where gdb is; it is killed then."""
        pid = self.daemon_pid()
        try:
            shown = subprocess.run(["gdb", "-p", str(pid), "-batch", "-ex", "thread apply all bt 14"], capture_output=True, text=True, timeout=60)
            return "\n".join(line for line in shown.stdout.splitlines() if line.startswith(("Thread", "#")))
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        finally:
            os.kill(pid, signal.SIGKILL)
            self.daemon.wait(10)
            self.daemon = None

    def restart(self, sig=signal.SIGTERM, **options) -> None:
        self.stop(sig)
        self.options.update(options)
        self.start()

    def close(self) -> None:
        self.stop()
        if self.relay:
            self.relay.stdin.close()
            self.relay.wait(10)

    def daemon_log(self) -> str:
        return open(os.path.join(self.folder, "godwitd.log")).read()

    # ---- clients

    def request(self, method: str, path: str, body=None, version: str = VERSION, timeout: float = 100) -> Answer:
        if not self.relay or self.relay.poll() is not None:
            self.relay = subprocess.Popen(self.lab.command("HostA", ["/usr/bin/python3", "-c", RELAY], "/"),
                                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        headers = {"Content-Type": "application/json", "OpenStack-API-Version": f"compute {version}"}
        text = body if isinstance(body, str) else None if body is None else json.dumps(body)
        self.relay.stdin.write(json.dumps({"method": method, "path": path, "body": text, "headers": headers,
                                           "timeout": timeout}) + "\n")
        self.relay.stdin.flush()
        return Answer(json.loads(self.relay.stdout.readline()))

    def get(self, path: str, **options) -> Answer:
        return self.request("GET", path, **options)

    def cli(self, *argv: str, timeout: float = 120) -> subprocess.CompletedProcess:
        command = self.lab.command("HostA", [os.path.join(BUILD, "src/cli/godwit"), *argv], "/")
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)

    def add_host(self, name: str, uri: str = None) -> Answer:
        return self.request("POST", "/godwit/v1/hosts", {"host": {"name": name, "uri": uri or f"qemu+tcp://{name}/system"}})

    def refresh(self) -> None:
        for host in self.lab.compute():
            self.request("POST", f"/godwit/v1/hosts/{host.name}/refresh")

    # ---- servers and moves

    def uuid(self, name: str) -> str:
        servers = self.get(f"/v2.1/servers?name=^{name}$").json["servers"]
        assert len(servers) == 1, f"{name}: {servers}"
        return servers[0]["id"]

    def server(self, name: str) -> dict:
        return self.get(f"/v2.1/servers/{self.uuid(name)}").json["server"]

    def action(self, name: str, body: dict, version: str = VERSION) -> Answer:
        return self.request("POST", f"/v2.1/servers/{self.uuid(name)}/action", body, version=version)

    def live(self, name: str, host: str = None, block="auto") -> Answer:
        return self.action(name, {"os-migrateLive": {"host": host, "block_migration": block}})

    def cold(self, name: str, host: str = None) -> Answer:
        return self.action(name, {"migrate": {"host": host} if host else None}, version="2.56")

    def migration(self, id_) -> dict:
        return self.get(f"/godwit/v1/migrations/{id_}").json["migration"]

    def wait(self, answer_or_id, *states: str, seconds: float = 90) -> dict:
        """Waits until the migration is in one of states (default: it has ended or rests); returns it."""
        id_ = answer_or_id
        if isinstance(answer_or_id, Answer):
            assert answer_or_id.status == 202, answer_or_id.text
            id_ = answer_or_id.headers["x-godwit-migration-id"]
        end = time.monotonic() + seconds
        while True:
            row = self.migration(id_)
            if row["state"] in states or (not states and (row["final"] or row["state"] == "finished")):
                return row
            assert time.monotonic() < end, f"not {states or 'ended'} in {seconds} s: {row}\n{self.daemon_log()[-3000:]}"
            assert not (states and row["final"]), f"ended otherwise: {row}"
            time.sleep(0.05)

    def wait_server(self, name: str, status: str, seconds: float = 20) -> dict:
        return wait_for(f"{name} {status}", lambda: (lambda s: s if s["status"] == status else None)(self.server(name)), seconds)
