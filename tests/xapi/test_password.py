"""The password of a pool: given with a host from a file or typed on a terminal, kept in a file of its own, told to nobody."""
import json
import os
import pty
import stat
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from godwitd import GODWIT, GODWITD, wait_for

pytestmark = pytest.mark.skipif(not os.path.exists(GODWITD), reason="godwitd is not built")


@pytest.fixture
def pool(daemon, simulate):
    """A daemon that knows no password."""
    os.unlink(daemon.folder / "password")
    return simulate()


def uri(pool, host):
    return f"xapi+http://root@{pool.address()}/{host}?insecure=1"


def kept(daemon):
    return [f for f in daemon.folder.iterdir() if f.name.startswith("xenserver-")]


def add(daemon, pool, host, password="secret"):
    run = subprocess.run([GODWIT, "host-add", "--password-file", "-", host, uri(pool, host)], input=password + "\n", text=True,
                         capture_output=True, timeout=60, env={"GODWIT_URL": daemon.url})
    assert "secret" not in run.stdout + run.stderr
    return run


def test_it_is_kept_for_the_daemon_alone_and_for_the_whole_pool(daemon, pool):
    unknown = daemon.run("host-add", "HostA", uri(pool, "HostA"))
    assert unknown.returncode != 0 and "--password-file" in unknown.stdout + unknown.stderr
    assert add(daemon, pool, "HostA").returncode == 0
    (file,) = kept(daemon)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and file.read_text() == "secret\n"
    daemon.ok("host-add", "HostB", uri(pool, "HostB"))  # the other member needs no other one
    daemon.close()
    daemon.start()
    pool.do("expire")
    wait_for(lambda: "shared" in daemon.ok("list"))
    daemon.ok("host-remove", "HostA")
    assert kept(daemon) == [file]
    daemon.ok("host-remove", "HostB")
    assert kept(daemon) == []


def test_a_wrong_one_is_not_kept(daemon, pool):
    wrong = add(daemon, pool, "HostA", "wrong")
    assert wrong.returncode != 0 and "SESSION_AUTHENTICATION_FAILED" in wrong.stderr + wrong.stdout
    assert kept(daemon) == []
    assert add(daemon, pool, "HostA").returncode == 0
    other = add(daemon, pool, "HostB", "wrong")
    assert other.returncode != 0 and "another password" in other.stderr and kept(daemon)[0].read_text() == "secret\n"


def test_no_answer_tells_it(daemon, pool):
    assert add(daemon, pool, "HostA").returncode == 0
    for path in ("/godwit/v1/hosts", "/godwit/v1/hosts/HostA", "/v2.1/os-hypervisors/detail"):
        assert b"secret" not in urllib.request.urlopen(daemon.url + path, timeout=20).read()
    for file in daemon.folder.iterdir():
        assert file in kept(daemon) or b"secret" not in file.read_bytes(), file


def test_typed_on_a_terminal_it_is_not_shown(daemon, pool):
    child, terminal = pty.fork()
    if not child:
        os.execve(GODWIT, [GODWIT, "host-add", "--ask-password", "HostA", uri(pool, "HostA")], {"GODWIT_URL": daemon.url, "TERM": "dumb"})
    shown = b""
    while b"Password: " not in shown:
        shown += os.read(terminal, 1000)
    time.sleep(0.3)
    os.write(terminal, b"secret\n")
    try:
        while block := os.read(terminal, 1000):
            shown += block
    except OSError:
        pass  # it has ended
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, shown
    assert b"HostA is added" in shown and b"secret" not in shown


@pytest.mark.parametrize("host,word", [({"uri": "qemu+tcp://HostB/system", "password": "secret"}, "xapi://"),
                                       ({"uri": "xapi://root@192.0.2.1/X?password_file=/x", "password": "secret"}, "password_file"),
                                       ({"uri": "xapi://root@192.0.2.1/X", "password": "secret\nsecret"}, "one line")])
def test_where_none_is_taken(daemon, host, word):
    request = urllib.request.Request(f"{daemon.url}/godwit/v1/hosts", json.dumps({"host": {"name": "X", **host}}).encode(),
                                     {"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=20)
    answer = refused.value.read().decode()
    assert word in answer and "secret" not in answer and kept(daemon) == []
