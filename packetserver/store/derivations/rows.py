"""What fields read of the record itself, and of the rows of other tables that belong to it.

Those rows are always asked for within a subquery of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Exists,
    FromClause,
    ScalarSelect,
    Select,
    case,
    func,
    literal,
    null,
    or_,
    select,
)

from packetserver.catalogue.conditions import First, Shown
from packetserver.catalogue.model import Field, Named
from packetserver.store.conditions import OPERANDS
from packetserver.store.derived import DERIVATIONS, Derived, derivation, present
from packetserver.store.guid_columns import GUID, own_guid
from packetserver.store.scope import Scope, reference_path


def reading(scope: Scope, name: str) -> Derived:
    """How a field of the object is read, by its wire name; a secret reads as nothing.

    Raises KeyError for a name that is no field.
    """
    field = scope.object.field(name)
    if field is None:
        raise KeyError(f"{scope.object.element} has no field {name}")
    if field.secret:
        return Derived((null(),))
    named = field.derived or field.shown
    if named is not None:
        return DERIVATIONS[named.name](scope, field, named)
    return Derived((scope.column(field.column or ""),))


def value_column(scope: Scope, name: str) -> ColumnElement[Any]:
    """The one column behind a field, stored or derived; `a.b` is a field of the record that `a` names.

    Raises KeyError for a field that is shaped out of several, or out of none.
    """
    first, _, rest = name.partition(".")
    if rest:
        return _value_beside(scope, first, rest)
    derived = reading(scope, name)
    if derived.show is not None or len(derived.columns) != 1:
        raise KeyError(f"{scope.object.element}.{name} is more than a column")
    return derived.columns[0]


def has_one_column(scope: Scope, name: str) -> bool:
    """Whether a field is read from one column, and not shaped out of several, or out of none."""
    found = scope.object.field(name)
    if found is None or (found.column is None and found.derived is None):
        return False
    derived = reading(scope, name)
    return derived.show is None and len(derived.columns) == 1


def _value_beside(scope: Scope, first: str, rest: str) -> ColumnElement[Any]:
    reference = scope.object.reference(first)
    if reference is None:
        raise KeyError(f"{scope.object.element} has no reference {first}")
    other = scope.another(reference.references or "")
    seen = scope.seen(other.name, other.table, other.stored_column(rest))
    found = select(value_column(other, rest)).select_from(other.table)
    found = found.where(other.key == scope.field_column(reference.name), *seen)
    return found.correlate_except(other.table).scalar_subquery()


def _shown(operand: Shown, scope: Scope) -> ColumnElement[Any]:
    """The operand of a condition that is what a field shows, or what a client calls the record."""
    guid = own_guid(scope) if operand.name == GUID else None
    return value_column(scope, operand.name) if guid is None else guid


OPERANDS[Shown] = _shown


def own_column(scope: Scope, named: Named, argument: str = "of") -> ColumnElement[Any]:
    """The column behind the field that an argument names."""
    return value_column(scope, named.text(argument))


def shown(derived: Derived, values: Sequence[Any]) -> Any:
    """The value that the columns of a derivation make."""
    return values[0] if derived.show is None else derived.show(*values)


def of_value(scope: Scope, named: Named, show: Callable[[Any], Any]) -> Derived:
    """What a function makes of the value of the field `of`; nothing of an empty one."""

    def show_or_none(value: Any) -> Any:
        return None if value is None else show(value)

    return Derived((own_column(scope, named),), show_or_none)


def filled(value: Any) -> bool:
    """Whether there is a value: neither an empty column nor a blank text."""
    return bool(value.strip()) if isinstance(value, str) else value is not None


def joined(separator: str, *texts: str | None) -> str | None:
    """The texts that are filled, with the separator between them; None when none is."""
    return separator.join(text for text in texts if text is not None and filled(text)) or None


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of ``name`` whose ``link`` equals ``on`` of the record: ``table`` is an alias."""

    scope: Scope
    name: str
    table: FromClause
    link: ColumnElement[Any]
    on: ColumnElement[Any]
    reads: str = ""
    """What is read of them, where it is a column: names are shown to more than who sees the rows."""

    @property
    def seen(self) -> list[ColumnElement[bool]]:
        """What they must be like to be seen by whoever asks."""
        return self.scope.seen(self.name, self.table, self.reads)

    @property
    def key(self) -> ColumnElement[Any] | None:
        """The key column of the rows, None when their table has none."""
        name = self.scope.catalogue.tables[self.name].key
        return None if name is None else self.table.c[name]

    def column(self, path: str) -> ColumnElement[Any]:
        """A column of the rows, or one that they reach, `column.column…`."""
        return self.scope.follow(self.name, self.table, path)

    def select(self, *columns: ColumnElement[Any]) -> Select[Any]:
        """The record's rows, as a subquery of the record's query."""
        found = select(*columns).select_from(self.table).where(self.link == self.on, *self.seen)
        return found.correlate_except(self.table)

    def exist(self, *conditions: ColumnElement[bool]) -> Exists:
        """Whether the record has such a row for which the conditions hold too."""
        return self.select(literal(1)).where(*conditions).exists()

    def first(
        self, path: str, flag: str = "", *conditions: ColumnElement[bool]
    ) -> ScalarSelect[Any]:
        """A column of the first row: those whose ``flag`` is true lead, then the lowest key does.

        The rows of a table without a key are ordered by the column itself. ``conditions`` say
        which rows count.
        """
        column = self.column(path)
        order: list[ColumnElement[Any]] = [column if self.key is None else self.key]
        if flag:
            order.insert(0, case((self.table.c[flag].is_(True), 0), else_=1))
        found = self.select(column).where(*conditions).order_by(*order)
        return found.limit(1).scalar_subquery()


def linked_rows(scope: Scope, named: Named, table: str = "") -> Rows:
    """The rows that the arguments `table`, `link` and `on` describe.

    `link` is the column of `table` that equals `on`, a column of the record (by default its key);
    both may be paths through references.
    """
    name = table or named.text("table")
    other = scope.other(name)
    own = named.text("on")
    on = reference_path(scope, own) if own else scope.key
    return Rows(scope, name, other, scope.follow(name, other, named.text("link")), on)


def _first(operand: First, scope: Scope) -> ColumnElement[Any]:
    """The operand of a condition that is a column of the first row."""
    linked = operand.rows
    arguments = {"table": linked.table, "link": linked.link, "on": linked.on}
    return linked_rows(scope, Named("first", arguments)).first(operand.path, operand.flag)


OPERANDS[First] = _first


def row_of_key(scope: Scope, table: str, key: ColumnElement[Any], reads: str) -> Rows:
    """The one row of a table that has a key, such as the one that a reference names.

    ``reads`` is the column, or the path from it, that is read there.
    """
    other = scope.other(table)
    column = reads.partition(".")[0]
    return Rows(scope, table, other, other.c[scope.key_of(table)], key, column)


@derivation("first_of")
def _first_of(scope: Scope, field: Field, named: Named) -> Derived:
    """Column `reads` of the first row; rows whose flag `first` is true come before the others."""
    rows = linked_rows(scope, named)
    first = rows.first(named.text("reads"), named.text("first"), *_wanted(rows, named))
    return Derived((first,))


@derivation("joined_rows")
def _joined_rows(scope: Scope, field: Field, named: Named) -> Derived:
    """Column `reads` of all rows in the order of `sorted`, with `separator` between them."""
    rows = linked_rows(scope, named)
    order = [rows.column(path) for path in named.texts("sorted")]
    if rows.key is not None:
        order.append(rows.key)
    texts = rows.select(rows.column(named.text("reads")).label("text")).order_by(*order).subquery()
    # The aggregate takes the rows as they come; an ORDER BY of its own is too new for SQLite 3.40.
    whole = func.aggregate_strings(texts.c.text, named.text("separator", ", "))
    return Derived((select(whole).select_from(texts).scalar_subquery(),))


@derivation("count_rows")
def _count_rows(scope: Scope, field: Field, named: Named) -> Derived:
    """How many rows there are, of the table and of the one that `plus` adds, `table.column`."""
    rows = linked_rows(scope, named)
    counted: ColumnElement[int] = _count(rows, *_wanted(rows, named))
    if "plus" in named.arguments:
        table, _, link = named.text("plus").partition(".")
        other = Named(named.name, {"table": table, "link": link})
        counted = counted + _count(linked_rows(scope, other))
    return Derived((counted,))


@derivation("percent_of_rows", shaped=True)
def _percent_of_rows(scope: Scope, field: Field, named: Named) -> Derived:
    """The wanted ones among the rows, in whole percent; 0 when there is no row."""
    rows, every = linked_rows(scope, named), linked_rows(scope, named)

    def show(wanted: int, total: int) -> int:
        return wanted * 100 // total if total else 0

    return Derived((_count(rows, *_wanted(rows, named)), _count(every)), show)


@derivation("sum_rows")
def _sum_rows(scope: Scope, field: Field, named: Named) -> Derived:
    """The sum of column `reads`; the sum of nothing is 0."""
    return _aggregate(scope, named, lambda column: func.coalesce(func.sum(column), 0))


@derivation("lowest_of_rows")
def _lowest_of_rows(scope: Scope, field: Field, named: Named) -> Derived:
    """The least value of column `reads`."""
    return _aggregate(scope, named, func.min)


@derivation("highest_of_rows")
def _highest_of_rows(scope: Scope, field: Field, named: Named) -> Derived:
    """The greatest value of column `reads`."""
    return _aggregate(scope, named, func.max)


@derivation("any_rows")
def _any_rows(scope: Scope, field: Field, named: Named) -> Derived:
    """Whether one of the `tables` has such a row."""
    found = (linked_rows(scope, named, table).exist() for table in named.texts("tables"))
    return Derived((or_(*found),))


def _aggregate(scope: Scope, named: Named, function: Any) -> Derived:
    rows = linked_rows(scope, named)
    found = rows.select(function(rows.column(named.text("reads")))).where(*_wanted(rows, named))
    return Derived((found.scalar_subquery(),))


def _count(rows: Rows, *wanted: ColumnElement[bool]) -> ColumnElement[int]:
    return rows.select(func.count()).where(*wanted).scalar_subquery()


def _wanted(rows: Rows, named: Named) -> Iterator[ColumnElement[bool]]:
    """What the rows must be like to count.

    `where` and `where_not` have values of columns, `same` pairs of a column of theirs and one of
    the record; the columns of `set` are filled, those of `not_set` empty; the time in `past` is over,
    that in `not_past` empty or to come; `current` is a start and an end around the present.
    """
    for path, value in named.arguments.get("where", {}).items():
        yield rows.column(path) == value
    for path, value in named.arguments.get("where_not", {}).items():
        yield or_(rows.column(path) != value, rows.column(path).is_(None))
    for theirs, own in named.arguments.get("same", {}).items():
        yield rows.column(theirs) == rows.scope.column(own)
    yield from (rows.column(path).is_not(None) for path in named.texts("set"))
    yield from (rows.column(path).is_(None) for path in named.texts("not_set"))
    yield from (rows.column(path) < present() for path in named.texts("past"))
    yield from (_not_before(rows.column(path)) for path in named.texts("not_past"))
    if "current" in named.arguments:
        start, end = (rows.column(path) for path in named.texts("current"))
        yield or_(start.is_(None), start <= present())
        yield or_(end.is_(None), end > present())


def _not_before(column: ColumnElement[Any]) -> ColumnElement[bool]:
    return or_(column.is_(None), column >= present())
