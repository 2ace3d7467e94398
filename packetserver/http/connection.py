"""One connection: from bytes that have arrived to requests that can be answered."""

from __future__ import annotations

import math
import select
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gunicorn.http.body import ChunkedReader  # type: ignore[import-untyped]
from gunicorn.http.errors import NoMoreData  # type: ignore[import-untyped]

from packetserver.errors import PacketError, ServerBusy
from packetserver.http.body import ArrivingBody, Room
from packetserver.http.head import Arrived, Incomplete
from packetserver.http.outgoing import Outgoing
from packetserver.http.states import State, Step
from packetserver.protocols.front.bodies import BROKEN_OFF
from packetserver.protocols.front.concurrency import LARGE_BYTES

if TYPE_CHECKING:
    from packetserver.http.answer import Answer

PIECE_BYTES = 64 * 1024
"""What is taken from a connection at a time, and what a client must send within its patience."""

MOST_PIECES = 8
"""So many times a connection is listened to before it is the turn of others."""

SURPLUS_SECONDS = 2.0
"""The patience with a client that comes when there are too many."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CONTINUES_SINCE = (1, 1)


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for all connections of a process.

    ``patience`` is in seconds: for a whole head, and for each piece of a body or an answer.
    ``longest_body`` tells in bytes how long the body for a path may be. ``is_probe`` tells the paths
    that need no place and are answered whatever happens.
    """

    configuration: Any
    patience: float
    room: Room
    longest_body: Callable[[str], int]
    is_probe: Callable[[str], bool]
    clock: Callable[[], float]


class Connection:
    """A client's connection; of the loop's thread, or of the one that works on its request."""

    def __init__(
        self,
        sock: socket.socket,
        client: Any,
        server: Any,
        terms: Terms,
        *,
        is_surplus: bool = False,
    ) -> None:
        """``is_surplus`` says that it is one more than the process hears at a time."""
        self.sock = sock
        self.client = client
        self.server = server
        self.outgoing = Outgoing(sock, terms.room)
        self.state = State.HANDSHAKE if isinstance(sock, ssl.SSLSocket) else State.HEAD
        self.watched = 0
        """The events that the loop waits for."""
        self.request: Any = None
        self.body = ArrivingBody(0, 0, terms.room)
        self.answer: Answer | None = None
        self.error: Exception | None = None
        self._terms = terms
        self._is_surplus = is_surplus
        self._patience = SURPLUS_SECONDS if is_surplus else terms.patience
        self._arrived = Arrived()
        self._renewed_at = 0
        self._unheard = 0
        self.deadline = 0.0
        self.renew()

    @property
    def is_silent(self) -> bool:
        """Whether nothing of a request is there."""
        return self.state is State.HEAD and not self._arrived

    @property
    def has_request(self) -> bool:
        """Whether the head of a request is there."""
        return self.request is not None

    @property
    def is_quick(self) -> bool:
        """Whether its request is answered without any work."""
        return self.body.is_refused or self._terms.is_probe(self.request.path)

    @property
    def size(self) -> int:
        """The bytes that the request's body has."""
        return self.body.size

    @property
    def is_large(self) -> bool:
        """Whether few of such requests are worked on at a time."""
        return self.size >= LARGE_BYTES

    @property
    def path(self) -> str:
        """The path of a request that has not been read, as far as its line shows one."""
        return self._arrived.path

    def renew(self, seconds: float | None = None) -> None:
        """Give the client so many seconds from now on, or as many as it has for a piece."""
        self.deadline = self._terms.clock() + (self._patience if seconds is None else seconds)

    def has_more(self, milliseconds: int, hurry: int) -> bool:
        """Whether something is there, or comes within a moment; ``hurry`` is a file that ends it."""
        if self._arrived or self._pending():
            return True
        watched = select.poll()
        watched.register(self.sock, select.POLLIN)
        watched.register(hurry, select.POLLIN)
        return any(number != hurry for number, _ in watched.poll(milliseconds))

    def receive(self) -> Step:
        """Take what has arrived; what is needed next. It never waits."""
        try:
            if self.state is State.HANDSHAKE:
                self.sock.do_handshake()  # type: ignore[attr-defined]
                self.state = State.HEAD
            return self._received()
        except ssl.SSLWantReadError:
            return Step.MORE
        except ssl.SSLWantWriteError:
            return Step.SPACE
        except OSError:
            # It was cut off, or does not speak TLS.
            return Step.END

    def next(self, seconds: float) -> None:
        """The request is answered; the next one may take so long to begin."""
        self._forget_request()
        self.state = State.HEAD
        self.renew(seconds)

    def work(self) -> None:
        """A thread has it now, for as long as it needs."""
        self.state = State.WORKING
        self.deadline = math.inf

    def give_up(self, failure: Exception) -> None:
        """Answer the request with a failure; its client, or this process, has had its time."""
        self.body.refuse(failure)
        self._end_request()

    def begin_closing(self, seconds: float, size: int) -> None:
        """Say that nothing more comes from here; ``hear_out`` then listens a little longer.

        The client of a body that was refused is heard out to the end.
        """
        self._forget_request()
        if self._arrived.is_ended:
            return
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            return
        self.state = State.CLOSING
        if not self._unheard:
            self._patience = seconds
        self._renewed_at = self._unheard = max(self._unheard, size)
        self.renew()

    def hear_out(self) -> bool:
        """Drop what has arrived; whether there may be more."""
        try:
            data = self.sock.recv(PIECE_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._unheard -= len(data)
        if self._renewed_at - self._unheard >= PIECE_BYTES:
            self._renewed_at = self._unheard
            self.renew()
        return bool(data) and self._unheard > 0

    def close(self) -> None:
        """Close it, and keep nothing of it."""
        self._forget_request()
        self.outgoing.close()
        self.sock.close()

    def _pending(self) -> int:
        """Bytes that TLS has decrypted, which no event tells of."""
        return self.sock.pending() if isinstance(self.sock, ssl.SSLSocket) else 0

    def _forget_request(self) -> None:
        answer, self.answer = self.answer, None
        self.request = None
        self.body.close()
        if answer is not None:
            answer.close()

    def _received(self) -> Step:
        step = self._advance()
        pieces = 0
        while step is Step.MORE and (pieces < MOST_PIECES or self._pending()):
            try:
                data = self.sock.recv(PIECE_BYTES)
            except BlockingIOError:
                break
            if self.is_silent:
                self.renew()
            self._arrived.add(data)
            step = self._advance()
            pieces += 1
            if len(data) < PIECE_BYTES and not self._pending():
                break
        return step

    def _advance(self) -> Step:
        """What is needed next, after what has arrived."""
        try:
            if self.request is None:
                self.request = self._arrived.take_request(self._terms.configuration, self.client)
                self._begin_body()
        except Incomplete:
            return Step.MORE
        except (NoMoreData, StopIteration):
            return Step.END
        except Exception as error:  # noqa: BLE001 - all that gunicorn's parser has to say
            self.error = error
            return Step.REFUSAL
        return self._take_body()

    def _begin_body(self) -> None:
        request, terms = self.request, self._terms
        reader = request.body.reader
        declared = None if isinstance(reader, ChunkedReader) else reader.length
        self.body = ArrivingBody(declared, terms.longest_body(request.path), terms.room)
        self.state = State.BODY
        self._renewed_at = 0
        self.renew()
        if self._is_surplus and not terms.is_probe(request.path):
            self.body.refuse(ServerBusy("too many clients are heard already"))
        elif request.version >= CONTINUES_SINCE and any(
            name == "EXPECT" for name, _ in request.headers
        ):
            self._answer_expectation()

    def _answer_expectation(self) -> None:
        """Have the client send its body, or not."""
        if self.body.is_too_large:
            self.body.refuse()
        elif not (self.body.is_over or self._arrived):
            self.outgoing.sendall(CONTINUE)
            self.outgoing.flush()

    def _take_body(self) -> Step:
        body = self.body
        if self._arrived and not body.is_over:
            self._arrived.content = bytearray(body.feed(self._arrived.take()))
        if self._arrived.is_ended and not body.is_over:
            body.refuse(PacketError(BROKEN_OFF))
        if body.is_over:
            self._end_request()
            return Step.REQUEST
        if body.size - self._renewed_at >= PIECE_BYTES:
            self._renewed_at = body.size
            self.renew()
        return Step.MORE

    def _end_request(self) -> None:
        """It can be answered; nobody waits for the end of one that is refused: it is the last."""
        if self.body.is_refused:
            self.request.force_close()
            self._unheard = self.body.unheard
        self.work()
