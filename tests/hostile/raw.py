"""Speaks to a real server in bytes, as no library of HTTP would."""

from __future__ import annotations

import contextlib
import re
import socket
from urllib.parse import urlsplit

PATIENCE_SECONDS = 60
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) [^\r\n]*\r\n")
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


def exchanged(address: str, sent: bytes) -> bytes:
    """Send bytes, and nothing more; all that is answered until the connection is closed."""
    parts = urlsplit(address)
    with socket.create_connection((parts.hostname, parts.port), PATIENCE_SECONDS) as connection:
        # A server that has refused may have closed its side before all is sent.
        with contextlib.suppress(OSError):
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        return _until_closed(connection)


def _until_closed(connection: socket.socket) -> bytes:
    received = bytearray()
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(64 * 1024):
            received += piece
    return bytes(received)


def answers_in(received: bytes) -> list[tuple[int, bytes]]:
    """The status and the body of every answer, in their order."""
    found, rest = [], received
    while begun := STATUS.match(rest):
        head, _, rest = rest.partition(b"\r\n\r\n")
        length = LENGTH.search(head + b"\r\n")
        size = int(length[1]) if length is not None else len(rest) if b"\r\n" in head else 0
        size = 0 if begun[1] == b"100" else size
        found.append((int(begun[1]), rest[:size]))
        rest = rest[size:]
    return found
