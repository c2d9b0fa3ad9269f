"""openstacksdk, as Ansible and scripts use it."""
import warnings

import pytest


@pytest.fixture(scope="module")
def cloud(access):
    import openstack
    from keystoneauth1 import session
    from keystoneauth1.loading import get_plugin_loader
    warnings.simplefilter("ignore")
    plugin = get_plugin_loader("none").load_from_options(endpoint=access.endpoint)
    return openstack.connection.Connection(session=session.Session(auth=plugin), oslo_conf=None, region_name="x",
                                           compute_endpoint_override=access.endpoint)


def test_versions(cloud):
    data = cloud.compute.get_endpoint_data()
    assert data.max_microversion == (2, 88) and data.min_microversion == (2, 1)


def test_servers(cloud):
    servers = list(cloud.compute.servers())
    assert len(servers) == 182
    one = next(s for s in servers if s.name == "quiet-HostQ-8")
    assert (one.status, one.compute_host, one.hypervisor_hostname, one.vm_state) == ("ACTIVE", "HostQ", "HostQ", "active")
    assert cloud.compute.get_server(one.id).name == one.name
    assert cloud.compute.find_server("quiet-HostQ-8").id == one.id
    assert cloud.compute.find_server("nobody") is None


def test_servers_page_by_page(cloud):
    """limit is the size of a page; the SDK follows servers_links to the end."""
    assert len({s.id for s in cloud.compute.servers(limit=10)}) == 182
    assert len({s.id for s in cloud.compute.servers(details=False, limit=50)}) == 182


def test_filters(cloud):
    assert {s.name for s in cloud.compute.servers(name="^slow-HostS-[12]$", all_projects=True)} == {"slow-HostS-1", "slow-HostS-2"}
    assert len(list(cloud.compute.servers(compute_host="HostQ", status="ACTIVE"))) == 8


def test_live_migration(cloud, server, watch):
    """The SDK asks with microversion 2.30 whatever the server's newest is: the reasons come with the answer."""
    found = cloud.compute.find_server(server)
    cloud.compute.live_migrate_server(found, host="HostB", block_migration="auto")
    watch.migration(server, "completed")
    watch.moved(server, "HostB")
    with pytest.raises(Exception, match="every disk"):
        cloud.compute.live_migrate_server(found, block_migration=True)


def test_cold_migration(cloud, server, watch):
    found = cloud.compute.find_server(server)
    cloud.compute.migrate_server(found)
    assert cloud.compute.wait_for_server(found, status="VERIFY_RESIZE", interval=1, wait=20).status == "VERIFY_RESIZE"
    cloud.compute.confirm_server_resize(found)
    watch.until(server, "ACTIVE")
    cloud.compute.migrate_server(found)
    watch.until(server, "VERIFY_RESIZE")
    cloud.compute.revert_server_resize(found)
    watch.until(server, "ACTIVE")


def test_migrations(cloud, slow_server, watch):
    """The resource itself: Debian 12's proxy names the server's parameter wrongly."""
    from openstack.compute.v2.server_migration import ServerMigration
    found = cloud.compute.find_server(slow_server)
    cloud.compute.live_migrate_server(found, host="HostC", block_migration="auto")
    row = watch.migration(slow_server, "running")
    (listed,) = [m for m in cloud.compute.migrations() if m.server_id == found.id]
    assert (listed.id, listed.status, listed.migration_type, listed.dest_compute) == (row["id"], "running", "live-migration", "HostC")
    (one,) = ServerMigration.list(cloud.compute, server_uuid=found.id)
    assert one.memory_total_bytes >= one.memory_processed_bytes and one.project_id == "admin"
    assert cloud.compute.delete(f"/servers/{found.id}/migrations/{one.id}", microversion="2.24").status_code == 202
    watch.moved(slow_server, "HostS")
    actions = cloud.compute.get(f"/servers/{found.id}/os-instance-actions", microversion="2.84").json()["instanceActions"]
    assert {a["action"] for a in actions} == {"live-migration", "live_migration_cancel"}


def test_hosts(cloud):
    assert {h.name for h in cloud.compute.hypervisors(details=True)} == {"HostA", "HostB", "HostC", "HostL", "HostQ", "HostS"}
    first = next(iter(cloud.compute.hypervisors(details=True)))
    assert cloud.compute.get_hypervisor(first.id).name == first.name == cloud.compute.find_hypervisor(first.name).name
    assert {s.host for s in cloud.compute.services()} == {"HostA", "HostB", "HostC", "HostL", "HostQ", "HostS"}
    assert [z.name for z in cloud.compute.availability_zones(details=True)] == ["nova"]
    assert {f.id for f in cloud.compute.flavors()} == {"1c-512m-10g", "1c-1024m-10g"}
    assert cloud.compute.get_limits().absolute.instances_used == 182
    assert "os-migrations" in {e.alias for e in cloud.compute.extensions()}
