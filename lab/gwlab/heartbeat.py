"""What the heartbeats say: how long the guest stood still, whether it booted, what it has written, what it found broken."""
import os
from dataclasses import dataclass, field

INTERVAL_MS = 10


@dataclass
class Report:
    count: int = 0
    lost: int = 0           # numbers that never arrived although later ones of the same boot did
    duplicates: int = 0
    gap_ms: float = 0       # longest silence within one boot, less the usual interval: the downtime seen from outside
    gap_at: float = 0       # when that silence began
    boots: list = field(default_factory=list)  # boot ids in order
    boot_count: int = 0     # the guest's own counter, kept on its disk
    last_seen: float = 0
    memory_errors: int = 0
    disk_errors: int = 0
    acknowledged: list = field(default_factory=list)  # last record number of each disk
    pages: int = 0


def read(folder: str, name: str, since: float = 0) -> Report:
    report, last_at, last_number, boot = Report(), 0.0, 0, None
    path = os.path.join(folder, f"{name}.log")
    if not os.path.exists(path):
        return report
    with open(path) as f:
        for line in f:
            words = line.split()
            if len(words) < 10 or not line.endswith("\n"):
                continue
            at, boot_id, number = float(words[0]), words[3], int(words[5])
            if at < since:
                continue
            report.count += 1
            if boot_id != boot:
                boot, last_at, last_number = boot_id, at, number
                if boot_id not in report.boots:
                    report.boots.append(boot_id)
            elif number <= last_number:
                report.duplicates += 1
            else:
                report.lost += number - last_number - 1
                gap = (at - last_at) * 1000 - INTERVAL_MS
                if gap > report.gap_ms:
                    report.gap_ms, report.gap_at = gap, last_at
                last_number, last_at = number, at
            report.last_seen, report.boot_count = at, int(words[4])
            report.memory_errors, report.disk_errors, report.pages = int(words[7]), int(words[8]), int(words[9])
            report.acknowledged = [int(w) for w in words[10:]]
    return report
