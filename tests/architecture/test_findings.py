"""Every finding of doctor is explained in docs/preparing-hosts.md, and none that does not exist."""
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def codes():
    found = set()
    for name in ("doctor.c", "doctor_pairs.c"):
        found |= set(re.findall(r'GW_FINDING_\w+[^"]{0,40}?, "([a-z-]+)"', (ROOT / "src/core" / name).read_text()))
    found |= set(re.findall(r'^    {"([a-z-]+)", is_', (ROOT / "src/core/diagnosis.c").read_text(), re.MULTILINE))
    return found


def test_every_finding_is_explained():
    text = (ROOT / "docs/preparing-hosts.md").read_text()
    known = codes()
    assert len(known) >= 28 and {"clock", "migration-port", "instances-path-search"} <= known
    missing = {code for code in known if f"`{code}`" not in text}
    assert not missing, missing


def test_only_findings_are_named():
    text = (ROOT / "docs/preparing-hosts.md").read_text()
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", text))
    assert named <= codes() | {"libvirt-qemu"}, named - codes()
