"""The statement that reads a list of records, and the order in which they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, select

from packetserver.store.derivations.rows import value_column
from packetserver.store.filters import chosen_order, conditions
from packetserver.store.plans import Plan
from packetserver.store.scope import Scope, Selection, reference_path
from packetserver.store.statements import columns_of

FIELD = "field:"
"""In an order, what a field reads instead of a column."""


def list_statement(
    selection: Selection,
    plan: Plan,
    order: Sequence[str],
    extra: Sequence[ColumnElement[Any]] = (),
) -> Select[Any]:
    """The statement that reads a list."""
    scope = selection.scope
    statement = select(*columns_of(plan), *extra).select_from(scope.table)
    return statement.where(*conditions(selection, kept=True)).order_by(
        *order_of(scope, chosen_order(selection, order))
    )


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
