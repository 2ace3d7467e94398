"""How fields that are asked for are read: worked out once, used for every record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement

from packetserver.catalogue.model import Field
from packetserver.failures import Failure, Kind, Refused
from packetserver.store.derived import DERIVATIONS
from packetserver.store.guid_columns import client_id
from packetserver.store.scope import Scope

Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class ClientId:
    """What the client that asks calls the record itself, or the one that the field ``of`` names.

    It is read from the map of the list ``element``; by default from that of what is referred to.
    """

    of: str | None = None
    element: str | None = None


Asked = str | ClientId
"""What can be asked of a record: a field by its name, `a.b` for a stored one of what `a` names."""


def _date(value: date) -> date:
    return value.date() if isinstance(value, datetime) else value


_OF_TYPE: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {"integer": int, "double": float, "boolean": bool, "text": str, "date": _date}
)
"""By the name of a type, what makes its value of what a database gives, which may be wider."""


class Cell(NamedTuple):
    """Where in a row the value of one thing stands that is asked for.

    It is at the first of the ``places``, or what ``shape`` makes of the values at all of them; there
    is none where there is neither, as for a secret. The ``field`` is the one that is read, None for
    a client's id.
    """

    places: tuple[int, ...]
    field: Field | None
    shape: Callable[..., Any] | None = None

    def value(self, row: Row) -> Any:
        """The value, of the field's type; None for nothing."""
        values = [row[place] for place in self.places]
        found = next(iter(values), None) if self.shape is None else self.shape(*values)
        if found is None or self.field is None:
            return found
        as_typed = _OF_TYPE.get(self.field.type.name)
        return found if as_typed is None else as_typed(found)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The columns to select for what is ``asked``, and where in them the ``cells`` of that stand.

    A plan is equal to itself alone, so that statements can be kept by it. It ``is_stored`` when
    columns of the object's own table are enough.
    """

    asked: tuple[Asked, ...]
    columns: tuple[ColumnElement[Any], ...]
    cells: tuple[Cell, ...]
    is_stored: bool

    def values(self, row: Row) -> dict[Asked, Any]:
        """The values of a record by what was asked: those of fields by the fields' names.

        They are numbers, booleans, texts, dates and times without a zone, None for nothing. Whoever
        shows many records looks at the cells instead.
        """
        return {asked: cell.value(row) for asked, cell in zip(self.asked, self.cells, strict=True)}


class JustStored(NamedTuple):
    """What a plan selects of the record that was stored last; behind that stands its key."""

    plan: Plan
    identity: Mapping[str, Any]
    row: Row


class _Planner:
    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.columns: list[ColumnElement[Any]] = []
        self.is_stored = True

    def add(self, *columns: ColumnElement[Any]) -> tuple[int, ...]:
        self.columns += columns
        return tuple(range(len(self.columns) - len(columns), len(self.columns)))

    def cell(self, asked: Asked) -> Cell:
        if isinstance(asked, ClientId):
            return self.client_cell(asked)
        first, separator, rest = asked.partition(".")
        return self.cell_beside(first, rest) if separator else self.field_cell(asked)

    def field_cell(self, name: str) -> Cell:
        field = self.scope.object.field(name)
        if field is None:
            raise self.unknown(name)
        if field.secret:
            return Cell((), field)
        named = field.derived or field.shown
        if named is None:
            return Cell(self.add(self.scope.column(field.column or "")), field)
        self.is_stored = False
        derived = DERIVATIONS[named.name](self.scope, field, named)
        return Cell(self.add(*derived.columns), field, derived.show)

    def cell_beside(self, first: str, rest: str) -> Cell:
        reference = self.scope.object.reference(first)
        if reference is None:
            raise self.unknown(first)
        field = self.scope.catalogue.objects[reference.references or ""].field(rest)
        if field is None or field.column is None:
            raise self.unknown(f"{first}.{rest}")
        if field.secret:
            return Cell((), field)
        self.is_stored = False
        return Cell(self.add(self.scope.referenced(reference.name, field.column)), field)

    def client_cell(self, asked: ClientId) -> Cell:
        column = client_id(self.scope, asked.of, asked.element)
        if column is None:
            raise self.unknown(asked.of)
        self.is_stored = False
        return Cell(self.add(column), None)

    def unknown(self, name: str | None) -> Refused:
        reason = "there is nothing to read by that name"
        return Refused(Failure(Kind.UNKNOWN, self.scope.object.element, field=name, reason=reason))


def build_plan(scope: Scope, asked: Sequence[Asked]) -> Plan:
    """The plan for what is asked. Raises Refused (UNKNOWN) for what cannot be read."""
    planner = _Planner(scope)
    cells = tuple(map(planner.cell, asked))
    return Plan(tuple(asked), tuple(planner.columns), cells, planner.is_stored)
