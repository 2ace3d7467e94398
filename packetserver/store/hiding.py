"""What is hidden: records without a trashed date that belong to a trashed one."""

from __future__ import annotations

from sqlalchemy import ColumnElement, FromClause, and_, exists, or_

from packetserver.catalogue.model import Catalogue, Part
from packetserver.store.scope import Scope


def is_hidden(scope: Scope) -> ColumnElement[bool] | None:
    """Whether a record without a trashed date belongs to a trashed one; None where it never does."""
    if scope.object.trashed_column is not None:
        return None
    return _belongs_to_trashed(scope, scope.object.table or "", scope.table, ())


def _belongs_to_trashed(
    scope: Scope, table: str, rows: FromClause, passed: tuple[str, ...]
) -> ColumnElement[bool] | None:
    found = [
        each
        for part in scope.catalogue.parts
        if part.table == table and part.owner not in passed
        if (each := _is_owner_trashed(scope, part, rows, (*passed, table))) is not None
    ]
    return or_(*found) if found else None


def _is_owner_trashed(
    scope: Scope, part: Part, rows: FromClause, passed: tuple[str, ...]
) -> ColumnElement[bool] | None:
    owner, trashed = scope.other(part.owner), trashed_column(scope.catalogue, part.owner)
    gone = (
        _belongs_to_trashed(scope, part.owner, owner, passed)
        if trashed is None
        else owner.c[trashed].is_not(None)
    )
    if gone is None:
        return None
    is_owner = owner.c[scope.key_of(part.owner)] == rows.c[part.column]
    found = exists().select_from(owner).where(is_owner, gone).correlate_except(owner)
    return and_(*when(scope, part, rows), found)


def when(scope: Scope, part: Part, rows: FromClause) -> list[ColumnElement[bool]]:
    """What else than the reference says that rows belong to their owner."""
    if part.when is None:
        return []
    return [scope.follow(part.table, rows, part.when) == part.value]


def trashed_column(catalogue: Catalogue, table: str) -> str | None:
    """The column of a table's trashed date, None where rows have none."""
    found = (each.trashed_column for each in catalogue.objects.values() if each.table == table)
    return next((each for each in found if each is not None), None)
