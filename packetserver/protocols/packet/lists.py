"""`select`: a list by its filters, or a single record by its key."""

from __future__ import annotations

from collections.abc import Sequence

from packetserver.protocols.packet.context import Call
from packetserver.protocols.packet.failures import TransactionFailure
from packetserver.protocols.packet.filtering import own_user, read_filters
from packetserver.protocols.packet.guids import with_filters_by_id
from packetserver.protocols.packet.heeding import heed_identity_alone
from packetserver.protocols.packet.inputs import find_key, read_draft
from packetserver.protocols.packet.names import read_page
from packetserver.records.filters import Filtering, chosen_order, demanded, secret_keys
from packetserver.records.permissions import demand_list
from packetserver.security.secrets import user_code, verify_secret
from packetserver.store.lists import WHOLE, Page, Selection

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
    filtering = filters_of(call)
    page = read_page(call.item)
    if page is None and not call.output.wanted:
        return
    order = call.object.order_paged if page is not None else ()
    selection = selected(call, filtering, order)
    if page is not None:
        call.output.total = call.rows.count(selection)
    plan = call.plan
    for row in call.rows.select(selection, plan.plan, WHOLE if page is None else Page(*page.range)):
        call.output.write(SELECTED, plan.names, plan.texts(row))


def _select_single(call: Call) -> None:
    draft = read_draft(call)
    heed_identity_alone(call, draft)
    plan = call.plan
    row = call.records.retrieve(call.object.element, find_key(call, draft), plan.plan, draft.values)
    if row is not None:
        call.output.write(SELECTED, plan.names, plan.texts(row))


def filters_of(call: Call) -> Filtering:
    """What an item's list is filtered by, and which records of it may be seen at all.

    Raises TransactionFailure for a filter's value that cannot be, ItemMessage without permission.
    """
    values = read_filters(with_filters_by_id(call))
    schema, user = call.records.schema, call.principal.user_id
    return Filtering(
        schema.catalogue,
        call.object,
        values,
        call.transaction.now(),
        demand_list(call.records, call.object, values),
        own_user(call),
        user if call.principal.acts_as_user else None,
        secret_keys(call.rows, schema.scope(call.object), _is_code),
    )


def selected(call: Call, filtering: Filtering, order: Sequence[str] = ()) -> Selection:
    """The records that the filters leave, in this order or that of the object.

    Raises Refused for what cannot be filtered by.
    """
    schema = call.records.schema
    ordered = chosen_order(filtering, order or call.object.order)
    selection = Selection(schema.scope(call.object), demanded(filtering), ordered)
    return selection.seen_by(call.records.rights.sight(schema.lists.looked_at(selection)))


def _is_code(stored: str, sent: str) -> bool:
    """Whether a text is the code that is stored of a user, in any letter case."""
    code = user_code(sent)
    return code is not None and verify_secret(stored, code)
