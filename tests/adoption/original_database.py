"""A PostgreSQL database as the original makes one, from the facts of the catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, func, insert, select

from adoption.original_deviations import SERIAL, USED, Deviations
from packetserver.catalogue.loader import read_defaults
from packetserver.catalogue.model import NOW, Catalogue, Column, Table
from packetserver.security.secrets import md5_of_password
from packetserver.store.setup import ORDER, default_rows

OURS = {
    *("sync_unconfirmed", "sync_session", "sync_arrival", "sync_number", "trashed_part"),
    *("sync_answer", "sync_answered", "sync_end", "sync_ended"),
}
UNMAPPED = ("survey", "quote", "callList")
"""Elements that begin so have no row in sync_table."""

ENTERED = datetime(2009, 8, 7, 6, 5, 4, 321000)
FILLED = {
    "integer": 0,
    "double": 0.0,
    "boolean": False,
    "text": "x",
    "timestamp": ENTERED,
    "date": date(2009, 8, 7),
}
TYPES = {
    "integer": "INT",
    "double": "FLOAT",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMP(3)",
    "date": "DATE",
}


class OriginalDatabase:
    """Makes the tables and their first rows over a connection, whose transaction is not ended."""

    def __init__(
        self, connection: Connection, catalogue: Catalogue, deviations: Deviations = USED
    ) -> None:
        self.connection = connection
        self.catalogue = catalogue
        self.deviations = deviations
        left_out = deviations.without_tables | OURS
        self.tables = {
            name: table
            for name, table in catalogue.tables.items()
            if name not in left_out and not name.startswith("packetserver_")
        }

    def create(self) -> None:
        """Make all tables, each after those that it refers to, as far as that is possible."""
        made: dict[str, None] = {}
        later: list[str] = []
        for name in self.tables:
            self._create(name, made, later, ())
        for statement in (*later, *self.deviations.further):
            self.connection.exec_driver_sql(statement)

    def _create(
        self, name: str, made: dict[str, None], later: list[str], within: tuple[str, ...]
    ) -> None:
        if name in made or name in within or name not in self.tables:
            return
        table = self.tables[name]
        for column in table.columns.values():
            if self._reference(table, column) not in {None, name}:
                self._create(column.references or "", made, later, (*within, name))
        made[name] = None
        for statement in self._statements(table, made, later):
            self.connection.exec_driver_sql(statement)

    def _statements(self, table: Table, made: Iterable[str], later: list[str]) -> Iterator[str]:
        lines = []
        if table.sequence is not None:
            sequence = self._sequence(table)
            declared = f"INT DEFAULT nextval('{sequence}') NOT NULL PRIMARY KEY"
            declared = self.deviations.keys.get(table.name, declared)
            if sequence is not None and declared != SERIAL:
                yield f"CREATE SEQUENCE {sequence} START {table.first_key}"
            lines.append(f"{table.key} {declared}")
        lines += [self._line(table, each, made, later) for each in self._columns(table)]
        if table.name == "sync_map":
            lines.append("UNIQUE (client_id, table_id, record_id)")
        yield f"CREATE TABLE {table.name} ({', '.join(lines)})"

    def _sequence(self, table: Table) -> str | None:
        """The sequence of a key, as a default names it; None when it has none to name."""
        declared = self.deviations.keys.get(table.name)
        if declared is None:
            return table.sequence
        if declared == SERIAL:
            return f"{table.name}_{table.key}_seq"
        named = re.search("'([^']+)'", declared)
        return named[1] if named else None

    def _columns(self, table: Table) -> Iterator[Column]:
        for column in table.columns.values():
            is_left_out = (table.name, column.name) in self.deviations.without_columns
            if not is_left_out and not (column.name == table.key and table.sequence):
                yield column

    def _line(self, table: Table, column: Column, made: Iterable[str], later: list[str]) -> str:
        place = (table.name, column.name)
        words = [f'"{column.name}"', self.deviations.types.get(place, _type(column))]
        if column.default is not None:
            words.append(f"DEFAULT {_literal(column.default)}")
        is_mandatory = not column.nullable or place in self.deviations.mandatory
        if is_mandatory and place not in self.deviations.optional:
            words.append("NOT NULL")
        if column.name == table.key:
            words.append("PRIMARY KEY")
        target = self._reference(table, column)
        if target is not None:
            reference = f"REFERENCES {target}({self.tables[target].key})"
            if target in made:
                words.append(reference)
            else:
                statement = f'ALTER TABLE {table.name} ADD FOREIGN KEY ("{column.name}") '
                later.append(statement + reference)
        return " ".join(words)

    def _reference(self, table: Table, column: Column) -> str | None:
        target = self.tables.get(column.references or "")
        is_unchecked = (table.name, column.name) in self.deviations.unchecked
        if target is None or target.key is None or not column.constrained or is_unchecked:
            return None
        return target.name

    def fill(self) -> None:
        """Insert the rows that every database of the original begins with."""
        files = dict(read_defaults())
        for file in (*ORDER, *sorted(set(files) - set(ORDER))):
            for name, rows in default_rows(files[file]):
                for row in rows:
                    self._fill(name, row)
        for table in self.tables.values():
            self._advance(table)

    def _fill(self, name: str, row: Mapping[str, Any]) -> None:
        if name == "access":
            row = {**row, "username": "dhvadmin", "password": "---"}
        if name == "lookup_account_types":
            row = {**row, "code": row["code"] + 700}
        if name in self.tables:
            known = {each.name for each in self._columns(self.tables[name])}
            known.add(self.tables[name].key or "")
            self.add(name, **{column: row[column] for column in row if column in known})

    def _advance(self, table: Table) -> None:
        sequence = self._sequence(table) if table.sequence is not None else None
        if sequence is not None:
            last = select(func.nullif(func.max(sqlalchemy.column(table.key or "")), 0)).select_from(
                sqlalchemy.table(table.name)
            )
            self.connection.execute(select(func.setval(sequence, last.scalar_subquery())))

    def add(self, table: str, **values: Any) -> Any:
        """Insert a row, what it must have filled in; returns its key, None where there is none."""
        described = self.tables[table]
        for each in self._columns(described):
            is_needed = not each.nullable or (table, each.name) in self.deviations.mandatory
            if is_needed and each.default is None and each.name not in values:
                values[each.name] = FILLED[each.type]
        target = sqlalchemy.table(table, *map(sqlalchemy.column, values))
        statement = insert(target).values(values)
        if described.key is None:
            self.connection.execute(statement)
            return None
        returned: Any = statement.returning(sqlalchemy.column(described.key))
        return self.connection.execute(returned).scalar_one()


@dataclass(frozen=True)
class Used:
    """The keys of rows that `use` has made."""

    user: int
    account: int
    contact: int
    ticket: int


def use(made: OriginalDatabase) -> Used:
    """Rows as years of use leave them, with users, records and sync clients."""
    user = made.add(
        "access",
        username="Admin",
        password=md5_of_password("admin"),
        role_id=1,
        enteredby=0,
        modifiedby=0,
        entered=ENTERED,
        modified=ENTERED,
    )
    stamps = {"enteredby": user, "modifiedby": user, "entered": ENTERED, "modified": ENTERED}
    account = made.add("organization", name="Dark Horse", owner=user, revenue=2.5, **stamps)
    contact = made.add(
        "contact", namelast="Jung", org_id=account, owner=user, access_type=2, **stamps
    )
    ticket = made.add("ticket", problem="It hums", org_id=account, contact_id=contact, **stamps)
    elements = _number_elements(made)
    for client, owner in ((1, None), (2, user)):
        code = f"secret{client}"
        fixed = {"type": "pocket", "code": code, "enabled": True, "user_id": owner}
        assert made.add("sync_client", **fixed, **stamps) == client
    accounts, contacts = elements["accountList"], elements["contactList"]
    for table, record, guid in ((accounts, account, 11), (contacts, contact, 12)):
        row = {"client_id": 1, "table_id": table, "record_id": record, "cuid": guid}
        made.add("sync_map", **row, status_date=ENTERED)
    for statement in made.deviations.rows:
        made.connection.exec_driver_sql(statement)
    return Used(user, account, contact, ticket)


def _number_elements(made: OriginalDatabase) -> Mapping[str, int]:
    made.add("sync_table", system_id=2, element_name="accountList")
    return {
        name: made.add(
            "sync_table",
            system_id=4,
            element_name=name,
            mapped_class_name=f"org.example.{name}",
            object_key=None if target.is_list else "id",
        )
        for name, target in made.catalogue.targets.items()
        if not name.startswith(UNMAPPED)
    }


def _type(column: Column) -> str:
    if column.type != "text":
        return TYPES[column.type]
    if column.max_length is None:
        return "TEXT"
    return "CHAR(1)" if column.max_length == 1 else f"VARCHAR({column.max_length})"


def _literal(value: object) -> str:
    if value == NOW:
        return "CURRENT_TIMESTAMP"
    return f"'{value}'" if isinstance(value, str) else str(value).lower()
