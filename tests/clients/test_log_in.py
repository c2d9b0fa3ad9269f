"""The real clients log in with a password at the daemon's own Identity API, and find the rest by its catalog."""
import os
import re
import subprocess
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("GODWIT_BUILD", os.path.join(ROOT, "build"))


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    """A daemon with passwords; runs a client with the environment of openrc."""
    folder = tmp_path_factory.mktemp("log-in")
    (folder / "godwit.conf").write_text(f"[DEFAULT]\nstate_path = {folder}\n[api]\nport = 0\n")
    with open(folder / "log", "w") as log:
        process = subprocess.Popen([os.path.join(BUILD, "src/daemon/godwitd"), "-c", folder / "godwit.conf"], stderr=log)
    end = time.monotonic() + 10
    while not (found := re.search(r"listens on \S+ port (\d+)", (folder / "log").read_text())):
        assert time.monotonic() < end
        time.sleep(0.05)
    url = f"http://127.0.0.1:{found[1]}"
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("OS_", "GODWIT_"))}
    godwit = {**keep, "GODWIT_URL": url, "GODWIT_PASSWORD_FILE": str(folder / "admin-password")}
    for host, parameters in (("HostA", "?instances=2"), ("HostB", "")):
        subprocess.run([os.path.join(BUILD, "src/cli/godwit"), "host-add", host, f"sim://log-in/{host}{parameters}"], env=godwit, check=True)
    openrc = {**keep, "OS_AUTH_URL": url + "/v3", "OS_USERNAME": "admin", "OS_PASSWORD": (folder / "admin-password").read_text().strip(),
              "OS_PROJECT_NAME": "admin", "OS_USER_DOMAIN_ID": "default", "OS_PROJECT_DOMAIN_ID": "default", "OS_IDENTITY_API_VERSION": "3"}

    def run(*words, **environment):
        return subprocess.run(words, capture_output=True, text=True, env={**openrc, **environment}, timeout=60)
    yield run
    process.terminate()
    process.wait(10)


def test_openstack(cloud):
    token = cloud("openstack", "token", "issue", "-f", "value", "-c", "id", "-c", "project_id", "-c", "user_id")
    assert token.returncode == 0 and token.stdout.startswith("gwt1.") and token.stdout.split()[1:] == ["admin", "admin"], token.stderr
    servers = cloud("openstack", "server", "list", "-f", "value", "-c", "Name")
    assert sorted(servers.stdout.split()) == ["vm-HostA-1", "vm-HostA-2"], servers.stderr
    assert "compute" in cloud("openstack", "catalog", "list", "-f", "value", "-c", "Type").stdout


def test_nova(cloud):
    moved = cloud("nova", "live-migration", "vm-HostA-1", "HostB")
    assert moved.returncode == 0, moved.stderr
    end = time.monotonic() + 20
    while "completed" not in cloud("nova", "migration-list").stdout:
        assert time.monotonic() < end


def test_a_wrong_password_is_told(cloud):
    wrong = cloud("openstack", "server", "list", OS_PASSWORD="wrong")
    assert wrong.returncode != 0 and "requires authentication" in wrong.stderr and "401" in wrong.stderr

