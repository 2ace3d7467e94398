"""What a database's refusal means, in a sentence that names fields and not constraints."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, literal, select
from sqlalchemy.exc import DataError, IntegrityError

from packetserver.catalogue.model import Catalogue
from packetserver.errors import RecordRefused
from packetserver.store.schema import Schema

FOREIGN_KEY, UNIQUE, NOT_NULL = "23503", "23505", "23502"
IN_USE = "The record is in use by {}"
KEY_COLUMN = re.compile(r"\(([^()]*)\)=\(")

Values = Mapping[str, Any]


@contextmanager
def refusals_explained(
    connection: Connection, schema: Schema, table: str, values: Values, *, removing: bool = False
) -> Iterator[None]:
    """Turns a statement's refusal into RecordRefused.

    ``values`` are the column values that it stores, or, ``removing``, that choose what goes.
    """
    try:
        yield
    except DataError as error:
        raise RecordRefused("A value does not fit its field") from error
    except IntegrityError as error:
        raise RecordRefused(_reason(error, connection, schema, table, values, removing)) from error


def _reason(
    error: IntegrityError,
    connection: Connection,
    schema: Schema,
    table: str,
    values: Values,
    removing: bool,
) -> str:
    state = getattr(error.orig, "sqlstate", None)
    if state == FOREIGN_KEY:
        return _from_facts(getattr(error.orig, "diag", None), schema.catalogue, removing)
    text = str(error.orig)
    if state == UNIQUE or "UNIQUE" in text:
        return "A record with the same key exists already"
    if state == NOT_NULL or "NOT NULL" in text:
        return "A field that may not be empty has no value"
    if removing:
        users = sorted(set(_users(connection, schema, table, values)))
        return IN_USE.format(", ".join(users) or "another record")
    return _missing_reference(connection, schema, table, values)


def _from_facts(facts: object, catalogue: Catalogue, removing: bool) -> str:
    """PostgreSQL says which table and column it was."""
    table = getattr(facts, "table_name", None) or ""
    if removing:
        return IN_USE.format(_element(catalogue, table))
    found = KEY_COLUMN.search(getattr(facts, "message_detail", None) or "")
    return _missing(catalogue, table, found.group(1) if found else "reference")


def _missing_reference(connection: Connection, schema: Schema, table: str, values: Values) -> str:
    """SQLite does not say which reference it was, but the transaction goes on: look."""
    catalogue = schema.catalogue
    for column in catalogue.tables[table].columns.values():
        value = values.get(column.name)
        if value is None or column.references is None or not column.constrained:
            continue
        key = catalogue.tables[column.references].key or ""
        if not _has(connection, schema, column.references, key, value):
            return _missing(catalogue, table, column.name)
    return "A record that is referred to does not exist"


def _users(connection: Connection, schema: Schema, table: str, values: Values) -> Iterator[str]:
    """The elements whose records refer to the rows that could not be removed."""
    catalogue, target = schema.catalogue, schema.metadata.tables[table]
    key = catalogue.tables[table].key
    if key is None:
        return
    rows = select(target.c[key]).where(*(target.c[name] == v for name, v in values.items()))
    keys = list(connection.execute(rows.limit(100)).scalars())
    for other in catalogue.tables.values():
        for column in other.columns.values():
            if column.references == table and column.constrained:
                referring = schema.metadata.tables[other.name]
                found = select(literal(1)).where(referring.c[column.name].in_(keys)).limit(1)
                if connection.execute(found).first() is not None:
                    yield _element(catalogue, other.name)


def _has(connection: Connection, schema: Schema, table: str, column: str, value: Any) -> bool:
    target = schema.metadata.tables[table]
    found = select(literal(1)).where(target.c[column] == value).limit(1)
    return connection.execute(found).first() is not None


def _missing(catalogue: Catalogue, table: str, column: str) -> str:
    for each in catalogue.objects.values():
        for field in each.stored_fields:
            if each.table == table and field.column == column:
                return f"{field.name}: the record that it refers to does not exist"
    return f"{column}: the record that it refers to does not exist"


def _element(catalogue: Catalogue, table: str) -> str:
    names = (each.element for each in catalogue.objects.values() if each.table == table)
    return next(names, "another record")
