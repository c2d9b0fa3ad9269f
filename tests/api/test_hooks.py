"""Hooks as processes: how they end, what they leave, who may write them, and that no two of them are at one host at once."""
import os
import signal

import pytest
from api_server import assert_fault
from rolling_fleet import Fleet, fleet  # noqa: F401
from test_godwitd import wait


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("phase", ["before", "after"])
def test_nothing_is_waited_for_but_when_it_is_empty(fleet, phase):
    fleet = fleet()
    rolling = fleet.over(fleet.begin(hosts=["HostB"], hook=fleet.hook("late", f'[ "$1" = {phase} ] && exit 75\nexit 0\n')))
    assert rolling["state"] == "failed" and f"the hook {phase} HostB said that it goes on" in rolling["reason"]


def test_the_words_while_it_goes_on(fleet):
    fleet = fleet()
    number = fleet.begin(hosts=["HostB"], hook=fleet.hook("late", '[ "$1" = empty ] && exit 75\nexit 0\n'))
    wait(lambda: fleet.turns(number)["HostB"] == "held")
    (host,) = fleet.rolling(number)["hosts"]
    assert "the hook has begun something: when that has ended, it or you run: godwit undrain HostB" in host["reason"]


def test_what_does_not_end_is_ended_with_its_children(fleet):
    """Also when none of them listens to SIGTERM."""
    fleet = fleet("hook_timeout = 1\n")
    hook = fleet.hook("deaf", f'[ "$1" = empty ] || exit 0\ntrap "" TERM\nsh -c "sleep 60; sleep 60" &\necho $$ $! > {fleet.path("pids")}\n'
                              'sleep 60; sleep 60\n')
    rolling = fleet.over(fleet.begin(hosts=["HostB"], hook=hook))
    assert "did not end within 1 s (hook_timeout)" in rolling["reason"]
    pids = open(fleet.path("pids")).read().split()
    assert len(pids) == 2
    wait(lambda: not any(map(is_alive, pids)), 2)


def test_children_that_outlive_it_are_ended_too(fleet):
    """The hook itself ends at SIGTERM, and its child does not."""
    fleet = fleet("hook_timeout = 1\n")
    hook = fleet.hook("gone", f'[ "$1" = empty ] || exit 0\nsh -c "trap \\"\\" TERM; sleep 60; sleep 60" &\necho $! > {fleet.path("pid")}\nwait\n')
    fleet.over(fleet.begin(hosts=["HostB"], hook=hook))
    wait(lambda: not is_alive(int(open(fleet.path("pid")).read())), 2)


def test_a_restart_does_not_call_it_beside_itself(fleet):
    """What was under way goes on by itself; the same call is made again only when that has ended."""
    fleet = fleet()
    hook = fleet.hook("slow", f'[ "$1" = empty ] || exit 0\necho begin $$ >> {fleet.path("t")}\nsleep 3\necho talks\necho end $$ >> {fleet.path("t")}\n')
    number = fleet.begin(hosts=["HostB"], hook=hook)
    wait(lambda: os.path.exists(fleet.path("t")))
    fleet.process.terminate()
    assert fleet.process.wait(30) == 0
    fleet.start_again()
    assert fleet.over(number)["state"] == "completed"
    lines = [line.split() for line in open(fleet.path("t"))]
    assert [line[0] for line in lines] == ["begin", "end", "begin", "end"], lines
    assert lines[0][1] == lines[1][1] != lines[2][1] == lines[3][1]
    assert os.listdir(fleet.path("hook-calls")) == []


def test_one_that_talks_without_end(fleet):
    """Its last words are told, and nothing else is kept."""
    fleet = fleet()
    hook = fleet.hook("loud", f'[ "$1" = before ] || exit 0\nhead -c 300000000 /dev/zero\ntouch {fleet.path("said")}\n'
                              f'until [ -e {fleet.path("go")} ]; do sleep 0.05; done\necho; echo "no such firmware" >&2\nexit 3\n')
    number = fleet.begin(hosts=["HostB"], hook=hook)
    wait(lambda: os.path.exists(fleet.path("said")), 60)
    folder = f"/proc/{fleet.process.pid}/fd"
    kept = [os.stat(os.path.join(folder, fd)).st_size for fd in os.listdir(folder) if "memfd" in os.readlink(os.path.join(folder, fd))]
    assert sum(kept) < 1 << 20
    fleet.touch("go")
    assert "ended with status 3: no such firmware" in fleet.over(number)["reason"]


def test_an_end_that_is_not_told_is_no_success(tmp_path):
    """Whoever started godwitd may have SIGCHLD ignored."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        fleet = Fleet(str(tmp_path))
    finally:
        signal.signal(signal.SIGCHLD, before)
    try:
        rolling = fleet.over(fleet.begin(hosts=["HostB"], hook=fleet.hook("bad", "exit 3\n")))
        assert rolling["state"] == "failed" and "ended with status 3" in rolling["reason"]
    finally:
        fleet.close()


def test_who_may_write_hooks(fleet):
    fleet = fleet()
    hook = fleet.hook("fine")
    os.chmod(fleet.hooks, 0o777)
    assert_fault(fleet.roll(hosts=["HostB"], hook=hook), "badRequest", 400, "can be changed by others", fleet.hooks)
    os.chmod(fleet.hooks, 0o755)
    assert fleet.roll(hosts=["HostB"], hook=hook, dry_run=True).status == 200


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_whose_hooks_are_called(fleet):
    fleet = fleet()
    hook = fleet.hook("theirs")
    for path in (os.path.join(fleet.hooks, hook), fleet.hooks):
        os.chown(path, 65534, -1)
        assert_fault(fleet.roll(hosts=["HostB"], hook=hook), "badRequest", 400, "its owner is neither root nor Godwit's user")
        os.chown(path, 0, -1)

