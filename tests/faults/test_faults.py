"""Every row of the table on real hosts: the fault strikes in its phase, is mended, and then the migration has ended as the table says, the
guest is in one place and whole, and nothing is left over. Nobody helps, but where the table says so.

GODWIT_FAULTS: "all"; "check", what ./check runs; or the beginnings of rows' names separated by commas; otherwise those that the table marks."""
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
    if WANTED in ("", "check"):
        return [row for row in every if row.mark >= (2 if WANTED else 1)]
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
    """A probe that a killed daemon has left goes with the next one there. What fills a storage is ours."""
    known = (name, ".godwit-probe-", "/filler")
    return {host: {thing for thing in things if not any(word in thing for word in known)} for host, things in found.items()}


def mend(stage, mending) -> dict:
    """The migration's end. What is mended only then is mended also when there is none."""
    try:
        if mending.after_s is not None:
            time.sleep(mending.after_s)
            mending.how()
            stage.speed_up()  # it has struck where it was to strike: the rest need not last
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


SHOWN = {"running": "ACTIVE", "paused": "PAUSED", "shut off": "SHUTOFF"}  # how Nova's clients see it
FRESH = ("source-full", "storage-full", "storage-read-only")  # rows with a guest of their own: on new disks, and nobody's errors but theirs


def take_guest(lab, guests, row) -> str:
    kind = row.move.split("-")[1]
    if row.fault in FRESH:
        guests.drop(kind)
    resize(lab, row, 64)
    return guests.take(kind)


def drop_guest(lab, guests, row) -> None:
    guests.drop(row.move.split("-")[1])
    resize(lab, row, 0)


def resize(lab, row, megabytes) -> None:
    """The storage that is to be filled under a guest, before it has one there: new guests begin on HostB."""
    if row.fault == "storage-full":
        lab.shared_shrink(megabytes)
    if row.fault == "source-full":
        lab.local_shrink("HostB", megabytes)


def check_guest(stage, before) -> None:
    """Where the table says, alone, with all that it has written; what else the hosts have is as it was."""
    side, power = stage.row.guest.split(" ", 1)
    wait_for("an answer of both hosts", lambda: all(stage.cloud.request("POST", f"/godwit/v1/hosts/{h.name}/refresh").status < 300
                                                    for h in stage.lab.compute()), 60)
    places = {"source": [stage.source], "destination": [stage.dest], "either": [stage.source, stage.dest]}[side]
    where, state = stage.lab.where(stage.name)
    assert where in places and state == power, f"it is {state} on {where}"
    others = [host.name for host in stage.lab.compute() if host.name != where]
    server = stage.cloud.wait_server(stage.name, SHOWN[power])
    assert server["OS-EXT-SRV-ATTR:host"] == where
    after = left(stage.lab)
    shared = {f"/srv/instances/{stage.name}-0.qcow2"}
    for other in others:
        assert not {thing for thing in after[other] - shared if stage.name in thing}, f"left on {other}: {after[other]}"
    assert without(after, stage.name) == without(before, stage.name)
    where = by_hand(stage, where)
    stage.lab.wait_heartbeat(stage.name, time.time(), 60)
    report = stage.lab.heartbeat(stage.name)
    told = stage.row.fault == "storage-read-only"  # the guest is told that its writes fail, and tries again
    assert report.memory_errors == 0 and (told or report.disk_errors == 0), report
    assert stage.lab.verify(stage.name) == []
    assert stage.lab.where(stage.name) == (where, "running")


def by_hand(stage, where) -> str:
    """What the table says that an operator does. Returns where the guest is then."""
    if stage.row.operator == "move":  # as it stands
        where = stage.dest
        assert stage.cloud.wait(stage.user.live(stage.name, where))["state"] == "completed"
        stage.cloud.wait_server(stage.name, "PAUSED")
    if stage.row.operator != "-":
        stage.act("os-start" if stage.row.operator == "start" else "unpause")
    return where


def permit_post_copy(cloud, permitted: bool) -> None:
    """Where it is permitted, a move that is forced goes on in post-copy; where not, the guest is paused, and the pause lasts."""
    word = "true" if permitted else "false"
    if cloud.options.get("live_migration_permit_post_copy", "false") != word:
        cloud.restart(live_migration_permit_post_copy=word)


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in rows()])
def test_fault(lab, cloud, guests, movable_clock, row):
    name = take_guest(lab, guests, row)
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
        halted = row.phase == "copying" and row.guest.endswith("paused")
        assert not halted or f"{name} stands still on {source}: the storage of its disk vda is full" in ended["reason"], ended
    except BaseException:
        guests.drop(row.move.split("-")[1])
        raise
    finally:
        stage.close()
        if row.fault in FRESH:
            drop_guest(lab, guests, row)
        if small:
            lab.local_shrink(dest, 0)
