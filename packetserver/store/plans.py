"""How the fields that a client asks for are read: worked out once, used for every record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement

from packetserver.catalogue.model import Field, other_case
from packetserver.store.derived import DERIVATIONS, Derived
from packetserver.store.guid_columns import asked_guid, is_guid, own_guid
from packetserver.store.scope import Scope, reference_field

Row = Sequence[Any]
Writer = Callable[[Row], str]
Show = Callable[[Any], str]


class Cell(NamedTuple):
    """How one text is made: by ``write``, or of the column at ``place``, ``unset`` when empty."""

    write: Writer | None
    place: int = 0
    show: Show = str
    unset: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The columns to select, and how a row of them becomes the texts of a record.

    A plan is equal to itself alone, so that statements can be kept by it.

    ``names`` are the elements of a record, each of which has exactly one text (PROTOCOL.md 4.7).
    It ``is_stored`` when columns of the object's own table are enough.
    """

    names: tuple[str, ...]
    columns: tuple[ColumnElement[Any], ...]
    cells: tuple[Cell, ...]
    is_stored: bool
    guid_places: tuple[int, ...]
    unknown: tuple[str, ...] = ()
    """The properties that mean nothing, and read as empty."""

    def texts(self, row: Row, guid: str | None = None) -> list[str]:
        """The texts of a record, in the order of the names.

        ``guid`` is what a client calls the record, where it has just said so; otherwise the map
        is asked.
        """
        # Written out, for a call for each value would cost more than all else in a list.
        texts = [
            write(row)
            if write is not None
            else unset
            if (value := row[place]) is None
            else show(value)
            for write, place, show, unset in self.cells
        ]
        if guid is not None:
            for place in self.guid_places:
                texts[place] = guid
        return texts


EMPTY = Cell(lambda _row: "")


class JustStored(NamedTuple):
    """What a plan selects of the record that was stored last; behind that stands its key."""

    plan: Plan
    identity: Mapping[str, Any]
    row: Row


class _Planner:
    def __init__(self) -> None:
        self.columns: list[ColumnElement[Any]] = []
        self.is_stored = True
        self.unknown: list[str] = []

    def add(self, column: ColumnElement[Any]) -> int:
        self.columns.append(column)
        return len(self.columns) - 1

    def cell(self, scope: Scope, name: str) -> Cell:
        found = self.known_cell(scope, name) or self.known_cell(scope, other_case(name))
        if found is None:
            self.unknown.append(name)
        return found or EMPTY

    def known_cell(self, scope: Scope, name: str) -> Cell | None:
        if is_guid(name):
            return self.guid_cell(own_guid(scope))
        field = scope.object.field(name)
        if field is not None:
            return self.field_cell(scope, field)
        guid = asked_guid(scope, name)
        return self.path_cell(scope, name) if guid is None else self.guid_cell(guid)

    def guid_cell(self, column: ColumnElement[Any] | None) -> Cell:
        if column is None:
            return EMPTY
        self.is_stored = False
        return Cell(None, self.add(column))

    def field_cell(self, scope: Scope, field: Field) -> Cell:
        if field.secret:
            return EMPTY
        named = field.derived or field.shown
        if named is not None:
            self.is_stored = False
            return self.derived_cell(field, DERIVATIONS[named.name](scope, field, named))
        place = self.add(scope.column(field.column or ""))
        return Cell(None, place, field.type.write, field.unset)

    def derived_cell(self, field: Field, derived: Derived) -> Cell:
        places = [self.add(column) for column in derived.columns]
        write, unset, show = field.type.write, field.unset, derived.show

        def text(row: Row) -> str:
            values = [row[place] for place in places]
            value = values[0] if show is None else show(*values)
            return unset if value is None else write(value)

        return Cell(text)

    def path_cell(self, scope: Scope, name: str) -> Cell | None:
        """`a.b` or `a_b`: a field of the record that the field `a` names (PROTOCOL.md 3.5)."""
        first, separator, rest = name.partition("." if "." in name else "_")
        reference = reference_field(scope, first) if separator else None
        if reference is None:
            return None
        target = scope.catalogue.objects[reference.references or ""]
        field = target.field(rest)
        if target.table is None or field is None or field.column is None:
            return None
        if field.secret:
            return EMPTY
        self.is_stored = False
        column = scope.referenced(reference.name, field.column)
        return Cell(None, self.add(column), field.type.write)


def build_plan(scope: Scope, names: Sequence[str]) -> Plan:
    """The plan for a list of meta properties; a property that is unknown reads as empty."""
    planner = _Planner()
    elements = output_elements(names)
    cells = tuple(planner.cell(scope, name) for name in elements.values())
    return Plan(
        names=tuple(elements),
        columns=tuple(planner.columns),
        cells=cells,
        is_stored=planner.is_stored,
        guid_places=tuple(place for place, each in enumerate(elements) if is_guid(each)),
        unknown=tuple(planner.unknown),
    )


def output_elements(names: Sequence[str]) -> dict[str, str]:
    """The elements that meta properties are answered in, each with the property.

    One element that is asked for twice stands where it was asked for first, and shows what was
    asked for last.
    """
    return {output_name(name): name for name in names}


def output_name(name: str) -> str:
    """The element that a property is answered in: `orgId` for `orgId^accountGuid`."""
    return name.partition("^")[0]
