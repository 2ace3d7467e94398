"""Clients that send or read too slowly are cut off, and long bodies have bounded room.

This is WSGI: it stands around the application, whatever protocol the request is for.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Protocol

from packetserver.errors import PacketTooSlow, ServerBusy
from packetserver.protocols.deadlines import Deadlines

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PIECE_BYTES = 64 * 1024
"""What a client must send, or read, within the seconds of its patience."""

FREE_BYTES = 256 * 1024
"""What every body may have without being counted: small packets always find room."""

SOCKET = "gunicorn.socket"


class Stream(Protocol):
    """The body of a request as the web server hands it over."""

    def read(self, size: int, /) -> bytes:
        """So many bytes, or what is left; none at the end."""


class Room:
    """How many bytes of long bodies are kept at a time; safe to use from many threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self.taken = 0

    def take(self, size: int) -> None:
        """Raises ServerBusy when there is not so much room."""
        with self._lock:
            if self.taken + size > self._limit:
                raise ServerBusy("too many long packets arrive at a time")
            self.taken += size

    def give_back(self, size: int) -> None:
        """The bytes are kept no longer."""
        with self._lock:
            self.taken -= size


class SlowClients:
    """The application, with patience for so many seconds and room for so many bytes."""

    def __init__(
        self,
        application: WSGIApplication,
        seconds: float,
        room: Room,
        deadlines: Deadlines | None = None,
    ) -> None:
        self._application = application
        self._seconds = seconds
        self._room = room
        self._deadlines = deadlines or Deadlines()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request; what cannot be timed, for want of its socket, is only counted."""
        connection = environ.get(SOCKET)
        body = TimedBody(environ["wsgi.input"], connection, self._deadlines, self._seconds)
        counted = CountedBody(body, self._room)
        environ["wsgi.input"] = counted
        try:
            pieces = self._application(environ, start_response)
        finally:
            counted.close()
        if connection is None:
            return pieces
        return TimedAnswer(pieces, connection, self._deadlines, self._seconds)


class TimedBody:
    """A body that must arrive, each of its pieces in time."""

    def __init__(
        self,
        stream: Stream,
        connection: socket.socket | None,
        deadlines: Deadlines,
        seconds: float,
    ) -> None:
        self._stream = stream
        self._connection = connection
        self._deadlines = deadlines
        self._seconds = seconds

    def read(self, size: int) -> bytes:
        """Up to so many bytes, but no more than a piece; none at the end. Raises PacketTooSlow."""
        if self._connection is None:
            return self._stream.read(size)
        end = partial(_shut_down, self._connection, socket.SHUT_RD)
        self._deadlines.set(self._connection, self._seconds, end)
        try:
            piece = self._stream.read(min(size, PIECE_BYTES))
        except Exception as error:
            if self._deadlines.forget(self._connection):
                raise _too_slow() from error
            raise
        if self._deadlines.forget(self._connection):
            # What looks like the end of the body is of our own making.
            raise _too_slow()
        return piece


class CountedBody:
    """A body whose bytes take room as long as it is open.

    Once there was none, nothing more of it is kept: what is still read takes none, so that the
    client can be heard out and gets to read its refusal.
    """

    def __init__(self, body: TimedBody, room: Room) -> None:
        self._body = body
        self._room = room
        self._arrived = 0
        self._held = 0
        self._is_refused = False

    def read(self, size: int = -1) -> bytes:
        """Up to so many bytes, or all; none at the end. Raises PacketTooSlow and ServerBusy."""
        if size < 0:
            return b"".join(iter(partial(self.read, PIECE_BYTES), b""))
        piece = self._body.read(size)
        self._arrived += len(piece)
        more = self._arrived - FREE_BYTES - self._held
        if more > 0 and not self._is_refused:
            self._take(more)
        return piece

    def _take(self, more: int) -> None:
        try:
            self._room.take(more)
        except ServerBusy:
            self._is_refused = True
            raise
        self._held += more

    def close(self) -> None:
        """Nothing of the body is kept any longer."""
        if self._held:
            self._room.give_back(self._held)
            self._held = 0


class TimedAnswer:
    """An answer that must be read, each of its pieces in time."""

    def __init__(
        self,
        pieces: Iterable[bytes],
        connection: socket.socket,
        deadlines: Deadlines,
        seconds: float,
    ) -> None:
        self._pieces = pieces
        self._connection = connection
        self._deadlines = deadlines
        self._seconds = seconds
        self._end = partial(_shut_down, connection, socket.SHUT_RDWR)

    def __iter__(self) -> Iterator[bytes]:
        """The pieces; the time for each runs while the web server sends it."""
        for piece in self._pieces:
            seconds = self._seconds * (1 + len(piece) // PIECE_BYTES)
            self._deadlines.set(self._connection, seconds, self._end)
            yield piece
            self._deadlines.forget(self._connection)

    def close(self) -> None:
        """The web server is done with the answer."""
        self._deadlines.forget(self._connection)
        close: Callable[[], None] | None = getattr(self._pieces, "close", None)
        if close is not None:
            close()


def _too_slow() -> PacketTooSlow:
    return PacketTooSlow("The packet arrives too slowly")


def _shut_down(connection: socket.socket, direction: int) -> None:
    """Wake whoever is blocked by the connection; a TLS one goes on being one."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, direction)
