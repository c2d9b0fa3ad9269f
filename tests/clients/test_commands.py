"""The commands themselves, as a shell starts them: what the forked ones of the other tests cannot show."""
import json
import os
import subprocess

import pytest


def run(environment, *argv):
    plain = {k: v for k, v in os.environ.items() if not k.startswith("OS_")}
    return subprocess.run(argv, env={**plain, **environment, "COLUMNS": "400"}, capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL)


def test_openstack(access, server, watch):
    done = run({}, "openstack", "--os-auth-type", "none", "--os-endpoint", access.endpoint, "server", "list", "-f", "json")
    assert done.returncode == 0 and len(json.loads(done.stdout)) == 182, done
    done = run(access.of_openstack(), "openstack", "--os-compute-api-version", "2.30", "server", "migrate", "--live-migration", "--host",
               "HostB", server)
    assert done.returncode == 0, done
    watch.migration(server, "completed")
    watch.moved(server, "HostB")


def test_nova(access, server, watch):
    done = run(access.of_nova(), "nova", "live-migration", server, "HostC")
    assert done.returncode == 0, done
    watch.migration(server, "completed")
    done = run(access.of_nova(), "nova", "show", server)
    assert done.returncode == 0 and "HostC" in done.stdout, done


@pytest.mark.parametrize("name", ["openstack", "nova"])
def test_refusal_is_seen(access, name):
    environment = access.of_openstack() if name == "openstack" else access.of_nova()
    argv = {"openstack": ["server", "show", "nobody"], "nova": ["show", "nobody"]}[name]
    done = run(environment, name, *argv)
    assert done.returncode == 1 and "nobody" in done.stderr, done
