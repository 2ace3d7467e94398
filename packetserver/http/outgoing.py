"""Bytes to a client: what it takes at once is sent at once, and what it does not is kept."""

from __future__ import annotations

import socket
import ssl

from packetserver.http.body import FREE_BYTES, Room
from packetserver.protocols.front.spools import SpoolFile

PIECE_BYTES = 64 * 1024


class Outgoing:
    """What gunicorn writes an answer to, as if it were the socket. It never waits."""

    def __init__(self, sock: socket.socket, room: Room) -> None:
        """``room`` is where all connections together keep what their clients have not taken."""
        self._sock = sock
        self._room = room
        self._pieces: list[bytes] = []
        self._rest = memoryview(b"")
        self._file: SpoolFile | None = None
        self._memory = self._disk = 0
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
        """Send as much as the client takes; whether that was all.

        Raises OSError when it is gone, and SpoolRefused when the disk does not give it back.
        """
        while self._has_more():
            try:
                sent = self._sock.send(self._rest)
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return False
            self._rest = self._rest[sent:]
            self.sent += sent
        self.close()
        return True

    def hold(self) -> None:
        """Keep what the client has not taken for as long as it may take: in memory, or on disk.

        Raises TryAgainLater when there is no room.
        """
        size = len(self._rest)
        if self._memory or self._file is not None or size <= FREE_BYTES:
            return
        if self._room.take_memory(size):
            self._memory = size
            return
        self._room.take_disk(size)
        self._disk = size
        self._file = self._room.spools.file()
        self._file.write(bytes(self._rest))
        self._file.seek(0)
        self._rest = memoryview(b"")

    def close(self) -> None:
        """Nothing is kept any longer."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._memory or self._disk:
            self._room.give_back(self._memory, self._disk)
            self._memory = self._disk = 0

    def _has_more(self) -> bool:
        if not self._rest and self._file is not None:
            self._rest = memoryview(self._file.read(PIECE_BYTES))
        if not self._rest and self._pieces:
            # The head of an answer goes out with its first piece.
            self._rest = memoryview(b"".join(self._pieces))
            self._pieces = []
        return bool(self._rest)
