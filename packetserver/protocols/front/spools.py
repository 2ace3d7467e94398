"""What is kept on disk of long bodies and answers: in one folder, and within a bound for all.

The files have no names, so that nothing is left of them when a process is killed. All processes that
use a folder count together, and no more is written than its disk has room for.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from packetserver.errors import SettingsError, SpoolRefused
from packetserver.protocols.front.spool_usage import usage_of
from packetserver.settings import Settings
from packetserver.store.files import room_for


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
