"""The bytes of a request, counted while they are read, and where they are kept meanwhile."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

from werkzeug.wsgi import get_content_length, get_input_stream

from packetserver.errors import PacketError, PacketServerError, PacketTooLarge, TryAgainLater
from packetserver.protocols.front.content_coding import unpacker_of
from packetserver.protocols.front.requests import Request
from packetserver.protocols.front.spools import SpoolFile, Spools
from packetserver.store.files import FileLibrary, ReceivedFile

CHUNK_BYTES = 64 * 1024
MOST_IN_MEMORY = 256 * 1024
"""What is kept of a body in memory; of hundreds that arrive at a time, the rest is on disk."""

BROKEN_OFF = "The body of the request cannot be read to its end"


class Readable(Protocol):
    """What a web server gives an application to read the body from."""

    def read(self, size: int, /) -> bytes:
        """Up to so many bytes; none at the end."""


class RequestBody:
    """A body that is read once, in pieces, up to ``limit`` bytes, as it is sent and unpacked.

    ``declared`` is the Content-Length, None for a chunked body; ``coding`` is the header
    Content-Encoding.
    """

    def __init__(
        self, stream: Readable, declared: int | None, limit: int, coding: str | None = None
    ) -> None:
        self._stream = stream
        self._limit = limit
        self._declared = declared or 0
        self._coding = coding
        self._taken = 0

    @classmethod
    def of(cls, asked: Request, limit: int) -> RequestBody:
        """The body of a request."""
        environ = asked.environ
        declared, coding = get_content_length(environ), environ.get("HTTP_CONTENT_ENCODING")
        return cls(get_input_stream(environ), declared, limit, coding)

    @property
    def is_too_large(self) -> bool:
        """Whether more than the limit was announced or has arrived."""
        return max(self._declared, self._taken) > self._limit

    @property
    def is_whole(self) -> bool:
        """Whether all that was announced has arrived."""
        return 0 < self._declared == self._taken

    def chunks(self) -> Iterator[bytes]:
        """The pieces of the body, unpacked.

        Raises PacketTooLarge when it is longer than the limit, but not before the first piece,
        which says in what encoding to answer; PacketError when it ends too early, or is not packed
        as its header says; PacketTooSlow and ServerBusy when the server does not want to wait for
        its end.
        """
        unpacker = unpacker_of(self._coding)
        if unpacker is None:
            yield from self._arriving()
            return
        size = 0
        for piece in unpacker(self._arriving()):
            size += len(piece)
            yield piece
            if size > self._limit:
                raise self.refusal()

    def _arriving(self) -> Iterator[bytes]:
        while not self.is_whole and (chunk := self._take()):
            yield chunk
            if self.is_too_large:
                raise self.refusal()
        if self.is_too_large:
            # Nothing of it was waited for: its client asked first whether it may come.
            raise self.refusal()
        if self._taken < self._declared:
            raise PacketError(BROKEN_OFF)

    def refusal(self) -> PacketTooLarge:
        """The error of a body that is too large."""
        return PacketTooLarge(
            f"The packet is longer than the {self._limit} bytes that this server takes"
        )

    def drain(self) -> None:
        """Read what a refused client still sends, so that it gets to read the answer.

        A client that sends yet more than the limit once more is left to itself.
        """
        most = 2 * max(self._limit, CHUNK_BYTES)
        try:
            while self._taken < most and self._take():
                pass
        except (PacketError, TryAgainLater):
            return

    def _take(self) -> bytes:
        try:
            chunk = self._stream.read(CHUNK_BYTES)
        except PacketServerError:
            raise
        # Every web server has its own errors for a body that breaks off or is badly chunked.
        except Exception as error:
            raise PacketError(BROKEN_OFF) from error
        self._taken += len(chunk)
        return chunk


class ArrivedBody:
    """A body that was read to its end, as far as it could be; to be closed after use.

    It is kept in memory, or in a temporary file when it is long.
    """

    def __init__(self, body: RequestBody, spools: Spools) -> None:
        """Read the body, and what a refused client still sends; its error waits for ``check``."""
        self.size = 0
        self._start: list[bytes] = []
        self._spools = spools
        self._file: SpoolFile | None = None
        self._failure: PacketServerError | None = None
        with ExitStack() as failing:
            failing.callback(self.close)
            try:
                for chunk in body.chunks():
                    self._keep(chunk)
            except (PacketError, TryAgainLater) as failure:
                self._failure = failure
                body.drain()
            failing.pop_all()

    def chunks(self) -> Iterator[bytes]:
        """The pieces; of a body that failed the first one, which says in what encoding to answer."""
        if self._failure is not None:
            yield from itertools.islice(self._start, 1)
            return
        yield from self._start
        if self._file is not None:
            self._file.seek(0)
            while chunk := self._file.read(CHUNK_BYTES):
                yield chunk

    def check(self) -> None:
        """Raises what the body raised, if it could not be read to its end, or not be kept."""
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Give the temporary file free."""
        if self._file is not None:
            self._file.close()

    def _keep(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size <= MOST_IN_MEMORY:
            self._start.append(chunk)
            return
        if self._file is None:
            self._file = self._spools.file()
        self._file.write(chunk)


@dataclass(frozen=True, slots=True)
class Incoming:
    """Where files come in while they are sent: on the disk of the library, and counted as spools.

    One may be as long as the library allows.
    """

    library: FileLibrary
    spools: Spools

    def limited(self, limit: int) -> Incoming:
        """The same for files of so many bytes."""
        return dataclasses.replace(self, library=FileLibrary(self.library.folder, limit))

    @contextmanager
    def received(self, chunks: Iterable[bytes]) -> Iterator[ReceivedFile]:
        """As FileLibrary.received; raises SpoolRefused too, when all spools have no more room."""
        with self.spools.counted(chunks) as counted, self.library.received(counted) as file:
            yield file
