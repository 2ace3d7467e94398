"""References that no foreign key checks: what they name has to be there all the same.

Some have a number for none that is no key, such as -1, which the original stores; of others it depends on
another field what they refer to. All the rest is left to the database, which asks nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from packetserver.catalogue.model import Catalogue, Field, ObjectType
from packetserver.failures import Failure, Refused
from packetserver.store.diagnosis import Attempt, missing_references, no_such_record
from packetserver.store.rows import Rows
from packetserver.store.schema import Schema

if TYPE_CHECKING:
    from packetserver.records.records import Records

NONE = -1
"""The number that refers to nothing, whatever a field has when nothing is sent."""

REFERENCED = "referenced"
"""The derivation of a field that shows a column of what another field points to."""

OBJECTS_KEPT = 1024

Values = Mapping[str, Any]
"""Values by column."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What decides which table is meant: the value of an own column, or what that points to.

    ``column`` is the own one; ``table``, ``key`` and ``reads`` are where its value leads, if it does.
    """

    column: str
    tables: Mapping[int, str]
    table: str | None = None
    key: str = ""
    reads: str = ""

    def made(self, rows: Rows, values: Values) -> str | None:
        """The table that is meant; None when nobody knows."""
        value = values.get(self.column)
        if self.table is not None and value is not None:
            value = rows.value(self.table, self.reads, {self.key: value})
        return None if value is None else self.tables.get(value)


@dataclass(frozen=True, slots=True)
class Unchecked:
    """A reference that the database does not check: to a table, or to one of several."""

    field: Field
    column: str
    table: str | None
    choice: Choice | None

    def target(self, rows: Rows, values: Values) -> str | None:
        """The table that a record with these values refers to; None when nobody knows."""
        return self.table if self.choice is None else self.choice.made(rows, values)

    def depends_on(self, values: Values) -> bool:
        """Whether one of the values decides what is referred to."""
        return self.column in values or (self.choice is not None and self.choice.column in values)

    def is_none(self, value: object) -> bool:
        """Whether a value refers to nothing."""
        nothing = (None, NONE, self.field.default, self.field.initial)
        return value in nothing or self.field.is_empty(value)


def check_references(
    records: Records,
    described: ObjectType,
    values: Values,
    stored: Mapping[str, Any] | None = None,
) -> None:
    """Raises Refused, which names all that is missing, for a reference to nothing.

    ``values`` are the columns that are stored, ``stored`` the fields of the record that is there: what
    was wrong in it already may stay.
    """
    rows = records.rows
    unchecked = unchecked_references(rows.schema, described.element)
    if not unchecked:
        return
    catalogue, table = rows.schema.catalogue, described.table or ""
    before = None if stored is None else _by_column(described, stored)
    whole = values if before is None else {**before, **values}
    failures: dict[str, Failure] = {}
    for each in unchecked:
        if not each.depends_on(values):
            continue
        target = each.target(rows, whole)
        value = whole.get(each.column)
        is_new = before is None or value != before.get(each.column)
        if target is None or not (is_new or target != each.target(rows, before or {})):
            continue
        if not each.is_none(value) and not _is_there(rows, each.field, target, value):
            failures[each.column] = no_such_record(catalogue, each.field.name, target, value)
    if failures:
        attempt = Attempt(rows.connection, rows.schema, table, values)
        failures.update(missing_references(attempt))
        columns = catalogue.tables[table].columns
        raise Refused(*(failures[name] for name in columns if name in failures))


def _by_column(described: ObjectType, stored: Mapping[str, Any]) -> dict[str, Any]:
    return {each.column or "": stored.get(each.name) for each in described.stored_fields}


def _is_there(rows: Rows, field: Field, table: str, value: object) -> bool:
    key = rows.schema.catalogue.tables[table].key
    names = (key, field.references_also)
    return any(rows.value(table, name, {name: value}) is not None for name in names if name)


@lru_cache(maxsize=OBJECTS_KEPT)
def unchecked_references(schema: Schema, element: str) -> tuple[Unchecked, ...]:
    """The references of an object that no foreign key of its table checks."""
    catalogue = schema.catalogue
    described = catalogue.objects[element]
    columns = catalogue.tables[described.table or ""].columns
    found = []
    for field in described.stored_fields:
        column = columns[field.column or ""]
        table = catalogue.table_of(field)
        choice = _choice(catalogue, described, field)
        is_checked = column.references is not None and column.constrained
        if not field.key and not is_checked and (table is not None or choice is not None):
            found.append(Unchecked(field, column.name, table, choice))
    return tuple(found)


def _choice(catalogue: Catalogue, described: ObjectType, field: Field) -> Choice | None:
    decided = field.references_by
    decides = None if decided is None else described.field(decided.field)
    if decided is None or decides is None:
        return None
    tables = {
        value: catalogue.objects[element].table or "" for value, element in decided.elements.items()
    }
    if decides.column is not None:
        return Choice(decides.column, tables)
    if decides.derived is None or decides.derived.name != REFERENCED:
        return None
    leading = described.field(decides.derived.text("of"))
    table = None if leading is None else catalogue.table_of(leading)
    if leading is None or leading.column is None or table is None:
        return None
    key = catalogue.tables[table].key or ""
    return Choice(leading.column, tables, table, key, decides.derived.text("reads"))
