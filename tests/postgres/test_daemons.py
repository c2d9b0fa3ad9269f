"""Any daemon answers, one leads each host, and when one dies or stands still the others go on."""
import json
import os
import signal
import subprocess
import threading
import time
import urllib.request

import pytest
from daemons import GODWIT, LEASE_S, wait_until


def other(cloud, daemon):
    return next(d for d in cloud.daemons if d is not daemon and d.serves)


def test_all_see_what_one_is_told(cloud):
    made = cloud(daemons=3, hosts=2)
    for daemon in made.daemons:
        wait_until(lambda: all(host in daemon.ok("service-list") for host in made.hosts), lambda: daemon.ok("service-list"))
        wait_until(lambda: "vm3" in daemon.ok("list"), "instances")
    made.daemons[1].ok("service-disable", "HostB", "--reason", "new disks")
    wait_until(lambda: "new disks" in made.daemons[2].ok("service-list"), "the other is not told")
    made.daemons[0].ok("aggregate-create", "rack1")
    wait_until(lambda: "rack1" in made.daemons[2].ok("aggregate-list"), "aggregates")
    made.daemons[0].ok("server-group-create", "web", "anti-affinity")
    wait_until(lambda: "| web " in made.daemons[2].ok("server-group-list"), "server groups")


def test_what_one_has_measured_all_plan_with(cloud, tmp_path):
    made = cloud(daemons=2, hosts=1)
    first, second = made.daemons
    for host, has in (("SimA", "instances=1&prefix=sim&"), ("SimB", "")):
        first.ok("host-add", host, f"sim://{tmp_path.name}/{host}?{has}link_mbps=800")

    def plan():
        return second.ok("plan", "sim-SimA-1", "SimB", "--quick")
    wait_until(lambda: "sim-SimA-1" in second.ok("list"), "the other is not told of the host")
    assert "assumed: nobody measured it" in plan()
    first.ok("doctor", "--probe", "SimA", "SimB")
    wait_until(lambda: "a link of 95.4 MiB/s (measured 0" in plan(), plan)


def test_every_host_is_led_by_one_and_newcomers_get_their_share(cloud, tmp_path):
    made = cloud(daemons=1, hosts=5, vms=5)
    assert set(made.database.leaders().values()) == {made.daemons[0].pid}
    second, third = made.add_daemon(tmp_path / "second"), made.add_daemon(tmp_path / "third")

    def shares():
        leaders = list(made.database.leaders().values())
        return sorted(leaders.count(d.pid) for d in made.daemons)
    wait_until(lambda: shares() == [2, 2, 2], lambda: f"{made.database.leaders()}")  # five hosts and the drains
    third.close()  # ends well: gives its leases back at once
    made.daemons.remove(third)
    start = time.time()
    wait_until(lambda: shares() == [3, 3], lambda: f"{made.database.leaders()}")
    assert time.time() - start < LEASE_S
    assert second.pid in made.database.leaders().values()


@pytest.mark.parametrize("asked", ["the leader", "another"])
def test_a_move_asked_of_any_daemon(cloud, asked):
    made = cloud(daemons=2, hosts=2)
    leader = made.leader("HostA")
    daemon = leader if asked == "the leader" else other(made, leader)
    wait_until(lambda: "vm0" in daemon.ok("list"), "vm0")
    daemon.ok("live-migration", "vm0", "HostB")
    assert made.instances()["vm0"][0]["host"] == "HostB"
    for one in made.daemons:
        assert " completed " in one.ok("server-migration-list", "vm0")
        wait_until(lambda: "vm0" in one.ok("list", "--host", "HostB"), "where it is")
    made.assert_whole()


def test_every_daemon_tells_what_any_of_them_carries(cloud):
    made = cloud(daemons=2, hosts=2, seconds=3)
    leader = made.leader("HostA")
    follower = other(made, leader)
    wait_until(lambda: "vm0" in leader.ok("list") and "vm0" in follower.ok("list"), "vm0")
    told = {}

    def listen(daemon, answer):
        for line in answer:
            if line.startswith(b"data: {") and b"instance_name" in line:
                told.setdefault(daemon, []).append(json.loads(line[6:]))
                if told[daemon][-1]["final"]:
                    return
    listeners = []
    for daemon in made.daemons:
        answer = urllib.request.urlopen(f"{daemon.url}/godwit/v1/events", timeout=30)
        assert answer.readline() == b"retry: 2000\n"
        listeners.append(threading.Thread(target=listen, args=(daemon, answer)))
        listeners[-1].start()
    watch = subprocess.Popen([GODWIT, "watch"], stdout=subprocess.PIPE, text=True, env={**os.environ, "GODWIT_URL": follower.url})
    try:
        leader.ok("live-migration", "vm0", "HostB")
        for one in listeners:
            one.join(20)
            assert not one.is_alive(), told
        for daemon in made.daemons:
            states = [row["state"] for row in told[daemon]]
            assert "running" in states and states[-1] == "completed", states
            assert states == sorted(states, key=("accepted", "queued", "preparing", "running", "settling", "completed").index)
            assert {row["instance_name"] for row in told[daemon]} == {"vm0"}
        time.sleep(1.2)  # watch looks twice a second
    finally:
        watch.send_signal(signal.SIGINT)
        shown = watch.communicate(timeout=10)[0]
    assert "vm0 HostA -> HostB" in shown and "vm0 moved from HostA to HostB" in shown, shown
    made.assert_whole()


def test_a_refusal_reaches_whoever_asked(cloud):
    made = cloud(daemons=2, hosts=2)
    daemon = other(made, made.leader("HostA"))
    wait_until(lambda: "vm0" in daemon.ok("list"), "vm0")
    made.daemons[0].ok("service-force-down", "HostB")
    refused = daemon.run("live-migration", "vm0", "HostB")
    assert refused.returncode != 0 and "HostB" in refused.stdout + refused.stderr


def test_abort_asked_of_another_daemon(cloud):
    made = cloud(daemons=2, hosts=2, seconds=20)
    leader = made.leader("HostA")
    daemon = other(made, leader)
    wait_until(lambda: "vm0" in daemon.ok("list"), "vm0")
    move = subprocess.Popen([GODWIT, "live-migration", "vm0", "HostB"], env={"GODWIT_URL": leader.url}, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
    wait_until(lambda: made.instances()["vm0"][0]["current_operations"], "the copy has not begun")
    wait_until(lambda: daemon.run("live-migration-abort", "vm0", "1").returncode == 0, "abort")
    assert move.wait(30) != 0
    wait_until(lambda: not made.unfinished(), lambda: str(made.unfinished()))
    assert made.instances()["vm0"][0]["host"] == "HostA"
    made.assert_whole()


def begin_moves(made, source="HostA", dest="HostB"):
    """Asks for every instance of a host to leave it, by a daemon that does not lead it; returns their names."""
    leader = made.leader(source)
    daemon = other(made, leader)
    names = [name for name, vms in made.instances().items() if vms[0]["host"] == source]
    wait_until(lambda: all(name in daemon.ok("list") for name in names), "instances")
    for name in names:
        daemon.ok("live-migration", "--no-wait", name, dest)
    wait_until(lambda: any(made.instances()[name][0]["current_operations"] for name in names), "no copy has begun")
    return leader, daemon, names


def assert_ended(made, names, dest, seconds=60):
    """Every move has ended, and where the instance is is what its migration says. One whose copy was journalled, but never begun, fails."""
    wait_until(lambda: not made.unfinished(), lambda: str(made.unfinished()), seconds)
    ends = made.database.query("SELECT instance_name, state, source, dest, reason FROM migrations")
    assert sorted(end[0] for end in ends) == sorted(names)
    for name, state, source, to, reason in ends:
        assert state in ("completed", "failed"), (name, state, reason)
        assert made.instances()[name][0]["host"] == (to if state == "completed" else source), (name, state, reason)
    assert sum(end[1] == "completed" and end[3] == dest for end in ends) >= len(names) / 2, ends
    made.assert_whole()


def test_a_newcomer_gets_its_share_from_under_long_moves(cloud, tmp_path):
    """Every host is being left for longer than the test would wait, so that no lease is idle; no move suffers."""
    made = cloud(daemons=1, hosts=4, vms=8, seconds=25)
    first, names = made.daemons[0], sorted(made.instances())
    wait_until(lambda: all(name in first.ok("list") for name in names), "instances")
    where = {name: made.instances()[name][0]["host"] for name in names}
    dests = {name: made.hosts[(made.hosts.index(where[name]) + 1) % 4] for name in names}
    for name in names:
        first.ok("live-migration", "--no-wait", name, dests[name])
    wait_until(lambda: sum(bool(vms[0]["current_operations"]) for vms in made.instances().values()) >= 4, "copies on every host")
    second = made.add_daemon(tmp_path / "second")
    start = time.time()
    wait_until(lambda: list(made.database.leaders().values()).count(second.pid) == 2, lambda: f"{made.database.leaders()}", 15)
    assert len(made.unfinished()) >= 4 and time.time() - start < 15  # from under them, not after them
    wait_until(lambda: not made.unfinished(), lambda: str(made.unfinished()), 120)
    ends = made.database.query("SELECT instance_name, state, dest, reason, attempts FROM migrations")
    assert sorted(ends) == sorted((name, "completed", dests[name], "", "1") for name in names)
    made.assert_whole()


def test_a_killed_daemons_moves_are_taken_over(cloud):
    made = cloud(daemons=2, hosts=2, vms=8, seconds=3)
    leader, daemon, names = begin_moves(made)
    leader.kill()
    start = time.time()
    wait_until(lambda: set(made.database.leaders().values()) == {daemon.pid}, lambda: str(made.database.leaders()))
    assert time.time() - start < LEASE_S * 1.5
    assert_ended(made, names, "HostB")


def test_a_paused_daemon_finds_its_leases_gone(cloud):
    made = cloud(daemons=2, hosts=2, vms=8, seconds=3)
    leader, daemon, names = begin_moves(made)
    leader.stop()
    wait_until(lambda: set(made.database.leaders().values()) == {daemon.pid}, lambda: str(made.database.leaders()))
    assert_ended(made, names, "HostB")
    before = made.simulator.look()["calls"]
    leader.go_on()
    wait_until(lambda: leader.pid in made.database.leaders().values(), "it gets its share again")
    made.assert_whole()
    acts = [call for call in made.simulator.look()["calls"][len(before):] if "Async" in str(call)]
    assert acts == [], acts
    assert "vm0" in leader.ok("list")


def test_a_drain_goes_on_elsewhere(cloud):
    made = cloud(daemons=2, hosts=2, vms=8, seconds=1)
    leader = made.leader("drains")
    daemon = other(made, leader)
    wait_until(lambda: "vm0" in daemon.ok("list"), "vm0")
    daemon.ok("drain", "--no-wait", "HostA")
    wait_until(lambda: made.unfinished(), "nothing moves")
    leader.kill()
    wait_until(lambda: made.database.query("SELECT state FROM drains")[0][0] != "running", lambda: str(made.database.query("SELECT * FROM drain_moves")), 90)
    assert not [n for n, vms in made.instances().items() if vms[0]["host"] == "HostA"]
    made.assert_whole()


def test_a_rolling_drain_goes_on_elsewhere(cloud):
    """Asked of one daemon, carried by the one that leads, which dies while a host is held; told by another that the host is seen to."""
    made = cloud(daemons=3, hosts=3, vms=4)
    leader = made.leader("drains")
    daemon = other(made, leader)
    wait_until(lambda: "vm3" in daemon.ok("list"), "instances")
    daemon.ok("drain", "--no-wait", "--rolling", "1", "HostA", "HostB")

    def turns():
        return [h["turn"] for h in daemon.json("rolling-show", "1")["rolling"]["hosts"]]
    wait_until(lambda: turns() == ["held", "waiting"], lambda: str(turns()), 90)
    leader.kill()
    made.daemons.remove(leader)
    daemon.ok("undrain", "HostA")
    wait_until(lambda: turns() == ["done", "held"], lambda: str(turns()), 90)
    daemon.ok("undrain", "HostB")
    wait_until(lambda: daemon.json("rolling-show", "1")["rolling"]["state"] == "completed", lambda: str(turns()), 60)
    assert len(made.database.query("SELECT id FROM drains WHERE kind = 'drain'")) == 2
    made.assert_whole()


def test_a_hook_ends_with_the_daemon_that_called_it(cloud, tmp_path):
    """The next one calls it, on another machine as a rule: it is not to meet the first."""
    made = cloud(daemons=2, hosts=2, vms=2)
    leader = made.leader("drains")
    daemon = other(made, leader)
    wait_until(lambda: "vm1" in daemon.ok("list"), "instances")
    for one in made.daemons:
        one.hook("slow", f'[ "$1" = before ] || exit 0\necho $$ >> {tmp_path}/begun\nuntil [ -e {tmp_path}/go ]; do sleep 0.1; done\n')
    daemon.ok("drain", "--no-wait", "--rolling", "1", "--hook", "slow", "HostA")

    def begun():
        return (tmp_path / "begun").read_text().split() if (tmp_path / "begun").exists() else []
    wait_until(lambda: len(begun()) == 1, "it is called")
    made.daemons.remove(leader)
    leader.close()
    assert subprocess.run(["kill", "-0", begun()[0]], stderr=subprocess.DEVNULL).returncode != 0, "it goes on"
    wait_until(lambda: len(begun()) == 2, "it is called again")
    (tmp_path / "go").touch()
    wait_until(lambda: daemon.json("rolling-show", "1")["rolling"]["hosts"][0]["turn"] == "held" or
               daemon.json("rolling-show", "1")["rolling"]["state"] == "completed", "it goes on", 90)
    made.assert_whole()


def test_power_by_any_daemon(cloud):
    made = cloud(daemons=2, hosts=2)
    for daemon, verb, state in ((made.daemons[0], "stop", "Halted"), (made.daemons[1], "start", "Running")):
        wait_until(lambda: daemon.run(verb, "vm0").returncode == 0, lambda: daemon.run(verb, "vm0").stderr)
        wait_until(lambda: made.instances()["vm0"][0]["state"] == state, state)
    wait_until(lambda: not made.database.query("SELECT * FROM operations"), "claims are left")


def test_the_list_of_daemons(cloud):
    made = cloud(daemons=2, hosts=2)
    wait_until(lambda: len(made.daemons[1].json("daemon-list")["daemons"]) == 2, "both are there")
    listed = made.daemons[0].ok("daemon-list")
    assert "HostA" in listed and "HostB" in listed and " up " in listed
    made.daemons[1].kill()
    wait_until(lambda: " down " in made.daemons[0].ok("daemon-list"), "it is seen to be down", 3 * LEASE_S)

    def leads():
        return {d["state"]: d["hosts"] for d in made.daemons[0].json("daemon-list")["daemons"]}
    wait_until(lambda: leads() == {"up": ["HostA", "HostB"], "down": []}, lambda: str(leads()))


def test_the_database_crashes_under_moves(cloud):
    made = cloud(daemons=2, hosts=2, vms=8, seconds=2)
    _, daemon, names = begin_moves(made)
    for _ in range(2):
        made.database.server.control("crash")
        made.database.server.control("start")
        time.sleep(0.5)
    assert_ended(made, names, "HostB")
    assert "vm0" in daemon.ok("list")


def test_a_standby_takes_over_under_moves(cloud, own_server):
    made = cloud(daemons=2, hosts=2, vms=8, seconds=2, server=own_server)
    own_server.control("standby")
    _, daemon, names = begin_moves(made)
    own_server.fail_over()
    wait_until(lambda: len(made.database.leaders()) == 3, lambda: str(made.database.leaders()))
    assert_ended(made, names, "HostB")
    name = names[0]
    daemon.ok("live-migration", name, "HostA" if made.instances()[name][0]["host"] == "HostB" else "HostB")
    made.assert_whole()
