"""The bytes of files: below a folder of the disk, each beside a row that says whose they are.

Bytes are in place before their row is committed, and go after the commit that takes their record.
So a crash can leave bytes that no row names, or a row whose bytes go the next time that a file is
removed, but never a record whose bytes are missing.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
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
from packetserver.store.abandoned_files import hold, remove_abandoned
from packetserver.store.file_names import place_of
from packetserver.store.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

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
