"""Secure ways between controller and hosts, and between hosts, each by a live migration of a real guest."""
import pytest
from pki import LIBVIRT, QEMU, Authority
from test_doctor import checkup, found, restart


@pytest.fixture
def authority(lab, cloud, tmp_path):
    """Every host has a certificate for libvirt, and takes TLS beside TCP."""
    authority = Authority(tmp_path / "pki")
    for host in (lab.host("HostA"), *lab.compute()):
        authority.give(host, LIBVIRT)
    for host in lab.compute():
        host.run("sed", "-i", "s/^listen_tls = 0/listen_tls = 1/", "/etc/libvirt/libvirtd.conf")
        restart(cloud, lab, host.name)
    yield authority
    for host in (lab.host("HostA"), *lab.compute()):
        host.run("rm", "-rf", "/etc/pki/CA", "/etc/pki/libvirt", "/etc/pki/qemu")
    for host in lab.compute():
        host.run("sed", "-i", "s/^listen_tls = 1/listen_tls = 0/", "/etc/libvirt/libvirtd.conf")
        restart(cloud, lab, host.name)


@pytest.fixture
def by_tls(lab, cloud, authority):
    """The hosts are known to Godwit by qemu+tls."""
    def know(transport):
        for host in lab.compute():
            assert cloud.request("DELETE", f"/godwit/v1/hosts/{host.name}").status == 204
            answer = cloud.add_host(host.name, f"qemu+{transport}://{host.name}/system")
            assert answer.status == 201, answer.text
    know("tls")
    yield authority
    know("tcp")


def test_tls(cloud, lab, by_tls, guest):
    """Controller to host and host to host; plain TCP is no longer warned of."""
    assert found(checkup(cloud, True)) == {}
    guest("tls1")
    row = cloud.wait(cloud.live("tls1", "HostC"))
    assert row["state"] == "completed", row


def test_native_tls(cloud, lab, by_tls, guest):
    """Memory and disks travel encrypted, or not at all."""
    guest("tls2", disks=["local"])
    cloud.restart(live_migration_with_native_tls="true")
    try:
        assert "certificate" in found(checkup(cloud, True))
        row = cloud.wait(cloud.live("tls2", "HostC"))
        assert row["state"] == "failed" and cloud.server("tls2")["OS-EXT-SRV-ATTR:host"] == "HostB", row
        for host in lab.compute():
            by_tls.give(host, QEMU)
        assert found(checkup(cloud, True)) == {}
        row = cloud.wait(cloud.live("tls2", "HostC"))
        assert row["state"] == "completed", row
    finally:
        cloud.options.pop("live_migration_with_native_tls")
        cloud.restart()
