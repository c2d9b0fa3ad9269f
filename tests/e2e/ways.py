"""Ways from controller to hosts and between hosts that ask who comes: SSH, SASL with passwords, SASL with Kerberos. Each is a context in
which libvirt's own files say so, on every host of the lab."""
import contextlib

from cloud import wait_for
from test_doctor import restart

LIBVIRTD = "/etc/libvirt/libvirtd.conf"
SASL = "/etc/sasl2/libvirt.conf"


def write(host, path, text, mode="600"):
    host.run("sh", "-c", f"mkdir -p $(dirname {path}) && cat > {path} && chmod {mode} {path}", text_in=text)


def everyone(lab):
    return [lab.host("HostA"), *lab.compute()]


# ---- SSH: keys of every host on every compute host, one sshd each

SSHD = """Port 22
HostKey /etc/ssh/lab_host
AuthorizedKeysFile /etc/ssh/lab_authorized
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
UsePAM no
"""
SSH = """Host *
  IdentityFile /etc/ssh/lab_key
  IdentitiesOnly yes
  UserKnownHostsFile /etc/ssh/lab_known
  GlobalKnownHostsFile none
  StrictHostKeyChecking yes
"""


def make_key(host, path):
    host.run("sh", "-c", f"rm -f {path} {path}.pub; ssh-keygen -q -t ed25519 -N '' -C {host.name} -f {path}")
    return host.run("cat", f"{path}.pub").stdout


@contextlib.contextmanager
def ssh(lab):
    keys = {host.name: make_key(host, "/etc/ssh/lab_key") for host in everyone(lab)}
    known = "".join(f"{host.name},{host.name.lower()},{host.address} {' '.join(make_key(host, '/etc/ssh/lab_host').split()[:2])}\n"
                    for host in lab.compute())
    for host in everyone(lab):
        write(host, "/etc/ssh/ssh_config.d/lab.conf", SSH, "644")
        write(host, "/etc/ssh/lab_known", known, "644")
    for host in lab.compute():
        write(host, "/etc/ssh/lab_authorized", "".join(keys.values()))
        write(host, "/etc/ssh/lab_sshd", SSHD)
        host.run("mkdir", "-p", "/run/sshd")
        host.spawn("/usr/sbin/sshd", "-D", "-e", "-f", "/etc/ssh/lab_sshd", log="sshd.log")
        wait_for(f"sshd of {host.name}", lambda h=host: h.run("sh", "-c", "ss -ltn | grep -q ':22 '", check=False).returncode == 0, 60)
    try:
        yield keys
    finally:
        for host in lab.compute():
            host.run("pkill", "-f", "lab_sshd", check=False)
        for host in everyone(lab):
            host.run("sh", "-c", "rm -f /etc/ssh/lab_* /etc/ssh/ssh_config.d/lab.conf")


# ---- SASL

@contextlib.contextmanager
def libvirtd(lab, cloud, **settings):
    """Every libvirtd runs with these lines of its configuration."""
    before = {host.name: host.run("cat", LIBVIRTD).stdout for host in lab.compute()}
    for host in lab.compute():
        kept = [line for line in before[host.name].splitlines() if line.split(" ")[0] not in settings]
        write(host, LIBVIRTD, "\n".join(kept + [f"{key} = {value}" for key, value in settings.items()]) + "\n")
        restart_alone(lab, host.name)
    try:
        yield
    finally:
        for host in lab.compute():
            write(host, LIBVIRTD, before[host.name])
            restart(cloud, lab, host.name)


def restart_alone(lab, name):
    """Godwit may not reach it meanwhile."""
    lab.kill_libvirtd(name)
    lab.start_libvirtd(name)


AUTH = """[credentials-godwit]
authname=godwit
password={password}

[auth-libvirt-default]
credentials=godwit
"""


@contextlib.contextmanager
def scram(lab, cloud):
    """On top of TLS, without which libvirt takes no mechanism that does not encrypt by itself."""
    for host in everyone(lab):
        write(host, "/etc/libvirt/auth.conf", AUTH.format(password="correct horse"))
    for host in lab.compute():
        write(host, SASL, "mech_list: scram-sha-256\nsasldb_path: /etc/libvirt/passwd.db\n")
        host.run("saslpasswd2", "-p", "-c", "-f", "/etc/libvirt/passwd.db", "-a", "libvirt", "godwit", text_in="correct horse")
    try:
        with libvirtd(lab, cloud, auth_tls='"sasl"'):
            yield
    finally:
        for host in everyone(lab):
            host.run("rm", "-f", "/etc/libvirt/auth.conf", "/etc/libvirt/passwd.db")


KRB5 = """[libdefaults]
 default_realm = GODWIT.LAB
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 default_ccache_name = FILE:/run/krb5cc_%{uid}
 default_client_keytab_name = FILE:/etc/krb5.client
[realms]
 GODWIT.LAB = {
  kdc = HostA
 }
"""
KDC = """[realms]
 GODWIT.LAB = {
  database_name = /run/krb5kdc/principal
  key_stash_file = /run/krb5kdc/stash
  acl_file = /run/krb5kdc/acl
  max_life = 1h
 }
"""


@contextlib.contextmanager
def kerberos(lab, cloud):
    """A KDC on HostA; every host is a client, and every compute host a service, each by a keytab."""
    controller = lab.host("HostA")
    for host in everyone(lab):
        write(host, "/etc/krb5.conf", KRB5, "644")
    write(controller, "/etc/krb5kdc/kdc.conf", KDC)
    controller.run("mkdir", "-p", "/run/krb5kdc")
    controller.run("kdb5_util", "-P", "master", "create", "-s")
    controller.spawn("/usr/sbin/krb5kdc", "-n", log="krb5kdc.log")
    wait_for("the KDC", lambda: controller.run("sh", "-c", "ss -ltn | grep -q ':88 '", check=False).returncode == 0, 60)
    for host in everyone(lab):
        give_keytab(lab, host, f"host/{host.name.lower()}", "/etc/krb5.client")
    for host in lab.compute():
        give_keytab(lab, host, f"libvirt/{host.name.lower()}", "/etc/libvirt/krb5.tab")
        write(host, SASL, "mech_list: gssapi\nkeytab: /etc/libvirt/krb5.tab\n")
    try:
        with libvirtd(lab, cloud, auth_tcp='"sasl"'):
            yield
    finally:
        controller.run("pkill", "-x", "krb5kdc", check=False)
        controller.run("rm", "-rf", "/run/krb5kdc", "/etc/krb5kdc/kdc.conf")
        for host in everyone(lab):
            host.run("sh", "-c", "rm -f /etc/krb5.conf /etc/krb5.client /etc/libvirt/krb5.tab /run/krb5cc_*")


def give_keytab(lab, host, principal, path):
    controller = lab.host("HostA")
    controller.run("kadmin.local", "-q", f"addprinc -randkey {principal}")
    controller.run("kadmin.local", "-q", f"ktadd -k /run/krb5kdc/new {principal}")
    text = controller.run("base64", "-w0", "/run/krb5kdc/new").stdout
    controller.run("rm", "/run/krb5kdc/new")
    host.run("sh", "-c", f"base64 -d > {path}", text_in=text)
