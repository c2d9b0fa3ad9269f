#!/usr/bin/python3
"""Runs in HostA: writes every heartbeat with its time of arrival to FOLDER/NAME.log, one line each: seconds, then the datagram."""
import re
import socket
import sys
import time
from typing import TextIO

NAME = re.compile(r"[A-Za-z0-9._-]+\Z")  # it becomes a file's name


def main(folder: str, port: int) -> None:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    # Some seconds of beats of many guests, should this process not be run for a while; FORCE: beyond the system's limit.
    sock.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_RCVBUFFORCE", 33), 8 << 20)
    sock.bind(("0.0.0.0", port))
    files: dict[str, TextIO] = {}
    while True:
        data = sock.recv(2048).decode("ascii", "replace")
        words = data.split(" ", 2)
        if len(words) < 3 or words[0] != "GW1" or not NAME.match(words[1]) or words[1].startswith("."):
            continue
        if words[1] not in files:
            files[words[1]] = open(f"{folder}/{words[1]}.log", "a", buffering=1)
        files[words[1]].write(f"{time.time():.6f} {data}\n")


main(sys.argv[1], int(sys.argv[2]))
