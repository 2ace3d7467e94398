"""The body of a request while it arrives: in memory at first, then on disk, and within bounds."""

from __future__ import annotations

import io
import threading
from typing import Any

from gunicorn.asgi.parser import ParseError, PythonProtocol  # type: ignore[import-untyped]

from packetserver.errors import ServerBusy, TryAgainLater
from packetserver.protocols.front.spools import SpoolFile, Spools

FREE_BYTES = 16 * 1024
"""What every body may have in memory without being counted: small packets always find room."""

MOST_IN_MEMORY = 256 * 1024
"""What one body may have in memory as long as there is room; the rest is on disk."""

FIRST_BYTES = 4 * 1024
"""What is kept of a body that is refused: it says in what encoding to answer."""

MEMORY_BYTES = 32 * 1024**2
"""What all bodies together may have in memory beyond what is free."""

HEAD_OF_CHUNKS = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
"""What gunicorn's parser must have seen to take the chunks that follow."""


class Room:
    """How much of bodies a process keeps at a time; safe to use from many threads.

    ``spools`` are where what it keeps on disk lies, and bound that together with all else there.
    """

    def __init__(self, spools: Spools, disk: int, memory: int = MEMORY_BYTES) -> None:
        self.spools = spools
        self._disk = disk
        self._memory = memory
        self._lock = threading.Lock()
        self.on_disk = 0
        self.in_memory = 0

    def take_memory(self, size: int) -> bool:
        """Take so many bytes of memory, if there are so many."""
        with self._lock:
            if self.in_memory + size > self._memory:
                return False
            self.in_memory += size
            return True

    def take_disk(self, size: int) -> None:
        """Take so many bytes of the disk. Raises ServerBusy when there are not so many."""
        with self._lock:
            if self.on_disk + size > self._disk:
                raise ServerBusy("too many long packets arrive at a time")
            self.on_disk += size

    def give_back(self, memory: int, disk: int) -> None:
        """The bytes are kept no longer."""
        with self._lock:
            self.in_memory -= memory
            self.on_disk -= disk


class ArrivingBody:
    """A body that is fed as it arrives, until it is whole, or is refused.

    ``declared`` is its Content-Length, None for one in chunks. One that is longer than ``limit``,
    or finds no room, is refused: of such a one the first piece alone is kept, which says in what
    encoding to answer, and nobody waits for its end.
    """

    def __init__(self, declared: int | None, limit: int, room: Room) -> None:
        self._limit = limit
        self._declared = declared
        self._room = room
        self._pieces: list[bytes] = []
        self._chunks = _chunk_reader(self._pieces.append) if declared is None else None
        self._held = bytearray()
        self._file: SpoolFile | None = None
        self._memory = self._disk = 0
        self._failure: Exception | None = None
        self.size = 0
        self.is_whole = declared == 0
        self.is_refused = False

    @property
    def is_over(self) -> bool:
        """Whether nothing more of it is waited for."""
        return self.is_whole or self.is_refused

    @property
    def is_too_large(self) -> bool:
        """Whether more than the limit was announced or has arrived."""
        return max(self._declared or 0, self.size) > self._limit

    @property
    def unheard(self) -> int:
        """How many bytes of a refused body are still listened to, so that its sender hears why.

        A client that sends yet more than the limit once more is left to itself.
        """
        most = 2 * max(self._limit, MOST_IN_MEMORY)
        announced = most if self._declared is None else self._declared
        return max(0, min(most, announced) - self.size)

    def feed(self, data: bytes) -> bytes:
        """Take what has arrived; what is left over belongs to the next request."""
        try:
            return self._feed(data)
        except (TryAgainLater, ParseError) as failure:
            self.refuse(failure)
            return b""

    def refuse(self, failure: Exception | None = None) -> None:
        """Wait for nothing more of it; whoever reads it gets its first piece, then the failure."""
        self._failure = failure
        self.is_refused = True
        del self._held[FIRST_BYTES:]
        self._give_back()

    def stream(self) -> Any:
        """What arrived, to be read once, and from its beginning."""
        if self._failure is not None:
            return Failing(bytes(self._held), self._failure)
        if self._file is None:
            return io.BytesIO(bytes(self._held))
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        """Keep nothing of it any longer."""
        self._held = bytearray()
        self._give_back()

    def _feed(self, data: bytes) -> bytes:
        if self._chunks is not None:
            self._take_chunks(self._chunks, data)
            self.is_whole = self._chunks.is_complete
            rest: bytes = self._chunks.remaining()
        else:
            missing = (self._declared or 0) - self.size
            own, rest = (data, b"") if len(data) <= missing else (data[:missing], data[missing:])
            self._keep(own)
            self.is_whole = len(own) == missing
        if self.is_too_large and self.size:
            # The application finds that out by itself, and has its own words for it.
            self._truncate()
        return rest

    def _take_chunks(self, reader: Any, data: bytes) -> None:
        try:
            reader.feed(data)
        finally:
            # Kept together, so that chunks of a byte each do not cost a write each.
            self._keep(b"".join(self._pieces))
            self._pieces.clear()

    def _truncate(self) -> None:
        if self._declared is not None:
            self.refuse()
        elif not self.is_whole:
            self.is_refused = True

    def _keep(self, piece: bytes) -> None:
        if not piece:
            return
        self.size += len(piece)
        if self._file is None and self._fits_into_memory():
            self._held += piece
            return
        if self._file is None:
            self._file = self._room.spools.file()
            self._write(self._file, bytes(self._held))
            self._held = bytearray(self._held[:FIRST_BYTES] or piece[:FIRST_BYTES])
        self._write(self._file, piece)

    def _fits_into_memory(self) -> bool:
        if self.size <= FREE_BYTES:
            return True
        wanted = self.size - FREE_BYTES - self._memory
        if self.size > MOST_IN_MEMORY or not self._room.take_memory(wanted):
            return False
        self._memory += wanted
        return True

    def _write(self, file: SpoolFile, data: bytes) -> None:
        self._room.take_disk(len(data))
        self._disk += len(data)
        file.write(data)

    def _give_back(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._memory or self._disk:
            self._room.give_back(self._memory, self._disk)
            self._memory = self._disk = 0


class Failing(io.RawIOBase):
    """A stream of some bytes, and then an error."""

    def __init__(self, content: bytes, failure: Exception) -> None:
        self._rest = content
        self._failure = failure

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with what there is. Raises the failure once there is nothing."""
        if not self._rest:
            raise self._failure
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def _chunk_reader(keep: Any) -> Any:
    reader = PythonProtocol(on_body=keep)
    reader.feed(HEAD_OF_CHUNKS)
    return reader
