"""Reading a guest's records from its disk, wherever that now is: every acknowledged record must be there and whole."""
import os
import struct

from .tools import LabError

BLOCK, RING_AT, RING_BLOCKS = 4096, 256, 4096
MAGIC = 0x474F445245433031
MASK = (1 << 64) - 1


def _checksum(words) -> int:
    value = 1469598103934665603
    for word in words[:-1]:
        value = ((value ^ word) * 1099511628211) & MASK
    return value


def check_image(path: str, index: int, acknowledged: int) -> list:
    """Problems of the raw image at path, as sentences; [] when every record up to `acknowledged` within the ring is good."""
    problems = []
    first = max(1, acknowledged - RING_BLOCKS // 2)
    with open(path, "rb") as f:
        for sequence in range(first, acknowledged + 1):
            f.seek((RING_AT + sequence % RING_BLOCKS) * BLOCK)
            data = f.read(BLOCK)
            if len(data) < BLOCK:
                problems.append(f"record {sequence}: the image ends before it")
                break
            words = struct.unpack("<512Q", data)
            newer_fits = words[3] > sequence and (words[3] - sequence) % RING_BLOCKS == 0
            if words[0] != MAGIC or words[1] != index or not (words[3] == sequence or newer_fits):
                problems.append(f"record {sequence}: not there (found number {words[3]})")
            elif words[511] != _checksum(words):
                problems.append(f"record {sequence}: damaged")
            if len(problems) > 5:
                break
    return problems


def read_disk(host, source: str, format_: str, target: str) -> None:
    """Copies the start of a disk (file or iscsi:// URL) into a raw file, also while it is in use. A live image may grow a record
    while it is read, which is no problem: newer records are never older than what was acknowledged."""
    size = (RING_AT + RING_BLOCKS) * BLOCK
    done = host.run("qemu-img", "dd", "-U", "-f", format_, "-O", "raw", f"bs={BLOCK}", f"count={RING_AT + RING_BLOCKS}",
                    f"if={source}", f"of={target}", check=False, timeout=120)
    if done.returncode != 0:
        raise LabError(f"disk {source} on {host.name} cannot be read: {done.stderr.strip()}")
    os.truncate(target, size)
