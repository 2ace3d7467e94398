"""Which packets have been in each other's way lately: such packets then come one after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence

from packetserver.engine.packet import Transaction

REMEMBERED_SECONDS = 60.0
"""How long packets of some elements take turns after one of them ended in a deadlock."""


class Collisions:
    """The elements of packets that the database has undone for others; safe to use from threads.

    What a packet changes beside its own records shows only while it is carried out. Those that
    change the same things tend to come together, and to be of the same elements.
    """

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def note(self, transactions: Iterable[Transaction]) -> None:
        """Such a packet was undone."""
        now = time.monotonic()
        with self._lock:
            # There are no more elements than the catalogue has, and so many of others.
            self._until = {name: until for name, until in self._until.items() if until > now}
            self._until |= dict.fromkeys(_elements(transactions), now + REMEMBERED_SECONDS)

    def forget(self) -> None:
        """Nothing was undone lately."""
        with self._lock:
            self._until = {}

    def are_likely(self, transactions: Sequence[Transaction]) -> bool:
        """Whether such a packet should wait for others of its kind."""
        if not self._until:
            return False
        now = time.monotonic()
        return any(self._until.get(each, now) > now for each in _elements(transactions))


def _elements(transactions: Iterable[Transaction]) -> set[str]:
    return {item.element for each in transactions for item in each.items}
