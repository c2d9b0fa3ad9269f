"""Every row of the table on real hosts: the fault strikes in its phase, is mended, and then the migration has ended as the table says, the
guest is in one place and whole, and nothing is left over. Nobody helps, but where the table says so.

GODWIT_FAULTS: "all", or the beginnings of rows' names separated by commas; otherwise those that the table marks."""
import os
import time

import pytest
import table
from cloud import wait_for
from harm import HARM
from stage import PHASES, Stage

WANTED = os.environ.get("GODWIT_FAULTS", "")


def rows():
    every = table.read()
    if not WANTED:
        return [row for row in every if row.quick]
    return [row for row in every if WANTED == "all" or any(row.name.startswith(word) for word in WANTED.split(","))]


def left(lab) -> dict:
    """What hosts have: domains, files, pools, secrets, volumes."""
    found = {}
    for host in lab.compute():
        listed = host.run("sh", "-c", "find /srv/local /srv/instances /srv/iso -type f; for what in list pool-list; do "
                          "virsh -q -c qemu:///system $what --all --name; done; virsh -q -c qemu:///system secret-list").stdout
        found[host.name] = set(listed.split())
    return found


def without(found: dict, name: str) -> dict:
    """A probe that a killed daemon has left goes with the next one there."""
    return {host: {thing for thing in things if name not in thing and ".godwit-probe-" not in thing} for host, things in found.items()}


def mend(stage, mending) -> dict:
    """The migration's end. What is mended only then is mended also when there is none."""
    try:
        if mending.after_s is not None:
            time.sleep(mending.after_s)
            mending.how()
        return finish(stage)
    finally:
        if mending.after_s is None:
            mending.how()


def finish(stage) -> dict:
    stage.go_on()
    end = time.monotonic() + 150
    wait_for("the migration", stage.migration_id, 60)
    while True:
        row = stage.cloud.migration(stage.id)
        if row["final"]:
            return row
        if row["state"] == "finished" and stage.row.phase != "reverting":
            stage.cloud.action(stage.name, {"confirmResize": None})  # refused when it was agreed to already
        assert time.monotonic() < end, f"it does not end: {row}\n{stage.cloud.daemon_log()[-3000:]}"
        time.sleep(0.1)


def check_guest(stage, before) -> None:
    """Where the table says, alone, with all that it has written; what else the hosts have is as it was."""
    side, power = stage.row.guest.split(" ", 1)
    wait_for("an answer of both hosts", lambda: all(stage.cloud.request("POST", f"/godwit/v1/hosts/{h.name}/refresh").status < 300
                                                    for h in stage.lab.compute()), 60)
    places = {"source": [stage.source], "destination": [stage.dest], "either": [stage.source, stage.dest]}[side]
    where, state = stage.lab.where(stage.name)
    assert where in places and state == power, f"it is {state} on {where}"
    others = [host.name for host in stage.lab.compute() if host.name != where]
    server = stage.cloud.wait_server(stage.name, "ACTIVE" if power == "running" else "SHUTOFF")
    assert server["OS-EXT-SRV-ATTR:host"] == where
    after = left(stage.lab)
    shared = {f"/srv/instances/{stage.name}-0.qcow2"}
    for other in others:
        assert not {thing for thing in after[other] - shared if stage.name in thing}, f"left on {other}: {after[other]}"
    assert without(after, stage.name) == without(before, stage.name)
    if stage.row.operator == "start":
        stage.act("os-start")
    stage.lab.wait_heartbeat(stage.name, time.time(), 60)
    report = stage.lab.heartbeat(stage.name)
    assert report.memory_errors == 0 and report.disk_errors == 0, report
    assert stage.lab.verify(stage.name) == []
    assert stage.lab.where(stage.name) == (where, "running")


def permit_post_copy(cloud, permitted: bool) -> None:
    """Where it is permitted, a move that is forced goes on in post-copy; where not, the guest is paused, and the pause lasts."""
    word = "true" if permitted else "false"
    if cloud.options.get("live_migration_permit_post_copy", "false") != word:
        cloud.restart(live_migration_permit_post_copy=word)


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in rows()])
def test_fault(lab, cloud, guests, movable_clock, row):
    kind = row.move.split("-")[1]
    name = guests.take(kind)
    source = lab.where(name)[0]
    dest = next(host.name for host in lab.compute() if host.name != source)
    stage = Stage(lab, cloud, row, name, source, dest)
    small = row.fault == "destination-full"
    if row.fault == "controller-full":
        cloud.restart()  # the database's log begins anew, and grows with everything that is written
    permit_post_copy(cloud, row.phase == "post-copy")
    if row.fault.startswith("clock"):
        movable_clock()
    try:
        if small:
            lab.local_shrink(dest, 1200)  # its checks find room
        before = left(lab)
        stage.remember_newest()
        PHASES[row.phase](stage)
        mending = HARM[row.fault](stage)
        stage.go_on()
        ended = mend(stage, mending)
        print(f"{row.name}: {ended['state']}: {ended['reason'] or ''}")
        stage.speed_up()
        check_guest(stage, before)
        assert ended["state"] in row.ends, ended
    except BaseException:
        guests.drop(kind)
        raise
    finally:
        stage.close()
        if small:
            lab.local_shrink(dest, 0)
