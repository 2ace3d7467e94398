"""Lists: a selection of records, and the statements that read and count them.

A statement is made once for all selections that differ in their values alone (conditions.shape), and
kept: to make one costs more than to carry it out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    bindparam,
    func,
    literal_column,
    select,
)

from packetserver.catalogue.conditions import EVERY, Condition, shape
from packetserver.store.conditions import bound_values, sql
from packetserver.store.derivations.rows import value_column
from packetserver.store.direct import Direct, Row
from packetserver.store.plans import Plan
from packetserver.store.scope import Scope, reference_path
from packetserver.store.sight import ALL_SEEING, LookedAt, Onlooker, Sight
from packetserver.store.statements import columns_of
from packetserver.store.streams import PAGE_OF_ROWS

FIELD = "field:"
"""In an order, what a field reads instead of a column."""

LIMIT, OFFSET = "list_limit", "list_offset"
LISTS_KEPT = 512
"""Which filters a list has is a client's choice, and the text of one of many fields is long."""


class Page(NamedTuple):
    """A part of a list: how many records are passed over, and how many come then, None for all."""

    offset: int = 0
    limit: int | None = None


WHOLE = Page()


@dataclass(frozen=True)
class Selection:
    """Which records of an object are listed, and in which order; the store alone makes SQL of it.

    Names in the order are columns, `path:column.column…`, or `field:NAME` for what a field shows;
    those with a `-` in front descend. The key ends all ties. ``asker`` is what whoever asks may see
    beside the records; it counts for the order, and for what is AsSeen.
    """

    scope: Scope
    where: Condition = EVERY
    order: tuple[str, ...] = ()
    asker: Sight = ALL_SEEING

    @cached_property
    def _shaped(self) -> tuple[Condition, tuple[Any, ...]]:
        return shape(self.where)

    @property
    def shape(self) -> Condition:
        """What is the same for all values."""
        return self._shaped[0]

    @property
    def values(self) -> Mapping[str, Any]:
        """The parameters of the shape."""
        return bound_values(self._shaped[1])

    def seen_by(self, asker: Sight) -> Selection:
        """The same for somebody who may not see everything."""
        return replace(self, asker=asker)

    def conditions(self) -> list[ColumnElement[bool]]:
        """What the records must be like, its values in it, for a statement that is not kept."""
        scope = replace(self.scope, asker=self.asker)
        return [] if self.where == EVERY else [sql(self.where, scope)]

    def ordered(self) -> list[ColumnElement[Any]]:
        """What the list is ordered by."""
        return list(order_of(replace(self.scope, sight=self.asker), self.order))


@dataclass(slots=True)
class KeptList:
    """What reads a list as a whole, and as much of it as a cursor would fetch first.

    The latter reads one row more, which tells that there is more. A list that was long the last time
    is read by a cursor from the start.
    """

    whole: Callable[[], Select[Any]]
    first: Direct
    is_long: bool = False

    def at_once(
        self, connection: Connection, values: Mapping[str, Any], page: Page
    ) -> list[Row] | None:
        """All of its rows, where they are few; None where they are to be read by a cursor."""
        is_short = page.limit is not None and page.limit <= PAGE_OF_ROWS
        if self.is_long and not is_short:
            return None
        if page.limit is not None and not is_short:
            values = {**values, LIMIT: PAGE_OF_ROWS + 1}
        rows = self.first.rows(connection, values)
        return rows if len(rows) <= PAGE_OF_ROWS else None


class Lists:
    """The statements of lists; shared by all connections of a process."""

    def __init__(self) -> None:
        keep = lru_cache(maxsize=LISTS_KEPT)
        self._kept = keep(_kept_list)
        self._kept_count = keep(_kept_count)
        self._kept_values = keep(_kept_values)
        self._kept_look = keep(_looked_at)

    def rows(self, selection: Selection, plan: Plan, page: Page) -> KeptList:
        """The statement that reads a page of a list by a plan; its values are those of both."""
        paged = (page.limit is not None, page.offset > 0)
        return self._kept(
            selection.scope, selection.asker, selection.shape, selection.order, plan, paged
        )

    def count(self, selection: Selection) -> Direct:
        """The statement that counts a selection."""
        return self._kept_count(selection.scope, selection.asker, selection.shape)

    def values(self, selection: Selection, column: str) -> Direct:
        """The statement that reads the key and one column of so many records of a selection."""
        return self._kept_values(selection.scope, selection.asker, selection.shape, column)

    def looked_at(self, selection: Selection) -> LookedAt:
        """What whoever asks for a selection looks at beside the records."""
        return self._kept_look(selection.scope, selection.shape, selection.order)


def page_values(page: Page) -> dict[str, int]:
    """The parameters of a page."""
    values = {} if page.limit is None else {LIMIT: page.limit}
    return values if page.offset == 0 else {**values, OFFSET: page.offset}


def _kept_list(
    scope: Scope,
    asker: Sight,
    where: Condition,
    order: tuple[str, ...],
    plan: Plan,
    paged: tuple[bool, bool],
) -> KeptList:
    selection = Selection(scope, where, order, asker)
    whole = partial(_paged, selection, plan, paged)
    has_limit, _ = paged
    first = whole if has_limit else partial(_beginning, selection, plan, paged)
    return KeptList(whole, Direct(first, stands_alone=True))


def _paged(selection: Selection, plan: Plan, paged: tuple[bool, bool]) -> Select[Any]:
    has_limit, has_offset = paged
    statement = list_statement(selection, plan)
    if has_offset:
        statement = statement.offset(bindparam(OFFSET, type_=Integer))
    return statement.limit(bindparam(LIMIT, type_=Integer)) if has_limit else statement


def _beginning(selection: Selection, plan: Plan, paged: tuple[bool, bool]) -> Select[Any]:
    return _paged(selection, plan, paged).limit(literal_column(str(PAGE_OF_ROWS + 1)))


def list_statement(selection: Selection, plan: Plan) -> Select[Any]:
    """The statement that reads a list."""
    statement = select(*columns_of(plan)).select_from(selection.scope.table)
    return statement.where(*selection.conditions()).order_by(*selection.ordered())


def _kept_count(scope: Scope, asker: Sight, where: Condition) -> Direct:
    def counted() -> Select[Any]:
        found = select(func.count()).select_from(scope.table)
        return found.where(*Selection(scope, where, (), asker).conditions())

    return Direct(counted, stands_alone=True)


def _kept_values(scope: Scope, asker: Sight, where: Condition, column: str) -> Direct:
    read = select(scope.key, scope.column(column))
    read = read.where(*Selection(scope, where, (), asker).conditions())
    return Direct(read.limit(bindparam(LIMIT, type_=Integer)), stands_alone=True)


def _looked_at(scope: Scope, where: Condition, order: tuple[str, ...]) -> LookedAt:
    onlooker = Onlooker()
    selection = Selection(scope, where, order, onlooker)
    selection.conditions()
    selection.ordered()
    return onlooker.looked_at


def order_of(scope: Scope, names: Sequence[str]) -> Iterator[ColumnElement[Any]]:
    """PostgreSQL's placing of empty columns on both databases, and the key to end all ties."""
    for name in names:
        column = _ordering_column(scope, name.removeprefix("-"))
        descending = name.startswith("-")
        yield column.desc().nulls_first() if descending else column.asc().nulls_last()
    if scope.object.key is not None:
        yield scope.key.asc()


def _ordering_column(scope: Scope, name: str) -> ColumnElement[Any]:
    if name.startswith(FIELD):
        return value_column(scope, name.removeprefix(FIELD))
    return reference_path(scope, name)
