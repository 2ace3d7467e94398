"""What a database's refusal means, in sentences that name fields and not constraints."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import ClauseElement, ColumnElement, Connection, Table, literal, select
from sqlalchemy.exc import DataError, IntegrityError

from packetserver.catalogue.model import Catalogue, Field
from packetserver.errors import RefusalUnexplained
from packetserver.failures import Failure, KeyTaken, Kind, Refused, because
from packetserver.store.names import name_columns
from packetserver.store.new_keys import is_used_up
from packetserver.store.schema import Schema
from packetserver.store.sight import ALL_SEEING, Sight

FOREIGN_KEY, UNIQUE, NOT_NULL = "23503", "23505", "23502"
OUT_OF_RANGE = frozenset({"22003", "2200H"})
"""A number that its column does not hold, and a sequence that has no more."""

UNIQUE_SQLITE, NOT_NULL_SQLITE = "UNIQUE constraint failed: ", "NOT NULL constraint failed: "
IN_USE = "The record is in use by {}"
ANOTHER = "another record"
REQUIRED = "Required Field"
TAKEN = "A record with the same key exists already"
KEY_COLUMNS = re.compile(r"\(([^()]*)\)=\(")
MOST_LOOKED_AT = 100
MOST_NAMED = 20
LONGEST_VALUE = 50
"""Characters of a value that are shown."""


NO_PARAMETERS: Mapping[str, Any] = MappingProxyType({})


class Attempt(NamedTuple):
    """A statement that may be refused.

    ``values`` are the column values that it stores; ``removing`` are conditions of the rows that go.
    ``closely`` says that a refusal shall leave the transaction as it was, so that one can look for
    its reason: on PostgreSQL that costs two round trips; on SQLite it is always so, for nothing.
    """

    connection: Connection
    schema: Schema
    table: str
    values: Mapping[str, Any]
    removing: Sequence[ColumnElement[bool]] = ()
    closely: bool = True
    counted: tuple[str, ...] = ()
    """The tables for whose rows the database chooses keys."""
    sight: Sight = ALL_SEEING
    """Which rows whoever asks may be told of, and with which ``parameters`` that is asked."""
    parameters: Mapping[str, Any] = NO_PARAMETERS

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue that knows the table."""
        return self.schema.catalogue

    @property
    def needs_savepoint(self) -> bool:
        """Whether the transaction would end with a refusal."""
        return self.connection.dialect.name == "postgresql"

    @property
    def can_look(self) -> bool:
        """Whether the database can be asked once it has refused the statement."""
        return self.closely or not self.needs_savepoint

    def sql_table(self, name: str) -> Table:
        """A table of the catalogue."""
        return self.schema.metadata.tables[name]


@contextmanager
def refusals_explained(attempt: Attempt) -> Iterator[None]:
    """Turns a statement's refusal into Refused.

    Raises RefusalUnexplained where one has to look closely for the reason, and cannot any more.
    """
    try:
        if attempt.closely and attempt.needs_savepoint:
            with attempt.connection.begin_nested():
                yield
        else:
            yield
    except DataError as error:
        if getattr(error.orig, "sqlstate", None) in OUT_OF_RANGE:
            _look_for_used_up(error, attempt)
        raise because("A value does not fit its field") from error
    except IntegrityError as error:
        raise Refused(*_failures(error, attempt)) from error


def _look_for_used_up(error: DataError, attempt: Attempt) -> None:
    """Raises KeyTaken when it was the key that is out of range."""
    if attempt.counted and not attempt.can_look:
        raise RefusalUnexplained("the database refused a record") from error
    for table in attempt.counted:
        if is_used_up(attempt.connection, attempt.schema, table):
            raise KeyTaken(table) from error


def _failures(error: IntegrityError, attempt: Attempt) -> list[Failure]:
    state = getattr(error.orig, "sqlstate", None)
    text = str(error.orig)
    if state == UNIQUE or UNIQUE_SQLITE in text:
        for table in attempt.counted:
            if _repeated(error, table) == [attempt.catalogue.tables[table].key]:
                if attempt.can_look:
                    raise KeyTaken(table) from error
                raise RefusalUnexplained("the database gave a key twice") from error
        taken = _taken_name(text, attempt) or _taken(_repeated(error, attempt.table), attempt)
        return [taken]
    if state == NOT_NULL or NOT_NULL_SQLITE in text:
        return [_empty(error, attempt)]
    if not attempt.can_look:
        raise RefusalUnexplained("the database refused a record") from error
    if attempt.removing:
        users = sorted(set(_users(attempt)))
        reason = IN_USE.format(_enumerated(users) or ANOTHER)
        return [Failure(Kind.IN_USE, reason=reason, facts={"users": users})]
    missing = [failure for _, failure in missing_references(attempt)]
    return missing or [
        Failure(Kind.REFERENCE, reason="A record that is referred to does not exist")
    ]


def _repeated(error: IntegrityError, table: str) -> list[str]:
    """The columns whose values another row has; none where the database does not tell."""
    if getattr(error.orig, "sqlstate", None) == UNIQUE:
        facts = getattr(error.orig, "diag", None)
        found = KEY_COLUMNS.search(getattr(facts, "message_detail", None) or "")
        is_here = found is not None and getattr(facts, "table_name", None) == table
        return [each.strip(' "') for each in found[1].split(",")] if found and is_here else []
    _, _, places = str(error.orig).partition(UNIQUE_SQLITE)
    pairs = [each.strip().partition(".") for each in places.split(",")]
    return [column for name, _, column in pairs if name == table and column]


def _taken_name(text: str, attempt: Attempt) -> Failure | None:
    """The name that another row has, where it was that; two packets may have chosen it at once."""
    for names in name_columns(attempt.catalogue):
        field = _field(attempt, names.column) if names.table == attempt.table else None
        if field is not None and names.index in text:
            reason = f"Another {names.kind} has this name already"
            return Failure(Kind.TWIN, field=field.name, reason=reason)
    return None


def _taken(columns: list[str], attempt: Attempt) -> Failure:
    fields = [found for each in columns if (found := _field(attempt, each)) is not None]
    if len(fields) < len(columns) or not fields:
        return Failure(Kind.TWIN, reason=TAKEN)
    names = ", ".join(each.name for each in fields)
    if any(each.secret is not None for each in fields):
        return Failure(Kind.TWIN, field=names, reason=TAKEN)
    values = ", ".join(_shown(attempt.values.get(each.column or "")) for each in fields)
    return Failure(Kind.TWIN, field=names, reason=f"{TAKEN}: {values}")


def _empty(error: IntegrityError, attempt: Attempt) -> Failure:
    column = getattr(getattr(error.orig, "diag", None), "column_name", None)
    if column is None:
        column = str(error.orig).rpartition(".")[2].strip()
    found = _field(attempt, column)
    if found is None:
        return Failure(Kind.VALUE, reason="A field that may not be empty has no value")
    return Failure(Kind.VALUE, field=found.name, reason=REQUIRED)


def missing_references(attempt: Attempt) -> Iterator[tuple[str, Failure]]:
    """What the values refer to and is not there, column by column in the order of the table."""
    tables = attempt.catalogue.tables
    for column in tables[attempt.table].columns.values():
        value = attempt.values.get(column.name)
        target = tables.get(column.references or "")
        if target is None or target.key is None or not column.constrained:
            continue
        if value is None or isinstance(value, ClauseElement):
            continue
        if not has_row(attempt, target.name, target.key, [value]):
            found = _field(attempt, column.name)
            name = column.name if found is None else found.name
            yield column.name, no_such_record(attempt.catalogue, name, target.name, value)


def no_such_record(catalogue: Catalogue, name: str, table: str, value: object) -> Failure:
    """What a field fails at that names a record of a table which is not there."""
    reason = f"there is no {element_of(catalogue, table) or 'record'} {_shown(value)}"
    return Failure(Kind.REFERENCE, field=name, reason=reason)


def has_row(attempt: Attempt, table: str, column: str, values: list[Any]) -> bool:
    """Whether a column of a table has one of the values."""
    found = select(literal(1)).where(attempt.sql_table(table).c[column].in_(values)).limit(1)
    return attempt.connection.execute(found).first() is not None


def element_of(catalogue: Catalogue, table: str) -> str | None:
    """The first object that is stored in a table."""
    names = (each.element for each in catalogue.objects.values() if each.table == table)
    return next(names, None)


def _users(attempt: Attempt) -> Iterator[str]:
    """The elements whose records refer to the rows that could not be removed."""
    target, key = attempt.sql_table(attempt.table), attempt.catalogue.tables[attempt.table].key
    if key is None:
        return
    rows = select(target.c[key]).where(*attempt.removing).limit(MOST_LOOKED_AT)
    keys = list(attempt.connection.execute(rows).scalars())
    for other in attempt.catalogue.tables.values():
        for column in other.columns.values():
            refers = column.references == attempt.table and column.constrained
            if refers and has_row(attempt, other.name, column.name, keys):
                yield _told(attempt, other.name, column.name, keys)


def _told(attempt: Attempt, table: str, column: str, keys: list[Any]) -> str:
    """The element of rows that refer to these, if whoever asks may see one of them."""
    described, target = attempt.catalogue.first_of_table.get(table), attempt.sql_table(table)
    if described is None:
        return ANOTHER
    seen = attempt.schema.scope(described, attempt.sight).seen(table, target)
    found = select(literal(1)).where(target.c[column].in_(keys), *seen).limit(1)
    is_seen = attempt.connection.execute(found, attempt.parameters).first() is not None
    return described.element if is_seen else ANOTHER


def _enumerated(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _field(attempt: Attempt, column: str) -> Field | None:
    """The field that shows a column, of the first object that has one."""
    for each in attempt.catalogue.objects.values():
        if each.table == attempt.table and (found := each.stored_in(column)) is not None:
            return found
    return None


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
