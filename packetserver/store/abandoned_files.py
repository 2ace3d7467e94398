"""Files that a process was writing when it was killed: they go when the next one comes."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import time
from pathlib import Path
from typing import IO

logger = logging.getLogger(__name__)

YOUNG_SECONDS = 60.0
"""A file that is younger may not be held yet by whoever has just made it."""


def hold(file: IO[bytes]) -> None:
    """Say that a file is being written, for as long as it is open and the process lives."""
    # A disk without locks keeps what is abandoned.
    with contextlib.suppress(OSError):
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def remove_abandoned(folder: Path) -> None:
    """Remove the files of a folder that nobody holds."""
    now = time.time()
    with os.scandir(folder) as found:
        old = [each.path for each in found if _is_old(each, now)]
    for path in old:
        with contextlib.suppress(OSError):
            _remove_unheld(path)


def _is_old(entry: os.DirEntry[str], now: float) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return (
            entry.is_file(follow_symlinks=False)
            and now - entry.stat(follow_symlinks=False).st_mtime >= YOUNG_SECONDS
        )
    return False


def _remove_unheld(path: str) -> None:
    """Raises OSError for a file that is held, or gone."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)  # noqa: PTH108 - as it was found
    finally:
        os.close(descriptor)
    logger.warning("%s was left by a process that is gone, and is removed", path)
