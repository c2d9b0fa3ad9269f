"""A daemon and hosts that are each a pool of their own, and what tests of pools ask."""
import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("GODWIT_BUILD", os.path.join(ROOT, "build"))
GODWITD, GODWIT = f"{BUILD}/src/daemon/godwitd", f"{BUILD}/src/cli/godwit"


class Cloud:
    def __init__(self, folder, simulator, timeout=20):
        self.folder, self.simulator, self.log = folder, simulator, folder / "log"
        (folder / "password").write_text("secret\n")
        (folder / "godwit.conf").write_text(
            f"[DEFAULT]\nstate_path = {folder}\ndebug = true\nhost_call_timeout = 3\nreserved_host_memory_mb = 0\n[api]\nport = 0\n"
            f"auth_strategy = noauth\n[xenserver]\npassword_file = {folder}/password\npool_timeout = {timeout}\n")
        self.log.write_text("")
        self.start()

    def start(self):
        before = self.log.stat().st_size
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen([GODWITD, "-c", self.folder / "godwit.conf"], stdout=out, stderr=out)
        for _ in range(500):
            found = re.search(r"listens on \S+ port (\d+)", self.log.read_text()[before:])
            if found:
                break
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            time.sleep(0.02)
        self.url = f"http://127.0.0.1:{found.group(1)}"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            assert self.process.wait(30) == 0
        assert "secret" not in self.log.read_text(), "the password was logged"

    def begin(self, *words):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("OS_", "GODWIT_"))}
        return subprocess.Popen([GODWIT, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                env={**environment, "GODWIT_URL": self.url})

    def run(self, *words):
        one = self.begin(*words)
        text = one.communicate(timeout=120)[0]
        return one.returncode, text

    def ok(self, *words):
        code, text = self.run(*words)
        assert code == 0, text + self.log.read_text()[-4000:]
        return text

    def refused(self, *words):
        code, text = self.run(*words)
        assert code != 0, text
        return text

    def add_hosts(self, *hosts, query="insecure=1"):
        scheme = "xapi" if self.simulator.tls else "xapi+http"
        for host in hosts:
            own = query if isinstance(query, str) else query(host)
            self.ok("host-add", host, f"{scheme}://root@{self.simulator.address(host)}?{own}")

    def make_pool(self, *hosts, name="pool"):
        self.ok("aggregate-create", name)
        self.ok("aggregate-set-metadata", name, "hypervisor_pool=true", "operational_state=created")
        for host in hosts:
            self.ok("aggregate-add-host", name, host)

    def aggregate(self, name="pool"):
        return json.loads(self.ok("--json", "aggregate-show", name))["aggregate"]

    def state(self, name="pool"):
        return self.aggregate(name)["metadata"].get("operational_state")

    def wait_state(self, *states, seconds=60):
        until = time.time() + seconds
        while self.state() not in states and time.time() < until:
            time.sleep(0.1)
        assert self.state() in states, (self.aggregate(), self.log.read_text()[-4000:])
        return self.aggregate()

    def wait_journal(self, word, seconds=30):
        until = time.time() + seconds
        while word not in self.aggregate()["metadata"].get("pool_change", "") and time.time() < until:
            time.sleep(0.02)
        assert word in self.aggregate()["metadata"].get("pool_change", ""), self.aggregate()

    def host_address(self, host):
        rows = json.loads(self.ok("--json", "host-list"))
        return next(h["uri"] for h in rows["hosts"] if h["name"] == host)

    def refuse_service_deletion(self, host):
        """What the Compute API says to DELETE /os-services/{id}: 409."""
        services = json.loads(self.ok("--json", "service-list", "--host", host))["services"]
        request = urllib.request.Request(f"{self.url}/v2.1/os-services/{services[0]['id']}", method="DELETE",
                                         headers={"X-OpenStack-Nova-API-Version": "2.53"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            opener.open(request, timeout=60)
        except urllib.error.HTTPError as error:
            assert error.code == 409
            return error.read().decode()
        raise AssertionError("the service was deleted")

    def members(self):
        """Which hosts are in HostA's pool, by the simulator."""
        return self.simulator.look()["members"].get("HostA", [])

    def confirm_code(self, host, name="pool"):
        text = self.refused("aggregate-remove-host", name, host)
        return re.search(r"confirm=(\w+)", text).group(1), text


def wait(condition, seconds=30):
    until = time.time() + seconds
    while not condition() and time.time() < until:
        time.sleep(0.1)
    return condition()
