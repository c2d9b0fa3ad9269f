"""Reading a guest's records from its disk, wherever that now is: every acknowledged record must be there and whole."""
import os
import struct

from .host import Host
from .tools import LabError

# As in guest/disks.c.
BLOCK, RING_AT, RING_BLOCKS = 4096, 256, 4096
RECORD_MAGIC = 0x474F445245433031
FNV_START, FNV_PRIME, MASK = 1469598103934665603, 1099511628211, (1 << 64) - 1
FEW = 5  # problems that are told one by one


def instance_of(name: str) -> int:
    value = FNV_START
    for byte in name.encode():
        value = ((value ^ byte) * FNV_PRIME) & MASK
    return value


def _checksum(words: tuple) -> int:
    value = FNV_START
    for word in words[:-1]:
        value = ((value ^ word) * FNV_PRIME) & MASK
    return value


def window(before: int, after: int) -> range:
    """The records to look for: acknowledged before the disk was read, and not overwritten by then. `after` is the number
    acknowledged after reading; an eighth of the ring allows for records on their way."""
    oldest = after + RING_BLOCKS // 8 - RING_BLOCKS if after > before else before - RING_BLOCKS + 2
    return range(max(1, oldest), before + 1)


def _problem(data: bytes, instance: int, index: int, sequence: int) -> str:
    """What is wrong with the block that should hold record `sequence` or one that overwrote it; '' when nothing is."""
    words = struct.unpack("<512Q", data)
    newer = words[3] > sequence and (words[3] - sequence) % RING_BLOCKS == 0
    if words[0] != RECORD_MAGIC or not (words[3] == sequence or newer):
        return f"record {sequence}: not there (found number {words[3]})"
    if words[511] != _checksum(words):
        return f"record {sequence}: damaged"
    if words[1] != index or words[4] != instance:
        return f"record {sequence}: belongs to another disk or guest"
    return ""


def check_image(path: str, guest: str, index: int, sequences: range) -> list[str]:
    """Problems of the raw image at path, as sentences; [] when each of the records is good."""
    problems = []
    with open(path, "rb") as f:
        for sequence in sequences:
            f.seek((RING_AT + sequence % RING_BLOCKS) * BLOCK)
            data = f.read(BLOCK)
            problem = (_problem(data, instance_of(guest), index, sequence) if len(data) == BLOCK
                       else f"record {sequence}: the image ends before it")
            if problem:
                problems.append(problem)
    return problems[:FEW] + ([f"and {len(problems) - FEW} more"] if len(problems) > FEW else [])


def read_disk(host: Host, source: str, format_: str, target: str) -> None:
    """Copies the start of a disk (file or iscsi:// URL) into a raw file, also while it is in use."""
    blocks = RING_AT + RING_BLOCKS
    done = host.run("qemu-img", "dd", "-U", "-f", format_, "-O", "raw", f"bs={BLOCK}", f"count={blocks}",
                    f"if={source}", f"of={target}", check=False, timeout=120)
    if done.returncode != 0:
        raise LabError(f"disk {source} on {host.name} cannot be read: {done.stderr.strip()}")
    os.truncate(target, blocks * BLOCK)
