"""Whether the disks take what is written to them: a small file is written, and is gone again."""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from packetserver.store.files import existing, room_for

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""How long a look counts: whoever asks each moment shall not have the disks written each moment."""

PROBE = bytes(64 * 1024)

FULL = "The disk of {} is full, or nearly so."
REFUSED = "Nothing can be written to the disk of {}: {}."


class Disks:
    """The disks that a server writes to; safe to use from many threads."""

    def __init__(
        self, places: Mapping[str, tuple[Path, int]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``places`` are folders and how many bytes of their disk are left alone, by what they hold.

        The ``clock`` tells seconds.
        """
        self._places = places
        self._clock = clock
        self._lock = threading.Lock()
        self._told: str | None = None
        self._looks_again = clock()

    def why_not_writable(self) -> str | None:
        """What is wrong with the first disk that takes nothing more, in a sentence; None if none."""
        with self._lock:
            if self._clock() >= self._looks_again:
                self._told = self._look()
                self._looks_again = self._clock() + LOOK_SECONDS
            return self._told

    def _look(self) -> str | None:
        for what, (folder, left_alone) in self._places.items():
            place = existing(folder)
            try:
                if not room_for(place, len(PROBE), left_alone):
                    logger.warning("The disk of %s has no room for %s", place, what)
                    return FULL.format(what)
                _write(place)
            except OSError as error:
                logger.warning("%s takes nothing for %s: %s", place, what, error)
                return REFUSED.format(what, error.strerror or "it is refused")
        return None


def _write(folder: Path) -> None:
    """Write what has no name, and so never reaches the disk itself; raises OSError."""
    with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:
        if probe.write(PROBE) < len(PROBE):
            raise OSError("it takes only a part")
