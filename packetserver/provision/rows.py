"""Rows that an operator's command writes, with the stamps that every row carries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, select

from packetserver.catalogue.model import NOW
from packetserver.errors import ProvisionError
from packetserver.store import rows as stored
from packetserver.store.new_keys import LARGEST_CHOSEN, LARGEST_KEY, TOO_LARGE
from packetserver.store.schema import Schema

SYSTEM_USER = 0
"""The owner of the shipped rows, who enters what a command enters."""

LARGEST_ID = LARGEST_KEY
"""What a key column can hold."""

Row = dict[str, Any]
Values = Mapping[str, Any]


class Rows:
    """Finds, inserts and changes rows within one database transaction.

    ``now`` is what they are stamped with: wall clock of the configured zone.
    """

    def __init__(self, schema: Schema, connection: Connection, now: datetime) -> None:
        self._schema = schema
        self._connection = connection
        self._stored = stored.Rows(schema, connection)
        self._now = now

    def table(self, name: str) -> Table:
        """A table of the catalogue."""
        return self._schema.metadata.tables[name]

    def find(self, table: str, *conditions: ColumnElement[bool]) -> Row | None:
        """The first row, in the order of keys, that meets all conditions."""
        found = self.all(table, *conditions)
        return found[0] if found else None

    def all(self, table: str, *conditions: ColumnElement[bool]) -> list[Row]:
        """Every row that meets all conditions, in the order of their keys."""
        target = self.table(table)
        statement = select(target).where(*conditions).order_by(target.c[self.key(table)])
        return [dict(row) for row in self._connection.execute(statement).mappings()]

    def key(self, table: str) -> str:
        """The key column of a table."""
        return self._schema.catalogue.tables[table].key or ""

    def columns(self, table: str, names: Mapping[str, str], given: Values) -> Row:
        """What was given, by column; ``names`` are the columns of the keys that are stored as given.

        Raises ProvisionError for a text that its column cannot hold.
        """
        described = self._schema.catalogue.tables[table].columns
        for name, column in names.items():
            text = str(given.get(name, ""))
            longest = described[column].max_length
            if longest is not None and len(text) > longest:
                raise ProvisionError(f"{name} is longer than {longest} characters")
            if not text.isprintable():
                raise ProvisionError(f"{name} has a character that cannot be shown")
        return {column: given[name] for name, column in names.items() if name in given}

    def insert(self, table: str, values: Values) -> int:
        """Insert a row and return its key, which may be among the values.

        Raises RecordRefused for a value that the database cannot store, ProvisionError for a key
        that leaves too few for others.
        """
        row = {**self._stamps(table), **values}
        if row.get(self.key(table), 0) > LARGEST_CHOSEN:
            raise ProvisionError(f"id: {TOO_LARGE}")
        return int(self._stored.insert_row(table, row))

    def change(self, table: str, stored: Values, wanted: Values) -> bool:
        """Make a stored row's columns what is wanted; whether anything differed.

        Raises RecordRefused for a value that the database cannot store.
        """
        different = {name: value for name, value in wanted.items() if stored[name] != value}
        if different:
            key = self.key(table)
            stamps = {"modified": self._now, "modifiedby": SYSTEM_USER}
            self._stored.update_rows(table, {key: stored[key]}, {**stamps, **different})
        return bool(different)

    def _stamps(self, table: str) -> Row:
        columns = self._schema.catalogue.tables[table].columns
        times = {name: self._now for name, each in columns.items() if each.default == NOW}
        users = {name: SYSTEM_USER for name in ("enteredby", "modifiedby") if name in columns}
        return {**times, **users}
