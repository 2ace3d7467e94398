"""What the process asked of the system and needs no longer, given back."""

from __future__ import annotations

import contextlib
import ctypes
from typing import Any

REST_SECONDS = 2.0
"""After so long without a request the process rests."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""Names of glibc (mallopt(3))."""

ARENAS = 2
"""An arena for each thread would keep what that thread ever needed at a time, all of them at once."""

THRESHOLD_BYTES = 128 * 1024
"""What is longer is asked of the system by itself, and goes back as soon as it is free. That is
glibc's own choice at first; it takes more and more for short as longer ones are freed."""


def bound_arenas() -> None:
    """Have the C library keep less; to be called before there are threads."""
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_ARENA_MAX, ARENAS)
        mallopt(M_MMAP_THRESHOLD, THRESHOLD_BYTES)
        mallopt(M_TRIM_THRESHOLD, 8 * THRESHOLD_BYTES)


class Memory:
    """Gives back what is free whenever the process rests after it has worked."""

    def __init__(self) -> None:
        self.is_used = False
        """Whether a request has come since the last look."""
        self._rests_at = 0.0
        self._is_given_back = True
        # Another C library than glibc has its own ways.
        self._trim: Any = getattr(ctypes.CDLL(None), "malloc_trim", None)

    def give_back(self, now: float) -> None:
        """Look whether the process rests; ``now`` is in seconds of a clock that never goes back."""
        if self.is_used:
            self.is_used, self._is_given_back = False, False
            self._rests_at = now + REST_SECONDS
        elif not self._is_given_back and now >= self._rests_at:
            self._is_given_back = True
            if self._trim is not None:
                self._trim(0)
