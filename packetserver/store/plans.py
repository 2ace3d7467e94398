"""How the fields that a client asks for are read: worked out once, used for every record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement

from packetserver.catalogue.model import Field
from packetserver.store.derived import DERIVATIONS, Derived
from packetserver.store.guid_columns import GUID, asked_guid, own_guid
from packetserver.store.scope import Scope, reference_field

Row = Sequence[Any]
Writer = Callable[[Row], str]


@dataclass(frozen=True, slots=True)
class Plan:
    """The columns to select, and how a row of them becomes the texts of a record.

    ``names`` are the elements of a record, each of which has exactly one text (PROTOCOL.md 4.7).
    """

    names: tuple[str, ...]
    columns: tuple[ColumnElement[Any], ...]
    writers: tuple[Writer, ...]
    is_stored: bool
    guid_place: int | None

    def texts(self, row: Row, guid: str | None = None) -> list[str]:
        """The texts of a record, in the order of the names.

        ``guid`` is what a client calls the record, where it has just said so; otherwise the map
        is asked.
        """
        texts = [write(row) for write in self.writers]
        if self.guid_place is not None and guid is not None:
            texts[self.guid_place] = guid
        return texts


def _empty(row: Row) -> str:
    return ""


class _Planner:
    def __init__(self) -> None:
        self.columns: list[ColumnElement[Any]] = []
        self.is_stored = True

    def add(self, column: ColumnElement[Any]) -> int:
        self.columns.append(column)
        return len(self.columns) - 1

    def writer(self, scope: Scope, name: str) -> Writer:
        if name == GUID:
            return self.guid_writer(own_guid(scope))
        field = scope.object.field(name)
        if field is not None:
            return self.field_writer(scope, field)
        guid = asked_guid(scope, name)
        return self.path_writer(scope, name) if guid is None else self.guid_writer(guid)

    def guid_writer(self, column: ColumnElement[Any] | None) -> Writer:
        if column is None:
            return _empty
        place = self.add(column)

        def text(row: Row) -> str:
            return "" if row[place] is None else str(row[place])

        return text

    def field_writer(self, scope: Scope, field: Field) -> Writer:
        if field.secret:
            return _empty
        named = field.derived or field.shown
        if named is not None:
            self.is_stored = False
            return self.derived_writer(field, DERIVATIONS[named.name](scope, field, named))
        return _column_writer(field, self.add(scope.column(field.column or "")))

    def derived_writer(self, field: Field, derived: Derived) -> Writer:
        places = [self.add(column) for column in derived.columns]
        write, unset, show = field.type.write, field.unset, derived.show

        def text(row: Row) -> str:
            values = [row[place] for place in places]
            value = values[0] if show is None else show(*values)
            return unset if value is None else write(value)

        return text

    def path_writer(self, scope: Scope, name: str) -> Writer:
        """`a.b` or `a_b`: a field of the record that the field `a` names (PROTOCOL.md 3.5)."""
        first, separator, rest = name.partition("." if "." in name else "_")
        reference = reference_field(scope, first) if separator else None
        if reference is None:
            return _empty
        target = scope.catalogue.objects[reference.references or ""]
        field = target.field(rest)
        if target.table is None or field is None or field.column is None or field.secret:
            return _empty
        self.is_stored = False
        column = scope.referenced(reference.name, field.column)
        return _column_writer(field, self.add(column), unset="")


def _column_writer(field: Field, place: int, unset: str | None = None) -> Writer:
    write = field.type.write
    empty = field.unset if unset is None else unset

    def text(row: Row) -> str:
        value = row[place]
        return empty if value is None else write(value)

    return text


def build_plan(scope: Scope, names: Sequence[str]) -> Plan:
    """The plan for a list of meta properties; a property that is unknown reads as empty."""
    planner = _Planner()
    elements = output_elements(names)
    writers = tuple(planner.writer(scope, name) for name in elements.values())
    return Plan(
        names=tuple(elements),
        columns=tuple(planner.columns),
        writers=writers,
        is_stored=planner.is_stored,
        guid_place=list(elements).index(GUID) if GUID in elements else None,
    )


def output_elements(names: Sequence[str]) -> dict[str, str]:
    """The elements that meta properties are answered in: `orgId` for `orgId^accountGuid`.

    One element that is asked for twice stands where it was asked for first, and shows what was
    asked for last.
    """
    return {name.partition("^")[0]: name for name in names}
