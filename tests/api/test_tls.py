"""TLS of the API, on a real godwitd."""
import http.client
import os
import ssl
import subprocess

import pytest
from api_server import BUILD
from auth_daemon import GODWITD, Daemon, make_certificate, password  # noqa: F401 (fixture)


def test_tls(tmp_path, password):
    make_certificate(tmp_path)
    daemon = Daemon(tmp_path, f"ssl_cert_file = {tmp_path}/cert.pem", f"ssl_key_file = {tmp_path}/key.pem")
    try:
        status, _, body = daemon.request("GET", "/v2.1", user="admin:" + password())
        assert status == 200 and body["version"]["links"][0]["href"].startswith("https://localhost:")
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        with pytest.raises(OSError):
            http.client.HTTPSConnection("localhost", daemon.port, context=old, timeout=5).request("GET", "/")
        godwit = os.path.join(BUILD, "src/cli/godwit")
        environment = {**os.environ, "GODWIT_URL": f"https://localhost:{daemon.port}", "OS_USERNAME": "admin", "OS_PASSWORD": password()}
        good = subprocess.run([godwit, "--cacert", tmp_path / "cert.pem", "host-list"], capture_output=True, text=True, env=environment)
        assert good.returncode == 0, good.stderr
        assert subprocess.run([godwit, "--insecure", "host-list"], capture_output=True, env=environment).returncode == 0
        bad = subprocess.run([godwit, "host-list"], capture_output=True, text=True, env=environment)
        assert bad.returncode != 0 and "certificate" in bad.stderr.lower()
    finally:
        daemon.close()


@pytest.mark.parametrize("lines, why", [
    (["ssl_cert_file = {0}/cert.pem"], "belong together"), (["ssl_cert_file = {0}/none.pem", "ssl_key_file = {0}/key.pem"], "cannot be read"),
    (["ssl_cert_file = {0}/key.pem", "ssl_key_file = {0}/cert.pem"], "Do ssl_cert_file and ssl_key_file hold PEM")])
def test_tls_that_cannot_be(tmp_path, lines, why):
    make_certificate(tmp_path)
    os.chmod(tmp_path / "cert.pem", 0o600)  # it stands for the key once
    (tmp_path / "godwit.conf").write_text("\n".join([f"[DEFAULT]\nstate_path = {tmp_path}\n[api]\nport = 0",
                                                     *(line.format(tmp_path) for line in lines)]) + "\n")
    run = subprocess.run([GODWITD, "-c", tmp_path / "godwit.conf"], capture_output=True, text=True, timeout=20)
    assert run.returncode == 1 and why in run.stderr, run.stderr
