"""Several real daemons on one real PostgreSQL, over the XenServer simulator: a world of its own process, which all of them reach as they
would reach a pool, and which is asked for the truth."""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("GODWIT_BUILD", os.path.join(ROOT, "build"))
GODWITD, GODWIT = f"{BUILD}/src/daemon/godwitd", f"{BUILD}/src/cli/godwit"
LEASE_S = 3


class Server:
    """A throw-away PostgreSQL; each test has a database of its own."""

    def __init__(self):
        self.process = subprocess.Popen([f"{HERE}/with-postgres", "sh", "-c", "echo $GODWIT_POSTGRES; cat"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.folder = self.process.stdout.readline().strip()
        self.number, self.first = 0, self.folder

    def database(self):
        self.number += 1
        name = f"daemons_{self.number}"
        self.query(f"CREATE DATABASE {name}", "postgres")
        return Database(self, name)

    def query(self, sql, database):
        done = subprocess.run(["psql", "-U", "godwit", "-h", self.first, "-d", database, "-X", "-qAtc", sql], capture_output=True, text=True,
                              timeout=30)
        assert done.returncode == 0, done.stderr
        return [tuple(line.split("|")) for line in done.stdout.splitlines()]

    def control(self, order):
        subprocess.run([f"{self.folder}/ctl", order], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)

    def fail_over(self):
        """The first server dies, and its standby takes its place."""
        self.control("crash")
        self.control("promote")
        self.first = f"{self.folder}/standby"
        self.query("ALTER SYSTEM SET synchronous_standby_names = ''", "postgres")
        self.query("SELECT pg_reload_conf()", "postgres")

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)


class Database:
    def __init__(self, server, name):
        self.server, self.name = server, name
        self.uri = f"postgresql://godwit@/{name}?host={server.folder},{server.folder}/standby"

    def query(self, sql):
        return self.server.query(sql, self.name)

    def leaders(self):
        """Host → the daemon's process id, of leases that hold."""
        rows = self.query("SELECT COALESCE(h.name, 'drains'), d.name FROM leases l JOIN daemons d ON d.id = l.daemon_id"
                          " LEFT JOIN hosts h ON h.id = l.host_id WHERE l.expires_us > extract(epoch FROM clock_timestamp()) * 1000000")
        return {host: int(name.rsplit(":", 1)[1]) for host, name in rows}


class Link:
    """A daemon's own way to the database, which can be cut without a word."""

    def __init__(self, database):
        self.folder = tempfile.mkdtemp(prefix="gwlink-")
        self.uri = f"postgresql://godwit@/{database.name}?host={self.folder}"
        self.process = subprocess.Popen(["/usr/bin/python3", f"{HERE}/relay.py", f"{self.folder}/.s.PGSQL.5432",
                                         f"{database.server.folder}/.s.PGSQL.5432"], stdout=subprocess.PIPE)
        self.process.stdout.readline()

    def cut(self):
        self.process.send_signal(signal.SIGSTOP)

    def mend(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder)


class Daemon:
    def __init__(self, folder, database, lease=LEASE_S, more="[api]\nport = 0\nauth_strategy = noauth\n", link=None):
        self.folder, self.log, self.stopped, self.starts, self.link = folder, folder / "log", False, 0, link
        folder.mkdir()
        (folder / "password").write_text("secret\n")
        (folder / "godwit.conf").write_text(
            f"[DEFAULT]\nstate_path = {folder}\ndatabase = {link.uri if link else database.uri}\nlease_seconds = {lease}\ndebug = true\nshutdown_timeout = 1\n"
            f"reserved_host_memory_mb = 0\nhook_dir = {folder}/hooks\n{more}[xenserver]\npassword_file = {folder}/password\n")
        self.start()

    def spawn(self, command, **options):
        process = subprocess.Popen(command, **options)
        self.pid = process.pid
        return process

    def start(self):
        self.starts += 1
        self.log = self.folder / f"log{self.starts}"
        with open(self.log, "wb") as out:
            self.process = self.spawn([GODWITD, "-c", str(self.folder / "godwit.conf")], stdout=out, stderr=out)
        for _ in range(1000):
            found = re.search(r"listens on \S+ port (\d+)", self.log.read_text())
            if found:
                break
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.02)
        self.url = f"http://127.0.0.1:{found.group(1)}"

    def run(self, *words, timeout=90):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("OS_", "GODWIT_"))}
        return subprocess.run([GODWIT, *words], capture_output=True, text=True, timeout=timeout,
                              env={**environment, "GODWIT_URL": self.url})

    def ok(self, *words):
        done = self.run(*words)
        assert done.returncode == 0, done.stdout + done.stderr + self.log.read_text()[-3000:]
        return done.stdout

    def json(self, *words):
        return json.loads(self.ok("--json", *words))

    def signal(self, number):
        os.kill(self.pid, number)

    def hook(self, name, text):
        (self.folder / "hooks").mkdir(exist_ok=True)
        (self.folder / "hooks" / name).write_text("#!/bin/sh\n" + text)
        (self.folder / "hooks" / name).chmod(0o755)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait(10)
        self.stopped = False

    def stop(self):
        self.signal(signal.SIGSTOP)
        self.stopped = True

    def go_on(self):
        self.signal(signal.SIGCONT)
        self.stopped = False

    @property
    def serves(self):
        return self.process.poll() is None and not self.stopped

    def close(self):
        """Ends it; it must not have crashed."""
        if self.process.poll() is None:
            if self.stopped:
                self.go_on()
            self.signal(signal.SIGTERM)
            assert self.process.wait(20) == 0, self.log.read_text()[-3000:]
        if self.link:
            self.link.close()
        assert self.process.returncode in (0, -signal.SIGKILL), (self.process.returncode, self.log.read_text()[-3000:])


def wait_until(true, what, seconds=30):
    until = time.time() + seconds
    while time.time() < until:
        if true():
            return
        time.sleep(0.1)
    raise AssertionError(what() if callable(what) else what)


class Cloud:
    """A simulator with some hosts and instances, and daemons that share a database."""

    def __init__(self, folder, server, simulator, daemons, hosts, links=False):
        self.database, self.simulator = server.database(), simulator
        self.daemons = [Daemon(folder / f"d{n}", self.database, link=Link(self.database) if links else None) for n in range(daemons)]
        self.hosts = list(simulator.hosts)[:hosts]
        for host in self.hosts:
            self.daemons[0].ok("host-add", host, f"xapi+http://root@{simulator.address()}/{host}?insecure=1")
        wait_until(lambda: len(self.database.leaders()) == hosts + 1, "not every host is led")

    def add_daemon(self, folder):
        self.daemons.append(Daemon(folder, self.database))
        return self.daemons[-1]

    def leader(self, host):
        pid = self.database.leaders().get(host)
        return next((d for d in self.daemons if d.pid == pid), None)

    def instances(self):
        return {name: vms for name, vms in self.simulator.look()["vms"].items() if name.startswith("vm")}

    def unfinished(self):
        return self.database.query("SELECT id, state, source, dest, reason FROM migrations WHERE final = 0")

    def assert_whole(self):
        """Every instance runs, once; nothing was ever against the simulator's rules; no copy was begun that no one had journalled."""
        look = self.simulator.look()
        for name, vms in look["vms"].items():
            if name.startswith("vm"):
                assert [v["state"] for v in vms] == ["Running"], (name, vms)
                assert vms[0]["current_operations"] == {}, (name, vms)
        assert look["violations"] == []
        begun = sum(1 for call in look["calls"] if "pool_migrate" in str(call))
        journalled = int(self.database.query("SELECT COALESCE(SUM(attempts), 0) FROM migrations")[0][0])
        assert begun <= journalled, (begun, journalled)

    def close(self):
        for daemon in self.daemons:
            daemon.close()
