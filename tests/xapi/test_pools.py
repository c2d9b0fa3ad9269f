"""Pools from aggregates: the manual's walk-through by the real commands, every state, every rule of joining, and leaving. The truth is asked of the
simulator."""
import json
import os
import urllib.request

import pytest

from pool_cloud import GODWITD, Cloud, wait

pytestmark = pytest.mark.skipif(not os.path.exists(GODWITD), reason="godwitd is not built")


# ---- the manual's walk-through

def test_the_manuals_walk_through(cloud):
    c = cloud(hosts=("HostA", "HostB", "HostC"))
    c.ok("aggregate-create", "pool", "zone1")
    shown = c.ok("aggregate-set-metadata", "pool", "hypervisor_pool=true", "operational_state=created")
    assert "operational_state=created" in shown
    assert "HostA is now in aggregate pool" in c.ok("aggregate-add-host", "pool", "HostA")
    first = c.aggregate()
    assert first["hosts"] == ["HostA"] and first["metadata"]["operational_state"] == "active"
    assert first["metadata"]["master_compute"] == "HostA" and first["metadata"]["HostA"] == c.simulator.hosts["HostA"]["uuid"]
    assert c.simulator.look()["pools"]["HostA"] == "pool"  # XenServer's own pool has the aggregate's name
    for host in ("HostB", "HostC"):
        assert f"{host} is now in aggregate pool" in c.ok("aggregate-add-host", "pool", host)
    assert c.members() == ["HostA", "HostB", "HostC"]
    assert c.aggregate()["hosts"] == ["HostA", "HostB", "HostC"] and c.state() == "active"
    calls = c.simulator.look()["calls"]
    assert calls.count("Async.pool.join") == 2 and "Async.pool.join_force" not in calls
    # the hosts' addresses follow, and what they have is reached through the pool: also after a restart
    for again in range(2):
        assert c.host_address("HostB") == f"xapi+http://root@{c.simulator.address('HostA')}/HostB?insecure=1"
        assert wait(lambda: all(h in c.ok("availability-zone-list") and "(down)" not in c.ok("availability-zone-list")
                                for h in ("HostA", "HostB", "HostC")))
        to = "HostC" if again else "HostB"
        c.ok("live-migration", "shared", to)
        c.ok("live-migration", "--block-migrate", "local", to)
        assert c.simulator.vm("shared")["host"] == c.simulator.vm("local")["host"] == to
        assert {"Async.VM.pool_migrate", "Async.VM.migrate_send"} <= set(c.simulator.look()["calls"])
        if not again:
            c.kill()
            c.start()


def test_members_of_a_pool_that_was_there_are_taken_as_they_are(tmp_path, simulate):
    c = Cloud(tmp_path, simulate())  # HostA and HostB are a pool already
    c.ok("host-add", "HostA", f"xapi+http://root@{c.simulator.address()}/HostA?insecure=1")
    c.ok("host-add", "HostB", f"xapi+http://root@{c.simulator.address()}/HostB?insecure=1")
    c.ok("aggregate-create", "pool")
    c.ok("aggregate-set-metadata", "pool", "hypervisor_pool=true")
    master = f"HostB is not the master of its pool, HostA ({c.simulator.hosts['HostA']['address']}) is"
    assert master in c.refused("aggregate-add-host", "pool", "HostB")
    c.ok("aggregate-add-host", "pool", "HostA")
    c.ok("aggregate-add-host", "pool", "HostB")
    assert "Async.pool.join" not in c.simulator.look()["calls"] and c.state() == "active"
    c.close()


def test_guests_of_the_joining_host_come_along(cloud):
    c = cloud(hosts=("HostA",))
    c.simulator.do("guest", host="HostB", name="sleeper", state="Halted")
    c.add_hosts("HostB")
    assert "sleeper" in c.ok("list", "--host", "HostB")
    c.make_pool("HostA", "HostB")
    assert wait(lambda: "sleeper" in c.ok("list", "--host", "HostB"))
    c.ok("start", "sleeper")
    assert c.simulator.vm("sleeper")["host"] == "HostB"


def test_fingerprints_of_all_members_are_trusted(cloud, tmp_path, simulate):
    simulator = simulate("--separate", "--hosts", "3", "--tls", str(tmp_path))
    c = Cloud(tmp_path, simulator)
    prints = {host: simulator.hosts[host]["fingerprint"] for host in ("HostA", "HostB")}
    c.add_hosts("HostA", "HostB", query=lambda host: f"fingerprint={prints[host]}")
    c.make_pool("HostA", "HostB")
    trusted = f"?fingerprint={prints['HostA']},{prints['HostB']}"
    assert all(wait(lambda: c.host_address(host).endswith(f"/{host}{trusted}")) for host in prints), c.host_address("HostA")
    simulator.do("host", name="HostB", master=True, via="HostB")
    simulator.do("host", name="HostA", down=True, via="HostB")
    assert wait(lambda: "HostB (down)" not in c.ok("availability-zone-list"))  # the new master is known by its own certificate
    c.close()


# ---- what is refused before anything is done

def test_states_and_kinds(cloud):
    c = cloud(hosts=("HostA", "HostB"))
    c.ok("host-add", "Sim", "sim://pools/Sim")
    c.ok("aggregate-create", "pool")
    c.ok("aggregate-add-host", "pool", "Sim")
    assert "before hosts are added" in c.refused("aggregate-set-metadata", "pool", "hypervisor_pool=true")
    c.ok("aggregate-remove-host", "pool", "Sim")
    assert "kept by Godwit" in c.refused("aggregate-set-metadata", "pool", "hypervisor_pool=true", "operational_state=active")
    c.ok("aggregate-set-metadata", "pool", "hypervisor_pool=true")
    assert c.state() == "created"
    assert "Sim is a sim host, and those form no pools" in c.refused("aggregate-add-host", "pool", "Sim")
    assert "no hosts to remove" in c.refused("aggregate-remove-host", "pool", "HostA")
    c.ok("aggregate-add-host", "pool", "HostA")
    assert "already has host HostA" in c.refused("aggregate-add-host", "pool", "HostA")
    assert "kept by Godwit" in c.refused("aggregate-set-metadata", "pool", "HostA=1")
    assert "Cannot remove host HostB in aggregate 1: it is none of its hosts (HostA)" in c.refused("aggregate-remove-host", "pool", "HostB")
    c.ok("aggregate-create", "other")
    c.ok("aggregate-set-metadata", "other", "hypervisor_pool=true")
    assert "member of the pool of aggregate pool" in c.refused("aggregate-add-host", "other", "HostA")
    assert "aggregate pool" in c.refused("host-remove", "HostA")
    assert "member of the pool of aggregate pool" in c.refuse_service_deletion("HostA")
    c.simulator.do("pools", fuse_seconds=3)
    joining = c.begin("aggregate-add-host", "pool", "HostB")
    c.wait_journal("join HostB called")
    assert "setup in progress" in c.refused("aggregate-add-host", "pool", "Sim")
    assert "setup in progress" in c.refused("aggregate-remove-host", "pool", "HostB")
    assert "setup in progress" in c.refused("aggregate-set-metadata", "pool", "hypervisor_pool")
    assert joining.wait(60) == 0
    c.ok("aggregate-create", "plain")
    assert "is for aggregates that are pools" in c.refused("aggregate-add-host", "--force", "plain", "HostA")
    c.ok("aggregate-add-host", "plain", "HostA")
    assert "is for aggregates that are pools" in c.refused("aggregate-remove-host", "--confirm", "x", "plain", "HostA")


def set_record(c, host, cls, **values):
    """In the pool of host, where each host is alone: the one record of the class."""
    c.simulator.do("own", host=host, **{"class": cls, "values": values})


def add_record(c, host, cls, **values):
    c.simulator.do("add", host=host, **{"class": cls, "values": values})


def version(c, **changes):
    base = {"product_brand": "XCP-ng", "product_version": "8.3.0", "xapi": "24.11", "platform_version": "3.4.0", "network_backend": "openvswitch",
            "db_schema": "5.780"}
    set_record(c, "HostB", "host", software_version={**base, **changes})


def host(**values):
    return lambda c: set_record(c, "HostB", "host", **values)


def master(**values):
    return lambda c: set_record(c, "HostA", "host", **values)


def pif(**values):
    return lambda c: set_record(c, "HostB", "PIF", **values)


def pool(where, **values):
    return lambda c: set_record(c, where, "pool", **values)


def guest(state, **values):
    return lambda c: c.simulator.do("guest", host="HostB", name="busy", state=state, **values)


def software(**changes):
    return lambda c: version(c, **changes)


def small_licence(c):
    set_record(c, "HostA", "pool", restrictions={"restrict_pool_size": "true"})
    for name in ("HostX", "HostY"):
        add_record(c, "HostA", "host", name_label=name)


# name: what is made of HostB or of the pool; a word of Godwit's reason; what xapi says of it (None: it lets it pass, or says something later);
# whether --force passes by it
ROWS = {
    "licence": (small_licence, "its licence allows 3", "LICENCE_RESTRICTION", False),
    "booting": (pif(management=False), "still booting", "HOST_STILL_BOOTING", False),
    "dhcp": (pif(ip_configuration_mode="DHCP"), "by DHCP", None, False),
    "ha-here": (pool("HostB", ha_enabled=True), "HostB has high availability enabled", "HA_IS_ENABLED", False),
    "ha-there": (pool("HostA", ha_enabled=True), "the pool has high availability enabled", "HA_IS_ENABLED", False),
    "clustering": (lambda c: add_record(c, "HostB", "Cluster_host", enabled=True), "HostB has clustering", "CLUSTERING_ENABLED", False),
    "clustering-there": (lambda c: add_record(c, "HostA", "Cluster_host", enabled=True), "the pool has clustering", "CLUSTERING_ENABLED", False),
    "other-pool": (lambda c: add_record(c, "HostB", "host", name_label="HostX"), "in a pool of 2 hosts",
                   "JOINING_HOST_CANNOT_BE_MASTER_OF_OTHER_HOSTS", False),
    "running": (guest("Running"), "running: busy", "JOINING_HOST_CANNOT_HAVE_RUNNING_VMS", False),
    "paused": (guest("Paused"), "paused: busy", None, False),
    "suspended": (guest("Suspended"), "suspended: busy", None, False),
    "operations": (lambda c: add_record(c, "HostB", "VM", name_label="busy", power_state="Halted", current_operations={"OpaqueRef:t": "start"}),
                   "something is being done to instances of HostB: busy", "JOINING_HOST_CANNOT_HAVE_VMS_WITH_CURRENT_OPERATIONS", False),
    "tasks": (lambda c: add_record(c, "HostB", "task", name_label="export of busy", status="pending"), "export of busy", None, False),
    "guidance": (host(pending_guidances=["reboot_host"]), "HostB has updates that still", "HOST_PENDING_MANDATORY_GUIDANCE_NOT_EMPTY", False),
    "guidance-there": (master(pending_guidances=["reboot_host"]), "the pool's master has updates", "HOST_PENDING_MANDATORY_GUIDANCE_NOT_EMPTY",
                       False),
    "platform": (software(platform_version="3.2.1"), "the platform of HostB is '3.2.1'", "POOL_HOSTS_NOT_COMPATIBLE", False),
    "brand": (software(product_brand="XenServer"), "the product of HostB is 'XenServer'", "POOL_HOSTS_NOT_COMPATIBLE", False),
    "product": (software(product_version="8.2.1"), "the version of HostB is '8.2.1'", "HOSTS_NOT_HOMOGENEOUS", True),
    "xapi": (software(xapi="1.20"), "the toolstack of HostB is '1.20'", "HOSTS_NOT_HOMOGENEOUS", True),
    "build": (software(git_id="abc"), "the build of HostB", "HOSTS_NOT_HOMOGENEOUS", True),
    "linux-pack": (software(**{"xs:linux": "installed"}), "the Linux pack of HostB", "HOSTS_NOT_HOMOGENEOUS", True),
    "cpu-vendor": (host(cpu_info={"vendor": "AuthenticAMD", "cpu_count": "8"}), "AuthenticAMD", "HOSTS_NOT_HOMOGENEOUS", True),
    "shared-storage": (lambda c: c.simulator.do("storage", host="HostB", name="NFS of B"), "shared storage NFS of B",
                       "JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS", False),
    "bonds": (pif(bond_master_of=["OpaqueRef:b"]), "HostB has bonds", "POOL_JOINING_HOST_HAS_BONDS", False),
    "tunnels": (pif(tunnel_access_PIF_of=["OpaqueRef:b"]), "HostB has tunnels", "POOL_JOINING_HOST_HAS_TUNNELS", False),
    "sriov": (pif(sriov_logical_PIF_of=["OpaqueRef:b"]), "HostB has SR-IOV", "POOL_JOINING_HOST_HAS_NETWORK_SRIOVS", False),
    "vlans": (lambda c: add_record(c, "HostB", "PIF", VLAN=7, device="eth1"), "VLANs besides", "POOL_JOINING_HOST_HAS_NON_MANAGEMENT_VLANS",
              False),
    "management-vlan": (pif(VLAN=7), "on VLAN 7 and the pool on -1", "POOL_JOINING_HOST_MANAGEMENT_VLAN_DOES_NOT_MATCH", False),
    "auth": (host(external_auth_type="AD"), "external authentication of HostB is 'AD'", "POOL_JOINING_EXTERNAL_AUTH_MISMATCH", False),
    "auth-service": (host(external_auth_service_name="x.org"), "the authentication service", "POOL_JOINING_EXTERNAL_AUTH_MISMATCH", False),
    "edition": (host(edition="premium"), "the edition of HostB is 'premium'", "LICENSE_HOST_POOL_MISMATCH", False),
    "backend": (software(network_backend="bridge"), "the network backend of HostB", "OPERATION_NOT_ALLOWED", False),
    "api": (host(API_version_minor=7), "API_version_minor of HostB is 7", "POOL_JOINING_HOST_MUST_HAVE_SAME_API_VERSION", False),
    "schema": (software(db_schema="5.120"), "the database schema of HostB", "POOL_JOINING_HOST_MUST_HAVE_SAME_DB_SCHEMA", False),
    "updates": (host(updates=["OpaqueRef:u"]), "HostB has 1 updates", "HOSTS_NOT_HOMOGENEOUS", False),
    "address-type": (pif(primary_address_type="IPv6"), "by IPv6 and the pool by IPv4", "OPERATION_NOT_ALLOWED", False),
    "tls": (pool("HostB", tls_verification_enabled=True), "verification of certificates is on on HostB",
            "POOL_JOINING_HOST_TLS_VERIFICATION_MISMATCH", False),
    "pool-busy": (pool("HostA", current_operations={"OpaqueRef:t": "ha_enable"}), "the pool as a whole", None, False),
    "duplicate-instance": (lambda c: c.simulator.do("guest", host="HostB", name="copy", state="Halted", uuid=c.simulator.vms["stopped"]),
                           "same UUID as HostB: copy", None, False),
}


def raw(simulator, host, method, *params):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{simulator.url(host)}/jsonrpc", body, timeout=60) as reply:
        return json.load(reply)


def join_by_hand(simulator):
    """The code of xapi's own refusal."""
    session = raw(simulator, "HostB", "session.login_with_password", "root", "secret")["result"]
    answer = raw(simulator, "HostB", "pool.join", session, simulator.hosts["HostA"]["address"], "root", "secret")
    return answer.get("error", {}).get("message")


def check_row(c, row):
    """What is not as it should be, or nothing."""
    make, words, code, _ = ROWS[row]
    make(c)
    said = join_by_hand(c.simulator) if code else None
    for options in ([], ["--force"]) if not ROWS[row][3] else ([],):
        refused = c.refused("aggregate-add-host", *options, "pool", "HostB")
        if words not in refused or "remedy" not in refused:
            return refused
    return None if said == code else f"the simulator says {said}"


def test_row_by_row(cloud):
    """Each row alone: refused with its reason before anything is done, by xapi itself, too, and with --force unless that may pass by it."""
    c = cloud()
    c.make_pool("HostA")
    c.simulator.do("save")
    wrong = {}
    for row in ROWS:
        wrong[row] = check_row(c, row)
        c.simulator.do("restore")
    assert {row: why for row, why in wrong.items() if why} == {}
    assert not any(call.startswith("Async.pool.join") for call in c.simulator.look()["calls"])
    assert c.state() == "active" and c.aggregate()["hosts"] == ["HostA"]
    c.ok("aggregate-add-host", "pool", "HostB")


@pytest.mark.parametrize("row", [row for row in ROWS if ROWS[row][3]])
def test_what_force_passes_by(cloud, row):
    c = cloud()
    c.make_pool("HostA")
    ROWS[row][0](c)
    assert "--force" in c.refused("aggregate-add-host", "pool", "HostB")
    c.ok("aggregate-add-host", "--force", "pool", "HostB")
    assert "Async.pool.join_force" in c.simulator.look()["calls"] and "HostB" in c.members()


def test_all_reasons_at_once(cloud):
    c = cloud()
    c.make_pool("HostA")
    many = ["ha-here", "running", "suspended", "tasks", "product", "cpu-vendor", "shared-storage", "bonds", "auth", "edition", "dhcp"]
    for row in many:
        ROWS[row][0](c)
    text = c.refused("aggregate-add-host", "pool", "HostB")
    assert [row for row in many if ROWS[row][1] not in text] == [], text


def test_a_clone_is_refused(cloud):
    c = cloud(hosts=("HostA", "HostC"))
    c.make_pool("HostA", "HostC")
    c.ok("aggregate-create", "other")  # HostC is a member, though of no aggregate of Godwit's
    c.ok("aggregate-set-metadata", "pool", "hypervisor_pool")
    c.ok("aggregate-remove-host", "pool", "HostC")
    c.ok("host-remove", "HostC")
    c.ok("aggregate-remove-host", "pool", "HostA")
    c.simulator.do("twin", host="HostB", of="HostC")
    c.add_hosts("HostB")
    c.ok("aggregate-set-metadata", "pool", "hypervisor_pool=true")
    c.ok("aggregate-add-host", "pool", "HostA")
    assert "as has HostC of the pool" in c.refused("aggregate-add-host", "pool", "HostB")


# ---- leaving

def test_leaving_asks_for_a_confirmation(cloud):
    c = cloud()
    c.make_pool("HostA", "HostB")
    c.simulator.do("guest", host="HostB", name="cellar", state="Halted")
    code, text = c.confirm_code("HostB")
    assert "Local storage of HostB" in text and "with 1 disk" in text and "instance cellar" in text and "reboots" in text
    assert "Async.pool.eject" not in c.simulator.look()["calls"] and c.state() == "active"
    # what was agreed to has changed: that is no agreement
    c.simulator.do("guest", host="HostB", name="attic", state="Halted")
    stale = c.refused("aggregate-remove-host", "--confirm", code, "pool", "HostB")
    assert "is not what would be lost now" in stale and "attic" in stale
    code, _ = c.confirm_code("HostB")
    gone = c.ok("aggregate-remove-host", "--confirm", code, "pool", "HostB")
    assert "HostB is no longer in aggregate pool" in gone and "reachable again once it has rebooted: at its own address" in gone
    assert c.members() == ["HostA"] and c.simulator.look()["destroyed"] == ["Local storage of HostB"]
    gone = c.aggregate()
    assert gone["hosts"] == ["HostA"] and "HostB" not in gone["metadata"] and gone["metadata"]["operational_state"] == "active"
    # it comes back as a host of its own, and Godwit finds it
    assert c.host_address("HostB") == f"xapi+http://root@{c.simulator.address('HostB')}?insecure=1"
    assert wait(lambda: "HostB" in c.simulator.look("HostA")["members"])
    assert wait(lambda: "(down)" not in c.ok("availability-zone-list")), c.log.read_text()[-3000:]
    assert c.simulator.look()["tasks"] == 0, "the ejection's own is destroyed"
    # and may come again
    c.ok("aggregate-add-host", "pool", "HostB")
    assert c.members() == ["HostA", "HostB"]
    assert c.simulator.look()["tasks"] == 0


def test_what_keeps_a_host_in_the_pool(cloud):
    c = cloud()
    c.make_pool("HostA", "HostB")
    master = c.refused("aggregate-remove-host", "pool", "HostA")
    assert "Unable to eject HostA from the pool; pool not empty" in master
    c.ok("live-migration", "--block-migrate", "local", "HostB")
    stays = c.refused("aggregate-remove-host", "pool", "HostB")
    assert "local is on HostB" in stays and "confirm=" not in stays
    set_pool(c, ha_enabled=True)
    assert "high availability" in c.refused("aggregate-remove-host", "pool", "HostB")
    set_pool(c, ha_enabled=False)
    assert c.members() == ["HostA", "HostB"] and "Async.pool.eject" not in c.simulator.look()["calls"]


def set_pool(c, **values):
    set_record(c, "HostA", "pool", **values)


def test_the_last_host_takes_the_name_with_it(cloud):
    c = cloud()
    c.make_pool("HostA")
    assert "reboots" not in c.ok("aggregate-remove-host", "pool", "HostA")
    assert c.simulator.look()["pools"]["HostA"] == "" and c.state() == "created"
    assert "master_compute" not in c.aggregate()["metadata"]
    c.ok("aggregate-delete", "pool")


def test_a_pool_is_let_go_as_it_is(cloud):
    c = cloud()
    c.make_pool("HostA", "HostB")
    c.ok("aggregate-set-metadata", "pool", "hypervisor_pool")
    assert c.aggregate()["metadata"] == {} and c.members() == ["HostA", "HostB"]
    c.ok("aggregate-remove-host", "pool", "HostB")
    assert c.members() == ["HostA", "HostB"]
