"""Fields that are worked out while reading, by the name that the catalogue gives them.

A derivation names the columns that it needs (scalar subqueries for other tables, so that no join
can multiply a record) and may shape their values into one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement

from packetserver.catalogue.model import Field, Named, ObjectType
from packetserver.store.parameters import PRESENT, present
from packetserver.store.scope import Scope

__all__ = ["DERIVATIONS", "PRESENT", "Derivation", "Derived", "derivation", "present"]


@dataclass(frozen=True, slots=True)
class Derived:
    """Columns to select; ``show`` turns their values into the field's value, None: the first."""

    columns: tuple[ColumnElement[Any], ...]
    show: Callable[..., Any] | None = None


SAME = "same"
"""The derivation that reads as another field does."""

Derivation = Callable[[Scope, Field, Named], Derived]
DERIVATIONS: dict[str, Derivation] = {}
SHAPED: set[str] = set()
"""Derivations whose values are made of what the database gives: it cannot compare them."""


def derivation(name: str, *, shaped: bool = False) -> Callable[[Derivation], Derivation]:
    """Registers a function under the name that `derived` and `shown` of a schema use.

    ``shaped`` tells that the value is not simply that of the first column.
    """

    def register(function: Derivation) -> Derivation:
        DERIVATIONS[name] = function
        if shaped:
            SHAPED.add(name)
        return function

    return register


def is_shaped(described: ObjectType, field: Field) -> bool:
    """Whether a field reads as more than the database can tell, and so cannot be compared there."""
    named = field.derived or field.shown
    if named is None:
        return False
    if named.name != SAME:
        return named.name in SHAPED
    other = described.field(named.text("of"))
    return "when" in named.arguments or other is None or is_shaped(described, other)
