#!/usr/bin/python3
"""Runs in HostA: writes every heartbeat with its time of arrival to FOLDER/NAME.log, one line each: seconds, then the datagram."""
import socket
import sys
import time


def main(folder: str, port: int) -> None:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.bind(("0.0.0.0", port))
    while True:
        data = sock.recv(2048).decode("ascii", "replace")
        words = data.split(" ", 2)
        if len(words) < 3 or words[0] != "GW1" or "/" in words[1]:
            continue
        with open(f"{folder}/{words[1]}.log", "a") as log:  # opened each time: a guest's log goes away with the guest
            log.write(f"{time.time():.6f} {data}\n")


main(sys.argv[1], int(sys.argv[2]))
