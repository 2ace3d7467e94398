"""Bytes to a client: what it takes at once is sent at once, and what it does not is kept."""

from __future__ import annotations

import select
import socket
import ssl

READ, WRITE = select.POLLIN, select.POLLOUT


class Outgoing:
    """What gunicorn writes an answer to, as if it were the socket. It never waits."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._pieces: list[bytes] = []
        self._rest = memoryview(b"")
        self.sent = 0

    def sendall(self, data: bytes) -> None:
        """Keep what is to be sent; ``flush`` sends it."""
        self._pieces.append(data)

    def send(self, interim: bytes) -> int:
        """Drop it: to go on is what gunicorn tells a client who has long been told by us."""
        return len(interim)

    def gettimeout(self) -> float:
        """What a socket says that does not wait."""
        return 0.0

    def flush(self) -> bool:
        """Send as much as the client takes; whether that was all. Raises OSError when it is gone."""
        while self._rest or self._pieces:
            if not self._rest:
                # The head of an answer goes out with its first piece.
                self._rest = memoryview(b"".join(self._pieces))
                self._pieces = []
            try:
                sent = self._sock.send(self._rest)
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return False
            self._rest = self._rest[sent:]
            self.sent += sent
        return True
