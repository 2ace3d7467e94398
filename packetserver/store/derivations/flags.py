"""Fields that answer yes or no."""

from __future__ import annotations

from typing import Any

from packetserver.catalogue.model import Field, Named
from packetserver.store.derivations.reading import filled, own_column
from packetserver.store.derived import Derived, derivation
from packetserver.store.scope import Scope

YES, NO = "Yes", "No"


@derivation("is_filled", shaped=True)
def _is_filled(scope: Scope, field: Field, named: Named) -> Derived:
    """Whether the field `of` has a value."""
    return Derived((own_column(scope, named),), filled)


@derivation("is_among", shaped=True)
def _is_among(scope: Scope, field: Field, named: Named) -> Derived:
    """Whether the field `of` has one of the `values`."""
    values = frozenset(named.arguments["values"])

    def show(value: Any) -> bool:
        return value in values

    return Derived((own_column(scope, named),), show)


@derivation("yes_or_no", shaped=True)
def _yes_or_no(scope: Scope, field: Field, named: Named) -> Derived:
    """The flag `of` as a word; an empty one is not set."""

    def show(flag: object) -> str:
        return YES if flag else NO

    return Derived((own_column(scope, named),), show)
