"""The bytes of files: below a folder of the disk, each beside a row that says whose they are.

Bytes are in place before their row is committed, and go after the commit that takes their record.
So a crash can leave bytes that no row names, or a row whose bytes go the next time that a file is
removed, but never a record whose bytes are missing.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import logging
import os
import re
import secrets
import tempfile
import time
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath
from typing import IO

from sqlalchemy import (
    Connection,
    Integer,
    String,
    bindparam,
    column,
    delete,
    insert,
    literal,
    select,
    table,
    update,
)

from packetserver.errors import Outage, PacketTooLarge, StoreUnavailable
from packetserver.store.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

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


NAME = re.compile(r"(\d{4})(\d{4})\d{6}-[0-9a-f]{32}", re.ASCII)
"""A name that this server gave; as in the original, its date says in which folder the bytes are."""

CONTROLS = frozenset({"Cc", "Cs"})
DIRECTIONS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
"""Kinds of characters that show another name than it is."""

NOT_XML = "\ufffe\uffff"
LONGEST_EXTENSION = 20


def new_name(now: datetime) -> str:
    """A name that no other file has; ``now`` is wall clock of the configured zone."""
    return f"{now:%Y%m%d%H%M%S}-{secrets.token_hex(16)}"


def place_of(name: str) -> PurePath:
    """Where the bytes of a name are: in a folder for its year, and in that one for its day.

    Raises ValueError for a name that `new_name` cannot have given.
    """
    found = NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"{name!r} is no name that this server gives to a file")
    return PurePath(found.group(1), found.group(2), name)


def safe_name(sent: str) -> str:
    """The name that a client gives to a file, without path and without what cannot be seen of it.

    It is empty when nothing is left.
    """
    last = sent.replace("\\", "/").rpartition("/")[2]
    return "".join(each for each in last if _is_seen(each)).strip(" .")


def fitted_name(name: str, length: int) -> str:
    """At most so many characters of a name, its extension among them."""
    if len(name) <= length:
        return name
    stem, dot, extension = name.rpartition(".")
    ending = dot + extension if stem and len(extension) <= LONGEST_EXTENSION else ""
    return name[: max(length - len(ending), 0)] + ending[:length]


def _is_seen(character: str) -> bool:
    return not (
        unicodedata.category(character) in CONTROLS
        or unicodedata.bidirectional(character) in DIRECTIONS
        or character in NOT_XML
    )


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


LARGEST_SIZE = 2**31 - 1
"""What the column of a file's size can hold."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""How a disk says that it takes no more."""

INCOMING = "incoming"
"""The folder of bytes that have no place yet."""

VERSIONS = "project_files_version"
"""The records that bytes belong to."""

_FILES = table(
    "packetserver_file",
    column("filename", String),
    column("version_id", Integer),
    column("size", Integer),
    column("sha256", String),
)
_RELEASED = select(_FILES.c.filename).where(_FILES.c.version_id.is_(None))
_FORGET = delete(_FILES).where(_FILES.c.filename == bindparam("removed"))


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """Bytes that have arrived whole and are safe on the disk, under a name for the time being."""

    path: Path
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class FileLibrary:
    """The folder of all files; one of them may have up to ``limit`` bytes."""

    folder: Path
    limit: int

    @property
    def largest(self) -> int:
        """How many bytes a file may have."""
        return min(self.limit, LARGEST_SIZE)

    @contextmanager
    def received(self, chunks: Iterable[bytes]) -> Iterator[ReceivedFile]:
        """Bytes that have arrived; at the end they are gone again unless they were placed.

        Raises PacketTooLarge for more than the limit, StoreUnavailable when the disk refuses, and
        what the chunks raise.
        """
        with contextlib.ExitStack() as undo:
            file = undo.enter_context(self._incoming())
            undo.callback(Path(file.name).unlink, missing_ok=True)
            yield self._written(chunks, file)

    def place(self, received: ReceivedFile, name: str) -> None:
        """Give bytes their place for good, safe from a loss of power.

        Raises StoreUnavailable when the disk refuses; the bytes may be in place all the same.
        """
        target = self.path_of(name)
        with _disk_errors():
            target.parent.mkdir(parents=True, exist_ok=True)
            received.path.rename(target)
            for folder in (target.parent, target.parent.parent, self.folder):
                _sync_folder(folder)

    def path_of(self, name: str) -> Path:
        """Where the bytes of a name are; raises ValueError for a name of another making."""
        return self.folder / place_of(name)

    def remove(self, name: str) -> None:
        """Remove the bytes of a name, if they are there.

        Raises StoreUnavailable when the disk refuses.
        """
        with _disk_errors():
            self.path_of(name).unlink(missing_ok=True)

    def remove_released(self, work: UnitOfWork) -> None:
        """Remove all bytes whose record is gone; a hook for after the commit that took it."""
        names = work.connection.execute(_RELEASED).scalars().all()
        removed = [name for name in names if self._is_removed(name)]
        if removed:
            work.connection.execute(_FORGET, [{"removed": name} for name in removed])
            work.commit()

    def _is_removed(self, name: str) -> bool:
        try:
            self.remove(name)
        except StoreUnavailable:
            logger.warning("The bytes of %s stay until they can be removed", name)
            return False
        return True

    @contextmanager
    def _incoming(self) -> Iterator[IO[bytes]]:
        with _disk_errors():
            folder = self.folder / INCOMING
            folder.mkdir(parents=True, exist_ok=True)
            remove_abandoned(folder)
            file = tempfile.NamedTemporaryFile(dir=folder, delete=False)  # noqa: SIM115
            hold(file)
        try:
            yield file
        finally:
            # What could not be written is tried once more when it is closed.
            with _disk_errors():
                file.close()

    def _written(self, chunks: Iterable[bytes], file: IO[bytes]) -> ReceivedFile:
        size, digest = 0, hashlib.sha256()
        for chunk in chunks:
            size += len(chunk)
            if size > self.largest:
                raise PacketTooLarge(f"The file has more than the {self.largest} bytes it may have")
            digest.update(chunk)
            with _disk_errors():
                file.write(chunk)
        with _disk_errors():
            file.flush()
            os.fsync(file.fileno())
        return ReceivedFile(Path(file.name), size, digest.hexdigest())


def keep(connection: Connection, name: str, version: int, received: ReceivedFile) -> None:
    """Say whose bytes those of a name are, and what they are."""
    values = {"filename": name, "version_id": version}
    facts = {"size": received.size, "sha256": received.sha256}
    connection.execute(insert(_FILES), {**values, **facts})


def release(connection: Connection, versions: Sequence[int]) -> None:
    """Say that bytes have no record any more: `FileLibrary.remove_released` may remove them."""
    released = _FILES.c.version_id.in_(versions)
    connection.execute(update(_FILES).where(released).values(version_id=None))


def is_kept(connection: Connection, name: str) -> bool:
    """Whether a row names these bytes."""
    found = select(literal(1)).where(_FILES.c.filename == name)
    return connection.execute(found).first() is not None


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Turns a refusal of the disk into StoreUnavailable."""
    try:
        yield
    except OSError as error:
        outage = Outage.FILES_FULL if error.errno in FULL else Outage.FILES
        raise StoreUnavailable(outage.told(error.strerror or ""), outage) from error


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
