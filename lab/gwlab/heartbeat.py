"""What the heartbeats say: how long the guest stood still, whether it booted, what it has written, what it found broken.

A log line, as the collector writes it:
  ARRIVAL GW1 NAME BOOT-ID BOOTS NUMBER GUEST-NS MEMORY-ERRORS DISK-ERRORS PAGES-WRITTEN [LAST-RECORD-OF-EACH-DISK…]"""
import os
from dataclasses import dataclass, field
from typing import Iterator, Optional

INTERVAL_MS = 10
TAIL = 4096  # bytes that surely hold a whole line


@dataclass
class Beat:
    at: float
    boot_id: str
    boots: int
    number: int
    memory_errors: int
    disk_errors: int
    pages: int
    acknowledged: list[int]


@dataclass
class Report:
    count: int = 0
    lost: int = 0           # numbers that never arrived although later ones of the same boot did
    duplicates: int = 0     # numbers that came again or late: two guests of one name at once look like this
    gap_ms: float = 0       # longest silence within one boot, less the usual interval: the downtime seen from outside
    gap_at: float = 0       # when that silence began
    outage_ms: float = 0    # the same over reboots: how long a cold migration took the guest away
    boots: list[str] = field(default_factory=list)  # boot ids in order
    boot_count: int = 0     # the guest's own counter, kept on its disk
    last_number: int = 0
    last_seen: float = 0
    memory_errors: int = 0  # of all boots
    disk_errors: int = 0
    acknowledged: list[int] = field(default_factory=list)       # last record number of each disk, as last said
    most_acknowledged: list[int] = field(default_factory=list)  # the highest ever said: a boot cannot unsay what was written
    pages: int = 0


def parse(line: str) -> Optional[Beat]:
    words = line.split()
    if len(words) < 10 or not line.endswith("\n"):
        return None
    try:
        return Beat(float(words[0]), words[3], int(words[4]), int(words[5]), int(words[7]), int(words[8]), int(words[9]),
                    [int(w) for w in words[10:]])
    except ValueError:
        return None


def log_path(folder: str, name: str) -> str:
    return os.path.join(folder, f"{name}.log")


def beats(folder: str, name: str, since: float = 0) -> Iterator[Beat]:
    try:
        log = open(log_path(folder, name))
    except FileNotFoundError:
        return
    with log:
        for line in log:
            beat = parse(line)
            if beat and beat.at >= since:
                yield beat


def last(folder: str, name: str) -> Optional[Beat]:
    """The latest beat; reads no more than the end of the log, so that it may be asked often."""
    try:
        with open(log_path(folder, name), "rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - TAIL))
            lines = log.read().decode("ascii", "replace").splitlines(keepends=True)
    except FileNotFoundError:
        return None
    return next((beat for beat in map(parse, reversed(lines)) if beat), None)


def forget(folder: str, name: str) -> None:
    """Empties the log. It is not removed, for the collector keeps it open."""
    if os.path.exists(log_path(folder, name)):
        os.truncate(log_path(folder, name), 0)


def _highest(a: list[int], b: list[int]) -> list[int]:
    size = max(len(a), len(b))
    return [max(pair) for pair in zip(a + [0] * (size - len(a)), b + [0] * (size - len(b)))]


def _follow(report: Report, before: Beat, beat: Beat) -> bool:
    """Compares a beat with the one before it; False when it is an old one that came again."""
    silence = (beat.at - before.at) * 1000 - INTERVAL_MS
    same_boot = beat.boot_id == before.boot_id
    if (same_boot and beat.number <= before.number) or (not same_boot and beat.boot_id in report.boots):
        report.duplicates += 1
        return False
    if same_boot:
        report.lost += beat.number - before.number - 1
        if silence > report.gap_ms:
            report.gap_ms, report.gap_at = silence, before.at
    report.outage_ms = max(report.outage_ms, silence)
    return True


def read(folder: str, name: str, since: float = 0) -> Report:
    report, before, errors = Report(), None, {}
    for beat in beats(folder, name, since):
        report.count += 1
        report.most_acknowledged = _highest(report.most_acknowledged, beat.acknowledged)
        errors[beat.boot_id] = (beat.memory_errors, beat.disk_errors)
        if before and not _follow(report, before, beat):
            continue
        if beat.boot_id not in report.boots:
            report.boots.append(beat.boot_id)
        before = beat
    if before:
        report.last_seen, report.last_number, report.boot_count = before.at, before.number, before.boots
        report.acknowledged, report.pages = before.acknowledged, before.pages
    report.memory_errors, report.disk_errors = (sum(e[i] for e in errors.values()) for i in (0, 1))
    report.gap_ms, report.outage_ms = round(report.gap_ms, 1), round(report.outage_ms, 1)
    return report
