"""What else happens when a record is stored, by the name that the catalogue gives it.

An effect may run before the record is stored, to complete it, or after, to change others; all
within the same database transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from packetserver.catalogue.model import Named, ObjectType
from packetserver.records.writing import Identity, Writing

Before = Callable[[Writing, Named], None]
After = Callable[[Writing, Named, Any], None]
Instead = Callable[[Writing, Named, Identity], bool]

BEFORE: dict[str, Before] = {}
AFTER: dict[str, After] = {}
INSTEAD: dict[str, Instead] = {}


def before(name: str) -> Callable[[Before], Before]:
    """Registers an effect that completes a record before it is stored."""

    def register(function: Before) -> Before:
        BEFORE[name] = function
        return function

    return register


def after(name: str) -> Callable[[After], After]:
    """Registers an effect that runs once the record is stored; it is given the record's key."""

    def register(function: After) -> After:
        AFTER[name] = function
        return function

    return register


def instead(name: str) -> Callable[[Instead], Instead]:
    """Registers an effect that may take the place of a removal: it says whether it did."""

    def register(function: Instead) -> Instead:
        INSTEAD[name] = function
        return function

    return register


def before_insert(writing: Writing) -> None:
    """Complete a new record."""
    _run_before(writing, writing.object.on_insert)


def before_update(writing: Writing) -> None:
    """Complete a change."""
    _run_before(writing, writing.object.on_update)


def after_insert(writing: Writing, key: Any) -> None:
    """Change what a new record changes elsewhere."""
    _run_after(writing, writing.object.on_insert, key)


def has_after_insert(described: ObjectType) -> bool:
    """Whether a new record of the object changes others."""
    return any(each.name in AFTER for each in described.on_insert)


def after_update(writing: Writing, identity: dict[str, Any]) -> None:
    """Change what a change changes elsewhere."""
    _run_after(writing, writing.object.on_update, next(iter(identity.values())))


def instead_of_delete(writing: Writing, identity: dict[str, Any]) -> bool:
    """Whether something else was done than to remove the record; every effect has its turn."""
    done = False
    for each in writing.object.on_delete:
        done = INSTEAD[each.name](writing, each, identity) or done
    return done


def _run_before(writing: Writing, named: Iterable[Named]) -> None:
    for each in named:
        if each.name in BEFORE:
            BEFORE[each.name](writing, each)


def _run_after(writing: Writing, named: Iterable[Named], key: Any) -> None:
    for each in named:
        if each.name in AFTER:
            AFTER[each.name](writing, each, key)
