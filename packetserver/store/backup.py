"""A copy of an SQLite database while servers use it: whole, checked, and private.

SQLite's own online backup reads one snapshot: all that was committed before it began, and nothing
of what came later. Writers do not wait for it, nor it for them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from packetserver.errors import BackupError, Outage
from packetserver.store.outages import outage_of_code

BESIDE = ("-journal", "-wal", "-shm")
"""How the names of the files end that SQLite keeps beside a database."""

IN_USE = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

FULL_BYTES = 64 * 1024
"""With less than this SQLite cannot write what it keeps beside a database."""

WITHOUT_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""How a file system says that it knows no second name of a file."""


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """A new file beside a target, which only its owner may read; gone at the end.

    Raises BackupError when the folder cannot be written.
    """
    with refused(target):
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        os.close(descriptor)
    path = Path(name)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
        _clear_beside(path)


def copy_database(source: Path, target: Path) -> None:
    """Copy a database into an empty file, and check the copy whole.

    Raises BackupError for what is no database, is damaged, or cannot be read or written.
    """
    with refused(source), _opened(source) as original, _opened(target) as copy:
        original.backup(copy)
        # One file: nothing of it may lie in a write-ahead log beside it.
        copy.execute("PRAGMA journal_mode = DELETE")
        found = [row[0] for row in copy.execute("PRAGMA integrity_check(1)")]
    if found != ["ok"]:
        raise BackupError(f"the database {source} is damaged: {found[0]}")


def is_in_use(path: Path) -> bool:
    """Whether somebody has the database open; what its log held is in its file afterwards.

    A damaged one is used by nobody. Raises BackupError for one that may not be opened.
    """
    with refused(path), _opened(path) as connection:
        try:
            # Only the last one there may leave the write-ahead log.
            connection.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.DatabaseError as error:
            code = error.sqlite_errorcode & 0xFF
            if code not in {*IN_USE, *DAMAGED}:
                raise
            return code in IN_USE
    return False


def publish(path: Path, target: Path) -> None:
    """Give a staged file its name for good, safe from a loss of power.

    Raises BackupError when the name is taken: nothing is overwritten.
    """
    with refused(target):
        _synchronise(path)
        try:
            os.link(path, target)
        except FileExistsError as error:
            raise BackupError(f"{target} exists already") from error
        except OSError as error:
            if error.errno not in WITHOUT_LINKS:
                raise
            require_free(target)
            path.rename(target)
        _synchronise(target.parent)


def require_free(target: Path) -> None:
    """Raises BackupError when a name is taken."""
    if target.exists() or target.is_symlink():
        raise BackupError(f"{target} exists already")


def replace(path: Path, target: Path) -> None:
    """Put a staged file in the place of another one, in one step.

    Raises BackupError when the disk refuses.
    """
    with refused(target):
        _synchronise(path)
        # A log that was left there would be taken for the new one's.
        _clear_beside(target)
        path.replace(target)
        _synchronise(target.parent)


@contextmanager
def refused(path: Path) -> Iterator[None]:
    """Turns what the disk or SQLite refuses into BackupError."""
    try:
        yield
    except sqlite3.Error as error:
        raise BackupError(
            f"the database {path} cannot be copied: {_reason(error, path)}"
        ) from error
    except OSError as error:
        raise BackupError(f"{error.filename or path}: {error.strerror}") from error


def _reason(error: sqlite3.Error, path: Path) -> str:
    """Why SQLite could not; of a disk that is full it says now and then no more than that it failed."""
    outage = outage_of_code(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR))
    if outage is Outage.DISK_BROKEN and shutil.disk_usage(path.parent).free < FULL_BYTES:
        outage = Outage.DISK_FULL
    return str(error) if outage is None else outage.told(str(error))


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    # Without being made: and read alone, where it may not be written.
    address = f"file:{quote(str(path.resolve()))}?mode=rw"
    with contextlib.closing(sqlite3.connect(address, uri=True, isolation_level=None)) as connection:
        yield connection


def _clear_beside(path: Path) -> None:
    for ending in BESIDE:
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _synchronise(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
