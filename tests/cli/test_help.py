"""What godwit and its manual say of godwit."""
import re
import subprocess

import pytest
from conftest import BUILD, ROOT


def test_bare_godwit_guides(godwit):
    run = godwit()
    assert run.status == 0 and "godwit live-migration vm1 HostC" in run.out


def commands(godwit):
    return godwit("--json", "help").json["commands"]


def test_help_teaches_each_command(godwit):
    overview = godwit("--help").out
    assert overview == godwit("help").out
    for command in commands(godwit):
        one = godwit("help", command["name"])
        assert one.status == 0 and one.out == godwit(command["name"], "--help").out == godwit(command["name"], "-h").out
        assert f"Example: godwit {command['example']}" in one.out
        assert f"      godwit {command['example']}\n" in overview
        assert command["example"].split()[0] == command["name"]
        assert f"  {command['name']} {command['arguments']}".rstrip() + " " in overview, "a blank before the summary"


def test_examples_are_understood(daemon, godwit):
    for command in commands(godwit):
        assert godwit(*command["example"].split()).status != 2, command["example"]


def test_manual_knows_every_command(godwit):
    manual = (ROOT / "docs/man/godwit.1").read_text().replace("\\-", "-")
    for command in commands(godwit):
        assert f'.B godwit {command["name"]}' in manual, command["name"]
        (usage,) = re.findall(rf"^\.B godwit {re.escape(command['name'])}(?= |$)(.*)", manual, re.M)
        assert usage.rstrip().endswith(command["arguments"]), usage
    overview = godwit("help").out
    for line in overview.split("Exit status:")[1].split("Options")[0].strip().splitlines():
        assert f".TP\n{line.split()[0]}\n" in manual
    for line in overview.split("Options of every command:")[1].split("\n\n")[0].strip().splitlines():
        assert line.split()[0] in manual


def test_manual_knows_every_option(godwit):
    manual = (ROOT / "docs/man/godwit.1").read_text().replace("\\-", "-")
    for command in commands(godwit):
        for line in godwit("help", command["name"]).out.splitlines():
            if line.startswith("  --"):
                assert line.split()[0] in manual, line


def test_manual_knows_every_option_of_the_daemon():
    godwitd = BUILD / "src/daemon/godwitd"
    if not godwitd.exists():
        pytest.skip("godwitd is not built")
    manual = (ROOT / "docs/man/godwitd.8").read_text().replace("\\-", "-")
    told = subprocess.run([godwitd, "--help"], capture_output=True, text=True, timeout=60).stdout
    options = re.findall(r"--[a-z-]+", told)
    assert len(options) >= 4
    for option in options:
        assert option in manual, option
