"""godwitd refuses to start where starting would mislead."""
import os
import sqlite3
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
        _, errors = second.communicate(timeout=60)
        assert second.returncode == 1 and f"port {port}" in errors, errors
    finally:
        first.terminate()
        assert first.wait(20) == 0


def test_a_state_path_that_is_not_there_is_refused(tmp_path):
    """A new, empty database would know nothing of the hosts and of the moves under way."""
    conf = tmp_path / "godwit.conf"
    conf.write_text(f"[DEFAULT]\nstate_path = {tmp_path}/nothere\n")
    done = subprocess.run([DAEMON, "--config", str(conf)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "nothere" in done.stderr and not (tmp_path / "nothere").exists()
    # and a check of the settings says so beforehand
    done = subprocess.run([DAEMON, "--check-config", "--config", str(conf)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "no such folder" in done.stderr and "no problem" not in done.stdout and not (tmp_path / "nothere").exists()


def back_up(folder, *options):
    return subprocess.run([DAEMON, "--config", str(folder / "godwit.conf"), *options], capture_output=True, text=True, timeout=60)


def test_the_database_is_copied_while_the_daemon_runs(tmp_path):
    port, copy = 18792, tmp_path / "copy.db"
    daemon = start(tmp_path, port)
    try:
        end = time.monotonic() + 10
        while not answers(port) and time.monotonic() < end:
            time.sleep(0.05)
        request = urllib.request.Request(f"http://127.0.0.1:{port}/v2.1/os-aggregates", b'{"aggregate": {"name": "rack1"}}',
                                         {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=10).close()
        assert back_up(tmp_path, "--backup", str(copy)).returncode == 0
        again = back_up(tmp_path, "--backup", str(copy))
        assert again.returncode == 1 and "not overwritten" in again.stderr
    finally:
        daemon.terminate()
        assert daemon.wait(20) == 0
    with sqlite3.connect(copy) as database:
        assert database.execute("SELECT name FROM aggregates").fetchall() == [("rack1",)]
    assert copy.stat().st_mode & 0o777 == 0o600


def test_a_shared_database_is_copied_by_its_own_means(tmp_path):
    (tmp_path / "godwit.conf").write_text(f"[DEFAULT]\nstate_path = {tmp_path}\ndatabase = postgresql://godwit@db1/godwit\n")
    done = back_up(tmp_path, "--backup", str(tmp_path / "copy"))
    assert done.returncode == 1 and "pg_dump" in done.stderr and "db1" in done.stderr


def test_a_password_in_the_settings_is_never_repeated(tmp_path):
    (tmp_path / "godwit.conf").write_text(f"[DEFAULT]\nstate_path = {tmp_path}\ndatabase = postgresql://godwit:secret@db1/godwit\n")
    for options in [], ["--check-config"]:
        done = back_up(tmp_path, *options)
        assert done.returncode == 1 and "passfile" in done.stderr and "secret" not in done.stderr + done.stdout
