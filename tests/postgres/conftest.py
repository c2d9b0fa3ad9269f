import os
import shutil
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "xapi")]
from daemons import GODWITD, Cloud, Server  # noqa: E402
from simulator import Simulator  # noqa: E402


def serve():
    if not shutil.which("psql") or not os.path.exists(GODWITD):
        pytest.skip("needs the package postgresql, and godwitd built")
    one = Server()
    yield one
    one.close()


@pytest.fixture(scope="session")
def server():
    yield from serve()


@pytest.fixture
def own_server():
    """For a test after which a server is not what it was."""
    yield from serve()


@pytest.fixture
def cloud(tmp_path, server):
    made, simulators = [], []

    def make(daemons=2, hosts=2, vms=4, seconds=0.4, server=server, links=False):
        simulators.append(Simulator("--hosts", str(hosts), "--vms", str(vms), "--seconds", str(seconds)))
        made.append(Cloud(tmp_path, server, simulators[-1], daemons, hosts, links))
        return made[-1]

    yield make
    for one in made:
        one.close()
    for one in simulators:
        one.close()
