"""The commands of `nova` that empty a host: loops of the client, which is all that Nova has for it. With a daemon of their own,
since they add hosts."""
import clients
import pytest
from conftest import FAST, NAMES, VERSIONS, Watch, start, wait


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = start(tmp_path_factory, {"HostB": dict(link_mbps=FAST), "HostC": dict(link_mbps=FAST)})
    yield site
    site.close()


@pytest.fixture(params=VERSIONS, ids=NAMES)
def nova(request, site):
    return clients.Client("nova", clients.Access(f"http://127.0.0.1:{site.port}/v2.1"), request.param)


@pytest.fixture
def watch(site):
    return Watch(site)


def drain_host(site, name, count=2):
    assert site.add(name, instances=count, prefix="drain", disk="shared", link_mbps=FAST).status == 201
    wait(lambda: len(site.get(f"/v2.1/servers?host={name}").json["servers"]) == count)
    return [f"drain-{name}-{n + 1}" for n in range(count)]


def tag(nova):
    return (nova.version or "default").replace(".", "x")


def test_host_evacuate_live(nova, site, watch):
    names = drain_host(site, f"HostE{tag(nova)}")
    rows = nova.list("host-evacuate-live", "--target-host", "HostB", f"HostE{tag(nova)}")
    assert len(rows) == 2 and all(r["Live Migration Accepted"] == "True" for r in rows), rows
    for name in names:
        watch.migration(name, "completed")
        watch.moved(name, "HostB")


def test_host_evacuate_live_takes_names_by_part(nova, site, watch):
    """Nova's hypervisor search is by substring, and the client drains all that it finds, unless --strict."""
    names = drain_host(site, f"HostP{tag(nova)}") + drain_host(site, f"HostP{tag(nova)}-too", 1)
    assert len(nova.list("host-evacuate-live", "--strict", "--target-host", "HostC", f"HostP{tag(nova)}")) == 2
    for name in names[:2]:
        watch.moved(name, "HostC")
    assert watch.find(names[2])["OS-EXT-SRV-ATTR:host"] == f"HostP{tag(nova)}-too"
    assert len(nova.list("host-evacuate-live", "--target-host", "HostC", f"HostP{tag(nova)}")) == 1
    watch.moved(names[2], "HostC")


def test_host_servers_migrate(nova, site, watch):
    names = drain_host(site, f"HostM{tag(nova)}")
    rows = nova.list("host-servers-migrate", f"HostM{tag(nova)}")
    assert len(rows) == 2 and all(r["Migration Accepted"] == "True" for r in rows), rows
    for name in names:
        assert watch.until(name, "VERIFY_RESIZE")["OS-EXT-SRV-ATTR:host"] != f"HostM{tag(nova)}"
