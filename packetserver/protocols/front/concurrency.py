"""How much is worked on at a time: what comes beyond that waits, or is told to come again.

Receiving a request and sending its answer need no slot: a slow client keeps none from others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from packetserver.errors import ServerBusy
from packetserver.settings import Settings

LARGE_BYTES = 1024 * 1024
"""From this size on a request is large: it takes much memory, and the processor for long."""

LARGE_SHARE = 4
"""One slot of so many may be taken by a large request, so that small ones find a slot beside."""


class Concurrency:
    """The slots of one process for work; safe to use from many threads."""

    def __init__(self, slots: int, most_waiting: int, longest_wait: float) -> None:
        """``slots`` are worked on at a time, ``most_waiting`` wait for ``longest_wait`` seconds."""
        self._slots = threading.Semaphore(slots)
        self._large = threading.Semaphore(max(1, slots // LARGE_SHARE))
        self._most_waiting = most_waiting
        self._longest_wait = longest_wait
        self._lock = threading.Lock()
        self.waiting = 0

    @classmethod
    def of(cls, settings: Settings) -> Concurrency:
        """As much at a time as the settings say."""
        return cls(settings.threads, settings.max_waiting, settings.wait_seconds)

    @contextmanager
    def slot(self, size: int = 0) -> Iterator[None]:
        """A slot for work on a request of ``size`` bytes.

        Raises ServerBusy when too many wait already, or none becomes free in time.
        """
        until = time.monotonic() + self._longest_wait
        is_large = size >= LARGE_BYTES
        if is_large:
            self._enter(self._large, until)
        try:
            self._enter(self._slots, until)
            try:
                yield
            finally:
                self._slots.release()
        finally:
            if is_large:
                self._large.release()

    def _enter(self, slots: threading.Semaphore, until: float) -> None:
        if slots.acquire(blocking=False):
            return
        with self._lock:
            if self.waiting >= self._most_waiting:
                raise ServerBusy("too many packets wait already")
            self.waiting += 1
        try:
            if not slots.acquire(timeout=max(0, until - time.monotonic())):
                raise ServerBusy("no place became free in time")
        finally:
            with self._lock:
                self.waiting -= 1
