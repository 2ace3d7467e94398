"""What is kept on disk of long bodies and answers: in one folder, and within a bound for all.

The files have no names, so that nothing is left of them when a process is killed. All processes that
use a folder count together, and no more is written than its disk has room for.

How much they keep stands in a file that every process maps into its memory. Each process has a place
in it and holds a lock on that place, which the system takes from a process that is gone however it
went: what it kept is gone with it, and its number counts no longer.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import mmap
import os
import stat
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from packetserver.errors import SettingsError, SpoolRefused
from packetserver.settings import Settings
from packetserver.store.files import room_for

logger = logging.getLogger(__name__)

PLACES = 1024
SIZE = PLACES * 8
"""A number has eight bytes, and is written at once."""


class Spools:
    """The spools of a server; safe to use from many threads."""

    def __init__(self, folder: Path, limit: int) -> None:
        """``limit`` is how many bytes all processes may keep in the folder.

        Raises SettingsError for a folder that cannot be used.
        """
        self.folder = folder.absolute()
        self._limit = limit
        try:
            self._make_folder()
        except OSError as error:
            problem = error.strerror or error
            raise SettingsError(f"spool_folder: {folder} cannot be used: {problem}") from error

    @classmethod
    def of(cls, settings: Settings) -> Spools:
        """The spools that the settings say."""
        return cls(spool_folder(settings), settings.max_spool_bytes)

    def file(self) -> SpoolFile:
        """A new spool. Raises SpoolRefused."""
        with _disk_errors():
            self._make_folder()
            return SpoolFile(self, tempfile.TemporaryFile(dir=self.folder))

    @contextmanager
    def counted(self, chunks: Iterable[bytes]) -> Iterator[Iterator[bytes]]:
        """Bytes that are kept on another disk: they count from when they are read to the end.

        Raises SpoolRefused while they are read.
        """
        taken = 0

        def counting() -> Iterator[bytes]:
            nonlocal taken
            for chunk in chunks:
                self._take(len(chunk))
                taken += len(chunk)
                yield chunk

        try:
            yield counting()
        finally:
            self.give_back(taken)

    def take(self, size: int) -> None:
        """Keep so many bytes more in the folder. Raises SpoolRefused when there is no room."""
        with _disk_errors():
            has_room = room_for(self.folder, size)
        if not has_room:
            raise SpoolRefused(f"the disk of {self.folder} is full, or nearly so")
        self._take(size)

    def _take(self, size: int) -> None:
        if not usage_of(self.folder).take(size, self._limit):
            raise SpoolRefused(f"no more than {self._limit} bytes may be kept at a time")

    def give_back(self, size: int) -> None:
        """So many bytes are kept no longer."""
        usage_of(self.folder).give_back(size)

    def _make_folder(self) -> None:
        """Make the folder, if nobody has or somebody has tidied up; raises OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        require_own(self.folder)


class SpoolFile:
    """The bytes of one body or answer. Its methods raise SpoolRefused when the disk refuses."""

    def __init__(self, spools: Spools, file: IO[bytes]) -> None:
        self._spools = spools
        self._file = file
        self._size = 0

    def write(self, content: bytes) -> None:
        """Add bytes."""
        self._spools.take(len(content))
        self._size += len(content)
        with _disk_errors():
            self._file.write(content)

    def flush(self) -> None:
        """Have the disk take what was written."""
        with _disk_errors():
            self._file.flush()

    def seek(self, position: int) -> None:
        """Read on from a position."""
        with _disk_errors():
            self._file.seek(position)

    def truncate(self) -> None:
        """Forget what stands behind the position."""
        with _disk_errors():
            size = self._file.truncate()
        self._spools.give_back(self._size - size)
        self._size = size

    def read(self, size: int = -1) -> bytes:
        """Up to so many bytes, or all; none at the end."""
        with _disk_errors():
            return self._file.read(size)

    def close(self) -> None:
        """Give the disk free."""
        # What the disk has refused is tried once more when a file is closed; nobody wants it now.
        with contextlib.suppress(OSError):
            self._file.close()
        self._spools.give_back(self._size)
        self._size = 0


def require_own(folder: Path) -> None:
    """Raises PermissionError for a folder that somebody else may have put there."""
    found = folder.stat(follow_symlinks=False)
    if stat.S_ISLNK(found.st_mode) or found.st_uid not in {os.geteuid(), 0}:
        raise PermissionError("it belongs to somebody else")


def spool_folder(settings: Settings) -> Path:
    """The folder of the setting, or one of this user's own where temporary files are."""
    if settings.spool_folder is not None:
        return settings.spool_folder
    return Path(tempfile.gettempdir()) / f"packetserver-{os.geteuid()}"


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Turns a refusal of the disk into SpoolRefused."""
    try:
        yield
    except OSError as error:
        raise SpoolRefused(f"the disk does not take it: {error.strerror or error}") from error


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
