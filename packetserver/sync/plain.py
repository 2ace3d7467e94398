"""A sync whose sender has no map: the answer that it goes on from tells what it has.

Of that is kept how far back the times of records say so, and, of records with times behind that, which
ones the answer held (sync_answered). So a record that was committed late is found although its time
has passed, and nothing is sent twice. That is little: the records of the last day or so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import (
    ColumnElement,
    DateTime,
    FromClause,
    Integer,
    Select,
    String,
    and_,
    case,
    cast,
    delete,
    false,
    func,
    insert,
    literal,
    not_,
    null,
    or_,
    select,
    true,
    union,
    update,
)

from packetserver.store.plans import Plan, Row
from packetserver.sync.answers import Answers
from packetserver.sync.lists import ListWindow, Range, paged
from packetserver.sync.unconfirmed import INSERT, UPDATE
from packetserver.sync.windows import Window, earlier, exact_window

HELD = "sync_answered"
COLUMNS = ("answer_id", "record_id", "seen", "kind", "place", "page")


@dataclass(frozen=True)
class Past:
    """What the sender has already: all up to ``reach``, and what the answer ``answer_id`` held.

    Without an answer that it goes on from, it is to have all up to its last anchor, to the letter.
    """

    window: Window
    answer_id: int | None

    @classmethod
    def of(cls, answers: Answers, now: datetime) -> Past:
        """What the sender of a request has, as far as its last anchor tells."""
        asked, before = answers.request, answers.before
        if before is None:
            return cls(exact_window(asked.last, asked.next), None)
        return cls(Window(asked.last, asked.next, before.reach, now), int(before.answer_id))

    def next_reach(self, now: datetime, overlap: timedelta) -> datetime:
        """Up to where times alone will tell what the sender has, once it is answered."""
        bound = earlier(min(self.window.next or now, now), overlap)
        reach = self.window.reach
        return bound if self.answer_id is None or reach is None else max(reach, bound)


class PlainList:
    """A list, or a page of it, for a sender without a map; ``mapped`` are keys to be left out.

    Records without an integer for a key cannot be remembered: of them, what is new or has changed
    since shortly before the last anchor is sent, and some of it twice.
    """

    def __init__(
        self,
        within: ListWindow,
        past: Past,
        table_id: int,
        mapped: Select[Any] | None,
        reach: datetime,
    ) -> None:
        self._within = within
        self._records = within.records
        self._past = past
        self._table_id = table_id
        self._mapped = mapped
        self._reach = reach
        self._held = self._records.table(HELD)
        self._before = self._held.alias()

    # What is new, and what has changed, without a look at what is being sent.

    @property
    def _rows(self) -> FromClause:
        table = self._within.selection.scope.table
        if self._past.answer_id is None:
            return table
        same = self._before.c.answer_id == self._past.answer_id
        return table.outerjoin(
            self._before, and_(same, self._before.c.record_id == self._within.key)
        )

    @cached_property
    def _was_held(self) -> ColumnElement[bool]:
        """Whether the answer before held a record; one on a page that was never asked for it did not."""
        if self._past.answer_id is None:
            return false()
        was_sent = or_(self._before.c.kind.is_(None), self._before.c.page.is_not(None))
        return and_(self._before.c.record_id.is_not(None), was_sent)

    def _has_passed(self, reach: datetime | None) -> ColumnElement[bool]:
        """Whether a record is old enough for its sender to have it, by its times."""
        entered = self._within.entered
        if entered is None or reach is None:
            return false()
        if self._past.answer_id is None and reach == self._past.window.reach:
            return or_(entered <= reach, entered.is_(None))
        return or_(and_(entered <= reach, not_(self._has_arrived_since(reach))), entered.is_(None))

    def _has_arrived_since(self, reach: datetime) -> ColumnElement[bool]:
        if not self._is_kept:
            return false()
        table = self._records.table("sync_arrival")
        arrived = select(table.c.record_id).where(table.c.arrived > reach)
        return self._within.key.in_(arrived.where(table.c.table_id == self._table_id))

    @property
    def _is_kept(self) -> bool:
        key = self._within.selection.scope.object.key
        return key is not None and key.type.name == "integer"

    @cached_property
    def _is_mapped(self) -> ColumnElement[bool]:
        """Whether the sender has a guid for the record: from itself, or from a sync with guids."""
        return false() if self._mapped is None else self._within.key.in_(self._mapped)

    @cached_property
    def _seen_mapped(self) -> ColumnElement[Any]:
        """The change of a record that its sender has by its map; empty if that is not known."""
        if self._mapped is None:
            return cast(null(), DateTime)
        ids = self._records.table("sync_map")
        of_record = self._mapped.where(ids.c.record_id == self._within.key)
        return of_record.with_only_columns(ids.c.status_date).scalar_subquery()

    @cached_property
    def _is_had(self) -> ColumnElement[bool]:
        had = or_(self._was_held, self._has_passed(self._past.window.reach))
        # An answer with guids holds nothing but what the map has.
        return had if self._past.answer_id is None else or_(had, self._is_mapped)

    @cached_property
    def _is_new(self) -> ColumnElement[bool]:
        entered = self._within.entered
        unmapped = not_(self._is_mapped)
        if entered is None:
            return and_(true(), unmapped)
        closed = self._is_closed(entered)
        if self._past.window.last is None:
            closed = or_(closed, entered.is_(None))
            return and_(closed, not_(self._was_held), unmapped)
        return and_(closed, not_(self._is_had), unmapped)

    @cached_property
    def _has_changed(self) -> ColumnElement[bool]:
        window, modified = self._past.window, self._within.modified
        if window.last is None or modified is None:
            return false()
        had = true() if self._within.entered is None else self._is_had
        since = true() if window.reach is None else modified > window.reach
        if self._past.answer_id is None:
            return and_(had, since, self._is_closed(modified))
        seen, mapped = self._before.c.seen, self._seen_mapped
        unseen = or_(
            and_(self._was_held, or_(seen.is_(None), modified != seen)),
            and_(not_(self._was_held), or_(mapped.is_(None), modified > mapped)),
        )
        return and_(had, since, unseen, self._is_closed(modified))

    def _is_closed(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        window = self._past.window
        inside = column <= window.next
        return inside if window.present is None else or_(inside, column > window.present)

    # What is being sent: noted first, in one statement, and then read back.

    def hold(self, answer_id: int, *, has_pages: bool) -> None:
        """Note what the answer holds, as far as times will not tell; with pages, all of it."""
        if not self._is_kept:
            return
        self._records.connection.execute(
            delete(self._held).where(self._held.c.answer_id == answer_id)
        )
        modified = self._within.modified
        change = cast(null(), DateTime) if modified is None else modified
        is_sent = or_(self._is_new, self._has_changed)
        kind = case(
            (self._is_new, literal(INSERT)),
            (self._has_changed, literal(UPDATE)),
            else_=cast(null(), String),
        )
        order = self._within.ordered()
        place = func.row_number(type_=Integer).over(partition_by=kind, order_by=order)
        rows = select(
            literal(answer_id),
            self._within.key,
            case((is_sent, change), else_=self._seen_before(change)),
            kind,
            place if has_pages else cast(null(), Integer),
            cast(null(), Integer) if has_pages else literal(0),
        ).select_from(self._rows)
        wanted = or_(is_sent, self._is_had, self._is_mapped)
        if has_pages:
            wanted = or_(and_(wanted, or_(*self._recent)), is_sent, self._was_held)
        elif self._has_much:
            wanted = and_(wanted, or_(*self._recent))
        else:
            wanted = and_(wanted, self._is_among(self._recent))
        rows = rows.where(*self._within.where(), wanted).params(self._records.parameters)
        self._records.connection.execute(insert(self._held).from_select(COLUMNS, rows))

    def _seen_before(self, change: ColumnElement[Any]) -> ColumnElement[Any]:
        """The change that the sender has of what it is not sent now; empty if that is an earlier one."""
        reach, nothing = self._past.window.reach, cast(null(), DateTime)
        by_time = nothing if reach is None else case((change <= reach, change), else_=nothing)
        if self._past.answer_id is None:
            own = and_(self._is_mapped, not_(self._is_had))
            return case((own, self._seen_mapped), else_=by_time)
        held, mapped = (self._was_held, self._before.c.seen), (self._is_mapped, self._seen_mapped)
        return case(held, mapped, else_=by_time)

    @cached_property
    def _recent(self) -> list[ColumnElement[bool]]:
        """What holds of records whose times lie so late that they will not tell what was sent."""
        times = (self._within.entered, self._within.modified)
        recent = [each > self._reach for each in times if each is not None]
        return [*recent, self._has_arrived_since(self._reach)]

    @property
    def _has_much(self) -> bool:
        """Whether so much may be sent that looking at the whole list is best."""
        return self._past.window.last is None or self._past.window.reach is None

    def _is_among(
        self, conditions: list[ColumnElement[bool]], *others: Select[Any]
    ) -> ColumnElement[bool]:
        """Whether a record is one of those that a condition, or another select of keys, finds.

        Each finds them by an index of its own, which databases do not do for what is joined by `or`.
        """
        found = [
            select(self._within.key).select_from(self._rows).where(each).correlate(None)
            for each in conditions
        ]
        return self._within.key.in_(union(*found, *others))

    def send(self, answer_id: int | None, kind: str, plan: Plan) -> Iterator[Row]:
        """The planned columns of what the answer sends as new or as changed."""
        return self._within.stream(self._sending(answer_id, kind), plan)

    def _sending(self, answer_id: int | None, kind: str) -> Select[Any]:
        wanted = self._is_new if kind == INSERT else self._has_changed
        column = self._within.entered if kind == INSERT else self._within.modified
        if answer_id is not None and self._is_kept and column is not None:
            # What is late is noted; the rest has times that cannot come any more.
            late = column > self._reach
            if kind == INSERT:
                late = or_(late, self._has_arrived_since(self._reach))
            rest = and_(wanted, not_(late))
            noted = select(self._held.c.record_id).where(
                self._held.c.answer_id == answer_id, self._held.c.kind == kind
            )
            wanted = (
                or_(self._within.key.in_(noted), rest)
                if self._has_much
                else self._is_among(self._since(column, rest, kind), noted)
            )
        return select().select_from(self._rows).where(*self._within.where(), wanted)

    def _since(
        self, column: ColumnElement[Any], rest: ColumnElement[bool], kind: str
    ) -> list[ColumnElement[bool]]:
        """The rest of what is sent, parted by what finds it; nothing if all of it is noted."""
        reach = self._past.window.reach
        if reach is None or reach >= self._reach:
            return []
        found = [and_(column > reach, column <= self._reach, rest)]
        if kind == INSERT and self._past.answer_id is not None:
            found.append(and_(self._has_arrived_since(reach), rest))
        return found

    # Pages: what was noted has a place, and the page that it was sent on.

    def count(self, answer_id: int, kind: str) -> int:
        """How many records the answer sends so, on all of its pages."""
        if not self._is_kept:
            return self._within.count(self._sending(None, kind))
        return self._within.count(self._noted(answer_id, kind)[0])

    def page(self, answer_id: int, kind: str, plan: Plan, page: Range) -> Iterator[Row]:
        """A page of what the answer sends so; one that is asked for again is the same again."""
        offset, items = page
        if not self._is_kept:
            return self._within.stream(self._sending(None, kind), plan, page)
        rows, held = self._noted(answer_id, kind)
        if not self._within.count(rows.where(held.c.page == offset)):
            before = self._sent_before(answer_id, kind)
            unsent = rows.where(held.c.page.is_(None)).with_only_columns(
                held.c.record_id, maintain_column_froms=True
            )
            chosen = paged(unsent.order_by(held.c.place), (max(offset - before, 0), items))
            chosen = chosen.params(self._records.parameters)
            mine = self._held.c.answer_id == answer_id
            self._records.connection.execute(
                update(self._held)
                .where(mine, self._held.c.record_id.in_(chosen))
                .values(page=offset)
            )
        return self._within.stream(rows.where(held.c.page == offset), plan)

    def _sent_before(self, answer_id: int, kind: str) -> int:
        """How many records earlier pages had, those that are gone by now included."""
        mine = and_(self._held.c.answer_id == answer_id, self._held.c.kind == kind)
        counted = select(func.count()).where(mine, self._held.c.page.is_not(None))
        return int(self._records.connection.execute(counted).scalar_one())

    def has_pages_left(self, answer_id: int) -> bool:
        """Whether something of the answer was on no page yet."""
        if not self._is_kept:
            return False
        kinds = (INSERT, UPDATE)
        noted = (self._noted(answer_id, kind) for kind in kinds)
        return any(self._within.count(rows.where(held.c.page.is_(None))) for rows, held in noted)

    def _noted(self, answer_id: int, kind: str) -> tuple[Select[Any], FromClause]:
        held, table = self._held.alias(), self._within.selection.scope.table
        same = and_(held.c.answer_id == answer_id, held.c.record_id == self._within.key)
        rows = select().select_from(table.join(held, same)).where(*self._within.where())
        return rows.where(held.c.kind == kind), held
