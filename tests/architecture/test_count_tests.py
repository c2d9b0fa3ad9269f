"""The result that ./check ends with: what failed counts, also where only Meson's own log knows of it."""
import json
import pathlib
import subprocess
import sys

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools/count-tests"
GOOD = "<testsuites><testsuite><testcase classname='a' name='b'/></testsuite></testsuites>"


def count(tmp_path, *programs, junit=GOOD):
    (tmp_path / "unit.xml").write_text(junit)
    (tmp_path / "unit.json").write_text("".join(json.dumps({"name": "engine / moves", "duration": 1.5, "returncode": 134, **p}) + "\n" for p in programs))
    return subprocess.run([sys.executable, TOOL, tmp_path / "unit.xml", tmp_path / "unit.json"], capture_output=True, text=True)


def test_what_died_counts(tmp_path):
    run = count(tmp_path, {"result": "OK"}, {"result": "ERROR", "stderr": "**\nERROR:x.c:1: assertion failed"})
    assert run.returncode == 1 and run.stdout.endswith("1 passed, 1 failed, 0 skipped\n")
    assert "FAILED engine / moves: ERROR, exit status 134: ERROR:x.c:1: assertion failed" in run.stdout


def test_what_hung_counts(tmp_path):
    assert count(tmp_path, {"result": "TIMEOUT"}).stdout.endswith("1 passed, 1 failed, 0 skipped\n")


def test_what_is_in_the_junit_file_counts_once(tmp_path):
    bad = GOOD.replace("'b'/>", "'b'><failure message='no'/></testcase>")
    assert count(tmp_path, {"result": "FAIL"}, junit=bad).stdout.endswith("0 passed, 1 failed, 0 skipped\n")
    assert count(tmp_path, {"result": "OK"}).returncode == 0


def test_what_died_and_is_in_the_junit_file_counts_once(tmp_path):
    bad = GOOD.replace("<testcase", "<testcase classname='godwit' name='engine / moves'><error/></testcase><testcase", 1)
    assert count(tmp_path, {"result": "ERROR", "stderr": "ERROR: x"}, junit=bad).stdout.endswith("1 passed, 1 failed, 0 skipped\n")


def test_failures_stand_at_the_end(tmp_path):
    """Where only the end of a long output is kept, it tells what failed."""
    assert count(tmp_path, {"result": "ERROR", "stderr": "ERROR: x", "duration": 20}).stdout.split("\n")[-3].startswith("FAILED engine / moves")
