"""Secure ways between controller and hosts, and between hosts, each by a live migration of a real guest."""
import contextlib
import subprocess

import pytest
import ways
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


def forget(lab, cloud):
    for host in lab.compute():
        assert cloud.request("DELETE", f"/godwit/v1/hosts/{host.name}").status in (204, 404)


def know(lab, cloud, transport):
    for host in lab.compute():
        answer = cloud.add_host(host.name, f"qemu+{transport}://{host.name}/system")
        assert answer.status == 201, answer.text


@contextlib.contextmanager
def known_by(lab, cloud, transport):
    """The hosts are known to Godwit by that way, and so they go to each other."""
    forget(lab, cloud)
    know(lab, cloud, transport)
    try:
        yield
    finally:
        forget(lab, cloud)


@pytest.fixture
def by_tls(lab, cloud, authority):
    with known_by(lab, cloud, "tls"):
        yield authority
    know(lab, cloud, "tcp")


def test_tls(cloud, lab, by_tls, guest):
    """Controller to host and host to host; plain TCP is no longer warned of."""
    assert found(checkup(cloud, True)) == {}
    guest("tls1")
    row = cloud.wait(cloud.live("tls1", "HostC"))
    assert row["state"] == "completed", row


def test_a_certificate_that_expires_soon(cloud, lab, by_tls):
    host = lab.host("HostC")
    by_tls.give(host, LIBVIRT, days=6)
    restart(cloud, lab, "HostC")
    finding = found(checkup(cloud))["certificate-expires"]
    assert "the certificate of libvirtd on HostC expires in 5 days" in finding["fact"] and "server-update-tls" in finding["commands"], finding
    by_tls.give(host, LIBVIRT)
    restart(cloud, lab, "HostC")
    assert found(checkup(cloud)) == {}


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


# ---- who comes is asked

def there_and_back(cloud, guest, name):
    guest(name)
    for host in ("HostC", "HostB"):
        row = cloud.wait(cloud.live(name, host))
        assert row["state"] == "completed", row


@pytest.fixture
def by_ssh(lab, cloud):
    with ways.ssh(lab) as keys:
        with known_by(lab, cloud, "ssh"):
            yield keys
        know(lab, cloud, "tcp")


def test_ssh(lab, cloud, by_ssh, guest):
    """Controller to host and host to host. No libvirtd listens for it."""
    there_and_back(cloud, guest, "ssh1")
    assert not set(found(checkup(cloud, True))) - {"tcp-unprotected"}


def test_ssh_refusals_are_explained(lab, cloud, by_ssh, guest):
    """A key that is not there, and a host that nobody knows: from the controller, and between hosts."""
    guest("ssh2")
    write, there = ways.write, lab.host("HostC")
    write(there, "/etc/ssh/lab_authorized", "".join(key for name, key in by_ssh.items() if name != "HostB"))
    finding = found(checkup(cloud, True))["denied"]
    assert "HostC refuses the credentials of HostB" in finding["fact"] and "authorized_keys" in finding["remedy"], finding
    row = cloud.wait(cloud.live("ssh2", "HostC"))
    assert row["state"] == "failed" and "Permission denied" in row["reason"], row
    write(there, "/etc/ssh/lab_authorized", "".join(by_ssh.values()))
    known = lab.host("HostA").run("cat", "/etc/ssh/lab_known").stdout
    assert cloud.request("DELETE", "/godwit/v1/hosts/HostC").status == 204
    write(lab.host("HostA"), "/etc/ssh/lab_known", "")
    answer = cloud.add_host("HostC", "qemu+ssh://HostC/system")
    assert answer.status == 503 and "Host key verification failed" in answer.text and "ssh-keyscan" in answer.text, answer.text
    write(lab.host("HostA"), "/etc/ssh/lab_known", known)
    write(there, "/etc/ssh/lab_authorized", by_ssh["HostB"])
    answer = cloud.add_host("HostC", "qemu+ssh://HostC/system")
    assert answer.status == 503 and "Permission denied" in answer.text and "authorized_keys" in answer.text, answer.text
    write(there, "/etc/ssh/lab_authorized", "".join(by_ssh.values()))
    assert cloud.add_host("HostC", "qemu+ssh://HostC/system").status == 201
    row = cloud.wait(cloud.live("ssh2", "HostC"))
    assert row["state"] == "completed", row


@pytest.fixture
def by_scram(lab, cloud, authority):
    forget(lab, cloud)
    with ways.scram(lab, cloud_apart(cloud)):
        know(lab, cloud, "tls")
        yield
        forget(lab, cloud)
    know(lab, cloud, "tcp")


def test_scram(lab, cloud, by_scram, guest):
    there_and_back(cloud, guest, "scram1")
    assert found(checkup(cloud, True)) == {}


def test_a_wrong_password_is_explained(lab, cloud, by_scram, guest):
    """The controller's, then that of one host to another."""
    guest("scram2")
    wrong, right = (ways.AUTH.format(password=password) for password in ("wrong", "correct horse"))
    assert cloud.request("DELETE", "/godwit/v1/hosts/HostC").status == 204
    ways.write(lab.host("HostA"), "/etc/libvirt/auth.conf", wrong)
    answer = cloud.add_host("HostC", "qemu+tls://HostC/system")
    assert answer.status == 503 and "authentication failed" in answer.text and "auth.conf" in answer.text, answer.text
    ways.write(lab.host("HostA"), "/etc/libvirt/auth.conf", right)
    assert cloud.add_host("HostC", "qemu+tls://HostC/system").status == 201
    ways.write(lab.host("HostB"), "/etc/libvirt/auth.conf", wrong)
    finding = found(checkup(cloud, True))["denied"]
    assert "HostC refuses the credentials of HostB" in finding["fact"] and "auth.conf" in finding["remedy"], finding
    row = cloud.wait(cloud.live("scram2", "HostC"))
    assert row["state"] == "failed" and "authentication failed" in row["reason"], row
    ways.write(lab.host("HostB"), "/etc/libvirt/auth.conf", right)
    assert found(checkup(cloud, True)) == {}
    row = cloud.wait(cloud.live("scram2", "HostC"))
    assert row["state"] == "completed", row


@pytest.fixture
def by_kerberos(lab, cloud):
    forget(lab, cloud)
    with ways.kerberos(lab, cloud_apart(cloud)):
        know(lab, cloud, "tcp")
        yield
        forget(lab, cloud)
    know(lab, cloud, "tcp")


def test_kerberos(lab, cloud, by_kerberos, guest):
    """A ticket of a real KDC is asked for on every way, and it also encrypts it."""
    there_and_back(cloud, guest, "krb1")
    assert found(checkup(cloud, True)) == {}
    assert "libvirt/hostc@GODWIT.LAB" in lab.host("HostB").run("klist").stdout


def test_a_missing_ticket_is_explained(lab, cloud, by_kerberos, guest):
    guest("krb2")
    host = lab.host("HostB")
    host.run("sh", "-c", "mv /etc/krb5.client /etc/krb5.client.away; rm -f /run/krb5cc_*")
    finding = found(checkup(cloud, True))["denied"]
    assert "HostC refuses the credentials of HostB" in finding["fact"] and "kinit" in finding["remedy"], finding
    row = cloud.wait(cloud.live("krb2", "HostC"))
    assert row["state"] == "failed" and "authentication failed" in row["reason"], row
    host.run("mv", "/etc/krb5.client.away", "/etc/krb5.client")
    row = cloud.wait(cloud.live("krb2", "HostC"))
    assert row["state"] == "completed", row


# ---- the copy's own way

SNIFF = """
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.setsockopt(socket.SOL_SOCKET, 33, 512 << 20)  # SO_RCVBUFFORCE
print("ready", flush=True)
s.settimeout(1)
seen = found = 0
import signal
stop = []
signal.signal(signal.SIGTERM, lambda *a: stop.append(1))
while not stop:
    try:
        frame = s.recv(1 << 17)
    except socket.timeout:
        continue
    if frame[12:14] != b"\\x08\\x00" or frame[23] != 6:
        continue
    tcp = 14 + (frame[14] & 15) * 4
    if 49152 <= int.from_bytes(frame[tcp + 2:tcp + 4], "big") <= 49261:
        payload = frame[tcp + (frame[tcp + 12] >> 4) * 4:]
        seen += len(payload)
        found += payload.count(b"Linux version ")
print(seen, found, flush=True)
"""


@contextlib.contextmanager
def listening(lab, host):
    """What comes to the migration ports of a host: bytes, and how often the guest's kernel names itself in clear in them."""
    process = subprocess.Popen(lab.command(host, ["/usr/bin/python3", "-c", SNIFF], "/"), stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    heard = {}
    try:
        yield heard
    finally:
        lab.run(host, "pkill", "-TERM", "-f", "SO_RCVBUFFORCE", check=False)
        heard["bytes"], heard["clear"] = map(int, process.communicate(timeout=60)[0].split())


def test_memory_in_clear_and_encrypted(cloud, lab, by_tls, guest):
    """The same capture hears the guest's memory without native TLS, and nothing of it with it."""
    guest("sniff1", disks=["local"])
    with listening(lab, "HostC") as plain:
        assert cloud.wait(cloud.live("sniff1", "HostC"))["state"] == "completed"
    assert plain["bytes"] > 10 << 20 and plain["clear"] > 0, plain
    for host in lab.compute():
        by_tls.give(host, QEMU)
    cloud.restart(live_migration_with_native_tls="true")
    try:
        with listening(lab, "HostB") as secret:
            assert cloud.wait(cloud.live("sniff1", "HostB"))["state"] == "completed"
        assert secret["bytes"] > 10 << 20 and secret["clear"] == 0, secret
    finally:
        cloud.options.pop("live_migration_with_native_tls")
        cloud.restart()


def received(lab, host, interface):
    return int(lab.run(host, "cat", f"/proc/net/dev").stdout.split(f"{interface}:")[1].split()[0])


@pytest.fixture
def second_network(lab):
    """A cable between HostB and HostC alone, mig0 at both ends."""
    b, c = lab.host("HostB"), lab.host("HostC")
    subprocess.run(["ip", "link", "add", "mig0", "netns", str(b.pid()), "type", "veth", "peer", "name", "mig0", "netns", str(c.pid())], check=True)
    b.ip("addr add 10.98.0.11/24 dev mig0", "link set mig0 up")
    c.ip("addr add 10.98.0.12/24 dev mig0", "link set mig0 up")
    yield
    b.ip("link del mig0")


def test_a_network_of_its_own(cloud, lab, second_network, guest):
    """Memory and disks go there, and next to nothing elsewhere."""
    guest("inbound1", disks=["local"])
    cloud.restart(live_migration_inbound_addr="HostB=10.98.0.11, HostC=10.98.0.12")
    try:
        before = received(lab, "HostC", "mig0"), received(lab, "HostC", "eth0")
        row = cloud.wait(cloud.live("inbound1", "HostC"))
        assert row["state"] == "completed", row
        there, elsewhere = received(lab, "HostC", "mig0") - before[0], received(lab, "HostC", "eth0") - before[1]
        assert there > (row["progress"]["memory_processed"] + row["progress"]["disk_processed"]) * 0.9 and elsewhere < there / 10, (there, elsewhere, row)
        assert not set(found(checkup(cloud, True))) - {"tcp-unprotected"}
        cloud.restart(live_migration_inbound_addr="%s-nowhere")
        assert "names-unresolved" in found(checkup(cloud, True))
    finally:
        cloud.options.pop("live_migration_inbound_addr")
        cloud.restart()


class cloud_apart:
    """Stands for the cloud while no host is known: restarted hosts are not waited for."""

    def __init__(self, cloud):
        self.cloud = cloud

    def request(self, method, path):
        return type("Answer", (), {"status": 204})
