"""`sync`: what is new in a list and what has changed, from anchor to anchor (PROTOCOL.md 6.5)."""

from __future__ import annotations

from packetserver.catalogue.types import TYPES
from packetserver.engine.actions.select import select_by_filters
from packetserver.engine.context import Call
from packetserver.engine.paging import read_page
from packetserver.errors import TransactionFailure, ValueNotOfType
from packetserver.store.guid_columns import GUID, is_mappable, map_element
from packetserver.sync.lists import WHOLE, ListWindow, plain_changed, plain_new
from packetserver.sync.sessions import is_in_session
from packetserver.sync.tracking import TrackedList
from packetserver.sync.windows import Window, exact_window, session_window

NEW, CHANGED = "insert", "update"
FIRST_NUMBER = 1


def run(call: Call) -> None:
    """Carry out a sync (DECISIONS.md, Sync); without a next anchor nothing is in its window."""
    if not call.target.is_list or call.object.table is None:
        raise TransactionFailure.because(f"{call.item.element} cannot be synchronised")
    selection = select_by_filters(call)
    window = _window(call)
    if window.next is None or not call.output.wanted:
        # What nobody is given must not count as sent.
        return
    order = call.object.order_paged if read_page(call.item) is not None else ()
    within = ListWindow(call.records, selection, window, order or call.object.order)
    if call.principal.client_id is not None and _wants_guids(call):
        _send_tracked(call, within, call.principal.client_id)
    else:
        _send_plain(call, within)


def _window(call: Call) -> Window:
    """The packet's window; in a session it reaches as far as the client's map demands."""
    last, following = call.transaction.packet.anchors
    client_id = call.principal.client_id
    if client_id is None or not is_in_session(call.records, client_id, last):
        return exact_window(last, following)
    return session_window(last, following, call.preferences.sync_overlap, call.transaction.now())


def _wants_guids(call: Call) -> bool:
    return GUID in call.transaction.meta and is_mappable(call.object)


def _send_tracked(call: Call, within: ListWindow, client_id: int) -> None:
    """Send what the client does not have, and remember it."""
    page = read_page(call.item)
    plan = call.records.schema.plan(call.object.element, call.transaction.meta)
    element_id = call.guids.element_id(map_element(call.object))
    tracked = TrackedList(within, client_id, element_id, WHOLE if page is None else page.range)
    has_changes = within.window.last is not None and within.modified is not None
    total = tracked.total_new() if page is not None and not has_changes else None
    new = tracked.new(_first_number(call))
    for row in tracked.sent(new, plan):
        call.output.write(NEW, plan.names, plan.texts(row))
    if page is not None and has_changes:
        total = tracked.total_changed(new)
    for row in tracked.sent(tracked.changed(new), plan):
        call.output.write(CHANGED, plan.names, plan.texts(row))
    call.output.total = total


def _send_plain(call: Call, within: ListWindow) -> None:
    """Send what lies in the windows, without a trace: nobody asks for guids, or has any."""
    page = read_page(call.item)
    plan = call.records.schema.plan(call.object.element, call.transaction.meta)
    has_map = call.principal.client_id is not None and is_mappable(call.object)
    new = plain_new(within, call.guids.mine(map_element(call.object)) if has_map else None)
    for action, statement in ((NEW, new), (CHANGED, plain_changed(within))):
        if statement is None:
            continue
        if page is not None:
            call.output.total = within.count(statement)
        for row in within.stream(statement, plan, WHOLE if page is None else page.range):
            call.output.write(action, plan.names, plan.texts(row))


def _first_number(call: Call) -> int:
    """The number of the first new record; 1 when the client does not say (PROTOCOL.md 4.2)."""
    try:
        number = TYPES["integer"].read(
            call.item.attributes.get("identity", ""), call.preferences.zone
        )
    except ValueNotOfType:
        return FIRST_NUMBER
    return number if isinstance(number, int) and number >= 0 else FIRST_NUMBER
