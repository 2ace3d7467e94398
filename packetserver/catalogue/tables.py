"""Gathers the tables that the objects and the table files of a catalogue describe together."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from packetserver.catalogue.model import Column, Field, ObjectType, Table
from packetserver.errors import CatalogueError

Definition = Mapping[str, Any]


class TableBuilder:
    """Collects columns table by table; two objects may share a table, and must then agree."""

    def __init__(self, objects: Mapping[str, ObjectType]) -> None:
        self._objects = objects
        self._columns: dict[str, dict[str, Column]] = {}
        self._keys: dict[str, str | None] = {}
        self._sequences: dict[str, str | None] = {}
        self._unique: dict[str, tuple[tuple[str, ...], ...]] = {}
        self._indexes: dict[str, tuple[tuple[str, ...], ...]] = {}
        self._first_keys: dict[str, int] = {}
        self._names: dict[str, tuple[str, ...]] = {}

    def declare(self, file: str, name: str, definition: Definition) -> None:
        """Add a table that a file of `schemas/tables` describes."""
        self._keys[name] = definition.get("key")
        self._sequences[name] = definition.get("sequence")
        self._unique[name] = tuple(tuple(each) for each in definition.get("unique", ()))
        self._indexes[name] = tuple(tuple(each) for each in definition.get("indexes", ()))
        for column, line in definition["columns"].items():
            self._add(file, name, _plain_column(column, line))

    def add_object(self, described: ObjectType, definition: Definition) -> None:
        """Add the columns that an object's fields and its `columns` describe."""
        if described.table is None:
            return
        name = described.table
        if described.key is not None:
            self._keys[name] = described.key.column
        self._keys.setdefault(name, None)
        if "sequence" in definition:
            self._sequences[name] = definition["sequence"]
        self._first_keys.setdefault(name, definition.get("first_key", 1))
        for field in described.stored_fields:
            self._add(described.file, name, self._field_column(field))
        names = (*self._names.get(name, ()), *(each.column or "" for each in described.names))
        self._names[name] = tuple(dict.fromkeys(names))
        for column, line in definition.get("columns", {}).items():
            self._add(described.file, name, _plain_column(column, line))
            if line.get("key"):
                self._keys[name] = column

    def _add(self, file: str, table: str, column: Column) -> None:
        columns = self._columns.setdefault(table, {})
        known = columns.setdefault(column.name, column)
        if (known.type, known.max_length) != (column.type, column.max_length):
            raise CatalogueError(file, table, f"{column.name} is described in two ways")

    def _field_column(self, field: Field) -> Column:
        foreign = field.references_table
        if field.references is not None and field.references in self._objects:
            foreign = self._objects[field.references].table
        return Column(
            name=field.column or "",
            type=field.type.name,
            max_length=field.max_length,
            nullable=field.nullable,
            default=field.default,
            references=foreign,
            constrained=field.foreign_key,
        )

    def tables(self) -> dict[str, Table]:
        """The tables that were collected."""
        return {
            name: Table(
                name=name,
                key=self._keys.get(name),
                sequence=self._sequence(name),
                columns=MappingProxyType(columns),
                first_key=self._first_keys.get(name, 1),
                unique=self._unique.get(name, ()),
                indexes=self._indexes.get(name, ()),
                names=self._names.get(name, ()),
            )
            for name, columns in self._columns.items()
        }

    def _sequence(self, table: str) -> str | None:
        key = self._keys.get(table)
        if key is None or self._columns[table][key].type != "integer":
            return None
        return self._sequences.get(table) or f"{table}_{key}_seq"


def _plain_column(name: str, line: Definition) -> Column:
    return Column(
        name=name,
        type=line["type"],
        max_length=line.get("max"),
        nullable=line.get("null", True),
        default=line.get("default"),
        references=line.get("references_table"),
        constrained=line.get("foreign_key", True),
        belongs=line.get("on_delete") == "cascade",
    )
