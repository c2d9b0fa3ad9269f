"""The house's rules that a machine can check."""
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SRC = ROOT / "src"

# folder → the project headers that its files may include, as patterns
ALLOWED = {
    "base": [r"base/.*"],
    "core": [r"core/.*", r"base/error\.h"],
    "store": [r"store/.*", r"core/.*", r"base/.*"],
    "drivers": [r"drivers/[^/]+\.h", r"core/.*", r"base/.*"],
    "drivers/libvirt": [r"drivers/driver\.h", r"drivers/libvirt/.*", r"core/.*", r"base/.*"],
    "drivers/sim": [r"drivers/driver\.h", r"drivers/sim/.*", r"core/.*", r"base/.*"],
    "drivers/xapi": [r"drivers/driver\.h", r"drivers/xapi/.*", r"core/.*", r"base/.*"],
    "engine": [r"engine/.*", r"store/store\.h", r"drivers/driver\.h", r"core/.*", r"base/.*"],
    "api": [r"api/.*", r"engine/engine\.h", r"store/store\.h", r"core/.*", r"base/.*"],
    "daemon": [r".*"],
    "cli": [r"cli/.*", r"base/.*"],
}
# outside libraries that only one room may use
LIBRARIES = {"libvirt/": "drivers/libvirt", "libxml/": ("drivers/libvirt", "drivers/xapi"), "sqlite3.h": "store", "libpq-fe.h": "store", "microhttpd.h": "api"}
# all that the core may take from outside: containers and the C library's pure functions
CORE_LIBRARIES = {"glib.h", "string.h", "stdlib.h", "stddef.h", "stdint.h", "inttypes.h", "limits.h", "math.h"}
MAX_LINES = 500
LARGE_FILES = {}  # path → why it may be; empty, and meant to stay so


def sources():
    return sorted(p for p in SRC.rglob("*.[ch]"))


def folder_of(path):
    return str(path.parent.relative_to(SRC))


def includes(path):
    return re.findall(r'^#include\s+["<]([^">]+)[">]', path.read_text(), re.M)


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(SRC)))
def test_includes_point_downwards(path):
    allowed = ALLOWED[folder_of(path)]
    for header in includes(path):
        if (SRC / header).exists():
            assert any(re.fullmatch(pattern, header) for pattern in allowed), f"{path.relative_to(ROOT)} includes {header}"
        for library, room in LIBRARIES.items():
            if header.startswith(library):
                assert folder_of(path) in (room if isinstance(room, tuple) else (room,)), f"{path.relative_to(ROOT)} includes {header}: only {room} may"


def test_core_has_no_world():
    """No clock, no thread, no lock, no file, no JSON, XML or SQL."""
    for path in SRC.glob("core/*.c"):
        text = path.read_text()
        for word in ("g_get_real_time", "g_get_monotonic_time", "g_mutex", "g_thread", "fopen", "json_", "xml", "sqlite"):
            assert word not in text, f"{path.name} uses {word}"


def test_every_room_has_its_rule():
    """A new folder is a decision about the layers."""
    assert {folder_of(p) for p in sources()} <= set(ALLOWED)


def test_core_takes_nothing_from_outside():
    for path in sources():
        if folder_of(path) == "core":
            outside = {h for h in includes(path) if not (SRC / h).exists()}
            assert outside <= CORE_LIBRARIES, f"{path.name} includes {outside - CORE_LIBRARIES}"


def test_files_stay_small():
    large = {str(p.relative_to(ROOT)): n for p in sources() if (n := len(p.read_text().splitlines())) > MAX_LINES}
    assert large.keys() <= LARGE_FILES.keys(), f"over {MAX_LINES} lines, each a room to divide: {large}"
    assert LARGE_FILES.keys() <= large.keys(), "small again: take it off the list"


def test_every_state_is_documented():
    header = (SRC / "core/migration.h").read_text()
    states = re.findall(r'^\s+X\([A-Z]+, "([a-z-]+)", "([^"]+)"', header, re.M)
    assert len(states) == 21
    document = (ROOT / "docs/migration.md").read_text()
    rows = dict(re.findall(r"^\| ([a-z-]+) \| ([^|]+?) \|", document, re.M))
    for name, status in states:
        assert name in rows, f"docs/migration.md does not describe '{name}'"
        assert rows[name].startswith(status), f"docs/migration.md: {name} shows as '{status}'"


def test_no_path_of_a_workplace():
    """A fresh clone has none of these."""
    for path in ROOT.rglob("*"):
        relative = path.relative_to(ROOT).parts
        if not path.is_file() or relative[0].startswith((".git", "build")) or "cache" in relative or path == pathlib.Path(__file__):
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        assert not re.search(r"/work/(main|shared|\.library)|/tmp/w/", text), path
