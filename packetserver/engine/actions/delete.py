"""`delete`: a record goes, by its trashed date or for good; what is not there has gone already."""

from __future__ import annotations

from typing import Any

from packetserver.catalogue.model import ObjectType
from packetserver.engine import effects
from packetserver.engine.actions.answering import answer_sent, read_stored
from packetserver.engine.actions.remembering import remember_removal
from packetserver.engine.actions.trashing import follow_trashed
from packetserver.engine.context import Call
from packetserver.engine.draft import read_draft
from packetserver.engine.heeding import heed_identity_alone
from packetserver.engine.identity import find_identity
from packetserver.engine.permissions import demand_of_stored
from packetserver.engine.sharing import share_key
from packetserver.engine.turns import removal_strength
from packetserver.engine.validation import Writing
from packetserver.engine.ways import DELETE
from packetserver.errors import TransactionFailure
from packetserver.store.files import VERSIONS as FILE_VERSIONS
from packetserver.store.files import release
from packetserver.store.rows import Rows

DELETED = "delete"


def run(call: Call) -> None:
    """Carry out a delete (DECISIONS.md, Delete)."""
    if call.target.is_list or call.object.table is None:
        raise TransactionFailure.because(f"{call.item.element} cannot be deleted")
    draft = read_draft(call)
    heed_identity_alone(call, draft)
    identity = find_identity(call, draft)
    strength = removal_strength(call.object)
    stored = demand_of_stored(call, DELETE, identity, draft.values, lock=strength)
    remember_removal(call, identity)
    if stored is None or _is_trashed(call.object, stored):
        answer_sent(call, DELETED, draft)
        return
    before = read_stored(call, identity, draft)
    writing = Writing(call, draft, stored)
    if not effects.instead_of_delete(writing, identity):
        _remove(call, identity, stored)
    share_key(call, next(iter(identity.values())))
    # A record that is only trashed, or disabled, is shown as it is now.
    texts = read_stored(call, identity, draft) or before
    call.output.write(DELETED, list(call.transaction.elements), texts)


def _is_trashed(described: ObjectType, stored: dict[str, Any]) -> bool:
    return described.trashed_column is not None and stored["trashedDate"] is not None


def _remove(call: Call, identity: dict[str, Any], stored: dict[str, Any]) -> None:
    described = call.object
    if described.trashed_column is None:
        if FILE_VERSIONS in remove_row(call.records, described.table or "", identity):
            call.transaction.work.after_commit(call.preferences.library.remove_released)
        return
    now = call.transaction.now()
    values = {described.trashed_column: now}
    if described.modified is not None:
        values[described.modified.column or ""] = max(now, stored["modified"] or now)
    call.records.update(described, identity, values)
    follow_trashed(call, identity, None, now)


def remove_row(rows: Rows, table: str, identity: dict[str, Any]) -> set[str]:
    """Remove rows with all that belongs to them, and to that in turn (schemas: `removes`).

    Returns the tables that rows were removed from.
    """
    catalogue = rows.schema.catalogue
    key = catalogue.tables[table].key
    tables = {table}
    children = {
        pair for each in catalogue.objects.values() if each.table == table for pair in each.removes
    }
    if children and key is not None:
        for value in rows.values(table, key, identity):
            for child, column in sorted(children):
                tables |= remove_row(rows, child, {column: value})
    if table == FILE_VERSIONS:
        release(rows.connection, rows.values(table, key or "", identity))
    if key is not None:
        rows.delete_belongings(table, identity)
    rows.delete_rows(table, identity)
    return tables
