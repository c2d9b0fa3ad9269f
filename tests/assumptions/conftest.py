"""A lab without Godwit: what the code relies on is asked of libvirt and QEMU themselves."""
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "lab"))
from gwlab import Lab  # noqa: E402


@pytest.fixture(scope="session")
def lab():
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    lab = Lab(f"facts-{os.getpid()}")
    try:
        lab.up()
        yield lab
    finally:
        lab.down()


@pytest.fixture
def guest(lab):
    made = []

    def make(name, host="HostB", **options):
        lab.guest(name, host, **options)
        made.append(name)

    yield make
    for name in made:
        lab.remove_guest(name)
    for host in lab.compute():  # the files went away behind libvirt's back
        lab.virsh(host.name, "pool-refresh", "local")
