"""Connections that must get on until some moment, and what ends those that do not.

A read or write of a socket blocks its thread for as long as the other side likes. A time-out of
the socket would not help: it begins anew with every byte. So one thread of the process looks
after all connections, and shuts down the late ones, which wakes whoever is blocked.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

PACE_SECONDS = 0.5
"""How often late connections are looked for."""


@dataclass(slots=True)
class Deadline:
    """The moment, on the clock of the deadlines, and what happens then."""

    moment: float
    end: Callable[[], None]
    passed: bool = False


class Deadlines:
    """Deadlines by what has them: a connection has one at most; safe to use from many threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._deadlines: dict[Hashable, Deadline] = {}
        self._lock = threading.Lock()
        self._watching = False

    def set(self, connection: Hashable, seconds: float, end: Callable[[], None]) -> None:
        """Give a connection so many seconds from now; ``end`` must not block."""
        deadline = Deadline(self._clock() + seconds, end)
        with self._lock:
            self._deadlines[connection] = deadline
            if self._watching:
                return
            self._watching = True
        # Not before the first connection: a process that forks would lose the thread.
        threading.Thread(target=self._watch, name="deadlines", daemon=True).start()

    def forget(self, connection: Hashable) -> bool:
        """Take the deadline away; whether it had passed, and the connection was ended."""
        with self._lock:
            deadline = self._deadlines.pop(connection, None)
        return deadline is not None and deadline.passed

    def end_late(self) -> None:
        """End every connection whose moment has come."""
        now = self._clock()
        with self._lock:
            for deadline in self._deadlines.values():
                if deadline.moment <= now and not deadline.passed:
                    deadline.passed = True
                    deadline.end()

    def _watch(self) -> None:
        while True:
            time.sleep(PACE_SECONDS)
            self.end_late()
