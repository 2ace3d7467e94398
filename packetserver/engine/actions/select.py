"""`select`: a list by its filters, or a single record by its key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from packetserver.engine.context import Call
from packetserver.engine.draft import read_draft
from packetserver.engine.filtering import own_user, read_filters
from packetserver.engine.identity import find_identity
from packetserver.engine.paging import Page, read_page
from packetserver.engine.permissions import VIEW, demand
from packetserver.errors import TransactionFailure
from packetserver.security.secrets import verify_secret
from packetserver.store.matches.secrets import verified_keys
from packetserver.store.scope import Selection

SELECTED = "select"


def run(call: Call) -> None:
    """Carry out a select (DECISIONS.md, Select)."""
    if call.object.table is None:
        raise TransactionFailure.because(f"{call.item.element} cannot be selected")
    if call.target.is_list:
        _select_list(call)
    else:
        _select_single(call)


def _select_list(call: Call) -> None:
    values = read_filters(call)
    demand(call, VIEW, values)
    selection = _selection(call, values)
    page = read_page(call.item)
    if page is not None:
        call.output.total = call.records.count(selection)
    _write_records(call, selection, page)


def _select_single(call: Call) -> None:
    draft = read_draft(call)
    identity = find_identity(call, draft)
    stored = call.records.stored(call.object, identity)
    demand(call, VIEW, draft.values if stored is None else stored)
    trashed = call.object.trashed_column is not None and (stored or {}).get("trashedDate")
    if stored is None or trashed:
        return
    plan = call.records.schema.plan(call.object.element, call.transaction.meta)
    row = call.records.read(call.object, plan, identity)
    if row is not None:
        call.output.write(SELECTED, call.transaction.meta, plan.texts(row, UNMAPPED))


UNMAPPED = "-1"
"""The guid of a record that the client does not know (PROTOCOL.md 4.7)."""


def _selection(call: Call, values: Mapping[str, Any]) -> Selection:
    scope = call.records.schema.scope(call.object)
    return Selection(
        scope,
        values,
        call.transaction.now(),
        own_user(call),
        verified_keys(call.records.connection, verify_secret),
    )


def _write_records(call: Call, selection: Selection, page: Page | None) -> None:
    if not call.output.wanted and page is None:
        return
    names = call.transaction.meta
    plan = call.records.schema.plan(call.object.element, names)
    order = call.object.order_paged if page is not None else ()
    rows = call.records.select(
        selection, plan, order or call.object.order, None if page is None else page.range
    )
    for row in rows:
        call.output.write(SELECTED, names, plan.texts(row, UNMAPPED))
