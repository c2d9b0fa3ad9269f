"""Links. HostA holds two bridges: `mgmt` for management and migration, `guestnet` for the guests' heartbeats. A limit or cut of
a host's link concerns `mgmt` alone, so that heartbeats measure the guest and not the link."""
import os

from .host import Host
from .tools import LabError

COLLECTOR = "10.99.1.1"
COLLECTOR_MAC = "02:67:77:00:00:01"
MANAGEMENT_MAC = "02:67:77:00:00:02"
NOBODY = "02:67:77:ff:ff:ff"  # no card has this address
BRIDGE = "type bridge forward_delay 0 stp_state 0"
CABLES = (("m", "mgmt", "eth0"), ("g", "guestnet", "eth1"))  # prefix of HostA's end, its bridge, the host's end


def _made_for(*hosts: Host) -> str:
    return " ".join(host.identity() for host in hosts)


def _card(host: Host, prefix: str) -> str:
    return f"02:67:77:{ord(prefix):02x}:00:{host.index:02x}"


def _is_done(host: Host, what: str) -> bool:
    """Whether HostA's bridges or a host's cables were made whole, for the hosts as they run now."""
    try:
        with open(os.path.join(host.dir, "cabled")) as f:
            return f.read() == what
    except FileNotFoundError:
        return False


def _done(host: Host, what: str) -> None:
    with open(os.path.join(host.dir, "cabled"), "w") as f:
        f.write(what)


def set_up_controller(a: Host) -> None:
    if _is_done(a, _made_for(a)):
        return
    for bridge in ("mgmt", "guestnet"):
        a.in_network("ip", "link", "del", bridge, check=False)
    a.ip(f"link add mgmt address {MANAGEMENT_MAC} {BRIDGE}",
         f"link add guestnet address {COLLECTOR_MAC} {BRIDGE}",
         f"addr add {a.address}/24 dev mgmt", f"addr add {COLLECTOR}/24 dev guestnet",
         "link set mgmt up", "link set guestnet up")
    _done(a, _made_for(a))


def connect(a: Host, host: Host) -> bool:
    """Two cables from HostA; both ends are made inside the namespaces, none on the machine. Guests of a host that was there
    before HostA was switched on again stay on its bridge `br-guest`. A host's cards keep their addresses when it is switched on
    again, as real ones do: others would go on sending to the old ones for up to a minute. False when the cables were there."""
    if _is_done(host, _made_for(a, host)):
        return False
    for prefix, _, end in CABLES:  # ends whose other end died with its host may linger for a moment
        a.in_network("ip", "link", "del", f"{prefix}{host.index}", check=False)
        host.in_network("ip", "link", "del", end, check=False)
    host.in_network("ip", "link", "add", "br-guest", *BRIDGE.split(), check=False)
    lines = []
    for prefix, bridge, end in CABLES:
        port = f"{prefix}{host.index}"
        lines += [f"link add {port} type veth peer name {end} address {_card(host, prefix)} netns {host.pid()}",
                  f"link set {port} master {bridge} up"]
    a.ip(*lines)
    host.ip(f"addr add {host.address}/24 dev eth0", "link set eth0 up", "link set eth1 master br-guest up",
            "link set br-guest up")
    _done(host, _made_for(a, host))
    return True


def _add_delay(end: Host, port: str, delay_ms: float) -> None:
    try:
        end.in_network("tc", "qdisc", "add", "dev", port, "root", "handle", "1:", "netem", "delay", f"{delay_ms}ms",
                       "limit", "100000")
    except LabError as error:
        if "kind is unknown" not in str(error):
            raise
        raise LabError("a delay needs the netem queue, which this machine's kernel has not: modprobe sch_netem, or do "
                       "without --delay") from None


def _ends(a: Host, host: Host) -> tuple:
    return ((a, f"m{host.index}"), (host, "eth0"))


def cut(a: Host, host: Host) -> None:
    """Of the management network."""
    a.ip(f"link set m{host.index} nomaster")


def restore(a: Host, host: Host) -> None:
    a.ip(f"link set m{host.index} master mgmt")
    for end, port in _ends(a, host):
        end.in_network("tc", "qdisc", "del", "dev", port, "root", check=False)


def part(a: Host, hosts: list[Host], apart: bool) -> None:
    """Compute hosts from one another; HostA reaches and hears all of them. An isolated port of a bridge talks to those that are not."""
    for host in hosts:
        a.in_network("bridge", "link", "set", "dev", f"m{host.index}", "isolated", "on" if apart else "off")


def deafen(a: Host, host: Host, deaf: bool) -> None:
    """What HostA sends to that host gets lost, without a word; hosts go on to hear one another."""
    if deaf:
        a.ip(f"neigh replace {host.address} lladdr {NOBODY} nud permanent dev mgmt")
    else:
        a.ip(f"neigh del {host.address} dev mgmt")


def sever(one: Host, other: Host) -> None:
    """Ends every TCP connection between two hosts for good; both ends learn it at once, as by a firewall that forgot its states."""
    for end, far in ((one, other), (other, one)):
        end.in_network("ss", "--kill", "--tcp", "dst", far.address)
    if one.run("ss", "-Htn", "dst", other.address).stdout.strip():
        raise LabError("this machine's kernel ends no connection on demand (it is built without INET_DIAG_DESTROY)")


def limit(a: Host, host: Host, megabytes: float, delay_ms: float) -> None:
    """Both directions: a token bucket in MB/s, a delay, or both. The bucket holds 5 ms of the rate: less would never let the
    rate be reached, much more would let small copies through at once."""
    if megabytes < 0 or delay_ms < 0:
        raise LabError("a rate or delay below zero makes no sense")
    for end, port in _ends(a, host):
        end.in_network("tc", "qdisc", "del", "dev", port, "root", check=False)
        parent = ["root"]
        if delay_ms:
            _add_delay(end, port, delay_ms)
            parent = ["parent", "1:1"]
        if megabytes:
            burst = max(64 << 10, int(megabytes * 5000))
            end.in_network("tc", "qdisc", "add", "dev", port, *parent, "tbf", "rate", f"{int(megabytes * 8000)}kbit",
                           "burst", str(burst), "latency", "100ms")
