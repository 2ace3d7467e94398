"""What happens instead of a removal, or just before it (docs/catalogue.md, effects)."""

from __future__ import annotations

from functools import cache
from typing import Any

from packetserver.catalogue.loader import read_defaults
from packetserver.catalogue.model import Named
from packetserver.failures import Kind, because
from packetserver.records.effects import before, instead
from packetserver.records.effects.beside import rows_of
from packetserver.records.rules.belonging import related
from packetserver.records.writing import Given, Writing
from packetserver.store.setup import default_rows

IN_USE = "The record is in use by {}"


@instead("disable_when_used")
def disable_when_used(writing: Writing, named: Named, identity: dict[str, Any]) -> bool:
    """A record that rows of ``by`` (`table.column`) point to is disabled and stays."""
    table, _, column = named.text("by").partition(".")
    if not writing.rows.exists(table, {column: _key(identity)}):
        return False
    disable(writing, identity)
    return True


@instead("refuse_when_used")
def refuse_when_used(writing: Writing, named: Named, identity: dict[str, Any]) -> bool:
    """A record that rows of ``by`` (`table.column`) point to can only stay.

    Rows whose column ``finished`` has the ``value`` do not count. Raises Refused.
    """
    table, _, column = named.text("by").partition(".")
    finished = named.text("finished")
    rows = rows_of(writing.rows, table, (finished,), {column: _key(identity)})
    if any(row[finished] != named.arguments["value"] for row in rows):
        raise because(IN_USE.format(table), kind=Kind.IN_USE)
    return False


@instead("detach")
def detach(writing: Writing, named: Named, identity: dict[str, Any]) -> bool:
    """Every one of ``columns`` (`table.column`) that points to the record becomes empty."""
    for place in named.texts("columns"):
        table, _, column = place.partition(".")
        writing.rows.update_rows(table, {column: _key(identity)}, {column: None})
    return False


@instead("close_gap")
def close_gap(writing: Writing, named: Named, identity: dict[str, Any]) -> bool:
    """Whoever points to the record through ``column`` points to the one before it instead."""
    table, column = writing.object.table or "", named.text("column")
    rows = writing.rows
    before = rows.value(table, column, identity)
    rows.update_rows(table, {column: _key(identity)}, {column: before})
    return False


def disable(writing: Writing, identity: dict[str, Any]) -> None:
    """Disable a record instead of removing it."""
    described = writing.object
    values: dict[str, Any] = {described.fields["enabled"].column or "": False}
    if described.modified is not None:
        values[described.modified.column or ""] = writing.now()
    writing.rows.update(described, identity, values)


def _key(identity: dict[str, Any]) -> Any:
    return next(iter(identity.values()))


@instead("keep_needed")
def keep_needed(writing: Writing, named: Named, identity: dict[str, Any]) -> bool:
    """A record is not deleted whose field ``known_by``, or else its key, is one of ``known``.

    ``known_as`` is a column of the record that the field names, to look at instead. Without
    ``known`` they are those that the rows of a new database have. Raises Refused, which says why.
    """
    if _is_needed(writing, named):
        raise because(_reason(writing, named), kind=Kind.IN_USE)
    return False


@before("keep_untrashed")
def keep_untrashed(writing: Writing, named: Named) -> None:
    """As `keep_needed`, for a change that would trash the record."""
    if writing.given.values.get("trashedDate") is not None and _is_needed(writing, named):
        raise because(_reason(writing, named), kind=Kind.IN_USE)


def _is_needed(writing: Writing, named: Named) -> bool:
    described = writing.object
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
    described, stored = writing.object, writing.stored or {}
    if described.key is None:
        return True
    key = described.key.column or ""
    keys = writing.rows.values(described.table or "", key, {column: value})
    return bool(stored[described.key.name] == min(keys))


def _as_stored(writing: Writing) -> Writing:
    """The record without what is sent with its removal."""
    return Writing(writing.records, writing.object, Given(), writing.stored)


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
    described, stored = writing.object, writing.stored or {}
    names = [described.key.name] if described.key is not None else described.identified_by
    which = " ".join(str(stored[each]) for each in names)
    return f"The {described.element} {which} cannot be deleted: {named.text('because')}"
