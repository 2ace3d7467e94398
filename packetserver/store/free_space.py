"""Whether a disk has room: how much is free, and how much is left alone."""

from __future__ import annotations

import os
from pathlib import Path

MOST_LEFT_ALONE = 256 * 1024**2
SHARE_LEFT_ALONE = 20
"""One byte of so many is left alone, but no more than the most: whoever else writes to the disk,
the database first of all, must not be the one who finds it full."""


def room_for(folder: Path, size: int, most_left_alone: int = MOST_LEFT_ALONE) -> bool:
    """Whether so many bytes can be written in a folder, and as much is free then as is left alone.

    Raises OSError when the folder cannot be asked.
    """
    told = os.statvfs(folder)
    left_alone = min(most_left_alone, told.f_blocks * told.f_frsize // SHARE_LEFT_ALONE)
    return told.f_bavail * told.f_frsize >= size + left_alone


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next((each for each in (folder, *folder.absolute().parents) if each.exists()), folder)
