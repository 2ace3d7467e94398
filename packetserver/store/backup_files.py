"""The files of a library in a tar archive, beside the copy of their database.

Which files those are is what the copied database says: each is there before its record is
committed, so it can be read after the copy was made. It is gone by then only if its record went
meanwhile.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath

from packetserver.errors import BackupError
from packetserver.store.backup import refused, replace, staged
from packetserver.store.file_names import place_of

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
