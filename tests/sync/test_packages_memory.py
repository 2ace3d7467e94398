"""A first sync takes no more memory for more records, whichever way the client goes."""

from __future__ import annotations

import dataclasses
import gc
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sync.first_sync import by_package, by_packets, fill, forget
from sync.packing import open_packing

from databases import KINDS, Databases
from packetserver.protocols.packet import package_content
from packetserver.protocols.packet.process import Engine
from packetserver.store.schema import Schema

FEW, MANY = 2500, 4000
"""Both have more records in each list than are read at once, so that the same is held of both."""
BYTES_A_RECORD = 100
"""A record that were kept would take thousands."""

LISTS = ("user", "account", "organizationAddress", "contact")
"""Those that grow; tests/sync/first_sync.py does the same with every list, and more records."""

WAYS: dict[str, Callable[[Engine], int]] = {
    "packets": lambda engine: by_packets(engine, LISTS),
    "package": by_package,
}


@pytest.fixture(params=KINDS)
def engine(
    request, databases: Databases, schema: Schema, tmp_path: Path, monkeypatch
) -> Iterator[Engine]:
    few = dataclasses.replace(package_content.package_content(), lists=LISTS)
    monkeypatch.setattr(package_content, "package_content", lambda: few)
    with (
        databases.prepared(request.param) as url,
        open_packing(url, schema, tmp_path / "files") as opened,
    ):
        yield opened.office.engine


def peak(engine: Engine, way: str) -> tuple[int, int]:
    """How many records a first sync sends, and the most memory that it takes beyond what was."""
    forget(engine)
    gc.collect()
    tracemalloc.start()
    try:
        count = WAYS[way](engine)
        return count, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("way", WAYS)
def test_memory_stays_flat(engine: Engine, way: str) -> None:
    fill(engine, FEW)
    # What is worked out once, such as statements, is not the records'.
    WAYS[way](engine)
    few, memory_for_few = peak(engine, way)
    fill(engine, MANY)
    many, memory_for_many = peak(engine, way)
    assert many - few == MANY
    assert memory_for_many - memory_for_few < BYTES_A_RECORD * MANY
