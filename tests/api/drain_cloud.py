"""A godwitd with simulated hosts of which one is full of guests: for test_drains.py and those that build on it."""
import os
import subprocess

import pytest
from test_godwitd import GODWITD, Godwitd, wait


class Cloud(Godwitd):
    """HostB is full of guests; HostC and HostD are empty. Links of so many Mbit/s."""

    def __init__(self, folder, guests=20, link_mbps=4000, hosts=("HostC", "HostD"), more="", **parameters):
        super().__init__(folder, more)
        assert self.add("HostB", instances=guests, prefix="vm", disk="shared", memory_mib=65536, instance_memory_mib=128,
                        link_mbps=link_mbps, **parameters).status == 201
        for name in hosts:
            assert self.add(name, memory_mib=65536, link_mbps=link_mbps).status == 201
        wait(lambda: len(self.servers()) == guests)

    def servers(self, host=None):
        found = self.get("/v2.1/servers/detail", "2.88").json["servers"]
        return [s for s in found if host in (None, s["OS-EXT-SRV-ATTR:host"])]

    def drain(self, *hosts, **options):
        return self.request("POST", "/godwit/v1/drains", {"drain": {"hosts": list(hosts), **options}})

    def show(self, drain):
        answer = self.get(f"/godwit/v1/drains/{drain}")
        assert answer.status == 200, answer.body
        return answer.json["drain"]

    def ended(self, drain, seconds=60):
        return wait(lambda: (lambda d: d if d["state"] != "running" else None)(self.show(drain)), seconds)

    def host(self, name):
        return self.get(f"/godwit/v1/hosts/{name}").json["host"]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def start_again(self):
        os.ftruncate(self.errors.fileno(), 0)
        self.process = subprocess.Popen([GODWITD, "--config", os.path.join(self.folder, "godwit.conf")], stderr=self.errors,
                                        stdout=self.errors, stdin=subprocess.DEVNULL)
        wait(lambda: "listens on" in self.read_log())
        self.port = int(self.read_log().split(" port ")[1].split(";")[0])


@pytest.fixture
def cloud(tmp_path):
    made = []

    def make(**parameters):
        made.append(Cloud(str(tmp_path), **parameters))
        return made[-1]

    yield make
    for one in made:
        one.close()
