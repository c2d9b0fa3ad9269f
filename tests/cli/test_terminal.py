"""On a terminal: the bar, its width, colours, Ctrl-C."""
import pytest
from fake_daemon import DONE, MIB, VM1, move
from pseudo_terminal import Terminal, width

END = "vm1 moved from HostB to HostC in 1.24 s: 310 MiB copied, guest paused for 0.09 s."


@pytest.fixture
def vm1(daemon):
    daemon.has_server()
    daemon.on("POST", f"/v2.1/servers/{VM1}/action", (202, None, {"x-godwit-migration-id": "7"}))
    daemon.has_move(move("running", progress={"elapsed_ms": 65000}), move("completed", progress=DONE))
    return daemon


def start(daemon, columns=100, **environment):
    return Terminal(["live-migration", "vm1", "HostC"], columns, GODWIT_URL=daemon.url, **environment)


def test_the_bar(vm1):
    vm1.has_move(move("preparing", progress={"elapsed_ms": 65000, "memory_total": 0}),
                 move("running", progress={"elapsed_ms": 65000}), move("completed", progress=DONE))
    terminal = start(vm1, 130).read()
    assert terminal.status == 0
    assert terminal.drawn == [
        "vm1 HostB -> HostC  making room  1 min 05 s  migration 7",
        "vm1 HostB -> HostC  [#######--------]   50%  256 MiB of 512 MiB  95.0 MiB/s  memory left 256 MiB  pass 2  1 min 05 s  "
        "migration 7"]
    assert terminal.screen == [END]


def test_disks_and_throttle(vm1):
    vm1.has_move(move("running", progress={"elapsed_ms": 65000, "disk_total": 2048 * MIB, "disk_remaining": 1024 * MIB,
                                           "throttle_percent": 40}), move("completed", progress=DONE))
    line = start(vm1, 200).read().drawn[0]
    assert "disk left 1.0 GiB" in line and "guest slowed by 40%" in line and "1.2 GiB of 2.5 GiB" in line
    assert line.count("#") + line.count("-") - 1 == 28  # of the bar; one "-" is the arrow's


@pytest.mark.parametrize("columns,line", [
    (100, "vm1 HostB -> HostC  [#######-------]   50%  256 MiB of 512 MiB  95.0 MiB/s  1 min 05 s  migration 7"),
    (80, "vm1 HostB -> HostC  [###----]   50%  256 MiB of 512 MiB  95.0 MiB/s  1 min 05 s"),
    (60, "vm1 HostB -> HostC  [#####------]   50%  256 MiB of 512 MiB"),
    (40, "vm1 HostB -> HostC  [#####------]   50%"),
    (20, "[#####------]   50%"),
    (10, " 50%"),
    (3, " 5"),
])
def test_the_line_fits(vm1, columns, line):
    terminal = start(vm1, columns).read()
    assert terminal.drawn == [line]
    assert width(line) < columns


def test_wide_names_are_measured_in_columns(vm1):
    vm1.has_move(move("running", instance_name="仮想マシン一号", progress={"elapsed_ms": 65000}),
                 move("completed", progress=DONE))
    for columns in (74, 75, 76, 90, 91):
        terminal = start(vm1, columns).read()
        for line in terminal.drawn:
            assert width(line) < columns
        vm1.has_move(move("running", instance_name="仮想マシン一号", source="Höst", progress={"elapsed_ms": 65000}),
                     move("completed", progress=DONE))


def test_a_resized_terminal(vm1):
    vm1.has_move(move("running"))
    terminal = start(vm1, 120).read(until="memory left")
    terminal.resize(30)
    terminal.read(until="\r[")  # no room for the names any more
    vm1.has_move(move("completed", progress=DONE))
    terminal.read()
    assert width(terminal.drawn[-1]) < 30


def test_ctrl_c_detaches(vm1):
    vm1.has_move(move("running"))
    terminal = start(vm1).read(until="50%")
    terminal.press(b"\x03")
    terminal.read()
    assert terminal.status == 130
    assert terminal.screen[-1] == ("Detached. The migration goes on; see it with: "
                                   "godwit server-migration-show --follow vm1 7")
    assert not vm1.asked("DELETE")


def test_detached_name_is_quoted(vm1):
    vm1.has_server(name="vm1")
    vm1.has_move(move("running", instance_name="my vm"))
    terminal = start(vm1).read(until="50%")
    terminal.press(b"\x03")
    assert terminal.read().screen[-1].endswith("--follow 'my vm' 7")


def test_remarks_stand_above_the_bar(vm1):
    vm1.has_move(move("settling", reason="the source host does not answer"), move("completed", progress=DONE))
    assert start(vm1).read().screen == ["vm1: the source host does not answer", END]


def test_failure_on_a_terminal(vm1):
    vm1.has_move(move("running"), move("failed", reason="the link broke"))
    terminal = start(vm1).read()
    assert terminal.status == 1
    assert terminal.screen == ["Error: vm1 did not move from HostB to HostC: the migration failed after 1.24 s:",
                               "  - the link broke", "vm1 is on HostB (running)."]
    assert "\x1b[31mError:\x1b[0m" in terminal.text


def test_colours_and_their_absence(vm1):
    assert "\x1b[36m" in start(vm1).read().text
    vm1.has_move(move("running"), move("failed", reason="x"))
    assert "\x1b[3" not in start(vm1, NO_COLOR="1").read().text


@pytest.mark.parametrize("kind", ["dumb", ""])
def test_a_dumb_terminal_gets_lines(vm1, kind):
    terminal = start(vm1, TERM=kind).read()
    assert terminal.drawn == [] and "\x1b" not in terminal.text
    assert terminal.screen[0].startswith("vm1 HostB -> HostC: copying (running, ") and terminal.screen[1] == END
