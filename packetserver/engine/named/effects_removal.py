"""What happens instead of a removal, or just before it (catalogue, delete)."""

from __future__ import annotations

from typing import Any

from packetserver.catalogue.model import Named
from packetserver.engine.effects import instead
from packetserver.engine.named.records_beside import rows_of
from packetserver.engine.validation import Writing
from packetserver.errors import TransactionFailure

IN_USE = "The record is in use by {}"


@instead("disable_when_used")
def disable_when_used(writing: Writing, named: Named, identity: dict[str, Any]) -> bool:
    """A record that rows of ``by`` (`table.column`) point to is disabled and stays."""
    table, _, column = named.text("by").partition(".")
    if not writing.call.records.exists(table, {column: _key(identity)}):
        return False
    disable(writing, identity)
    return True


@instead("refuse_when_used")
def refuse_when_used(writing: Writing, named: Named, identity: dict[str, Any]) -> bool:
    """A record that rows of ``by`` (`table.column`) point to can only stay.

    Rows whose column ``finished`` has the ``value`` do not count. Raises TransactionFailure.
    """
    table, _, column = named.text("by").partition(".")
    finished = named.text("finished")
    rows = rows_of(writing.call.records, table, (finished,), {column: _key(identity)})
    if any(row[finished] != named.arguments["value"] for row in rows):
        raise TransactionFailure.because(IN_USE.format(table))
    return False


@instead("detach")
def detach(writing: Writing, named: Named, identity: dict[str, Any]) -> bool:
    """Every one of ``columns`` (`table.column`) that points to the record becomes empty."""
    for place in named.texts("columns"):
        table, _, column = place.partition(".")
        writing.call.records.update_rows(table, {column: _key(identity)}, {column: None})
    return False


@instead("close_gap")
def close_gap(writing: Writing, named: Named, identity: dict[str, Any]) -> bool:
    """Whoever points to the record through ``column`` points to the one before it instead."""
    table, column = writing.draft.object.table or "", named.text("column")
    records = writing.call.records
    before = records.value(table, column, identity)
    records.update_rows(table, {column: _key(identity)}, {column: before})
    return False


def disable(writing: Writing, identity: dict[str, Any]) -> None:
    """Disable a record instead of removing it."""
    described = writing.draft.object
    values: dict[str, Any] = {described.fields["enabled"].column or "": False}
    if described.modified is not None:
        values[described.modified.column or ""] = writing.call.transaction.now()
    writing.call.records.update(described, identity, values)


def _key(identity: dict[str, Any]) -> Any:
    return next(iter(identity.values()))
