"""The reference for everybody who writes a client, as the files of a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from packetserver.cli.catalogue_index import MARK, index_page
from packetserver.cli.catalogue_pages import INDEX, object_page
from packetserver.store.schema import Schema


def pages(schema: Schema) -> Iterator[tuple[str, str]]:
    """The files of the reference as (name, text): the index, and one for each object."""
    yield INDEX, _text(index_page(schema.catalogue))
    for each in schema.catalogue.objects.values():
        yield f"{each.element}.md", _text((MARK, *object_page(schema, each)))


def _text(lines: Iterator[str] | tuple[str, ...]) -> str:
    return "\n".join(lines) + "\n"


def write_pages(schema: Schema, folder: Path) -> int:
    """Write the files into a folder, in place of those that were written before; returns how many.

    A file that is not one of these stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = dict(pages(schema))
    for old in folder.glob("*.md"):
        if old.name not in files and old.read_text(encoding="utf-8").startswith(MARK):
            old.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return len(files)
