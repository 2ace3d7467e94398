"""Conditions as SQL: the only place that makes any of them (catalogue/conditions)."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    and_,
    bindparam,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.sql import operators
from sqlalchemy.types import TypeEngine

from packetserver.catalogue import conditions as tree
from packetserver.catalogue.conditions import Condition, Exists, Field, Literal, Operand
from packetserver.store import parameters
from packetserver.store.folding import folded

if TYPE_CHECKING:
    from packetserver.store.scope import Scope

VALUE = "value_"
"""How parameters are named for the values of a condition."""

PATH = "."
"""What stands between the columns of a path."""

LOOKUP = "lookup"
"""The permission rule of tables that are small enough to be gathered once for all records."""

OPERATORS: Mapping[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
FACTS: Mapping[tree.Fact, Callable[[], ColumnElement[Any]]] = {
    tree.NOW: parameters.present,
    tree.READER: parameters.reader,
    tree.CLIENT: parameters.client,
}

SAMPLES: Mapping[type[Any], Any] = {each: each() for each in (int, float, str, bool)} | {
    datetime: datetime.min,
    date: date.min,
}
"""A value of each type: what it is compared with, and its type, say how a value is sent."""

SpecialCondition = Callable[..., ColumnElement[bool]]
SPECIALS: dict[str, SpecialCondition] = {}
"""By name: what a condition Special asks, given the scope and its operands."""

OPERANDS: dict[type[Any], Callable[[Any, Scope], ColumnElement[Any]]] = {}
"""By kind: operands that other modules of the store turn into SQL."""


def special(name: str) -> Callable[[SpecialCondition], SpecialCondition]:
    """Registers a function under the name that a condition Special uses."""

    def register(function: SpecialCondition) -> SpecialCondition:
        SPECIALS[name] = function
        return function

    return register


def bound_values(values: Sequence[Any]) -> dict[str, Any]:
    """The parameters of a condition's shape: see `shape`."""
    return {f"{VALUE}{number}": value for number, value in enumerate(values)}


def sql(condition: Condition, scope: Scope) -> ColumnElement[bool]:
    """A condition on the records of a scope; unknown counts as false, as everywhere in SQL."""
    match condition:
        case tree.All(of):
            return and_(true(), *(sql(each, scope) for each in of))
        case tree.Any(of):
            return or_(false(), *(sql(each, scope) for each in of))
        case tree.Not(of):
            found = sql(of, scope)
            return found.is_not(true()) if _may_be_unknown(of) else not_(found)
        case tree.AsSeen(of, by):
            return sql(of, scope.asking(by))
        case Exists(rows, where):
            return _exists(rows, where, scope)
    return _leaf(condition, scope)


def _may_be_unknown(condition: Condition) -> bool:
    """Whether SQL may answer neither yes nor no."""
    match condition:
        case tree.All(of) | tree.Any(of):
            return any(map(_may_be_unknown, of))
        case tree.AsSeen(of):
            return _may_be_unknown(of)
        case Exists(tree.Linked(_, _, on)):
            return PATH in on
        case tree.Not() | tree.Empty() | Exists() | tree.Special(tree.HIDDEN):
            return False
    return True


def _exists(rows: tree.Rows | tree.Linked, where: Condition, scope: Scope) -> ColumnElement[bool]:
    return (
        _linked(rows, where, scope)
        if isinstance(rows, tree.Linked)
        else _related(rows, where, scope)
    )


def _related(rows: tree.Rows, where: Condition, scope: Scope) -> ColumnElement[bool]:
    """By the key or an index of the rows where there is one; else they are gathered once.

    To ask for each record without an index would cost as much as all have rows.
    """
    other = scope.another(rows.element)
    link = other.key if rows.link is None else other.field_column(rows.link)
    on, wanted = scope.field_column(rows.on), sql(where, other)
    if other.object.permission_rule == LOOKUP or not _is_indexed(rows, other):
        gathered = select(link).where(link.is_not(None), wanted)
        return and_(on.is_not(None), on.in_(gathered.correlate_except(other.table)))
    found = select(literal(1)).select_from(other.table).where(link == on, wanted)
    return found.correlate_except(other.table).exists()


def _linked(rows: tree.Linked, where: Condition, scope: Scope) -> ColumnElement[bool]:
    """The rows are gathered once: asking for every record would cost as much as all have rows."""
    other = scope.of_table(rows.table)
    link = other.follow(rows.table, other.table, rows.link)
    on = scope.follow(scope.name, scope.table, rows.on) if rows.on else scope.key
    seen = () if rows.free else other.seen(rows.table, other.table)
    gathered = select(link).where(link.is_not(None), *seen, sql(where, other))
    is_among = on.in_(gathered.correlate_except(other.table))
    # What is reached by a path would be looked for twice.
    return is_among if PATH in rows.on else and_(on.is_not(None), is_among)


def _is_indexed(rows: tree.Rows, other: Scope) -> bool:
    if rows.link is None:
        return True
    link = other.object.fields[rows.link].column
    table = other.metadata.tables[other.object.table or ""]
    return any(next(iter(each.columns)).name == link for each in table.indexes)


def _leaf(
    condition: tree.Compare | tree.In | tree.Text | tree.Empty | tree.Special, scope: Scope
) -> ColumnElement[bool]:
    if isinstance(condition, tree.Special):
        return SPECIALS[condition.name](scope, *(operand(each, scope) for each in condition.of))
    left = operand(condition.left, scope)
    match condition:
        case tree.Empty():
            return left.is_(None)
        case tree.In(_, values):
            return left.in_([_value(each, left) for each in values if each is not None])
        case tree.Text(_, how, text, fold):
            pattern = _value(tree.pattern_of(how, text), left)
            one, other = (folded(left), folded(pattern)) if fold else (left, pattern)
            return one.like(other, escape=tree.NO_ESCAPE)
        case tree.Compare(_, name, right, fold):
            one, other = left, operand(right, scope, like=left)
            if fold:
                one, other = folded(one), folded(other)
            return OPERATORS[name](one, other)


def operand(
    value: Operand, scope: Scope, like: ColumnElement[Any] | None = None
) -> ColumnElement[Any]:
    """An operand as SQL; a constant has the type of what it is compared with."""
    match value:
        case Field(path):
            return _field(path, scope)
        case tree.Column(path):
            return scope.follow(scope.name, scope.table, path)
        case Literal() | tree.Bound():
            return _value(value.value if isinstance(value, Literal) else value, like)
        case tree.OrElse(of, constant):
            return func.coalesce(operand(of, scope), constant)
    return FACTS[value]() if isinstance(value, tree.Fact) else OPERANDS[type(value)](value, scope)


def _value(value: Any, like: ColumnElement[Any] | None) -> ColumnElement[Any]:
    """A value that is given now, or when the condition is asked."""
    if isinstance(value, bool):
        return true() if value else false()
    if not isinstance(value, tree.Bound):
        return literal(value, _type(like, value))
    return bindparam(f"{VALUE}{value.number}", type_=_type(like, SAMPLES[value.kind]))


def _type(like: ColumnElement[Any] | None, value: Any) -> TypeEngine[Any] | None:
    if like is None:
        return None if value is None else literal(value).type
    return like.type if value is None else like.type.coerce_compared_value(operators.eq, value)


def _field(path: str, scope: Scope) -> ColumnElement[Any]:
    name, _, rest = path.partition(PATH)
    if not rest:
        return scope.field_column(name)
    reference = scope.object.fields[name].references
    if reference is None:
        raise KeyError(f"{scope.object.element}.{name} is no reference")
    other = scope.another(reference)
    seen = scope.seen(other.name, other.table, other.stored_column(rest))
    found = select(_field(rest, other)).where(other.key == scope.field_column(name), *seen)
    return found.correlate_except(other.table).scalar_subquery()
