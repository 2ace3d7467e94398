"""How much all processes keep in a folder of spools.

The numbers stand in a file that every process maps into its memory. Each process has a place in it
and holds a lock on that place, which the system takes from a process that is gone however it went:
what it kept is gone with it, and its number counts no longer.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import mmap
import os
import threading
from pathlib import Path

logger = logging.getLogger(__name__)

PLACES = 1024
SIZE = PLACES * 8
"""A number has eight bytes, and is written at once."""


class SpoolUsage:
    """What this process keeps, and all others; safe to use from many threads."""

    def __init__(self, file: Path) -> None:
        """Take a place in a file, which is made if there is none.

        Without a place the process counts for itself.
        """
        self._lock = threading.Lock()
        self._kept = 0
        try:
            self._shared: SharedNumbers | None = SharedNumbers(file)
        except OSError as error:
            logger.warning("%s: each process counts its spools alone: %s", file, error.strerror)
            self._shared = None

    def take(self, size: int, limit: int) -> bool:
        """Keep so many bytes more, if all processes then keep no more than the limit."""
        with self._lock:
            # Said before it is looked: of two that want the last room none may get too much.
            total = self._say(self._kept + size)
            if total > limit and self._shared is not None:
                total = self._shared.without_gone()
            if total > limit:
                self._say(self._kept)
                return False
            self._kept += size
            return True

    def give_back(self, size: int) -> None:
        """So many bytes are kept no longer."""
        with self._lock:
            self._kept -= size
            self._say(self._kept)

    def _say(self, kept: int) -> int:
        """Tell the others, and return what all keep then."""
        return kept if self._shared is None else self._shared.set_own(kept)


class SharedNumbers:
    """A number for each process, in a file; one thread at a time."""

    def __init__(self, file: Path) -> None:
        """Raises OSError when there is no place, or no such file."""
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, mode=0o600)
        # A page that the disk has no room for would end the process that writes to it.
        os.posix_fallocate(self._descriptor, 0, SIZE)
        self._numbers = memoryview(mmap.mmap(self._descriptor, SIZE)).cast("Q")
        self._own = next(filter(self._is_free, range(PLACES)))
        self._numbers[self._own] = 0

    def set_own(self, number: int) -> int:
        """Write the number of this process; returns the sum of all."""
        self._numbers[self._own] = number
        return sum(self._numbers)

    def without_gone(self) -> int:
        """The sum, after the numbers of processes that are gone have been removed."""
        for place, number in enumerate(self._numbers):
            if number and place != self._own and self._is_free(place):
                self._numbers[place] = 0
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, place)
        return sum(self._numbers)

    def _is_free(self, place: int) -> bool:
        """Lock a place, if no other process has it."""
        with contextlib.suppress(BlockingIOError, PermissionError):
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
            return True
        return False


_usages: dict[Path, SpoolUsage] = {}
_making = threading.Lock()


def usage_of(folder: Path) -> SpoolUsage:
    """The usage of a folder: one for each process, which would lose its place by a second one."""
    usage = _usages.get(folder)
    if usage is None:
        with _making:
            usage = _usages.setdefault(folder, SpoolUsage(folder / "usage"))
    return usage


# A process that has been forked is another one, and has kept nothing yet.
os.register_at_fork(after_in_child=_usages.clear)
