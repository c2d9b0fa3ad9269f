"""Disks that come from a libvirt storage pool: the pool is started on the destination before the guest arrives."""
import time


def test_volume_of_a_pool_that_is_stopped_there(lab, cloud, guest):
    """A volume of an iSCSI pool, which HostC knows but has not started."""
    uuid = guest("pool1", disks=["iscsi"], start="no")
    lun = lab.virsh("HostB", "domblklist", "pool1").stdout.split("/")[-1].split()[0]
    lab.virsh("HostB", "pool-refresh", "iscsi")
    xml = lab.virsh("HostB", "dumpxml", "--inactive", "pool1").stdout
    begin, end = xml.index("<disk type='network'"), xml.index("</disk>") + len("</disk>")
    disk = (f"<disk type='volume' device='disk'><driver name='qemu' type='raw' cache='none'/>"
            f"<source pool='iscsi' volume='unit:0:0:{lun}'/><target dev='vda' bus='virtio'/></disk>")
    lab.run("HostB", "sh", "-c", "cat > /run/pool1.xml", text_in=xml[:begin] + disk + xml[end:])
    lab.virsh("HostB", "define", "/run/pool1.xml")
    lab.virsh("HostB", "start", "pool1")
    lab.wait_heartbeat("pool1")
    cloud.refresh()
    lab.virsh("HostC", "pool-destroy", "iscsi", check=False)
    since = time.time()
    try:
        row = cloud.wait(cloud.live("pool1", "HostC"))
        assert row["state"] == "completed", row
        assert "iscsi" in lab.virsh("HostC", "pool-list", "--name").stdout.split()
    finally:
        lab.virsh("HostC", "pool-destroy", "iscsi", check=False)
    lab.wait_heartbeat("pool1", time.time())
    report = lab.heartbeat("pool1", since)
    assert lab.where("pool1") == ("HostC", "running") and len(report.boots) == 1 and report.disk_errors == 0
    assert cloud.uuid("pool1") == uuid
