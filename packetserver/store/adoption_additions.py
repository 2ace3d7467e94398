"""What this server adds to a database that the original made; nothing that is there is touched."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, MetaData, column, insert, select, table, text
from sqlalchemy.schema import CreateColumn

from packetserver.catalogue.loader import read_defaults
from packetserver.catalogue.model import Catalogue, Column, Table
from packetserver.store.adoption_findings import Finding, Topic, WireNames
from packetserver.store.adoption_found import FoundTable, next_value
from packetserver.store.adoption_rows import count_in_the_way, largest_key
from packetserver.store.defaults import default_rows
from packetserver.store.guid_columns import SYSTEM
from packetserver.store.tables import build_tables

SYSTEMS, ELEMENTS = "sync_system", "sync_table"
KEYLESS_KINDS = frozenset({"lookup", "table"})
"""Objects whose key `shareKey` does not share (PROTOCOL.md 3.1)."""

INTEGERS = frozenset({"integer", "bigint", "smallint"})
RELATIONS = text("SELECT relname FROM pg_class WHERE relnamespace = CAST(current_schema() AS regnamespace)")

Found = Mapping[str, FoundTable]


@dataclass(frozen=True, slots=True)
class NewIndex:
    """An index of ours; without a name the database chooses one, because ours is taken."""

    table: str
    columns: tuple[str, ...]
    unique: bool
    name: str | None


@dataclass(frozen=True, slots=True)
class Additions:
    """What a database lacks that can be added to it: names of tables, columns by their table."""

    tables: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    indexes: tuple[NewIndex, ...]
    has_system: bool
    elements: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.tables or self.columns or self.indexes or self.elements) or (
            not self.has_system
        )
