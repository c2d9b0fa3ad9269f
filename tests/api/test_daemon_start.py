"""godwitd refuses to start where starting would mislead."""
import os
import subprocess
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DAEMON = os.path.join(os.environ.get("GODWIT_BUILD", os.path.join(ROOT, "build")), "src/daemon/godwitd")


def start(folder, port):
    conf = folder / "godwit.conf"
    conf.write_text(f"[DEFAULT]\nstate_path = {folder}\n[api]\nauth_strategy = noauth\nport = {port}\n")
    return subprocess.Popen([DAEMON, "--config", str(conf)], stderr=subprocess.PIPE, text=True)


def answers(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2):
            return True
    except OSError:
        return False


def test_a_port_is_one_daemons(tmp_path):
    """Two on one port would share the requests out between two databases."""
    port = 18791
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = start(tmp_path / "a", port)
    try:
        end = time.monotonic() + 10
        while not answers(port) and time.monotonic() < end:
            time.sleep(0.05)
        second = start(tmp_path / "b", port)
        _, errors = second.communicate(timeout=20)
        assert second.returncode == 1 and f"port {port}" in errors, errors
    finally:
        first.terminate()
        assert first.wait(20) == 0


def test_a_state_path_that_is_not_there_is_refused(tmp_path):
    """A new, empty database would know nothing of the hosts and of the moves under way."""
    conf = tmp_path / "godwit.conf"
    conf.write_text(f"[DEFAULT]\nstate_path = {tmp_path}/nothere\n")
    done = subprocess.run([DAEMON, "--config", str(conf)], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "nothere" in done.stderr and not (tmp_path / "nothere").exists()
    # and a check of the settings says so beforehand
    done = subprocess.run([DAEMON, "--check-config", "--config", str(conf)], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "no such folder" in done.stderr and "no problem" not in done.stdout and not (tmp_path / "nothere").exists()
