"""What belongs to a trashed record is trashed along with it, and comes back with it.

Catalogue: `Catalogue.parts`. What was trashed along is noted in trashed_part, by the record that it
belongs to, so that a restore brings back exactly that. Each statement takes all rows of one table, so
that their number does not grow with what belongs to a record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, delete, literal, select, update

from packetserver.catalogue.model import ObjectType, Part
from packetserver.store.dialects import upsert
from packetserver.store.guid_columns import is_mappable, map_element
from packetserver.store.hiding import trashed_column, when
from packetserver.store.rows import Rows

NOTED = "trashed_part"
ARRIVALS = "sync_arrival"

ElementId = Callable[[str], int]
"""The number of a list element in sync_table."""


class Belongings:
    """What belongs to one record, while the trashed date of that is set or cleared."""

    def __init__(self, rows: Rows, described: ObjectType, key: Any, element_id: ElementId) -> None:
        self._rows = rows
        self._scope = rows.schema.scope(described)
        self._catalogue = rows.schema.catalogue
        self._noted = rows.table(NOTED)
        self._table, self._key = described.table or "", key
        self._element_id = element_id

    def trash(self, trashed: datetime, now: datetime) -> None:
        """Trash what belongs to the record, with its own date, unless it is trashed already."""
        self._forget_owner()
        self._trash(self._table, select(literal(self._key)), (trashed, now))

    def restore(self, now: datetime) -> None:
        """Bring back what was trashed along with the record, and no more."""
        self._forget_owner()
        self._arrive(self._table, select(literal(self._key)), now)
        self._restore(self._table, select(literal(self._key)), now)

    def _forget_owner(self) -> None:
        """The record goes, or comes back, for its own sake now."""
        self._rows.connection.execute(
            delete(self._noted).where(
                self._noted.c.table_name == self._table, self._noted.c.record_id == self._key
            )
        )

    def _parts(self, owner: str, *, dated: bool) -> Iterator[tuple[Part, str | None]]:
        """What belongs to rows of a table, with the trashed date of it.

        What owns most comes first: a call of a contact goes with the contact, and comes back with
        it, although it belongs to the account as well.
        """
        parts = (each for each in self._catalogue.parts if each.owner == owner)
        for part in sorted(parts, key=lambda each: -self._height(each.table)):
            trashed = trashed_column(self._catalogue, part.table)
            if (trashed is not None) is dated:
                yield part, trashed

    def _height(self, table: str) -> int:
        """How many tables the longest way down from a table passes."""
        below = {each.table for each in self._catalogue.parts if each.owner == table}
        return 1 + max(map(self._height, below - {table}), default=0)

    def _trash(self, owner: str, owners: Select[Any], times: tuple[datetime, datetime]) -> None:
        for part, column in self._parts(owner, dated=True):
            table, key = self._rows.table(part.table), self._scope.key_of(part.table)
            rows = select(
                literal(part.table), table.c[key], literal(owner), table.c[part.column]
            ).where(
                table.c[part.column].in_(owners),
                table.c[column or ""].is_(None),
                *when(self._scope, part, table),
            )
            if self._note(rows):
                taken = self._taken(part.table, owner, owners)
                self._set_trashed(part.table, taken, *times)
                self._trash(part.table, taken, times)

    def _note(self, rows: Select[Any]) -> int:
        names = ("table_name", "record_id", "owner_table", "owner_id")
        statement = upsert(self._rows.connection, self._noted).from_select(names, rows)
        # What was restored by other means than this server's may still be noted.
        owner = {name: statement.excluded[name] for name in names[2:]}
        statement = statement.on_conflict_do_update(index_elements=names[:2], set_=owner)
        counted = statement.execution_options(preserve_rowcount=True)
        return self._rows.connection.execute(counted).rowcount

    def _taken(self, table: str, owner: str, owners: Select[Any]) -> Select[Any]:
        """The keys of what was trashed along with these owners."""
        noted = self._noted.alias()
        return select(noted.c.record_id).where(
            noted.c.table_name == table,
            noted.c.owner_table == owner,
            noted.c.owner_id.in_(owners),
        )

    def _restore(self, owner: str, owners: Select[Any], now: datetime) -> None:
        for part, _ in self._parts(owner, dated=False):
            self._reappear(part, owners, now)
        for table in dict.fromkeys(part.table for part, _ in self._parts(owner, dated=True)):
            taken = self._taken(table, owner, owners)
            if self._set_trashed(table, taken, None, now):
                self._arrive(table, taken, now)
                self._restore(table, taken, now)
            self._rows.connection.execute(
                delete(self._noted).where(
                    self._noted.c.table_name == table, self._noted.c.record_id.in_(taken)
                )
            )

    def _reappear(self, part: Part, owners: Select[Any], now: datetime) -> None:
        """What was hidden is in its lists again, and so is what belongs to it."""
        key = self._catalogue.tables[part.table].key
        if key is None:
            return
        table = self._rows.table(part.table)
        keys = select(table.c[key]).where(
            table.c[part.column].in_(owners), *when(self._scope, part, table)
        )
        self._arrive(part.table, keys, now)
        for below, _ in self._parts(part.table, dated=False):
            self._reappear(below, keys, now)

    def _set_trashed(
        self, name: str, keys: Select[Any], trashed: datetime | None, now: datetime
    ) -> int:
        table, key = self._rows.table(name), self._scope.key_of(name)
        values: dict[str, Any] = {trashed_column(self._catalogue, name) or "": trashed}
        for column in self._change_columns(name):
            later = case((table.c[column] > now, table.c[column]), else_=now)
            values[column] = later
        statement = update(table).where(table.c[key].in_(keys)).values(values)
        return self._rows.connection.execute(statement).rowcount

    def _change_columns(self, table: str) -> set[str]:
        found = (each for each in self._catalogue.objects.values() if each.table == table)
        return {each.sync_updated for each in found if each.sync_updated is not None}

    def _arrive(self, table: str, keys: Select[Any], now: datetime) -> None:
        """Clients that were told that the records are gone must get them, however old they are."""
        names = ("table_id", "record_id", "arrived")
        for each in self._lists(table):
            found = keys.subquery()
            rows = select(literal(each), found.c[0], literal(now)).where(literal(value=True))
            arrivals = upsert(self._rows.connection, self._rows.table(ARRIVALS))
            statement = arrivals.from_select(names, rows)
            self._rows.connection.execute(
                statement.on_conflict_do_update(
                    index_elements=names[:2], set_={"arrived": statement.excluded.arrived}
                )
            )

    def _lists(self, table: str) -> Iterator[int]:
        """The numbers of the elements that clients know the records of a table by."""
        elements = (
            map_element(each)
            for each in self._catalogue.objects.values()
            if each.table == table and each.list_element is not None and is_mappable(each)
        )
        yield from map(self._element_id, dict.fromkeys(elements))
