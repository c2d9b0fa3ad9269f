"""Hosts that refuse: authentication, and a libvirt that Godwit cannot use."""


def test_host_refusing_authentication(lab, cloud):
    """A libvirtd that wants SASL: the answer names the host and what to look at, and nothing is stored."""
    conf = "/etc/libvirt/libvirtd.conf"
    lab.run("HostC", "sh", "-c", f"sed -i 's/^auth_tcp = .*/auth_tcp = \"sasl\"/' {conf}")
    cloud.request("DELETE", "/godwit/v1/hosts/HostC")
    lab.kill_libvirtd("HostC")
    lab.start_libvirtd("HostC")
    try:
        answer = cloud.add_host("HostC")
        assert answer.status == 503 and "HostC" in answer.fault and "authentication" in answer.fault.lower(), answer.text
        assert [h["name"] for h in cloud.get("/godwit/v1/hosts").json["hosts"]] == ["HostB"]
    finally:
        lab.run("HostC", "sh", "-c", f"sed -i 's/^auth_tcp = .*/auth_tcp = \"none\"/' {conf}")
        lab.kill_libvirtd("HostC")
        lab.start_libvirtd("HostC")
        assert cloud.add_host("HostC").status == 201
