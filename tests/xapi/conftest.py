"""Simulators for tests, each a process of its own."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from godwitd import Daemon  # noqa: E402
from pool_cloud import Cloud  # noqa: E402
from simulator import Simulator  # noqa: E402


@pytest.fixture
def simulate():
    made = []

    def make(*options):
        made.append(Simulator(*options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def cloud(tmp_path, simulate):
    made = []

    def make(*options, hosts=("HostA", "HostB"), timeout=20, query="insecure=1"):
        one = Cloud(tmp_path, simulate("--separate", "--hosts", "3", *options), timeout)
        made.append(one)
        one.add_hosts(*hosts, query=query)
        return one

    yield make
    for one in made:
        one.close()
        assert one.simulator.look()["violations"] == []


@pytest.fixture
def daemon(tmp_path):
    one = Daemon(tmp_path)
    yield one
    one.close()
