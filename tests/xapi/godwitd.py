"""A real godwitd on the simulator, for tests."""
import os
import re
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("GODWIT_BUILD", os.path.join(ROOT, "build"))
GODWITD, GODWIT = f"{BUILD}/src/daemon/godwitd", f"{BUILD}/src/cli/godwit"


class Daemon:
    def __init__(self, folder):
        self.folder, self.log = folder, folder / "log"
        (folder / "password").write_text("secret\n")
        (folder / "godwit.conf").write_text(f"[DEFAULT]\nstate_path = {folder}\ndebug = true\nshutdown_timeout = 1\n"
                                            f"reserved_host_memory_mb = 0\n[api]\nport = 0\nauth_strategy = noauth\n"
                                            f"[xenserver]\npassword_file = {folder}/password\n")
        self.start()

    def start(self):
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen([GODWITD, "-c", self.folder / "godwit.conf"], stdout=out, stderr=out)
        for _ in range(500):
            found = re.search(r"listens on \S+ port (\d+)", self.log.read_text())
            if found:
                break
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.02)
        self.url = f"http://127.0.0.1:{found.group(1)}"

    def run(self, *words):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("OS_", "GODWIT_"))}
        return subprocess.run([GODWIT, *words], capture_output=True, text=True, timeout=90, env={**environment, "GODWIT_URL": self.url})

    def ok(self, *words):
        run = self.run(*words)
        assert run.returncode == 0, run.stdout + run.stderr + self.log.read_text()[-3000:]
        return run.stdout

    def close(self):
        self.process.terminate()
        assert self.process.wait(20) == 0
        assert "secret" not in self.log.read_text(), "the password was logged"


def join(daemon, simulator, *hosts, query="insecure=1"):
    scheme = "xapi" if simulator.tls else "xapi+http"
    for host in hosts:
        through = "HostC" if host == "HostC" else "HostA"
        daemon.ok("host-add", host, f"{scheme}://root@{simulator.address(through)}/{host}?{query}")


def wait_vm(simulator, name, **wanted):
    until = time.time() + 30
    while time.time() < until:
        vms = [v for v in simulator.look()["vms"][name] if all(v[k] == w for k, w in wanted.items())]
        if vms:
            return vms[0]
        time.sleep(0.1)
    raise AssertionError((wanted, simulator.look()["vms"][name]))


def running_on(simulator, host):
    return {name for name, vms in simulator.look()["vms"].items() for v in vms if v["host"] == host and v["state"] == "Running"
            and not name.startswith("Control domain")}


def wait_for(what, seconds=30):
    """Until what() is true; what it said."""
    until = time.time() + seconds
    while not (found := what()) and time.time() < until:
        time.sleep(0.1)
    assert found, what
    return found


def ended(daemon, name, end):
    """The instance's migration ends in that state."""
    wait_for(lambda: f" {end} " in daemon.ok("server-migration-list", name), 60)
