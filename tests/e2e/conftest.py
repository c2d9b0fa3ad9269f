"""One lab for all end-to-end tests; a fresh daemon for each test module; guests belong to the test that makes them."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))
from cloud import BUILD, Cloud, Lab  # noqa: E402


# Whoever has the longest files last keeps the others waiting; all of a file are run by one.
LONGEST = ["test_convergence", "test_evacuation", "test_doctor", "test_transfer", "test_transports", "test_drain_three", "test_postcopy"]


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


@pytest.fixture(scope="session")
def lab():
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    lab = Lab(f"e2e-{os.getpid()}")
    try:
        lab.up(kinds=["dir", "iscsi"])
        yield lab
    finally:
        lab.down()


@pytest.fixture(scope="module")
def cloud(lab, tmp_path_factory):
    if not os.path.exists(os.path.join(BUILD, "src/daemon/godwitd")):
        pytest.fail(f"{BUILD} holds no godwitd: build first (./check does)")
    cloud = Cloud(lab, tmp_path_factory.mktemp("godwit"))
    cloud.configure()
    cloud.start()
    for host in lab.compute():
        answer = cloud.add_host(host.name)
        assert answer.status == 201, answer.text
    yield cloud
    cloud.close()


@pytest.fixture
def guest(lab, cloud):
    """Makes guests and removes them after the test; leftovers on the hosts are a failure of the test."""
    made = []

    def make(name, host="HostB", **options):
        lab.guest(name, host, **options)
        made.append(name)
        cloud.refresh()
        return cloud.uuid(name)

    before = files(lab)
    yield make
    for name in made:
        lab.remove_guest(name)
    cloud.refresh()
    left = {host: sorted(after - before[host]) for host, after in files(lab).items()}
    assert not any(left.values()), f"files left over: {left}"


def files(lab) -> dict:
    """Every file on the hosts' storage and every definition, so that nothing left over goes unseen."""
    found = {}
    for host in lab.compute():
        listed = host.run("sh", "-c", "find /srv/local /srv/instances /srv/iso -type f; virsh -q -c qemu:///system list --all --name;"
                          " virsh -q -c qemu:///system pool-list --all --name").stdout
        # a daemon that was killed in the midst of a test of the storage leaves its probe to the next one (test_restart.py)
        found[host.name] = {name for name in listed.split() if ".godwit-probe-" not in name}
    return found


def domains(lab, host) -> dict:
    return next(h["domains"] for h in lab.status()["hosts"] if h["name"] == host)
