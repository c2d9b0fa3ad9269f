"""What the benches share: figures and goals, a daemon, and plain HTTP."""
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("GODWIT_BUILD", os.path.join(ROOT, "build"))
sys.path.insert(0, os.path.join(ROOT, "lab"))


class NotMeasured(Exception):
    """Says what stood in the way, and what to do about it."""


def say(text: str = "") -> None:
    print(text, flush=True)


def program(path: str) -> str:
    found = os.path.join(BUILD, path)
    if not os.path.exists(found):
        raise NotMeasured(f"{found} is not there: build first (meson setup build && ninja -C build), or name the build folder "
                          "in GODWIT_BUILD")
    return found


def need(command: str, package: str) -> None:
    if not shutil.which(command):
        raise NotMeasured(f"{command} is missing: apt-get install {package}")


def pad(value, width: int = 10) -> str:
    return ("-" if value is None else f"{value:,.1f}" if isinstance(value, float) else f"{value:,}").rjust(width)


def _interrupt(number, frame) -> None:
    raise KeyboardInterrupt


class Bench:
    """Figures by name, and the goals that some of them have. `run` ends the program with the line of JSON."""

    def __init__(self, name: str):
        self.name, self.figures, self.goals = name, {}, []

    def figure(self, name: str, value, digits: int = 3) -> None:
        self.figures[name] = round(value, digits) if isinstance(value, float) else value

    def goal(self, what: str, name: str, most: float = None, least: float = None) -> None:
        """figures[name] should be at most, or at least, so much."""
        value = self.figures.get(name)
        met = value is not None and (most is None or value <= most) and (least is None or value >= least)
        self.goals.append({"goal": what, "figure": name, "value": value, "met": met})
        say(f"  {'met   ' if met else 'MISSED'}  {what}: {value}")

    def run(self, measure) -> None:
        """measure(self); exit 0 when it measured, whether goals were met or not."""
        error, load, cpus = None, os.getloadavg()[0], len(os.sched_getaffinity(0))
        signal.signal(signal.SIGTERM, _interrupt)  # what was started is ended all the same
        if load > cpus / 2:
            say(f"this machine is busy (load {load:.1f} on {cpus} processors): measure again when it is quiet")
        try:
            measure(self)
        except KeyboardInterrupt:
            error = "interrupted"
        except Exception as e:  # a lab or a daemon that does not come up, whatever its class
            error = f"{type(e).__name__}: {e}" if not isinstance(e, NotMeasured) else str(e)
            say(f"could not measure: {error}")
        print(json.dumps({"bench": self.name, "cpus": cpus, "load_before": round(load, 2),
                          "figures": self.figures, "goals": self.goals, **({"error": error} if error else {})}), flush=True)
        sys.exit(1 if error else 0)


# ---- a daemon on this machine's loopback

def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Daemon:
    """A godwitd with its own folder and port. Started as often as is wanted: the folder stays until close."""

    def __init__(self, wrapper: list = (), auth: str = "noauth", **options):
        self.folder = tempfile.mkdtemp(prefix="godwit-bench-")
        self.port, self.wrapper, self.process = free_port(), list(wrapper), None
        self.headers = {}  # of every request, beside the usual ones
        self.conf = os.path.join(self.folder, "godwit.conf")
        with open(self.conf, "w") as f:
            f.write(f"[DEFAULT]\nstate_path = {self.folder}\n" + "".join(f"{k} = {v}\n" for k, v in options.items())
                    + f"[api]\nauth_strategy = {auth}\nport = {self.port}\n")

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def spawn(self) -> None:
        self.log = open(os.path.join(self.folder, "godwitd.log"), "a")
        self.process = subprocess.Popen([*self.wrapper, program("src/daemon/godwitd"), "--config", self.conf],
                                        stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)

    def start(self, answers="/", ready=lambda status, body: status == 200, seconds: float = 30, every: float = 0.001) -> float:
        """Seconds from its start to the first answer that is `ready`. Asked every so many seconds."""
        began = time.monotonic()
        self.spawn()
        while time.monotonic() - began < seconds:
            if self.process.poll() is not None:
                raise NotMeasured(f"godwitd ended: {open(self.log.name).read()[-500:]}")
            try:
                status, _, body = self.request("GET", answers)
                if ready(status, body):
                    return time.monotonic() - began
            except OSError:
                pass
            time.sleep(every)
        raise NotMeasured(f"no answer from godwitd in {seconds:.0f} s: {open(self.log.name).read()[-500:]}")

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def request(self, method: str, path: str, body=None, version: str = "2.30") -> tuple:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None,
                               {"Content-Type": "application/json", "OpenStack-API-Version": f"compute {version}", **self.headers})
            answer = connection.getresponse()
            return answer.status, dict((k.lower(), v) for k, v in answer.getheaders()), answer.read()
        finally:
            connection.close()

    def get(self, path: str, **options):
        status, _, body = self.request("GET", path, **options)
        if status != 200:
            raise NotMeasured(f"GET {path}: {status} {body[:300]!r}")
        return json.loads(body)

    def add_host(self, name: str, uri: str) -> None:
        status, _, body = self.request("POST", "/godwit/v1/hosts", {"host": {"name": name, "uri": uri}})
        if status != 201:
            raise NotMeasured(f"host {name} was not added: {status} {body[:300]!r}")

    def memory_mib(self) -> dict:
        """Resident memory, now and at its highest."""
        with open(f"/proc/{self.process.pid}/status") as f:
            rows = dict(line.split(":", 1) for line in f)
        return {"now": int(rows["VmRSS"].split()[0]) / 1024, "peak": int(rows["VmHWM"].split()[0]) / 1024}

    def cpu_seconds(self) -> float:
        with open(f"/proc/{self.process.pid}/stat") as f:
            words = f.read().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
