"""One row of the table on the lab: a guest, a move brought to its phase, and what is looked at afterwards."""
import os
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e"))
from cloud import Cloud, wait_for  # noqa: E402

SLOW_MB = 6  # of the link while something has to last


def log_path(cloud) -> str:
    return os.path.join(cloud.folder, "godwitd.log")


class Stage:
    def __init__(self, lab, cloud, row, name, source, dest):
        self.lab, self.cloud, self.row, self.name, self.source, self.dest = lab, cloud, row, name, source, dest
        self.user = Cloud(lab, cloud.folder)  # whose requests may wait, while we look
        self.id = None
        self.stopped = False  # the daemon stands still
        self.slow = False

    def close(self) -> None:
        """A request may still wait: nobody is interested in its answer any more."""
        self.go_on()
        self.speed_up()
        if self.user.relay:
            self.user.relay.kill()
            self.user.relay.wait()

    # ---- the daemon stands still in the moment that a phase begins, so that the fault strikes there and nowhere else

    def stand_still(self) -> None:
        os.kill(self.cloud.daemon_pid(), signal.SIGSTOP)
        self.stopped = True

    def go_on(self) -> None:
        if self.stopped:
            os.kill(self.cloud.daemon_pid(), signal.SIGCONT)
            self.cloud.daemon.send_signal(signal.SIGCONT)  # nsenter stops with what it has started
            self.stopped = False

    def stand_still_at(self, words: str, begin) -> None:
        """Calls begin() in a thread of its own, and stops the daemon as soon as its log has the words."""
        with open(log_path(self.cloud)) as log:
            log.seek(0, os.SEEK_END)
            threading.Thread(target=begin, daemon=True).start()
            end, text = time.monotonic() + 60, ""
            while words not in text:
                text += log.read()
                assert time.monotonic() < end, f"not within 60 s: {words}\n{text[-2000:]}"
                time.sleep(0.0005)
            self.stand_still()

    # ---- the move

    def slow_down(self) -> None:
        self.lab.link(self.dest, rate=SLOW_MB)
        self.slow = True

    def speed_up(self) -> None:
        if self.slow:
            self.lab.link(self.dest)
            self.slow = False

    def ask(self) -> None:
        kind = self.row.move.split("-")[0]
        if kind == "live":
            self.user.live(self.name, self.dest)
        else:
            self.user.cold(self.name, self.dest)

    def ask_in_background(self) -> None:
        """The request is answered when the checks have ended."""
        threading.Thread(target=self.ask, daemon=True).start()

    def migration_id(self):
        """Of the newest migration of the guest: the request for it may still be waiting for its answer."""
        if not self.id:
            rows = self.cloud.get(f"/v2.1/os-migrations?instance_uuid={self.uuid}", version="2.59").json["migrations"]
            self.id = max((row["id"] for row in rows if row["id"] > self.newest), default=None)
        return self.id

    def remember_newest(self) -> None:
        self.uuid = self.cloud.uuid(self.name)
        rows = self.cloud.get(f"/v2.1/os-migrations?instance_uuid={self.uuid}", version="2.59").json["migrations"]
        self.newest = max((row["id"] for row in rows), default=0)

    def state(self) -> str:
        return self.cloud.migration(wait_for("the migration", self.migration_id, 30))["state"]

    def wait_state(self, state: str) -> None:
        wait_for(f"{self.name} {state}", lambda: self.state() == state, 60, 0.005)

    def power_on(self, host: str) -> str:
        """The guest's state on that host, and why: while it moves both have one, and the destination's is paused."""
        return self.lab.virsh(host, "domstate", "--reason", self.name, check=False).stdout.strip()

    def wait_halted(self) -> None:
        """By its own storage, on either host."""
        wait_for(f"{self.name} to stand still",
                 lambda: "paused (I/O error)" in [self.power_on(host) for host in (self.source, self.dest)], 30, 0.1)

    def act(self, action: str) -> None:
        answer = self.user.action(self.name, {action: None})
        assert answer.status in (0, 202, 204), answer.text  # 0: the daemon is gone

    def force(self) -> None:
        answer = self.cloud.request("POST", f"/v2.1/servers/{self.uuid}/migrations/{self.id}/action", {"force_complete": None})
        assert answer.status == 202, answer.text

    def abort(self) -> None:
        answer = self.user.request("DELETE", f"/v2.1/servers/{self.uuid}/migrations/{self.id}")
        assert answer.status in (0, 202), answer.text


# ---- phases: each brings the stage to its moment

def log_phase(words: str):
    def reach(stage: Stage) -> None:
        stage.stand_still_at(words.format(name=stage.name), stage.ask)
    return reach


def checking(stage: Stage) -> None:
    stage.ask_in_background()
    wait_for("the migration", stage.migration_id, 30, 0.002)
    stage.stand_still()
    with open(log_path(stage.cloud)) as log:
        assert f"migration {stage.id} of {stage.name}: accepted ->" not in log.read(), "the checks were over too soon"


def copying(stage: Stage) -> None:
    stage.slow_down()
    stage.ask_in_background()
    stage.wait_state("running")
    time.sleep(1.0)
    assert stage.state() == "running"


def switch_over(stage: Stage) -> None:
    copying(stage)
    stage.lab.link(stage.dest, rate=2)  # or the pause may be over before it is seen
    stage.force()
    wait_for("the pause", lambda: stage.power_on(stage.source).startswith("paused"), 30, 0.02)


def post_copy(stage: Stage) -> None:
    copying(stage)
    stage.force()
    stage.wait_state("post-copy")


def moving(stage: Stage) -> None:
    stage.slow_down()
    stage.ask_in_background()
    stage.wait_state("moving")
    time.sleep(0.7)
    assert stage.state() == "moving"


def verify(stage: Stage) -> None:
    stage.ask_in_background()
    stage.wait_state("finished")
    stage.lab.wait_heartbeat(stage.name, time.time())


def confirming(stage: Stage) -> None:
    verify(stage)
    stage.stand_still_at(f"of {stage.name}: finished -> confirming", lambda: stage.act("confirmResize"))


def reverting(stage: Stage) -> None:
    verify(stage)
    stage.stand_still_at(f"of {stage.name}: finished -> reverting", lambda: stage.act("revertResize"))


def undoing(stage: Stage) -> None:
    copying(stage)
    stage.stand_still_at(f"of {stage.name}: running -> undoing", stage.abort)


PHASES = {
    "checking": checking,
    "preparing": log_phase("of {name}: queued -> preparing"),
    "copying": copying,
    "switch-over": switch_over,
    "post-copy": post_copy,
    "settling": log_phase("of {name}: running -> settling"),
    "stopping": log_phase("of {name}: preparing -> stopping"),
    "moving": moving,
    "starting": log_phase("of {name}: placing -> starting"),
    "verify": verify,
    "confirming": confirming,
    "reverting": reverting,
    "undoing": undoing,
}
