"""What a database's refusal means, in a sentence that names fields and not constraints."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, literal, select
from sqlalchemy.exc import DataError, IntegrityError

from packetserver.catalogue.model import Catalogue
from packetserver.errors import RecordRefused
from packetserver.store.schema import Schema

FOREIGN_KEY, UNIQUE, NOT_NULL = "23503", "23505", "23502"
IN_USE = "The record is in use by {}"
KEY_COLUMN = re.compile(r"\(([^()]*)\)=\(")
MOST_LOOKED_AT = 100


@dataclass(frozen=True, slots=True)
class Attempt:
    """A statement that may be refused.

    ``values`` are the column values that it stores, or, ``removing``, that choose what goes.
    """

    connection: Connection
    schema: Schema
    table: str
    values: Mapping[str, Any]
    removing: bool = False

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue that knows the table."""
        return self.schema.catalogue

    def sql_table(self, name: str) -> Table:
        """A table of the catalogue."""
        return self.schema.metadata.tables[name]


@contextmanager
def refusals_explained(attempt: Attempt) -> Iterator[None]:
    """Turns a statement's refusal into RecordRefused."""
    try:
        yield
    except DataError as error:
        raise RecordRefused("A value does not fit its field") from error
    except IntegrityError as error:
        raise RecordRefused(_reason(error, attempt)) from error


def _reason(error: IntegrityError, attempt: Attempt) -> str:
    state = getattr(error.orig, "sqlstate", None)
    if state == FOREIGN_KEY:
        return _from_facts(getattr(error.orig, "diag", None), attempt)
    text = str(error.orig)
    if state == UNIQUE or "UNIQUE" in text:
        return "A record with the same key exists already"
    if state == NOT_NULL or "NOT NULL" in text:
        return "A field that may not be empty has no value"
    if attempt.removing:
        return IN_USE.format(", ".join(sorted(set(_users(attempt)))) or "another record")
    return _missing_reference(attempt)


def _from_facts(facts: object, attempt: Attempt) -> str:
    """PostgreSQL says which table and column it was."""
    table = getattr(facts, "table_name", None) or ""
    if attempt.removing:
        return IN_USE.format(_element(attempt.catalogue, table))
    found = KEY_COLUMN.search(getattr(facts, "message_detail", None) or "")
    return _missing(attempt.catalogue, table, found.group(1) if found else "reference")


def _missing_reference(attempt: Attempt) -> str:
    """SQLite does not say which reference it was, but the transaction goes on: look."""
    tables = attempt.catalogue.tables
    for column in tables[attempt.table].columns.values():
        value = attempt.values.get(column.name)
        if value is None or column.references is None or not column.constrained:
            continue
        if not _has(attempt, column.references, tables[column.references].key or "", [value]):
            return _missing(attempt.catalogue, attempt.table, column.name)
    return "A record that is referred to does not exist"


def _users(attempt: Attempt) -> Iterator[str]:
    """The elements whose records refer to the rows that could not be removed."""
    target, key = attempt.sql_table(attempt.table), attempt.catalogue.tables[attempt.table].key
    if key is None:
        return
    chosen = (target.c[name] == value for name, value in attempt.values.items())
    rows = select(target.c[key]).where(*chosen).limit(MOST_LOOKED_AT)
    keys = list(attempt.connection.execute(rows).scalars())
    for other in attempt.catalogue.tables.values():
        for column in other.columns.values():
            refers = column.references == attempt.table and column.constrained
            if refers and _has(attempt, other.name, column.name, keys):
                yield _element(attempt.catalogue, other.name)


def _has(attempt: Attempt, table: str, column: str, values: list[Any]) -> bool:
    found = select(literal(1)).where(attempt.sql_table(table).c[column].in_(values)).limit(1)
    return attempt.connection.execute(found).first() is not None


def _missing(catalogue: Catalogue, table: str, column: str) -> str:
    for each in catalogue.objects.values():
        for field in each.stored_fields:
            if each.table == table and field.column == column:
                return f"{field.name}: the record that it refers to does not exist"
    return f"{column}: the record that it refers to does not exist"


def _element(catalogue: Catalogue, table: str) -> str:
    names = (each.element for each in catalogue.objects.values() if each.table == table)
    return next(names, "another record")
