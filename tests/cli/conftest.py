import json
import os
import subprocess
from pathlib import Path

import pytest
from fake_daemon import FakeDaemon

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("GODWIT_BUILD", ROOT / "build"))
GODWIT = BUILD / "src/cli/godwit"


class Run:
    def __init__(self, done):
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def error(self):
        return json.loads(self.err)["error"]


def clean_environment(**more):
    keep = {k: v for k, v in os.environ.items() if not k.startswith("GODWIT_") and k not in ("NO_COLOR", "COLUMNS")}
    return {**keep, "TERM": "xterm", "LC_ALL": "C.UTF-8", **more}


@pytest.fixture
def daemon():
    fake = FakeDaemon()
    yield fake
    fake.stop()


@pytest.fixture
def godwit(daemon):
    """Runs godwit against the fake daemon."""
    def run(*words, **environment):
        env = clean_environment(**{"GODWIT_URL": daemon.url, **environment})
        return Run(subprocess.run([GODWIT, *words], capture_output=True, text=True, env=env, timeout=60))
    return run
