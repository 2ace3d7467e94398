"""Which requests are worked on, which wait for that, and which have waited too long."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from packetserver.protocols.front.concurrency import LARGE_BYTES, LARGE_SHARE


class Sized(Protocol):
    """What waits."""

    @property
    def size(self) -> int:
        """Its bytes: a large one takes much memory, and the processor for long."""


MOST_LARGE_BYTES = 24 * 1024**2
"""What large requests that are worked on at a time may have together: as values a packet takes five
times its bytes. One that is longer by itself is worked on alone."""

Request = TypeVar("Request", bound=Sized)


class Backlog(Generic[Request]):
    """The places of a process, and the queue before them.

    As in packetserver.protocols.front.concurrency a quarter of the places may be taken by large requests, so
    that small ones find a place beside; and these may not be too large together. It is one
    thread's; others may ask whether any wait.
    """

    def __init__(
        self, places: int, most_waiting: int, longest_wait: float, clock: Callable[[], float]
    ) -> None:
        """``longest_wait`` is in seconds of the clock."""
        self._free = places
        self._most_large = max(1, places // LARGE_SHARE)
        self._most_waiting = most_waiting
        self._longest_wait = longest_wait
        self._clock = clock
        self._waiting: deque[tuple[float, Request]] = deque()
        self._large: dict[Request, int] = {}

    @property
    def is_waiting(self) -> bool:
        """Whether any request waits."""
        return bool(self._waiting)

    def add(self, request: Request) -> bool:
        """Have a request wait; whether that is possible. Ask at once who is next."""
        if self._free <= 0 and len(self._waiting) >= self._most_waiting:
            return False
        self._waiting.append((self._clock() + self._longest_wait, request))
        return True

    def next(self) -> Request | None:
        """The request that is to be worked on now, in a place of its own."""
        if self._free <= 0:
            return None
        for index, (_, request) in enumerate(self._waiting):
            size = request.size
            if size < LARGE_BYTES or self._has_place_for_large(size):
                del self._waiting[index]
                self._free -= 1
                if size >= LARGE_BYTES:
                    self._large[request] = size
                return request
        return None

    def _has_place_for_large(self, size: int) -> bool:
        if not self._large:
            return True
        together = sum(self._large.values()) + size
        return len(self._large) < self._most_large and together <= MOST_LARGE_BYTES

    def finish(self, request: Request) -> None:
        """Its place is free again."""
        self._free += 1
        self._large.pop(request, None)

    def late(self) -> Iterator[Request]:
        """Those that have waited too long; they wait no longer."""
        while self._waiting and self._waiting[0][0] <= self._clock():
            yield self._waiting.popleft()[1]
