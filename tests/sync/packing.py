"""An office whose packages are compiled on demand, and what stands in them."""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from defusedxml.ElementTree import fromstring
from driving import Answer
from sync.office import Office, Party, open_office

from packetserver.protocols.packet.package_work import Outcome, PackageWorker
from packetserver.store.schema import Schema


@dataclass(frozen=True)
class Written:
    """A record of a package; of a field that comes several times the last."""

    element: str
    action: str
    names: tuple[str, ...]
    texts: tuple[str, ...]

    def __getitem__(self, name: str) -> str:
        return dict(zip(self.names, self.texts, strict=True))[name]

    @property
    def triples(self) -> dict[str, tuple[str, str]]:
        """What the triples of a mapped table say: data and type by field."""
        kept = self.texts[3:]
        return {kept[i]: (kept[i + 1], kept[i + 2]) for i in range(0, len(kept), 3)}


@dataclass
class Packing:
    """An office, its worker, and the folder of its files."""

    office: Office
    worker: PackageWorker
    folder: Path

    def compile(self, *, patient: bool = True) -> list[Outcome]:
        return list(self.worker.work_off(lambda progress: None, patient=patient))

    def files(self) -> list[Path]:
        """The files that lie in the folder."""
        return sorted(each for each in self.folder.rglob("*") if each.is_file())

    def package(self) -> list[Written]:
        """What the only package holds."""
        (file,) = self.files()
        return read_package(file.read_bytes())

    def work(self) -> dict[str, object]:
        (row,) = self.office.rows("sync_package_work")
        return row

    def status(self) -> int:
        (row,) = self.office.rows("sync_package")
        return int(row["status_id"])


def ask(party: Party, following: str, last: str | None = None, **values: str) -> Answer:
    """Ask for a package."""
    return party.send("compileSyncData", "execute", values, last=last, following=following)


def poll(party: Party, following: str, last: str | None = None) -> tuple[str, ...]:
    """Ask whether it is there; returns what is wrong with it."""
    return party.send("compileSyncData", "status", last=last, following=following).errors


def processed(party: Party, following: str, last: str | None = None) -> tuple[str, ...]:
    return party.send("syncClient", "syncProcessed", last=last, following=following).errors


def xml_of(content: bytes) -> bytes:
    """The only file in a ZIP."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        (name,) = archive.namelist()
        return archive.read(name)


def read_package(content: bytes) -> list[Written]:
    root = fromstring(xml_of(content))
    return [
        Written(
            each.get("name"),
            each.get("action"),
            tuple(field.get("name") for field in each),
            tuple(field.text or "" for field in each),
        )
        for each in root.find("cfsdata")
    ]


@contextlib.contextmanager
def open_packing(url: str, schema: Schema, folder: Path, **settings: object) -> Iterator[Packing]:
    """An office with an empty folder of files."""
    with open_office(url, schema, file_library=folder, **settings) as office:
        engine = office.engine
        worker = PackageWorker(engine.database, engine.schema, engine.preferences)
        yield Packing(office, worker, folder)
