"""./demo --keep: what it leaves running keeps nothing open that whoever started the demo waits for."""
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from conftest import ROOT

with open(f"{ROOT}/demo") as f:
    DEMO = f.read()


def test_each_daemon_lets_go():
    starts = [line.strip() for line in DEMO.splitlines() if '"$godwitd" --config' in line]
    assert len(starts) == 2 and all(line.startswith("(let_go; exec ") for line in starts), starts


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_nothing_but_the_three_streams_stays_open():
    function = re.search(r"^let_go\(\) \{.*?^\}", DEMO, re.M | re.S)[0]
    read, write = os.pipe()
    os.set_inheritable(write, True)
    script = f"set -euo pipefail\n{function}\nexec 7>/dev/null 11</dev/null\n(let_go; exec sleep 20) > /dev/null 2>&1 < /dev/null &\necho $!"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, pass_fds=[write], timeout=60)
    sleeper = int(done.stdout)
    try:
        os.close(write)
        os.set_blocking(read, True)
        assert os.read(read, 1) == b"", "the pipe ends although the sleeper goes on"
        while "sleep" not in Path(f"/proc/{sleeper}/comm").read_text():
            time.sleep(0.01)
        assert sorted(os.listdir(f"/proc/{sleeper}/fd")) == ["0", "1", "2"]
    finally:
        os.kill(sleeper, 9)
        os.close(read)
