"""A certificate authority of the tests' own, and what it gives to the hosts of the lab. Made with openssl(1)."""
import os
import subprocess

LIBVIRT = {"ca": "/etc/pki/CA/cacert.pem", "servercert": "/etc/pki/libvirt/servercert.pem",
           "serverkey": "/etc/pki/libvirt/private/serverkey.pem", "clientcert": "/etc/pki/libvirt/clientcert.pem",
           "clientkey": "/etc/pki/libvirt/private/clientkey.pem"}
QEMU = {"ca": "/etc/pki/qemu/ca-cert.pem", "servercert": "/etc/pki/qemu/server-cert.pem", "serverkey": "/etc/pki/qemu/server-key.pem",
        "clientcert": "/etc/pki/qemu/client-cert.pem", "clientkey": "/etc/pki/qemu/client-key.pem"}


def openssl(*argv):
    subprocess.run(["openssl", *argv], check=True, capture_output=True)


class Authority:
    def __init__(self, folder):
        self.folder = str(folder)
        os.makedirs(self.folder, exist_ok=True)
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "60", "-subj", "/CN=Godwit test authority",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", self.path("ca.key"), "-out", self.path("ca.pem"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def issue(self, name, address, days=30):
        """Key and certificate of a host, for both ends of a connection; days may be negative: expired."""
        key, request, cert, extensions = (self.path(f"{name}.{end}") for end in ("key", "csr", "pem", "ext"))
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        with open(extensions, "w") as f:
            f.write(f"subjectAltName=DNS:{name},IP:{address}\nextendedKeyUsage=serverAuth,clientAuth\n"
                    "keyUsage=digitalSignature,keyEncipherment\n")
        openssl("x509", "-req", "-in", request, "-CA", self.path("ca.pem"), "-CAkey", self.path("ca.key"), "-CAcreateserial",
                "-days", str(days), "-extfile", extensions, "-out", cert)
        return cert, key

    def give(self, host, places, days=30):
        """Installs what the authority issues for the host."""
        cert, key = self.issue(host.name, host.address, days)
        contents = {"ca": self.path("ca.pem"), "servercert": cert, "clientcert": cert, "serverkey": key, "clientkey": key}
        for what, place in places.items():
            with open(contents[what]) as f:
                host.run("sh", "-c", f"mkdir -p $(dirname {place}) && cat > {place}", text_in=f.read())
