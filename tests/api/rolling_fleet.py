"""A godwitd with three simulated hosts of three guests each, and a folder of hooks: for what tests rolling drains."""
import contextlib
import os
import sqlite3

import pytest
from drain_cloud import Cloud
from test_godwitd import wait

HOSTS = ["HostB", "HostC", "HostD"]
LOG = """#!/bin/sh
echo "$1 $2 $GODWIT_PHASE $GODWIT_HOST $GODWIT_ROLLING $GODWIT_DRAIN" >> {log}
"""


class Fleet(Cloud):
    """Three hosts with three guests each, and a folder of hooks."""

    def __init__(self, folder, more=""):
        self.hooks = os.path.join(folder, "hooks")
        os.mkdir(self.hooks)
        super(Cloud, self).__init__(folder, f"[DEFAULT]\nhook_dir = {self.hooks}\n{more}")
        for host in HOSTS:
            assert self.add(host, instances=3, prefix=f"vm{host[-1]}", disk="shared", memory_mib=65536, instance_memory_mib=128,
                            link_mbps=10000).status == 201
        wait(lambda: len(self.servers()) == 9)
        aggregate = self.request("POST", "/v2.1/os-aggregates", {"aggregate": {"name": "rack1"}}).json["aggregate"]["id"]
        for host in reversed(HOSTS):
            assert self.request("POST", f"/v2.1/os-aggregates/{aggregate}/action", {"add_host": {"host": host}}).status == 200

    def hook(self, name, text="", mode=0o755):
        path = os.path.join(self.hooks, name)
        with open(path, "w") as f:
            f.write(LOG.format(log=os.path.join(self.folder, "calls")) + text)
        os.chmod(path, mode)
        return name

    def calls(self):
        path = os.path.join(self.folder, "calls")
        return [line.split() for line in open(path)] if os.path.exists(path) else []

    def roll(self, **wish):
        return self.request("POST", "/godwit/v1/rollings", {"rolling": wish})

    def begin(self, **wish):
        answer = self.roll(**wish)
        assert answer.status == 202, answer.body
        return answer.json["rolling"]["id"]

    def rolling(self, number):
        return self.get(f"/godwit/v1/rollings/{number}").json["rolling"]

    def turns(self, number):
        return {h["host"]: h["turn"] for h in self.rolling(number)["hosts"]}

    def over(self, number):
        return wait(lambda: (lambda r: r if r["state"] != "running" else None)(self.rolling(number)), 90)

    def service(self, host):
        return next(s for s in self.get("/v2.1/os-services", "2.53").json["services"] if s["host"] == host)["id"]

    def put_service(self, host, **wish):
        return self.request("PUT", f"/v2.1/os-services/{self.service(host)}", wish, "2.53")

    def path(self, name):
        return os.path.join(self.folder, name)

    def touch(self, name):
        open(self.path(name), "w").close()

    @contextlib.contextmanager
    def store_away(self):
        """Nothing can be written meanwhile."""
        database = sqlite3.connect(self.path("godwit.db"), isolation_level=None)
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")
        database.close()

    def undrain(self, host, **wish):
        return self.request("POST", f"/godwit/v1/hosts/{host}/undrain", {"undrain": wish})


@pytest.fixture
def fleet(tmp_path):
    made = []

    def make(more=""):
        made.append(Fleet(str(tmp_path), more))
        return made[-1]

    yield make
    for one in made:
        one.close()


def where(fleet):
    return {s["name"]: s["OS-EXT-SRV-ATTR:host"] for s in fleet.servers()}
