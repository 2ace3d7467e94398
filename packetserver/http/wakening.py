"""Pipes that wake who waits for events."""

from __future__ import annotations

import contextlib
import os


def pipe() -> tuple[int, int]:
    """A pipe that never blocks: where it is read, and where it is written."""
    reading, writing = os.pipe()
    for each in (reading, writing):
        os.set_blocking(each, False)
    return reading, writing


def drained(reading: int) -> None:
    """Read all that there is."""
    with contextlib.suppress(BlockingIOError):
        while os.read(reading, 4096):
            pass
