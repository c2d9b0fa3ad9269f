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
    assert wrong.returncode != 0 and "SESSION_AUTHENTICATION_FAILED" in wrong.stderr and "it was not kept: add the host again" in " ".join(wrong.stderr.split())
    assert "that file" not in wrong.stderr and str(daemon.folder) not in wrong.stderr
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


def type_password(daemon, pool, typed):
    child, terminal = pty.fork()
    if not child:
        os.execve(GODWIT, [GODWIT, "host-add", "--ask-password", "HostA", uri(pool, "HostA")], {"GODWIT_URL": daemon.url, "TERM": "dumb"})
    shown = b""
    while b"Password: " not in shown:
        shown += os.read(terminal, 1000)
    time.sleep(0.3)
    os.write(terminal, typed)
    try:
        while block := os.read(terminal, 1000):
            shown += block
    except OSError:
        pass  # it has ended
    return shown, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_typed_on_a_terminal_it_is_not_shown(daemon, pool):
    shown, code = type_password(daemon, pool, b"secret\n")
    assert code == 0, shown
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


def test_a_refused_login_names_the_file_and_the_remedy(daemon, pool):
    """Wherever it is told. What was written into the file is tried without a restart."""
    for host in ("HostA", "HostB"):
        assert add(daemon, pool, host).returncode == 0
    (file,) = kept(daemon)
    file.write_text("wrong\n")
    pool.do("expire")
    listed = wait_for(lambda: "is down" in (text := daemon.ok("host-list")) and text)
    refused = daemon.run("live-migration", "shared", "HostB")
    assert refused.returncode != 0
    stopped = daemon.run("stop", "shared")
    for text in (listed, daemon.run("doctor").stdout, refused.stderr, stopped.stderr):
        flat = " ".join(text.split())
        assert f"{pool.hosts['HostA']['address']} refuses the login of root with the password in {file} " in flat, text
        assert "write the right password into that file, which is read anew at every attempt" in flat, text
    file.write_text("secret\n")
    wait_for(lambda: "is down" not in daemon.ok("host-list"))


SOUND = "a" * 64
MISTAKES = {
    "xapi://root@": "names no host",
    "xapi://root@h:99999": "out of range",
    "xapi://root@h:x": "parse port",
    "xapi+ssh://root@h": "only https and http",
    "xapi+http://root@h": "insecure=1",
    "xapi://root@h?fingerprint=12": "64 hexadecimal",
    f"xapi://root@h?insecure=1&fingerprint={SOUND}": "give one of",
    "xapi://root@h?insecure=0": "write insecure=1",
    "xapi://root@h?colour=1": "'colour' is none of",
    "xapi://root@h?cacert=x": "absolute paths",
    "xapi://root@h?password_file=/x": "leave out the one or the other",
    "xapi://root:hidden@h": "--ask-password",
    "xapi://root:hidden@h:x": "parse port",
    "xapi+ssh://root:hidden@h": "only https and http",
    "xap://root@h": "no known kind of host",
    "qemu+ssh://h/system": "leave it out",
}


@pytest.mark.parametrize("address", MISTAKES)
def test_a_mistake_in_the_address_is_named_whatever_password_comes_with_it(daemon, address):
    given = daemon.folder / "given"
    given.write_text("secret\n")
    alone, along = daemon.run("host-add", "X", address), daemon.run("host-add", "--password-file", str(given), "X", address)
    assert along.returncode != 0 and MISTAKES[address] in along.stderr and "hidden" not in along.stderr and kept(daemon) == []
    assert alone.stderr == along.stderr or "password_file=" in address or "qemu" in address


def test_an_empty_password_is_named_as_such(daemon, pool):
    empty = daemon.folder / "empty"
    empty.write_text("\n")
    refused = daemon.run("host-add", "--password-file", str(empty), "HostA", uri(pool, "HostA"))
    assert refused.returncode != 0 and f"the first line of {empty} is empty" in refused.stderr
    shown, code = type_password(daemon, pool, b"\n")
    assert code != 0 and b"no password was typed" in shown
