"""Links. HostA holds two bridges: `mgmt` for management and migration, `guestnet` for the guests' heartbeats. A limit or cut of
a host's link concerns `mgmt` alone, so that heartbeats measure the guest and not the link."""
from .host import Host
from .tools import LabError

COLLECTOR = "10.99.1.1"
COLLECTOR_MAC = "02:67:77:00:00:01"


def set_up_controller(a: Host) -> None:
    for bridge, address in (("mgmt", a.address), ("guestnet", COLLECTOR)):
        a.ip("link", "add", bridge, "type", "bridge", "forward_delay", "0", "stp_state", "0")
        a.ip("addr", "add", f"{address}/24", "dev", bridge)
    a.ip("link", "set", "guestnet", "address", COLLECTOR_MAC)
    for bridge in ("mgmt", "guestnet"):
        a.ip("link", "set", bridge, "up")


def connect(a: Host, host: Host) -> None:
    """Two cables from HostA; both ends are made inside the namespaces, none on the machine."""
    pid = str(host.pid())
    for port, bridge, end in ((f"m{host.index}", "mgmt", "eth0"), (f"g{host.index}", "guestnet", "eth1")):
        a.run("ip", "link", "del", port, check=False)
        a.ip("link", "add", port, "type", "veth", "peer", "name", end, "netns", pid)
        a.ip("link", "set", port, "master", bridge)
        a.ip("link", "set", port, "up")
    host.ip("addr", "add", f"{host.address}/24", "dev", "eth0")
    host.ip("link", "set", "eth0", "up")
    host.ip("link", "add", "br-guest", "type", "bridge", "forward_delay", "0", "stp_state", "0")
    host.ip("link", "set", "eth1", "master", "br-guest")
    host.ip("link", "set", "eth1", "up")
    host.ip("link", "set", "br-guest", "up")


def _ends(a: Host, host: Host):
    return ((a, f"m{host.index}"), (host, "eth0"))


def cut(a: Host, host: Host) -> None:
    a.ip("link", "set", f"m{host.index}", "nomaster")


def restore(a: Host, host: Host) -> None:
    a.ip("link", "set", f"m{host.index}", "master", "mgmt")
    for end, port in _ends(a, host):
        end.run("tc", "qdisc", "del", "dev", port, "root", check=False)


def limit(a: Host, host: Host, megabytes: float, delay_ms: float) -> None:
    """Both directions: a token bucket in MB/s, a delay, or both."""
    if megabytes < 0 or delay_ms < 0:
        raise LabError("a rate or delay below zero makes no sense")
    for end, port in _ends(a, host):
        end.run("tc", "qdisc", "del", "dev", port, "root", check=False)
        parent = ["root"]
        if delay_ms:
            end.run("tc", "qdisc", "add", "dev", port, "root", "handle", "1:", "netem", "delay", f"{delay_ms}ms",
                    "limit", "100000")
            parent = ["parent", "1:1"]
        if megabytes:
            end.run("tc", "qdisc", "add", "dev", port, *parent, "tbf", "rate", f"{int(megabytes * 8000)}kbit", "burst",
                    "256kb", "latency", "100ms")
