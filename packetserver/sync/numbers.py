"""Which numbers a client's new records get: from `identity` on, skipping those that it has in use.

Finding them must not cost more the more records a client has: runs of numbers that are known to be
in use are kept in sync_number, so that counting begins behind them.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    and_,
    cast,
    exists,
    func,
    insert,
    not_,
    select,
    update,
)

from packetserver.store.rows import Rows

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
