"""Fields that are worked out while reading, by the name that the catalogue gives them.

A derivation names the columns that it needs (scalar subqueries for other tables, so that no join
can multiply a record) and may shape their values into one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, DateTime, bindparam

from packetserver.catalogue.model import Field, Named
from packetserver.store.scope import Scope


@dataclass(frozen=True, slots=True)
class Derived:
    """Columns to select; ``show`` turns their values into the field's value, None: the first."""

    columns: tuple[ColumnElement[Any], ...]
    show: Callable[..., Any] | None = None


PRESENT = "present"
"""The parameter that every reading statement is given: the time, as it is stored."""


def present() -> BindParameter[Any]:
    """The time of the reading, for fields that depend on it; plans outlive any one time."""
    return bindparam(PRESENT, type_=DateTime())


Derivation = Callable[[Scope, Field, Named], Derived]
DERIVATIONS: dict[str, Derivation] = {}


def derivation(name: str) -> Callable[[Derivation], Derivation]:
    """Registers a function under the name that `derived` and `shown` of a schema use."""

    def register(function: Derivation) -> Derivation:
        DERIVATIONS[name] = function
        return function

    return register
