"""One server over the engine of memory for the session, or one of a test's own."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))
from api_server import DAEMON, Server  # noqa: E402


@pytest.fixture(scope="session")
def server():
    if not os.path.exists(DAEMON):
        pytest.fail(f"{DAEMON} is missing: build first (./check does)")
    server = Server()
    yield server
    server.close()


@pytest.fixture
def start():
    """Starts servers with options of the test's own."""
    made = []

    def make(*options):
        made.append(Server(*options))
        return made[-1]

    yield make
    for one in made:
        one.close()
