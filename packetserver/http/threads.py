"""The threads of a process that answer whole requests; they never wait for a client."""

from __future__ import annotations

import contextlib
import enum
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gunicorn.http.errors import (  # type: ignore[import-untyped]
    InvalidHTTPVersion,
    InvalidRequestLine,
)

from packetserver.http.answer import Answer
from packetserver.http.connection import Connection
from packetserver.http.states import Step
from packetserver.http.wakening import drained, pipe

NEXT_MILLISECONDS = 20
"""How long a thread waits for the next request on its connection before it turns to others."""

QUICK_THREADS = 2
"""They answer those who look whether all is well, and say what is refused."""

SENDING_THREADS = 2
"""They get the next pieces of long answers from the application, which may have work with them."""


class Outcome(enum.Enum):
    """What becomes of a connection once its request is answered."""

    OPEN = enum.auto()
    CLOSED = enum.auto()
    BROKEN = enum.auto()
    SENDING = enum.auto()
    """The client has not taken the whole answer yet."""


Returned = Callable[[Connection, "Outcome | Step", bool], None]
"""Is told what has become of a connection, and whether its request had a place."""


class Threads:
    """As many threads as there are places for requests, and a few for what needs none."""

    def __init__(self, worker: Any, places: int, returned: Returned) -> None:
        self._worker = worker
        self._returned = returned
        self._placed = ThreadPoolExecutor(places, "packets")
        self._quick = ThreadPoolExecutor(QUICK_THREADS, "quick")
        self._sending = ThreadPoolExecutor(SENDING_THREADS, "sending")
        self._hurry, self._hurrying = pipe()
        self._is_hurrying = False

    def answer(self, connection: Connection, *, in_place: bool) -> None:
        """Answer a request, in a place or because it needs none."""
        pool = self._placed if in_place else self._quick
        pool.submit(self._work, connection, in_place)

    def go_on(self, connection: Connection) -> None:
        """Send more of an answer: the client has taken what there was."""
        self._sending.submit(self._go_on, connection)

    def hurry(self, is_needed: bool) -> None:  # noqa: FBT001
        """No thread waits for a request that may come on its connection, while others wait."""
        if is_needed and not self._is_hurrying:
            os.write(self._hurrying, b"!")
        elif self._is_hurrying and not is_needed:
            drained(self._hurry)
        self._is_hurrying = is_needed

    def close(self) -> None:
        """Take no more; what is worked on may end."""
        self._placed.shutdown(wait=False)
        self._quick.shutdown(wait=False)
        self._sending.shutdown(wait=False)

    def _work(self, connection: Connection, in_place: bool) -> None:  # noqa: FBT001
        outcome: Outcome | Step = Outcome.BROKEN
        try:
            outcome = self._answered(connection)
            while outcome is Outcome.OPEN and in_place and self._stays_with(connection):
                step = connection.receive()
                if step is not Step.REQUEST or connection.is_quick or connection.is_large:
                    outcome = step
                    break
                outcome = self._answered(connection)
        except Exception:
            self._worker.log.exception("A connection is lost")
            outcome = Outcome.BROKEN
        finally:
            self._returned(connection, outcome, in_place)

    def _go_on(self, connection: Connection) -> None:
        outcome = Outcome.BROKEN
        try:
            outcome = self._sent(connection)
        finally:
            self._returned(connection, outcome, False)  # noqa: FBT003

    def _stays_with(self, connection: Connection) -> bool:
        """Whether the thread goes on with a connection: its next request comes at once.

        A client that has much to send does so packet by packet. To give its connection back to
        the loop each time, which waits for it and wakes another thread, costs both of them.
        """
        hurries = self._is_hurrying or not self._worker.alive
        return not hurries and connection.has_more(NEXT_MILLISECONDS, self._hurry)

    def _answered(self, connection: Connection) -> Outcome:
        try:
            connection.answer = Answer(self._worker, connection)
        except Exception as error:  # noqa: BLE001 - whatever the application raises
            return self._failed(connection, error)
        return self._sent(connection)

    def _sent(self, connection: Connection) -> Outcome:
        """Send what the client takes of its answer."""
        answer = connection.answer
        if answer is None:
            return Outcome.BROKEN
        try:
            if not answer.go_on():
                return Outcome.SENDING
            closes = answer.closes
            connection.next(self._worker.cfg.keepalive)
        except OSError:
            return Outcome.BROKEN
        except Exception as error:
            if not answer.is_begun:
                return self._failed(connection, error)
            self._worker.log.exception("Error handling request")
            return Outcome.BROKEN
        return Outcome.CLOSED if closes else Outcome.OPEN

    def _failed(self, connection: Connection, error: Exception) -> Outcome:
        """The application has failed before it began to answer."""
        refuse(self._worker, connection, error)
        return Outcome.CLOSED


def refuse(worker: Any, connection: Connection, error: Exception | None) -> None:
    """Have gunicorn say what is wrong with a request, or with the application, and log it."""
    request = connection.request
    if request is not None:
        # A query string may hold what lets its sender in: no log gets it.
        request.uri = request.uri.partition("?")[0]
    worker.handle_error(request, connection.outgoing, connection.client, _without_query(error))
    with contextlib.suppress(OSError):
        connection.outgoing.flush()


def _without_query(error: Exception | None) -> Exception | None:
    """The error for a line that cannot be read, without what may be part of a query string."""
    shown = error
    if isinstance(error, InvalidRequestLine):
        shown = InvalidRequestLine(error.req.partition("?")[0])
    elif isinstance(error, InvalidHTTPVersion):
        word = str(error.version).rpartition(" ")[2]
        shown = InvalidHTTPVersion(word if word.startswith("HTTP/") else "")
    return shown
