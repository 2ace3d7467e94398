"""One list within one window: what a sync looks at (docs/synchronisation.md)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func

from packetserver.store.lists import Selection
from packetserver.store.plans import Plan, Row
from packetserver.store.rows import Rows
from packetserver.store.statements import columns_of
from packetserver.sync.windows import Window

Range = tuple[int, int | None]
"""A page: offset, and how many or None for all."""

WHOLE: Range = (0, None)


@dataclass(frozen=True, slots=True)
class ListWindow:
    """One list within one window."""

    records: Rows
    selection: Selection
    window: Window

    @property
    def key(self) -> ColumnElement[Any]:
        """The key of the list's records."""
        return self.selection.scope.key

    @property
    def modified(self) -> ColumnElement[Any] | None:
        """When a record last changed; None for a list that does not say."""
        name = self.selection.scope.object.sync_updated
        return None if name is None else self.selection.scope.column(name)

    @property
    def entered(self) -> ColumnElement[Any] | None:
        """When a record was entered; None for a list that does not say."""
        name = self.selection.scope.object.sync_inserted
        return None if name is None else self.selection.scope.column(name)

    def ordered(self) -> list[ColumnElement[Any]]:
        """What the list is ordered by."""
        return self.selection.ordered()

    def where(self) -> list[ColumnElement[bool]]:
        """What the filters, and the list's own conditions, demand."""
        return self.selection.conditions()

    def stream(self, statement: Select[Any], plan: Plan, page: Range = WHOLE) -> Iterator[Row]:
        """The planned columns of the records that a select without columns singles out."""
        wanted = statement.with_only_columns(*columns_of(plan), maintain_column_froms=True)
        return self.records.stream(paged(wanted.order_by(*self.ordered()), page))

    def count(self, statement: Select[Any]) -> int:
        """How many records a select without columns singles out."""
        counted = statement.with_only_columns(func.count(), maintain_column_froms=True)
        return int(self.records.connection.execute(counted, self.records.parameters).scalar_one())


def paged(statement: Select[Any], page: Range) -> Select[Any]:
    """The statement for one page of its rows."""
    offset, items = page
    statement = statement.offset(offset) if offset else statement
    return statement if items is None else statement.limit(items)
