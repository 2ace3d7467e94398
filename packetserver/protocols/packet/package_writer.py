"""Writes the file of a package: a ZIP with one XML file (PROTOCOL.md 6.8), in flat memory."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from packetserver.protocols.packet.package_content import PackedObject
from packetserver.protocols.packet.writer import escape

OPENING = b"<aspcfs><cfsdata>"
CLOSING = b"</cfsdata></aspcfs>"
WAITING_BYTES = 64 * 1024
"""How much is gathered before it is compressed."""


class PackageWriter:
    """Takes the records that are answered, list by list, and writes them as `dataRecord`s."""

    def __init__(self, file: IO[bytes]) -> None:
        self.records = 0
        self._file = file
        self._packed: PackedObject | None = None
        self._waiting: list[str] = []
        self._size = 0

    def begin(self, packed: PackedObject) -> None:
        """The records that follow are of this object."""
        self._packed = packed

    def position(self) -> int:
        """How many records there are."""
        return self.records

    def cut(self, position: int) -> None:
        """Raises ValueError: what is packed stays, and a package that fails is given up."""
        if position != self.records:
            raise ValueError("what is packed cannot be taken back")

    def write(self, action: str, names: Sequence[str], texts: Sequence[str]) -> None:
        """Write one record."""
        if self._packed is None:
            raise ValueError("a record before its list has begun")
        packed = self._packed
        piece = _record(packed.object.element, packed.action(action), packed.fields(names, texts))
        self.records += 1
        self._waiting.append(piece)
        self._size += len(piece)
        if self._size >= WAITING_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand on what has been gathered."""
        self._file.write("".join(self._waiting).encode())
        self._waiting, self._size = [], 0


def _record(element: str, action: str, fields: Iterator[tuple[str, str]]) -> str:
    pieces = [f'<dataRecord name="{element}" action="{action}" shareKey="false">']
    for name, text in fields:
        if text:
            content = escape(text).replace('"', "&quot;")
            pieces.append(f'<dataField name="{name}">{content}</dataField>')
        else:
            pieces.append(f'<dataField name="{name}"/>')
    pieces.append("</dataRecord>")
    return "".join(pieces)


@contextmanager
def written_package(file: IO[bytes], entry: str) -> Iterator[PackageWriter]:
    """A writer of a package into a file; ``entry`` is the name within the ZIP."""
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(entry, "w") as xml,
    ):
        xml.write(OPENING)
        writer = PackageWriter(xml)
        yield writer
        writer.flush()
        xml.write(CLOSING)
