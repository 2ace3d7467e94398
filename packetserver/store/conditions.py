"""Conditions as SQL: the only place that makes any of them (catalogue/conditions)."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, ColumnElement, and_, false, func, literal, not_, or_, select, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import InternalTraversal

from packetserver.catalogue import conditions as tree
from packetserver.catalogue.conditions import Condition, Exists, Field, Literal, Operand
from packetserver.store import parameters

if TYPE_CHECKING:
    from packetserver.store.scope import Scope

BOOLEAN = Boolean()
NO_ESCAPE = "\x1b"
"""Makes a character of a pattern literal: XML cannot carry this one."""

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

SpecialCondition = Callable[["Scope", ColumnElement[Any]], ColumnElement[bool]]
SPECIALS: dict[str, SpecialCondition] = {}
"""By name: what a condition Special asks of a value."""


def special(name: str) -> Callable[[SpecialCondition], SpecialCondition]:
    """Registers a function under the name that a condition Special uses."""

    def register(function: SpecialCondition) -> SpecialCondition:
        SPECIALS[name] = function
        return function

    return register


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
        case Exists(rows, where):
            return _exists(rows, where, scope)
        case tree.Special(name, of):
            return SPECIALS[name](scope, _operand(of, scope))
    return _leaf(condition, scope)


class Kept(ColumnElement[bool]):
    """A condition as SQL that is worked out once, and known by the condition alone.

    For SQLAlchemy to look through it each time costs more than a small list does. Its parameters are
    to be given when the statement is carried out: what is bound into it before is not found here.
    """

    inherit_cache = True
    type = BOOLEAN
    _traverse_internals: Any = [("condition", InternalTraversal.dp_plain_obj)]  # noqa: RUF012

    def __init__(self, condition: Condition, scope: Scope) -> None:
        self.condition = condition
        self.found = sql(condition, scope)


@compiles(Kept)
def _written(element: Kept, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(element.found, **options)})"


def _may_be_unknown(condition: Condition) -> bool:
    """Whether SQL may answer neither yes nor no."""
    match condition:
        case tree.All(of) | tree.Any(of):
            return any(map(_may_be_unknown, of))
        case tree.Not() | tree.Empty() | Exists():
            return False
    return True


def _exists(rows: tree.Rows, where: Condition, scope: Scope) -> ColumnElement[bool]:
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


def _is_indexed(rows: tree.Rows, other: Scope) -> bool:
    if rows.link is None:
        return True
    link = other.object.fields[rows.link].column
    table = other.metadata.tables[other.object.table or ""]
    return any(next(iter(each.columns)).name == link for each in table.indexes)


def _leaf(
    condition: tree.Compare | tree.In | tree.Text | tree.Empty, scope: Scope
) -> ColumnElement[bool]:
    left = _operand(condition.left, scope)
    match condition:
        case tree.Empty():
            return left.is_(None)
        case tree.In(_, values):
            return left.in_([each for each in values if each is not None])
        case tree.Text(_, how, text, fold):
            pattern = f"{'%' * (how != 'begins')}{_literally(text)}{'%' * (how != 'ends')}"
            return _like(left, pattern, fold=fold)
        case tree.Compare(_, name, right, fold):
            one, other = left, _operand(right, scope, like=left)
            if fold:
                one, other = func.lower(one), func.lower(other)
            return OPERATORS[name](one, other)


def _like(left: ColumnElement[Any], pattern: str, *, fold: bool) -> ColumnElement[bool]:
    if fold:
        return func.lower(left).like(func.lower(pattern), escape=NO_ESCAPE)
    return left.like(pattern, escape=NO_ESCAPE)


def _literally(text: str) -> str:
    for each in (NO_ESCAPE, "%", "_"):
        text = text.replace(each, NO_ESCAPE + each)
    return text


def _operand(
    operand: Operand, scope: Scope, like: ColumnElement[Any] | None = None
) -> ColumnElement[Any]:
    """An operand as SQL; a constant has the type of what it is compared with."""
    match operand:
        case Field(path):
            return _field(path, scope)
        case Literal(value):
            return literal(value, None if like is None else like.type)
    return FACTS[operand]()


def _field(path: str, scope: Scope) -> ColumnElement[Any]:
    name, _, rest = path.partition(".")
    if not rest:
        return scope.field_column(name)
    reference = scope.object.fields[name].references
    if reference is None:
        raise KeyError(f"{scope.object.element}.{name} is no reference")
    other = scope.another(reference)
    found = select(_field(rest, other)).where(other.key == scope.field_column(name))
    return found.correlate_except(other.table).scalar_subquery()


BELOW = "below"
USERS = "access"


@special(BELOW)
def _below(scope: Scope, user: ColumnElement[Any]) -> ColumnElement[bool]:
    """The user is the reader, or somebody whom the reader manages, however far below."""
    users, others = (scope.metadata.tables[USERS].alias() for _ in range(2))
    team = select(users.c.user_id).where(users.c.user_id == parameters.reader())
    below = team.cte(recursive=True)
    # UNION, not UNION ALL: users who manage each other in a circle must not go round for ever.
    below = below.union(select(others.c.user_id).where(others.c.manager_id == below.c.user_id))
    return user.in_(select(below.c.user_id))
