"""godwit watch: every migration under way, until Ctrl-C."""
import signal
import subprocess
import time

import pytest
from conftest import GODWIT, clean_environment
from fake_daemon import DONE, VM2, move
from pseudo_terminal import Terminal

LIST = "/godwit/v1/migrations?unfinished=true"


@pytest.fixture
def two(daemon):
    """vm1 and vm2 move; vm1 ends first, then vm2 in failure, then nothing is left."""
    daemon.has_server()
    second = move("running", id=8, instance_uuid=VM2, instance_name="vm2")
    daemon.on("GET", LIST, {"migrations": [second, move("running")]}, {"migrations": [second]}, {"migrations": []})
    daemon.has_move(move("completed", progress=DONE))
    daemon.on("GET", "/godwit/v1/migrations/8", {"migration": move("failed", id=8, instance_uuid=VM2, instance_name="vm2",
                                                                  reason="the link broke")})
    return daemon


ENDS = ["vm1 moved from HostB to HostC in 1.24 s: 310 MiB copied, guest paused for 0.09 s.",
        "vm2 did not move from HostB to HostC: the migration failed after 1.24 s: the link broke"]


def test_on_a_terminal(two):
    terminal = Terminal(["watch"], 100, GODWIT_URL=two.url).read(until="Nothing is on its way")
    terminal.press(b"\x03")
    assert terminal.read().status == 0
    shown = terminal.text.replace("\r\n", "\n").split("\n")
    begin = shown.index("On their way: (Ctrl-C ends watching, nothing else)")
    assert "vm1 HostB -> HostC" in shown[begin + 1] and "vm2 HostB -> HostC" in shown[begin + 2], "oldest first"
    assert all(sum(end in line for line in shown) == 1 for end in ENDS), shown


def test_elsewhere_a_line_at_each_change(two):
    process = subprocess.Popen([GODWIT, "watch"], stdout=subprocess.PIPE, text=True, env=clean_environment(GODWIT_URL=two.url))
    deadline = time.monotonic() + 15
    while len(two.asked("GET", LIST)) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.splitlines() == ["vm1 HostB -> HostC: copying", "vm2 HostB -> HostC: copying", *ENDS, "Nothing is on its way."]


def wait_until(what):
    deadline = time.monotonic() + 15
    while not what() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert what()


def test_a_daemon_that_is_restarted(two):
    two.replies["GET", LIST][1:] = []
    process = subprocess.Popen([GODWIT, "watch"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               env=clean_environment(GODWIT_URL=two.url))
    wait_until(lambda: two.asked("GET", LIST))
    two.stop()
    time.sleep(2.5)  # it is sought more than once
    assert process.poll() is None
    two.on("GET", LIST, {"migrations": []})
    seen = len(two.asked("GET", LIST))
    two.start()
    wait_until(lambda: len(two.asked("GET", LIST)) > seen + 1)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    first, second, gone, *rest = out.splitlines()
    assert [first, second] == ["vm1 HostB -> HostC: copying", "vm2 HostB -> HostC: copying"]
    assert two.url.removeprefix("http://") in gone and gone.endswith("Trying again until it answers.")
    assert rest[0] == "The daemon answers again."
    assert sorted(rest[1:3]) == sorted(ENDS) and rest[3:] == ["Nothing is on its way."]


def test_ctrl_c_ends_the_wait_for_a_daemon(two):
    terminal = Terminal(["watch"], 200, GODWIT_URL=two.url).read(until="On their way")
    two.stop()
    terminal.read(until="Trying again until it answers.").press(b"\x03")
    assert terminal.read(seconds=5).status == 0


def test_json_once(two, godwit):
    assert [m["id"] for m in godwit("--json", "watch").json["migrations"]] == [8, 7]


def test_a_daemon_that_is_gone(daemon, godwit):
    daemon.stop()
    run = godwit("watch", "--timeout", "1")
    assert run.status == 3 and ("does not answer" in run.err or "refused" in run.err)
    assert "Trying again" not in run.out + run.err


WAITS = "it waits for its turn on HostB, third in line (max_concurrent_live_migrations = 1)"
SILENT = "it waits until HostC answers, second in line (silent for 10 s)"


def test_what_waits_says_for_what(daemon):
    daemon.has_server()
    nothing = {"memory_total": 0, "memory_processed": 0, "memory_remaining": 0, "elapsed_ms": 0}
    second = move("queued", id=8, instance_uuid=VM2, instance_name="vm2", reason=SILENT, progress=nothing)
    daemon.on("GET", LIST, {"migrations": [second, move("queued", reason=WAITS, progress=nothing)]}, {"migrations": []})
    daemon.has_move(move("cancelled"))
    daemon.on("GET", "/godwit/v1/migrations/8", {"migration": move("cancelled", id=8, instance_uuid=VM2, instance_name="vm2")})
    terminal = Terminal(["watch"], 100, GODWIT_URL=daemon.url).read(until="Nothing is on its way")
    terminal.press(b"\x03")
    assert terminal.read().status == 0
    shown = terminal.text.replace("\r\n", "\n").split("\n")
    begin = shown.index("On their way: (Ctrl-C ends watching, nothing else)")
    assert "vm1 HostB -> HostC  waits for its turn on HostB, third in line" in shown[begin + 1]
    assert "vm2 HostB -> HostC  waits until HostC answers, second in line" in shown[begin + 2]


def test_of_a_copy_to_a_silent_host_nobody_says_how_long_it_takes(daemon):
    daemon.has_server()
    now = {"total_ms": {"low": 1, "likely": 900000, "high": 2}}
    waits = move("running", prediction={"now": now}, waits_for="HostC", reason="it waits until HostC answers")
    daemon.on("GET", LIST, {"migrations": [move("running", prediction={"now": now})]}, {"migrations": [waits]}, {"migrations": []})
    daemon.has_move(move("completed"))
    terminal = Terminal(["watch"], 140, GODWIT_URL=daemon.url).read(until="Nothing is on its way")
    terminal.press(b"\x03")
    assert terminal.read().status == 0
    lines = [line for line in terminal.text.replace("\r\n", "\n").split("\n") if line.startswith("vm1 HostB -> HostC  [")]
    assert " left  " in lines[0] and "does not answer" not in lines[0], lines
    assert "HostC does not answer" in lines[-1] and " left" not in lines[-1].split("HostC does not answer")[1], lines


def test_where_there_is_no_room_for_that_it_waits(daemon):
    daemon.has_server()
    daemon.on("GET", LIST, {"migrations": [move("queued", reason=WAITS)]}, {"migrations": []})
    daemon.has_move(move("cancelled"))
    terminal = Terminal(["watch"], 55, GODWIT_URL=daemon.url).read(until="Nothing is on its way")
    terminal.press(b"\x03")
    assert terminal.read().status == 0
    assert "vm1 HostB -> HostC  waiting for its turn" in terminal.text
