"""A crowd of slow clients, in a process of its own: `crowd.py PORT COUNT headers|bodies|answers`.

Prints `there` once all are connected and have sent their beginnings; then each sends a byte now and
then until the input ends. At the end it prints, by what they were told, how many were told it.
"""

from __future__ import annotations

import contextlib
import json
import random
import resource
import select
import socket
import sys
import time
from collections import Counter

HOST = "127.0.0.1"
PAUSE_SECONDS = 5.0
"""Each sends a byte about this often."""

SPARE_FILES = 50
HEADERS = b"POST /ProcessPacket.do HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
BODY = (
    b"POST /ProcessPacket.do HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n"
    b"Content-Length: 100000\r\n\r\n<?xml version='1.0'?><app><!-- "
)
BEGINNINGS = {"headers": HEADERS, "bodies": BODY}


def main() -> None:
    """Come, be slow, and go."""
    port, count, manner = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(count + SPARE_FILES, hard), hard))
    crowd = [_come(port, BEGINNINGS[manner]) for _ in range(count)]
    print("there", flush=True)  # noqa: T201 - what the trial waits for
    while not select.select([sys.stdin], [], [], PAUSE_SECONDS / 50)[0]:
        for each in random.sample(crowd, max(1, count // 50)):
            with contextlib.suppress(OSError):
                each.send(b"x")
    print(json.dumps(Counter(map(_told, crowd))), flush=True)  # noqa: T201


def _come(port: int, beginning: bytes) -> socket.socket:
    while True:
        try:
            made = socket.create_connection((HOST, port), 60)
        except OSError:
            # The queue of the system is full for a moment.
            time.sleep(0.01)
            continue
        made.settimeout(0)
        with contextlib.suppress(OSError):
            made.send(beginning)
        return made


def _told(connection: socket.socket) -> str:
    """The status that was answered, `waiting` where nothing was, `closed` where it was closed."""
    try:
        received = connection.recv(100)
    except BlockingIOError:
        return "waiting"
    except OSError:
        return "closed"
    return received.split()[1].decode() if received else "closed"


if __name__ == "__main__":
    main()
