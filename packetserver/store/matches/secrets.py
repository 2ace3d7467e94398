"""The match of secrets: stored salted, so that no database can compare them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select

from packetserver.catalogue.model import NOTHING, Filter, Named
from packetserver.failures import Kind, because
from packetserver.store.filters import conditions, match
from packetserver.store.matches.comparing import compared_column
from packetserver.store.scope import Selection, VerifiedKeys

Condition = ColumnElement[bool] | None

MOST_VERIFIED = 32
"""Each verification takes the time that makes guessing slow: more of them need other filters."""

TOO_MANY = f"A secret can be compared with those of {MOST_VERIFIED} records at most: filter by more"
NAME = "secret"


def verified_keys(
    connection: Connection,
    verify: Callable[[str, str], bool],
    parameters: Mapping[str, Any] = NOTHING,
) -> VerifiedKeys:
    """What a selection needs to filter by a secret; ``parameters`` are those of its rights.

    ``verify(stored, text)`` tells whether a text is the secret that is stored. Raises Refused
    when there are too many to verify.
    """

    def keys(statement: Select[Any], text: str) -> list[Any]:
        rows = connection.execute(statement.limit(MOST_VERIFIED + 1), parameters).all()
        if len(rows) > MOST_VERIFIED:
            raise because(TOO_MANY, kind=Kind.LIMIT)
        return [key for key, stored in rows if verify(stored, text)]

    return keys


@match(NAME)
def _secret(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """The records whose stored secret the value is, among those that all other filters leave."""
    if selection.verified_keys is None:
        raise because(f"{one.name if one is not None else named.name}: cannot be filtered by")
    filters = selection.scope.object.filters
    others = {
        name: each for name, each in selection.values.items() if filters[name].match.name != NAME
    }
    column = compared_column(selection, named, one)
    candidates = select(selection.scope.key, column).where(
        column.is_not(None), *conditions(replace(selection, values=others))
    )
    return selection.scope.key.in_(selection.verified_keys(candidates, value))
