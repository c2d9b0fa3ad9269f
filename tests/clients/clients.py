"""The real clients, each command in a process of its own, forked from one that has loaded their code already: a command
costs a tenth of a second instead of one or two."""
import importlib
import json
import os
import signal
import sys
import tempfile
import time
import traceback

MODULES = ["openstackclient.shell", "openstackclient.compute.client", "openstackclient.compute.v2.server",
           "openstackclient.compute.v2.server_migration", "novaclient.shell", "novaclient.v2.shell", "novaclient.v2.client",
           "openstack.connection", "openstack.compute.v2.server"]
LIMIT_S = 60


def load() -> None:
    for name in MODULES:
        importlib.import_module(name)


class Result:
    """What a command left behind."""

    def __init__(self, argv: list, code: int, out: str, err: str):
        self.argv, self.code, self.out, self.err = argv, code, out, err

    def __repr__(self) -> str:
        return f"{' '.join(self.argv)}: exit {self.code}\n{self.out}\n{self.err}"

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def rows(self) -> list:
        """The rows of nova's table, by heading."""
        lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in self.out.splitlines() if line.startswith("|")]
        return [dict(zip(lines[0], line)) for line in lines[1:]]

    @property
    def properties(self) -> dict:
        """nova's table of one thing, whose rows are a name and a value."""
        return {row.get("Property", row.get("Name")): row["Value"] for row in self.rows}


def _be_the_command(main, argv: list, environment: dict, out, err) -> None:
    """In the child; never returns."""
    code = 99
    try:
        for name in [n for n in os.environ if n.startswith("OS_")]:
            del os.environ[name]
        os.environ.update(environment, COLUMNS="400")
        for number, file in ((1, out), (2, err)):
            os.dup2(file.fileno(), number)
        sys.stdin = open(os.devnull)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)
        sys.argv = list(argv)
        code = main(argv[1:]) or 0
    except SystemExit as e:
        code = e.code if isinstance(e.code, int) else 1 if e.code else 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _wait(child: int) -> int:
    end = time.monotonic() + LIMIT_S
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.002)


def run(argv: list, environment: dict) -> Result:
    """argv[0] is openstack or nova."""
    shell = importlib.import_module({"openstack": "openstackclient.shell", "nova": "novaclient.shell"}[argv[0]])
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = os.fork()
        if child == 0:
            _be_the_command(shell.main, argv, environment, out, err)
        code = _wait(child)
        out.seek(0)
        err.seek(0)
        return Result(argv, code, out.read(), err.read())


class Access:
    """How clients reach a daemon: one of keystoneauth's plugins, as environment variables."""

    def __init__(self, endpoint: str, plugin: str = "none", user: str = "admin", password: str = "", project: str = "admin"):
        self.endpoint, self.plugin, self.user, self.password, self.project = endpoint, plugin, user, password, project

    @property
    def root(self) -> str:
        return self.endpoint.rsplit("/", 1)[0]

    def of_openstack(self) -> dict:
        if self.plugin == "password":
            return {"OS_AUTH_TYPE": "password", "OS_AUTH_URL": f"{self.root}/v3", "OS_USERNAME": self.user,
                    "OS_PASSWORD": self.password, "OS_PROJECT_NAME": self.project, "OS_USER_DOMAIN_ID": "default",
                    "OS_PROJECT_DOMAIN_ID": "default", "OS_IDENTITY_API_VERSION": "3"}
        variables = {"OS_AUTH_TYPE": self.plugin, "OS_ENDPOINT": self.endpoint}
        if self.plugin == "http_basic":
            variables.update(OS_USERNAME=self.user, OS_PASSWORD=self.password)
        return variables

    def of_nova(self) -> dict:
        """nova asks for a user, a project and an address of Keystone before it looks at the plugin."""
        unused = {"OS_PROJECT_NAME": self.project, "OS_PROJECT_ID": self.project, "OS_AUTH_URL": "http://unused/v3",
                  "OS_USERNAME": self.user, "OS_USER_ID": self.user, "OS_PASSWORD": self.password}
        return self.of_openstack() if self.plugin == "password" else {**unused, **self.of_openstack()}


class Client:
    """One of the commands, at one microversion (None: what the command itself chooses)."""

    def __init__(self, name: str, access: Access, version: str = None):
        self.name, self.access, self.version = name, access, version

    @property
    def minor(self) -> int:
        """What the server is asked for: openstack's commands over novaclient stay at 2.1, nova takes the newest that both know."""
        return int((self.version or {"openstack": "2.1", "nova": "2.88"}[self.name]).split(".")[1])

    def at(self, version: str) -> "Client":
        return Client(self.name, self.access, version)

    def try_(self, *argv: str) -> Result:
        environment = self.access.of_nova() if self.name == "nova" else self.access.of_openstack()
        version = ["--os-compute-api-version", self.version] if self.version else []
        return run([self.name, *version, *argv], environment)

    def __call__(self, *argv: str) -> Result:
        result = self.try_(*argv)
        assert result.code == 0, result
        return result

    def refused(self, *argv: str) -> str:
        """The message of a command that must fail."""
        result = self.try_(*argv)
        assert result.code != 0, result
        return result.err

    def list(self, *argv: str) -> list:
        """openstack's rows; nova's too."""
        return self(*argv).rows if self.name == "nova" else self(*argv, "-f", "json").json

    def show(self, *argv: str) -> dict:
        return self(*argv).properties if self.name == "nova" else self(*argv, "-f", "json").json
