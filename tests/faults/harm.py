"""The faults: each does its harm, and says how it is mended and when: after so many seconds, or once the migration has ended (None)."""
import os
import signal
from dataclasses import dataclass
from typing import Callable, Optional

from gwlab.tools import LabError

STATE = "/run/godwit-state"  # on HostA: the controller's disk, small enough to be filled
CLOCK = "clock"              # file in the daemon's folder by which its clock is stepped


@dataclass
class Mend:
    how: Callable[[], None]
    after_s: Optional[float]


def nothing() -> None:
    pass


def kill_daemon(stage) -> Mend:
    stage.stopped = False
    stage.cloud.stop(signal.SIGKILL)
    return Mend(stage.cloud.start, 0.5)


def libvirtd_of(host: Callable) -> Callable:
    def strike(stage) -> Mend:
        stage.lab.kill_libvirtd(host(stage))
        return Mend(lambda: stage.lab.start_libvirtd(host(stage)), 2)
    return strike


def qemu_on(host: Callable) -> Callable:
    def strike(stage) -> Mend:
        try:
            stage.lab.kill_qemu(stage.name, host(stage))
        except LabError:
            pass  # there is none yet, or no more: then that is what happens
        return Mend(nothing, 0)
    return strike


def hosts_apart(seconds: Optional[float]) -> Callable:
    def strike(stage) -> Mend:
        stage.lab.part()
        return Mend(lambda: stage.lab.part(False), seconds)
    return strike


def deaf(host: Callable) -> Callable:
    def strike(stage) -> Mend:
        stage.lab.deafen(host(stage))
        return Mend(lambda: stage.lab.deafen(host(stage), False), 8)
    return strike


def power_of(host: Callable) -> Callable:
    def strike(stage) -> Mend:
        stage.lab.power_off(host(stage))
        return Mend(lambda: stage.lab.power_on(host(stage)), 4)
    return strike


def storage_at_destination(state: str) -> Callable:
    def strike(stage) -> Mend:
        try:
            stage.lab.storage_state(stage.dest, state)
        except LabError as error:
            assert "busy" in str(error), error  # a guest writes to it there: the kernel lets nobody take it away
        return Mend(lambda: stage.lab.storage_state(stage.dest, "well"), None)
    return strike


def destination_full(stage) -> Mend:
    stage.lab.local_fill(stage.dest)
    return Mend(lambda: stage.lab.local_fill(stage.dest, False), None)


def source_full(stage) -> Mend:
    """For good: there is room elsewhere."""
    stage.lab.local_fill(stage.source)
    stage.wait_halted()
    return Mend(nothing, 0)


def storage_full(stage) -> Mend:
    """For every host. A guest that runs wants room within a second (conftest.py gives it a new disk), and stands still."""
    stage.lab.shared_fill()
    if stage.row.phase == "copying":
        stage.wait_halted()

    def make_room() -> None:
        if stage.row.operator == "unpause":
            stage.wait_halted()
        stage.lab.shared_fill(False)
    return Mend(make_room, None)


def storage_read_only(stage) -> Mend:
    stage.lab.shared_protect(stage.name)
    return Mend(lambda: stage.lab.shared_protect(stage.name, False), None)


def storage_hangs(stage) -> Mend:
    stage.lab.storage_hang()
    return Mend(lambda: stage.lab.storage_hang(False), 8)


def controller_full(stage) -> Mend:
    stage.lab.run("HostA", "sh", "-c", f"dd if=/dev/zero of={STATE}/filler bs=4k 2>/dev/null || true")
    return Mend(lambda: stage.lab.run("HostA", "rm", f"{STATE}/filler"), 6)


def step_clock(stage, seconds: int) -> None:
    path = os.path.join(stage.cloud.folder, CLOCK)
    with open(path + ".new", "w") as f:
        f.write(f"{seconds:+d}\n")
    os.rename(path + ".new", path)


def clock(seconds: int) -> Callable:
    def strike(stage) -> Mend:
        step_clock(stage, seconds)
        return Mend(lambda: step_clock(stage, 0), None)
    return strike


def source(stage) -> str:
    return stage.source


def destination(stage) -> str:
    return stage.dest


HARM = {
    "daemon-killed": kill_daemon,
    "source-libvirtd": libvirtd_of(source),
    "destination-libvirtd": libvirtd_of(destination),
    "source-qemu": qemu_on(source),
    "destination-qemu": qemu_on(destination),
    "hosts-apart-for-a-moment": hosts_apart(4),
    "hosts-apart": hosts_apart(None),
    "hosts-apart-for-long": hosts_apart(45),
    "source-deaf": deaf(source),
    "destination-deaf": deaf(destination),
    "source-off": power_of(source),
    "destination-off": power_of(destination),
    "destination-storage-read-only": storage_at_destination("read-only"),
    "destination-storage-gone": storage_at_destination("gone"),
    "destination-full": destination_full,
    "source-full": source_full,
    "storage-full": storage_full,
    "storage-read-only": storage_read_only,
    "storage-hangs": storage_hangs,
    "controller-full": controller_full,
    "clock-forward": clock(7200),
    "clock-backward": clock(-7200),
}
