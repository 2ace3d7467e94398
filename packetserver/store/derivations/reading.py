"""What a field of the record reads as, for derivations that build on other fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, null

from packetserver.catalogue.model import Named
from packetserver.store.derived import DERIVATIONS, Derived
from packetserver.store.scope import Scope


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
    """The one column behind a field, stored or derived.

    Raises KeyError for a field that is shaped out of several, or out of none.
    """
    derived = reading(scope, name)
    if derived.show is not None or len(derived.columns) != 1:
        raise KeyError(f"{scope.object.element}.{name} is more than a column")
    return derived.columns[0]


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
