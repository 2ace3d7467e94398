"""What was answered to whoever syncs, by the anchors that it named: the table sync_answer.

Whoever names as its last anchor what it has named as its next one before goes on from the answer
that it got then: it has what that answer held, and nothing else, whatever the clocks say. Whoever
names an anchor again that it went on from already has lost what it was sent since.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, delete, func, literal, select
from sqlalchemy.engine import Row

from packetserver.store.rows import Rows
from packetserver.sync.windows import is_same_anchor

ANSWERS, KEY = "sync_answer", "answer_id"
KEPT = 32
"""How many answers are kept for one list of one sender; each goes on from the last one or two."""

FIRSTS = 8
"""How many of them may be answers to a first sync, which nobody may ever go on from."""

AHEAD = timedelta(days=1)
"""How far a clock may be ahead: what lies further in the future is no moment, but means "all"."""

Batches = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Request:
    """A sync: by a client or by a user, of a list with such filters, between two anchors.

    ``filters`` is a digest of what the list is filtered by.
    """

    client_id: int | None
    user_id: int | None
    table_id: int
    filters: str
    last: datetime | None
    next: datetime

    @property
    def sender(self) -> dict[str, int | None]:
        """The columns that name whoever asks: a client that belongs to a user is the client."""
        if self.client_id is not None:
            return {"client_id": self.client_id, "user_id": None}
        return {"client_id": None, "user_id": self.user_id}


class Answers:
    """What was answered before to whoever asks for a list; read once, as it was then."""

    def __init__(self, rows: Rows, request: Request) -> None:
        self._rows = rows
        self._table = rows.table(ANSWERS)
        self.request = request
        self._noted: int | None = None

    @cached_property
    def _kept(self) -> Sequence[Row[Any]]:
        """The answers of this list, the latest first."""
        of_list = self._table.c.table_id == self.request.table_id
        statement = select(self._table).where(*self._mine(), of_list)
        ordered = statement.order_by(self._table.c.answer_id.desc())
        return self._rows.connection.execute(ordered).all()

    @cached_property
    def anchor(self) -> datetime | None:
        """The last anchor as it was named when it was the next one.

        Clients may leave the fraction of the second out; only then anchors of the same second
        are the same.
        """
        last = self.request.last
        named = [each.next_anchor for each in self._kept if is_same_anchor(each.next_anchor, last)]
        return last if last in named or not named else named[0]

    @cached_property
    def before(self) -> Row[Any] | None:
        """The answer that the sender goes on from: that of the same list at its last anchor."""
        found = [each for each in self._at_anchor if self._is_same_list(each)]
        # An answer from an anchor to the same one has moved nobody on.
        moved = [each for each in found if each.last_anchor != self.anchor]
        return next(iter(moved or found), None)

    @cached_property
    def _at_anchor(self) -> list[Row[Any]]:
        if self.anchor is None:
            return []
        return [each for each in self._kept if each.next_anchor == self.anchor]

    def _is_same_list(self, answer: Row[Any]) -> bool:
        return bool(answer.filters == self.request.filters)

    @cached_property
    def answered(self) -> datetime | None:
        """When the sender was first answered up to its last anchor; None when it never was."""
        times = [each.answered for each in self._at_anchor]
        if times or self.anchor is None:
            return min(times, default=None)
        return self._answered_elsewhere(self.anchor)

    def _answered_elsewhere(self, last: datetime) -> datetime | None:
        """The same by the answers of other lists."""
        second = last.replace(microsecond=0)
        within = self._table.c.next_anchor >= second
        within &= self._table.c.next_anchor < second + timedelta(seconds=1)
        statement = select(func.min(self._table.c.answered)).where(*self._mine(), within)
        found: datetime | None = self._rows.connection.execute(statement).scalar()
        return found

    @property
    def has_pages_left(self) -> bool:
        """Whether pages of the answer that the sender goes on from were not asked for."""
        return self.before is not None and not self.before.complete

    @property
    def reach(self) -> datetime | None:
        """How far back that answer looked, None for the beginning of all."""
        return None if self.before is None else self.before.reach

    def batches_had(self) -> list[Batches]:
        """What was sent up to the last anchor: whoever names that has it."""
        return _batches(each for each in self._at_anchor if each.last_anchor != self.anchor)

    def batches_lost(self) -> list[Batches]:
        """What was sent to the same request before: whoever repeats it did not get the answer.

        Without a last anchor only the very same request counts as repeated, and only if its next
        anchor is a moment: clients that never name any are sent what is new.
        """
        anchor = self.anchor
        return _batches(
            each
            for each in self._kept
            if (anchor is not None or _is_moment(each, self.request.next))
            and each.last_anchor == anchor
            and self._is_same_list(each)
        )

    def same(self) -> Row[Any] | None:
        """The answer to the same request, None when it was never asked.

        The one that the sender goes on from is never rewritten while it is read.
        """
        anchors = (self.anchor, self.request.next)
        for each in self._kept:
            if each is self.before:
                continue
            if self._is_same_list(each) and (each.last_anchor, each.next_anchor) == anchors:
                return each
        return None

    def note(self, values: Mapping[str, Any], now: datetime) -> int:
        """Remember the answer to the request; returns its key. What nobody needs any more goes."""
        asked = self.request
        if self._noted is None and (known := self.same()) is not None:
            self._noted = int(known.answer_id)
        if self._noted is not None:
            # When it was answered first decides how far back is looked the next time.
            self._rows.update_rows(ANSWERS, {KEY: self._noted}, values)
            return self._noted
        self._forget()
        anchors = {"last_anchor": self.anchor, "next_anchor": asked.next}
        place = {"table_id": asked.table_id, "filters": asked.filters}
        row = {**asked.sender, **place, **anchors, **values, "answered": now}
        self._noted = int(self._rows.insert_row(ANSWERS, row))
        return self._noted

    def _forget(self) -> None:
        """Forget what lies before the answer that the sender goes on from, and too much of it all."""
        before = self.before
        earlier = None if before is None else before.last_anchor
        passed = [
            each
            for each in self._kept
            if self._is_same_list(each) and each.next_anchor == earlier and earlier != self.anchor
        ]
        firsts = [each for each in self._kept if each.last_anchor is None]
        old = {each.answer_id for each in (*passed, *firsts[FIRSTS:], *self._kept[KEPT - 1 :])}
        old -= set() if before is None else {before.answer_id}
        if old:
            self._rows.connection.execute(
                delete(self._table).where(self._table.c.answer_id.in_(sorted(old)))
            )

    def _mine(self) -> list[ColumnElement[bool]]:
        return [
            self._table.c[name] == value
            for name, value in self.request.sender.items()
            if value is not None
        ]


def _is_moment(answer: Row[Any], following: datetime) -> bool:
    is_past = answer.next_anchor <= answer.answered + AHEAD
    return bool(is_past and answer.next_anchor == following)


def has_come(rows: Rows, client_id: int, table_id: int, batch: int, last: datetime | None) -> bool:
    """Whether a client's last anchor tells that it has what was sent in a batch of a list."""
    if last is None:
        return False
    table, second = rows.table(ANSWERS), last.replace(microsecond=0)
    statement = select(table.c.answer_id).where(
        table.c.client_id == client_id,
        table.c.table_id == table_id,
        table.c.next_anchor >= second,
        table.c.next_anchor < second + timedelta(seconds=1),
        literal(batch).between(table.c.first_batch, table.c.last_batch),
    )
    return rows.connection.execute(statement.limit(1)).first() is not None


def digest_of(filters: Mapping[str, Any]) -> str:
    """What tells lists with other filters apart."""
    return hashlib.sha256(repr(sorted(filters.items())).encode()).hexdigest()


def _batches(rows: Iterable[Row[Any]]) -> list[Batches]:
    return [(each.first_batch, each.last_batch) for each in rows if each.first_batch is not None]
