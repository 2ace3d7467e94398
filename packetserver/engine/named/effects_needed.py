"""Rows that an installation needs, which nobody can delete (docs/catalogue.md, effects)."""

from __future__ import annotations

from functools import cache
from typing import Any

from packetserver.catalogue.loader import read_defaults
from packetserver.catalogue.model import Named
from packetserver.engine.effects import before, instead
from packetserver.engine.named.rules_belonging import related
from packetserver.engine.validation import Writing
from packetserver.errors import TransactionFailure
from packetserver.store.setup import default_rows


@instead("keep_needed")
def keep_needed(writing: Writing, named: Named, identity: dict[str, Any]) -> bool:
    """A record is not deleted whose field ``known_by``, or else its key, is one of ``known``.

    ``known_as`` is a column of the record that the field names, to look at instead. Without
    ``known`` they are those that the rows of a new database have. Raises TransactionFailure, which says why.
    """
    if _is_needed(writing, named):
        raise TransactionFailure.because(_reason(writing, named))
    return False


@before("keep_untrashed")
def keep_untrashed(writing: Writing, named: Named) -> None:
    """As `keep_needed`, for a change that would trash the record."""
    if writing.draft.values.get("trashedDate") is not None and _is_needed(writing, named):
        raise TransactionFailure.because(_reason(writing, named))


def _is_needed(writing: Writing, named: Named) -> bool:
    described = writing.draft.object
    found = described.field(named.text("known_by")) if named.text("known_by") else described.key
    if found is None or writing.stored is None:
        return False
    stored, column = writing.stored[found.name], found.column or ""
    if named.text("known_as"):
        values = named.arguments["known"]
        return related(_as_stored(writing), found.name, named.text("known_as")) in values
    values = named.arguments.get("known") or _first_values(described.table, column)
    return stored in values and _is_first(writing, column, stored)


def _is_first(writing: Writing, column: str, value: Any) -> bool:
    """Whether no earlier record has the value, too: the server finds the first one by it."""
    described, stored = writing.draft.object, writing.stored or {}
    if described.key is None:
        return True
    key = described.key.column or ""
    keys = writing.call.records.values(described.table or "", key, {column: value})
    return bool(stored[described.key.name] == min(keys))


def _as_stored(writing: Writing) -> Writing:
    """The record without what is sent with its removal."""
    bare = type(writing.draft)(writing.draft.object)
    return Writing(writing.call, bare, writing.stored)


@cache
def _first_values(table: str | None, column: str) -> frozenset[Any]:
    """What a column holds in the rows of a new database."""
    return frozenset(
        row[column]
        for _, content in read_defaults()
        for name, rows in default_rows(content)
        if name == table
        for row in rows
        if row.get(column) is not None
    )


def _reason(writing: Writing, named: Named) -> str:
    described, stored = writing.draft.object, writing.stored or {}
    names = [described.key.name] if described.key is not None else described.identified_by
    which = " ".join(str(stored[each]) for each in names)
    return f"The {described.element} {which} cannot be deleted: {named.text('because')}"
