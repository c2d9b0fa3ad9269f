"""A master that takes calls and answers none: seen, told with a remedy, and no call waits for it twice."""
import os
import signal
import time

import pytest

from pool_cloud import GODWITD, Cloud, wait

pytestmark = pytest.mark.skipif(not os.path.exists(GODWITD), reason="godwitd is not built")
TIMEOUT = 3  # host_call_timeout of Cloud


@pytest.fixture
def pool(tmp_path, simulate):
    """HostA, the master, and HostB."""
    c = Cloud(tmp_path, simulate())
    for host in ("HostA", "HostB"):
        c.ok("host-add", host, f"xapi+http://root@{c.simulator.address()}/{host}?insecure=1")
    time.sleep(TIMEOUT)  # it follows the events by now
    yield c
    c.close()


def timed(function, *words):
    begun = time.time()
    return function(*words), time.time() - begun


def check_words(pool, text):
    flat = " ".join(text.split())
    assert f"HostA ({pool.simulator.hosts['HostA']['address']}), the master of its pool, has not answered for" in flat, text
    assert "xe-toolstack-restart" in flat and "xe pool-emergency-transition-to-master" in flat, text


def check_advice(pool, text):
    """Members may be well: nobody is to force them down."""
    flat = " ".join(text.split())
    assert f"HostA ({pool.simulator.hosts['HostA']['address']}), the master of its pool, does not answer" in flat and "may be well" in flat, text
    assert "force-down" not in flat and "Switch it off" not in flat, text


def down(pool):
    return pool.ok("host-list").count("is down")


def test_it_is_seen_down_and_moves_are_refused_at_once(pool):
    pool.simulator.process.send_signal(signal.SIGSTOP)
    try:
        begun = time.time()
        refused, lasted = timed(pool.refused, "live-migration", "shared", "HostB")
        check_words(pool, refused)
        assert lasted < TIMEOUT + 1, lasted
        assert wait(lambda: down(pool) == 2) and time.time() - begun < TIMEOUT * 4 / 3 + 1.5, time.time() - begun
        check_words(pool, pool.ok("host-list"))
        refused, lasted = timed(pool.refused, "live-migration", "shared", "HostB")
        check_words(pool, refused)
        assert lasted < 1, lasted
        for words in (("drain", "HostB"), ("drain", "HostA"), ("evacuate", "shared"), ("host-evacuate", "HostA")):
            check_advice(pool, pool.refused(*words))
    finally:
        pool.simulator.process.send_signal(signal.SIGCONT)
    assert wait(lambda: down(pool) == 0)
    pool.ok("live-migration", "shared", "HostB")
    assert pool.simulator.vm("shared")["host"] == "HostB"


def test_a_master_that_refuses_connections_is_no_reason_to_force_members_down(pool):
    pool.simulator.do("host", name="HostA", down=True, via="HostB")
    assert wait(lambda: down(pool) == 2)
    check_advice(pool, pool.refused("drain", "HostB"))


def test_another_master_is_found(pool):
    pool.simulator.do("host", name="HostA", hung=True, via="HostB")
    assert wait(lambda: down(pool) == 2)
    pool.simulator.do("host", name="HostB", master=True, via="HostB")
    assert wait(lambda: down(pool) == 0), pool.ok("host-list")


def test_one_late_answer_is_no_silence(pool):
    pool.simulator.do("fault", point="wire:VM.get_record", action="late")
    pool.ok("live-migration", "shared", "HostB")
    assert pool.simulator.look()["faults"] == 0
    assert "does not answer" not in pool.log.read_text() and "has not answered" not in pool.log.read_text()
