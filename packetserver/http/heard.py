"""The clients of a process: as many as it hears, and those who are told that they are too many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from packetserver.http.connection import Connection
from packetserver.http.states import State

SURPLUS_CONNECTIONS = 200
"""So many are listened to beyond the limit, for long enough to tell them what they can be told."""

SLOW_SECONDS = 1.0
"""Who has sent no whole head for so long makes room, if there is none for others: a client that
wants something says so at once."""

UNFINISHED = frozenset({State.HANDSHAKE, State.HEAD, State.CLOSING})
"""Where a connection is that nobody works for."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a new client finds: whether it is one too many, and whose connection ends for it.

    Without a place it can only be turned away.
    """

    is_surplus: bool
    ends: Connection | None = None


class Heard:
    """All connections of a process; of the loop's thread."""

    def __init__(self, limit: int, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._all: dict[Connection, None] = {}
        self._without_request: dict[Connection, float] = {}
        """Since when they have been so, the longest first."""
        self._surplus: dict[Connection, None] = {}

    def __iter__(self) -> Iterator[Connection]:
        """All of them, also while some of them are removed."""
        return iter(list(self._all))

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._all)

    def place(self) -> Place | None:
        """A place for one more; None when there is none."""
        if len(self._all) - len(self._surplus) < self._limit:
            return Place(is_surplus=False)
        slowest = next(iter(self._without_request), None)
        if slowest and self._without_request[slowest] <= self._clock() - SLOW_SECONDS:
            return Place(is_surplus=False, ends=slowest)
        if len(self._surplus) < SURPLUS_CONNECTIONS:
            return Place(is_surplus=True)
        ends = next((each for each in self._surplus if each.state in UNFINISHED), None)
        return None if ends is None else Place(is_surplus=True, ends=ends)

    def add(self, connection: Connection, place: Place) -> None:
        """A client has come, and has a place."""
        self._all[connection] = None
        if place.is_surplus:
            self._surplus[connection] = None
        else:
            self.waits(connection)

    def waits(self, connection: Connection) -> None:
        """A client may send its next request."""
        # Whoever is one too many has no place that another one could take.
        if connection not in self._surplus:
            self._without_request[connection] = self._clock()

    def asks(self, connection: Connection) -> None:
        """A client has sent the head of a request."""
        self._without_request.pop(connection, None)

    def remove(self, connection: Connection) -> None:
        """A client is gone."""
        self._all.pop(connection, None)
        self._without_request.pop(connection, None)
        self._surplus.pop(connection, None)
