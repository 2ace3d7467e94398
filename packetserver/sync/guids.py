"""What one sync client calls the records that it has: the table sync_map (PROTOCOL.md 6.3, 6.4).

A new record that the client has not named gets a number: from `identity` on, skipping those that it
has in use. Finding them must not cost more the more records a client has: runs of numbers that are
known to be in use are kept in sync_number, so that counting begins behind them.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    MetaData,
    Select,
    Table,
    and_,
    cast,
    delete,
    exists,
    func,
    insert,
    not_,
    select,
    tuple_,
    update,
)

from packetserver.failures import Kind, because
from packetserver.store.guid_columns import SYSTEM
from packetserver.store.rows import Rows
from packetserver.sync.answers import has_come
from packetserver.sync.sessions import SESSIONS
from packetserver.sync.unconfirmed import INSERT, Sent

_KNOWN: weakref.WeakKeyDictionary[Engine, Mapping[str, int]] = weakref.WeakKeyDictionary()
"""By database: an installation has one, a test many."""


def element_id(connection: Connection, metadata: MetaData, element: str) -> int:
    """The number of an element.

    Raises Refused for an element that the database has no number for.
    """
    known = _KNOWN.get(connection.engine, {})
    if element not in known:
        known = _KNOWN[connection.engine] = _read(connection, metadata)
    if element not in known:
        raise because(f"{element} is not known to sync clients here", kind=Kind.UNSUPPORTED)
    return known[element]


def _read(connection: Connection, metadata: MetaData) -> Mapping[str, int]:
    table = metadata.tables["sync_table"]
    numbers = select(table.c.element_name, func.min(table.c.table_id))
    numbers = numbers.where(table.c.system_id == SYSTEM).group_by(table.c.element_name)
    return {row[0]: row[1] for row in connection.execute(numbers)}


AT_A_TIME = 500
"""How many guids one query asks for: databases limit the parameters of a statement."""

Guid = tuple[str, int]
"""The element whose map is meant (PROTOCOL.md 3.1), and what the client calls the record."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """A record that a client has named.

    ``seen`` is the change of the record that the client is known to have, None when that is not
    known. ``is_numbered`` says that the guid is the server's choice. ``sent`` is what a sync has
    sent of it since, if the client has not confirmed it.
    """

    record_id: int
    seen: datetime | None
    is_numbered: bool
    sent: Sent | None

    def was_sent(self, last: datetime | None) -> bool:
        """Whether the record was sent to the client as it ``last`` changed, and may have come."""
        if self.sent is None or self.sent.gone or self.sent.resend:
            return False
        return is_same_time(last, self.sent.seen)

    def has_proved(self, last: datetime | None, said: datetime | None) -> bool:
        """Whether the client is known for certain to have the record as it ``last`` changed.

        ``said`` is the change that the client says it has. That counts where the map knows none,
        and it proves that what was sent has come; otherwise the map knows better.
        """
        if is_same_time(last, said if self.seen is None else self.seen):
            return True
        has_come = self.sent is not None and said is not None and is_same_time(said, self.sent.seen)
        return has_come and is_same_time(last, said)

    @property
    def is_free(self) -> bool:
        """Whether the client has no such record, when it now calls another one by the guid.

        It never had it, if it did not get what the server sent; or it knows that it is gone.
        """
        if self.sent is None or not self.is_numbered:
            return False
        return self.sent.gone or self.sent.kind == INSERT


def is_same_time(one: datetime | None, other: datetime | None) -> bool:
    """Whether two times are the same as far as clients can tell, which is to the millisecond."""
    if one is None or other is None:
        return one is other
    return one.replace(microsecond=one.microsecond // 1000) == other.replace(
        microsecond=other.microsecond // 1000
    )


class GuidMap:
    """The map of the client that a packet comes from; without a client nothing is mapped."""

    def __init__(self, rows: Rows, client_id: int | None) -> None:
        self.client_id = client_id
        self._rows = rows
        self._connection = rows.connection
        self._map = rows.table("sync_map")
        self._unconfirmed = rows.table("sync_unconfirmed")

    def element_id(self, element: str) -> int:
        """The number of an element in sync_table."""
        return element_id(self._connection, self._rows.schema.metadata, element)

    def record_ids(self, wanted: Iterable[Guid]) -> dict[Guid, int]:
        """The keys of the records that the client calls so, in one query; unmapped ones are not in it."""
        if self.client_id is None:
            return {}
        guids = {(self.element_id(element), guid): (element, guid) for element, guid in wanted}
        columns = tuple_(self._map.c.table_id, self._map.c.cuid)
        found: dict[Guid, int] = {}
        for part in _parts(list(guids)):
            statement = select(self._map.c.table_id, self._map.c.cuid, self._map.c.record_id)
            statement = statement.where(self._map.c.client_id == self.client_id, columns.in_(part))
            rows = self._connection.execute(statement)
            found.update({guids[row.table_id, row.cuid]: row.record_id for row in rows})
        return found

    def find(self, element: str, guid: int) -> Mapped | None:
        """The record that the client calls so, with what it knows of it."""
        ids, sent = self._map, self._unconfirmed
        same = and_(
            *(ids.c[name] == sent.c[name] for name in ("client_id", "table_id", "record_id"))
        )
        statement = (
            select(ids.c.record_id, ids.c.status_date, ids.c.complete)
            .add_columns(sent.c.kind, sent.c.seen, sent.c.gone, sent.c.resend, sent.c.batch)
            .select_from(ids.outerjoin(sent, same))
            .where(*self._of(ids, element), ids.c.cuid == guid)
        )
        row = self._connection.execute(statement).first()
        if row is None:
            return None
        record_id, seen, is_numbered, kind, *rest = row
        return Mapped(
            record_id, seen, bool(is_numbered), None if kind is None else Sent(kind, *rest)
        )

    def counts_as_come(self, element: str, mapped: Mapped, last: datetime | None) -> bool:
        """Whether what was sent of a record counts as received, although it is not confirmed.

        All that a session sends does at once. Without one, an anchor of the client tells: ``last``.
        """
        if self.client_id is None or mapped.sent is None:
            return False
        if self._rows.exists(SESSIONS, {"client_id": self.client_id}):
            return True
        place = (self.client_id, self.element_id(element), mapped.sent.batch)
        return has_come(self._rows, *place, last)

    def add(self, element: str, record_id: int, guid: int, seen: datetime | None) -> None:
        """The client calls a record so from now on.

        Raises Refused when it calls another one so.
        """
        values = {"record_id": record_id, "cuid": guid, "status_date": seen, "complete": False}
        place = {"client_id": self.client_id, "table_id": self.element_id(element)}
        self._rows.insert_row("sync_map", {**place, **values})

    def see(self, element: str, record_id: int, seen: datetime | None) -> None:
        """The client has this change of a record: it made it itself."""
        self._connection.execute(
            update(self._map)
            .where(*self._record(self._map, element, record_id))
            .values(status_date=seen)
        )
        self._connection.execute(
            delete(self._unconfirmed).where(*self._record(self._unconfirmed, element, record_id))
        )

    def follow(
        self, element: str, record_id: int, before: datetime | None, after: datetime | None
    ) -> None:
        """The client has changed a record: it has the change, if it had the one ``before``.

        What was sent of the record stays to be confirmed, with the change in it.
        """
        for table, column in ((self._map, "status_date"), (self._unconfirmed, "seen")):
            place = self._record(table, element, record_id)
            statement = update(table).where(*place, table.c[column] == before)
            self._connection.execute(statement.values({column: after}))

    def remove(self, element: str, record_id: int) -> None:
        """The client has a record no longer."""
        for table in (self._map, self._unconfirmed):
            self._connection.execute(delete(table).where(*self._record(table, element, record_id)))

    def release(self, element: str, record_id: int) -> None:
        """Take back the number of a record that never came; the next sync sends it under another."""
        place = self._record(self._map, element, record_id)
        self._connection.execute(delete(self._map).where(*place))
        waiting = self._record(self._unconfirmed, element, record_id)
        self._connection.execute(update(self._unconfirmed).where(*waiting).values(resend=True))

    def mine(self, element: str) -> Select[Any]:
        """The keys of all records that the client has, as a select to be a part of others."""
        return select(self._map.c.record_id).where(*self._of(self._map, element))

    def _of(self, table: Table, element: str) -> list[ColumnElement[bool]]:
        return [table.c.client_id == self.client_id, table.c.table_id == self.element_id(element)]

    def _record(self, table: Table, element: str, record_id: int) -> list[ColumnElement[bool]]:
        return [*self._of(table, element), table.c.record_id == record_id]


def _parts(guids: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    for start in range(0, len(guids), AT_A_TIME):
        yield guids[start : start + AT_A_TIME]


LARGEST = 2**31 - 1
NARROW_GAPS = 64
"""How many gaps are filled before counting goes on behind all numbers in use."""


class Numbers:
    """The numbers of one client for the records of one list."""

    def __init__(self, rows: Rows, client_id: int, table_id: int) -> None:
        self._connection = rows.connection
        self._map = rows.table("sync_map")
        self._runs = rows.table("sync_number")
        self._place = {"client_id": client_id, "table_id": table_id}

    def free_from(self, identity: int) -> Iterator[tuple[int, int]]:
        """Ranges of free numbers in ascending order, as (first, how many)."""
        position = self._end_of_known_run(identity)
        for _ in range(NARROW_GAPS):
            used = self._first_used(position) if position <= LARGEST else None
            if used is None:
                break
            if used > position:
                yield position, used - position
            position = self._end_of_run(used)
        else:
            position = max(position, (self._last_used() or 0) + 1)
        yield position, LARGEST - position + 1

    def keep_run(self, identity: int, following: int) -> None:
        """Note that the numbers from ``identity`` up to ``following`` are in use now."""
        # The column cannot hold the number behind the largest; that one is then looked up.
        following = min(following, LARGEST)
        known = self._known_run(identity)
        if known is None:
            run = {"first_number": identity, "next_number": following}
            self._connection.execute(insert(self._runs).values(**self._place, **run))
            return
        same = [self._runs.c[name] == value for name, value in self._place.items()]
        statement = update(self._runs).where(*same, self._runs.c.first_number == known[0])
        self._connection.execute(statement.values(next_number=following))

    def _known_run(self, identity: int) -> tuple[int, int] | None:
        """The run that the number lies in, or follows at once."""
        runs = self._runs
        statement = (
            select(runs.c.first_number, runs.c.next_number)
            .where(*(runs.c[name] == value for name, value in self._place.items()))
            .where(runs.c.first_number <= identity)
            .order_by(runs.c.first_number.desc())
        )
        row = self._connection.execute(statement.limit(1)).first()
        return (row[0], row[1]) if row is not None and identity <= row[1] else None

    def _end_of_known_run(self, identity: int) -> int:
        known = self._known_run(identity)
        return identity if known is None else known[1]

    def _first_used(self, position: int) -> int | None:
        statement = select(func.min(self._map.c.cuid)).where(*self._used_from(position))
        return self._connection.execute(statement).scalar()

    def _last_used(self) -> int | None:
        statement = select(func.max(self._map.c.cuid)).where(*self._used_from(0))
        return self._connection.execute(statement).scalar()

    def _end_of_run(self, used: int) -> int:
        """The first number above ``used`` that is not in use."""
        following = self._map.alias()
        same = [following.c[name] == value for name, value in self._place.items()]
        # Behind the largest number of a column is one that only a larger type can hold.
        after = cast(self._map.c.cuid, BigInteger) + 1
        is_followed = exists().where(and_(*same, following.c.cuid == after))
        statement = (
            select(self._map.c.cuid)
            .where(*self._used_from(used), not_(is_followed))
            .order_by(self._map.c.cuid)
        )
        return int(self._connection.execute(statement.limit(1)).scalar_one()) + 1

    def _used_from(self, position: int) -> list[ColumnElement[bool]]:
        same = [self._map.c[name] == value for name, value in self._place.items()]
        return [*same, self._map.c.cuid >= position]
