"""`select`: a list by its filters, or a single record by its key."""

from __future__ import annotations

from packetserver.catalogue.conditions import EVERY
from packetserver.engine.context import Call
from packetserver.engine.draft import read_draft
from packetserver.engine.filtering import own_user, read_filters
from packetserver.engine.guids import with_filters_by_id
from packetserver.engine.heeding import heed_identity_alone
from packetserver.engine.identity import find_identity
from packetserver.engine.paging import Page, read_page
from packetserver.engine.permissions import DENIED, demand_any, demand_list, demand_of_stored
from packetserver.engine.ways import VIEW
from packetserver.errors import ItemMessage, TransactionFailure
from packetserver.security.secrets import user_code, verify_secret
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
    selection = select_by_filters(call)
    page = read_page(call.item)
    if page is not None:
        call.output.total = call.records.count(selection)
    _write_records(call, selection, page)


def _select_single(call: Call) -> None:
    draft = read_draft(call)
    heed_identity_alone(call, draft)
    identity = find_identity(call, draft)
    opened, plan = demand_any(call, VIEW), call.plan
    trashed = call.object.trashed_column
    present = identity if trashed is None else {**identity, trashed: None}
    row = call.records.read(call.object, plan, present, opened)
    if row is None:
        # Whether it is there is for those alone who might see it.
        demand_of_stored(call, VIEW, identity, draft.values)
    elif opened != EVERY and not row[-1]:
        raise ItemMessage(DENIED)
    else:
        call.output.write(SELECTED, plan.names, plan.texts(row))


def select_by_filters(call: Call) -> Selection:
    """The records that an item's filters leave.

    Raises TransactionFailure for a filter's value that cannot be, ItemMessage without permission.
    """
    values = read_filters(with_filters_by_id(call))
    rights = demand_list(call, values)
    scope = call.records.schema.scope(call.object, call.rights)
    return Selection(
        scope,
        values,
        call.transaction.now(),
        rights,
        own_user(call),
        verified_keys(call.records.connection, _is_code, call.records.parameters),
        call.principal.user_id if call.principal.acts_as_user else None,
    )


def _write_records(call: Call, selection: Selection, page: Page | None) -> None:
    if not call.output.wanted and page is None:
        return
    plan = call.plan
    order = call.object.order_paged if page is not None else ()
    rows = call.records.select(
        selection, plan, order or call.object.order, None if page is None else page.range
    )
    for row in rows:
        call.output.write(SELECTED, plan.names, plan.texts(row))


def _is_code(stored: str, sent: str) -> bool:
    """Whether a text is the code that is stored of a user, in any letter case."""
    code = user_code(sent)
    return code is not None and verify_secret(stored, code)
