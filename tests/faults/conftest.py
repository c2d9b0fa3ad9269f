"""One lab and one daemon for all rows; a guest of each kind goes from row to row, and is made anew where a row has broken it."""
import os
import signal
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../e2e")]
from cloud import BUILD, Cloud, Lab  # noqa: E402
from harm import CLOCK, STATE  # noqa: E402

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


@pytest.fixture(scope="session")
def lab():
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    lab = Lab(f"faults-{os.getpid()}")
    try:
        lab.up(kinds=["dir", "iscsi"])
        yield lab
    finally:
        lab.down()


@pytest.fixture(scope="session")
def cloud(lab, tmp_path_factory):
    if not os.path.exists(os.path.join(BUILD, "src/daemon/godwitd")):
        pytest.fail(f"{BUILD} holds no godwitd: build first (./check does)")
    lab.run("HostA", "sh", "-c", f"mkdir -p {STATE} && mount -t tmpfs -o size=8m tmpfs {STATE}")
    cloud = Cloud(lab, tmp_path_factory.mktemp("godwit"))
    cloud.configure(state_path=STATE)
    cloud.start()
    for host in lab.compute():
        answer = cloud.add_host(host.name)
        assert answer.status == 201, answer.text
    yield cloud
    cloud.close()


@pytest.fixture
def movable_clock(cloud):
    """The daemon's clock can be stepped. Only where it is needed."""
    def begin():
        if not os.path.exists(FAKETIME):
            pytest.skip("needs the package faketime")
        clock = os.path.join(cloud.folder, CLOCK)
        with open(clock, "w") as f:
            f.write("+0\n")
        cloud.stop()
        cloud.prefix = ["env", f"LD_PRELOAD={FAKETIME}", f"FAKETIME_TIMESTAMP_FILE={clock}", "FAKETIME_NO_CACHE=1",
                        "FAKETIME_DONT_FAKE_MONOTONIC=1"]
        cloud.start()

    yield begin
    if cloud.prefix:
        cloud.stop(signal.SIGKILL)
        cloud.prefix = []
        cloud.start()


@pytest.fixture(scope="session")
def guests(lab, cloud):
    return Guests(lab, cloud)


class Guests:
    def __init__(self, lab, cloud):
        self.lab, self.cloud, self.names, self.number = lab, cloud, {}, 0

    def take(self, kind: str) -> str:
        """A guest with a disk of that kind, that runs."""
        name = self.names.get(kind)
        if name and self.lab.where(name)[1] == "running":
            return name
        if name:
            self.drop(kind)
        self.number += 1
        name = self.names[kind] = f"{kind}{self.number}"
        self.lab.guest(name, "HostB", disks=[kind], dirty=4, dirty_set=48, memory=160)
        self.cloud.refresh()
        return name

    def drop(self, kind: str) -> None:
        if kind in self.names:
            self.lab.remove_guest(self.names.pop(kind))
            self.cloud.refresh()
