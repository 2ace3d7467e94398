"""One process's server: the loop that hears all connections, by events."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from gunicorn.http.errors import LimitRequestLine  # type: ignore[import-untyped]

from packetserver.errors import PacketTooSlow, ServerBusy, TryAgainLater
from packetserver.http.backlog import Backlog
from packetserver.http.body import Room
from packetserver.http.connection import PIECE_BYTES, Connection, Terms
from packetserver.http.heard import Heard
from packetserver.http.listening import Listening, turn_away
from packetserver.http.memory import Memory
from packetserver.http.reception import Reception
from packetserver.http.states import State, Step
from packetserver.http.threads import Outcome, Threads, refuse
from packetserver.http.wakening import drained, pipe

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

TURN_SECONDS = 0.5
"""How often connections that have had their time are looked for, and gunicorn hears that we live."""

CLOSING_SECONDS, CLOSING_BYTES = 2.0, 64 * 1024
"""How long, and for how many bytes, a connection is listened to that we have closed: a client that
still sends would otherwise lose the answer."""

LINGER_SECONDS = 2.0
"""How long a stopping process waits for a request on a connection that is kept open."""


class Server:
    """Hears and answers the clients of one worker of gunicorn, until that is told to stop."""

    def __init__(self, worker: Any, reception: Reception) -> None:
        self._worker = worker
        self._reception = reception
        self._terms = Terms(
            configuration=worker.cfg,
            patience=reception.patience,
            room=Room(reception.spools, reception.room_bytes),
            longest_body=reception.longest_body,
            is_probe=reception.is_probe,
            clock=time.monotonic,
        )
        self._backlog: Backlog[Connection] = Backlog(
            reception.places, reception.most_waiting, reception.longest_wait, time.monotonic
        )
        self._threads = Threads(worker, reception.places, self._return)
        self._selector = selectors.DefaultSelector()
        self._listening = Listening(worker, self._selector, self._welcome)
        self._heard = Heard(reception.connections, time.monotonic)
        self._calls: deque[Callable[[], None]] = deque()
        self._woken, self._waking = pipe()
        self._memory = Memory()
        self._looked_at = 0.0

    def run(self) -> None:
        """Serve until the worker is no longer alive, and then to the end of what has begun."""
        for each in (self._woken, self._worker.PIPE[0]):
            self._selector.register(each, READ, partial(drained, each))
        self._listening.go_on()
        while self._worker.alive and self._worker.is_parent_alive():
            self._turn()
        self._stop()

    def wake(self) -> None:
        """Have the loop look at once what is new; from any thread."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._waking, b"!")

    def _stop(self) -> None:
        # Who waits already is served; others shall find the next process.
        self._listening.stop(self._reception.connections)
        until = time.monotonic() + self._worker.cfg.graceful_timeout
        soon = time.monotonic() + LINGER_SECONDS
        while self._heard and time.monotonic() < until:
            for each in self._heard:
                if each.is_silent:
                    each.deadline = min(each.deadline, soon)
            self._turn()
        for each in self._heard:
            self._drop(each)
        self._threads.close()

    def _turn(self) -> None:
        for key, _ in self._selector.select(TURN_SECONDS):
            key.data()
        while self._calls:
            self._calls.popleft()()
        now = time.monotonic()
        if now - self._looked_at >= TURN_SECONDS:
            self._looked_at = now
            self._look_after_all(now)

    def _look_after_all(self, now: float) -> None:
        self._worker.notify()
        for each in self._heard:
            if each.deadline <= now:
                self._end_patience(each)
        for each in self._backlog.late():
            self._refuse(each, ServerBusy("no place became free in time"))
        if self._worker.alive:
            self._listening.go_on()
        self._memory.give_back(now)

    def _welcome(self, accepted: socket.socket, client: Any, server: Any) -> None:
        place = self._heard.place()
        if place is None:
            turn_away(accepted, self._reception.overload)
            accepted.close()
            return
        if place.ends is not None:
            if not place.ends.is_silent:
                turn_away(place.ends.sock, self._reception.overload)
            self._drop(place.ends)
        secured = self._listening.secured(accepted)
        surplus = place.is_surplus
        connection = Connection(secured, client, server, self._terms, is_surplus=surplus)
        self._heard.add(connection, place)
        self._take(connection, connection.receive())

    def _look(self, connection: Connection) -> None:
        """Something has happened on a connection."""
        if connection.state is State.SENDING:
            self._send_on(connection)
        elif connection.state is State.CLOSING:
            if not connection.hear_out():
                self._drop(connection)
        else:
            self._take(connection, connection.receive())

    def _take(self, connection: Connection, step: Step) -> None:
        if connection.has_request:
            self._heard.asks(connection)
        match step:
            case Step.MORE:
                self._watch(connection, READ)
            case Step.SPACE:
                self._watch(connection, WRITE)
            case Step.REQUEST:
                self._admit(connection)
            case Step.REFUSAL:
                self._refuse_unread(connection)
                self._close(connection)
            case Step.END:
                self._drop(connection)

    def _refuse_unread(self, connection: Connection) -> None:
        """Answer what is no request, or has too long a line: that in the words of its address."""
        if not isinstance(connection.error, LimitRequestLine):
            refuse(self._worker, connection, connection.error)
            return
        self._worker.log.warning("The line of a request is too long")
        with contextlib.suppress(OSError):
            connection.outgoing.sendall(self._reception.too_long(connection.path))
            connection.outgoing.flush()

    def _admit(self, connection: Connection) -> None:
        self._watch(connection, 0)
        self._memory.is_used = True
        if connection.is_quick:
            self._threads.answer(connection, in_place=False)
        elif self._backlog.add(connection):
            self._begin()
        else:
            self._refuse(connection, ServerBusy("too many packets wait already"))

    def _begin(self) -> None:
        """Have those worked on for whom there are places."""
        while (connection := self._backlog.next()) is not None:
            self._threads.answer(connection, in_place=True)
        self._threads.hurry(self._backlog.is_waiting)

    def _refuse(self, connection: Connection, failure: Exception) -> None:
        """Have the application answer the failure: it has the words for it, and counts it."""
        self._watch(connection, 0)
        connection.give_up(failure)
        self._threads.answer(connection, in_place=False)

    def _return(self, connection: Connection, outcome: Outcome | Step, in_place: bool) -> None:  # noqa: FBT001
        """A thread is done with a connection; called by that thread."""
        self._calls.append(partial(self._go_on, connection, outcome, in_place=in_place))
        self.wake()

    def _go_on(self, connection: Connection, outcome: Outcome | Step, *, in_place: bool) -> None:
        if in_place:
            self._backlog.finish(connection)
            self._begin()
        match outcome:
            case Step():
                self._take(connection, outcome)
            case Outcome.OPEN:
                self._heard.waits(connection)
                self._take(connection, connection.receive())
            case Outcome.CLOSED:
                self._close(connection)
            case Outcome.BROKEN:
                self._drop(connection)
            case Outcome.SENDING:
                self._begin_sending(connection)

    def _begin_sending(self, connection: Connection) -> None:
        """A client does not take its answer at once: it waits here, and not in a thread."""
        try:
            connection.outgoing.hold()
        except TryAgainLater as error:
            self._worker.log.warning("An answer cannot be kept for a slow client: %s", error)
            self._drop(connection)
            return
        connection.state = State.SENDING
        self._renew(connection)
        self._watch(connection, WRITE)

    def _send_on(self, connection: Connection) -> None:
        """The client takes more of its answer."""
        try:
            is_sent = connection.outgoing.flush()
        except (OSError, TryAgainLater):
            self._drop(connection)
            return
        if is_sent:
            self._watch(connection, 0)
            connection.work()
            self._threads.go_on(connection)
        elif connection.outgoing.sent >= PIECE_BYTES:
            self._renew(connection)

    def _renew(self, connection: Connection) -> None:
        """The client of an answer has read a piece, and has as long again for the next one."""
        connection.outgoing.sent = 0
        connection.renew()

    def _end_patience(self, connection: Connection) -> None:
        if connection.state is State.BODY:
            self._refuse(connection, PacketTooSlow("The packet arrives too slowly"))
        else:
            self._drop(connection)

    def _watch(self, connection: Connection, events: int) -> None:
        """Wait for these events on a connection, or for none."""
        if events == connection.watched:
            return
        if not events:
            self._selector.unregister(connection.sock)
        elif connection.watched:
            self._selector.modify(connection.sock, events, partial(self._look, connection))
        else:
            self._selector.register(connection.sock, events, partial(self._look, connection))
        connection.watched = events

    def _close(self, connection: Connection) -> None:
        """Close our side; the client is listened to for a moment."""
        connection.begin_closing(CLOSING_SECONDS, CLOSING_BYTES)
        if connection.state is State.CLOSING and connection.hear_out():
            self._watch(connection, READ)
        else:
            self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        self._watch(connection, 0)
        self._heard.remove(connection)
        with contextlib.suppress(OSError):
            connection.close()
