"""`select`: a list by its filters, or a single record by its key."""

from __future__ import annotations

from packetserver.protocols.packet.context import Call
from packetserver.protocols.packet.failures import TransactionFailure
from packetserver.protocols.packet.filtering import own_user, read_filters
from packetserver.protocols.packet.guids import with_filters_by_id
from packetserver.protocols.packet.heeding import heed_identity_alone
from packetserver.protocols.packet.inputs import find_key, read_draft
from packetserver.protocols.packet.names import Page, read_page
from packetserver.records.permissions import demand_list
from packetserver.security.secrets import user_code, verify_secret
from packetserver.store.matches.secrets import verified_keys
from packetserver.store.scope import Selection

SELECTED = "select"


def select(call: Call) -> None:
    """Carry out a select (DECISIONS.md, Select)."""
    if call.object.table is None:
        raise TransactionFailure.because(f"{call.item.element} cannot be selected")
    if call.target.is_list:
        _select_list(call)
    else:
        _select_single(call)


def _select_list(call: Call) -> None:
    selection = select_by_filters(call)
    page = read_page(call.item)
    if page is not None:
        call.output.total = call.rows.count(selection)
    _write_records(call, selection, page)


def _select_single(call: Call) -> None:
    draft = read_draft(call)
    heed_identity_alone(call, draft)
    plan = call.plan
    row = call.records.retrieve(call.object.element, find_key(call, draft), plan, draft.values)
    if row is not None:
        call.output.write(SELECTED, plan.names, plan.texts(row))


def select_by_filters(call: Call) -> Selection:
    """The records that an item's filters leave.

    Raises TransactionFailure for a filter's value that cannot be, ItemMessage without permission.
    """
    values = read_filters(with_filters_by_id(call))
    rights = demand_list(call.records, call.object, values)
    scope = call.records.schema.scope(call.object, call.records.rights)
    return Selection(
        scope,
        values,
        call.transaction.now(),
        rights,
        own_user(call),
        verified_keys(call.rows.connection, _is_code, call.rows.parameters),
        call.principal.user_id if call.principal.acts_as_user else None,
    )


def _write_records(call: Call, selection: Selection, page: Page | None) -> None:
    if not call.output.wanted and page is None:
        return
    plan = call.plan
    order = call.object.order_paged if page is not None else ()
    rows = call.rows.select(
        selection, plan, order or call.object.order, None if page is None else page.range
    )
    for row in rows:
        call.output.write(SELECTED, plan.names, plan.texts(row))


def _is_code(stored: str, sent: str) -> bool:
    """Whether a text is the code that is stored of a user, in any letter case."""
    code = user_code(sent)
    return code is not None and verify_secret(stored, code)
