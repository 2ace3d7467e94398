"""A copy of an SQLite database and of its files while servers use them: whole, checked, and private.

SQLite's own online backup reads one snapshot: all that was committed before it began, and nothing
of what came later. Writers do not wait for it, nor it for them.

The files are those of the library that the copied database names, in a tar archive: each is there
before its record is committed, so it can be read after the copy was made. It is gone by then only
if its record went meanwhile.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from urllib.parse import quote

from packetserver.errors import BackupError, Outage
from packetserver.store.failures import outage_of_code
from packetserver.store.files import place_of

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


BLOCK = 1 << 20
NAMED = (
    "SELECT filename, size, sha256 FROM packetserver_file WHERE version_id IS NOT NULL"
    " ORDER BY filename"
)
IS_NAMED = "SELECT count(*) FROM packetserver_file WHERE version_id IS NOT NULL AND filename = ?"


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that a database has a record of."""

    name: str
    size: int
    sha256: str

    @property
    def place(self) -> PurePath:
        """Where it lies in a library; raises ValueError for a name of another making."""
        return place_of(self.name)


def named_files(database: Path) -> list[NamedFile]:
    """The files that an SQLite database has records of, by name.

    Raises BackupError for what is no such database.
    """
    with refused(database), contextlib.closing(sqlite3.connect(database)) as connection:
        return [NamedFile(*row) for row in connection.execute(NAMED)]


def pack_files(files: Sequence[NamedFile], library: Path, archive: Path, live: Path) -> list[str]:
    """Write the files of a library to an archive; returns the places of those that it lacks.

    A file whose record has gone from the ``live`` database meanwhile is none of them.
    Raises BackupError when the archive cannot be written.
    """
    lacking = []
    with refused(archive), tarfile.open(archive, "w") as packed:
        for each in files:
            place = library / each.place
            if place.is_file() and place.stat().st_size == each.size:
                packed.add(place, str(each.place), recursive=False, filter=_of_nobody)
            elif _is_named(live, each.name):
                lacking.append(str(place))
    return lacking


def unpack_files(files: Sequence[NamedFile], archive: Path, library: Path) -> list[str]:
    """Put the files of an archive into a library, each checked; returns the places it lacks.

    A file that is there already is left as it is: no two files have one name. Raises BackupError
    for a file that is damaged, and for an archive that is none.
    """
    lacking = []
    with refused(archive), _reading(archive) as packed:
        there = set(packed.getnames())
        for each in files:
            target = library / each.place
            if target.is_file():
                continue
            if str(each.place) not in there:
                lacking.append(str(target))
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with staged(target) as path:
                _unpack(packed, each, path)
                replace(path, target)
    return lacking


def _unpack(packed: tarfile.TarFile, file: NamedFile, path: Path) -> None:
    content = packed.extractfile(str(file.place))
    if content is None:
        raise BackupError(f"{file.place} is no file in its archive")
    digest = hashlib.sha256()
    with content, path.open("wb") as target:
        while block := content.read(BLOCK):
            digest.update(block)
            target.write(block)
    if digest.hexdigest() != file.sha256:
        raise BackupError(f"{file.place} is damaged in its archive")


@contextmanager
def _reading(archive: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(archive) as packed:
            yield packed
    except tarfile.TarError as error:
        raise BackupError(f"{archive} is no archive of files, or is damaged: {error}") from error


def _is_named(database: Path, name: str) -> bool:
    with refused(database), contextlib.closing(sqlite3.connect(database)) as connection:
        return bool(connection.execute(IS_NAMED, (name,)).fetchone()[0])


def _of_nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Whoever unpacks it is the owner."""
    return member.replace(uid=0, gid=0, uname="", gname="", deep=False)
