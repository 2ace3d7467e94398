"""`sync` and `syncDelete`: what is new in a list, what has changed and what has gone (docs/synchronisation.md)."""

from __future__ import annotations

from datetime import datetime

from packetserver.catalogue.types import TYPES
from packetserver.errors import ValueNotOfType
from packetserver.protocols.packet.context import Call
from packetserver.protocols.packet.failures import TransactionFailure
from packetserver.protocols.packet.lists import filters_of, selected
from packetserver.protocols.packet.meta import is_guid
from packetserver.protocols.packet.names import read_page
from packetserver.records.filters import Filtering
from packetserver.records.permissions import demand_list
from packetserver.store.guid_columns import GUID, is_mappable, map_element
from packetserver.sync.answers import Answers, Request, digest_of
from packetserver.sync.course import Course
from packetserver.sync.lists import WHOLE, ListWindow
from packetserver.sync.plain import Past, PlainList
from packetserver.sync.tracking import GoneRecords, TrackedList
from packetserver.sync.windows import Window

NEW, CHANGED = "insert", "update"
FIRST_NUMBER = 1


def sync(call: Call) -> None:
    """Carry out a sync (docs/synchronisation.md); without a next anchor nothing is in its window."""
    if not call.target.is_list or call.object.table is None:
        raise TransactionFailure.because(f"{call.item.element} cannot be synchronised")
    filtering = filters_of(call)
    _, following = call.transaction.packet.anchors
    if following is None or not call.output.wanted:
        # What nobody is given must not count as sent.
        return
    client_id = call.principal.client_id
    answers = _answers(call, filtering, following)
    if client_id is not None and _wants_guids(call):
        course = Course(
            call.rows, client_id, answers, call.preferences.sync_overlap, call.transaction.now()
        )
        _send_tracked(call, _within(call, filtering, course.window()), course)
    else:
        _send_plain(call, filtering, answers)


def _answers(call: Call, filtering: Filtering, following: datetime) -> Answers:
    """What was answered before to whoever asks."""
    principal, (last, _) = call.principal, call.transaction.packet.anchors
    sender = (principal.client_id, principal.user_id)
    element_id = call.guids.element_id(map_element(call.object))
    filters = digest_of(filtering.values)
    return Answers(call.rows, Request(*sender, element_id, filters, last, following))


def _within(call: Call, filtering: Filtering, window: Window) -> ListWindow:
    order = call.object.order_paged if read_page(call.item) is not None else ()
    return ListWindow(call.rows, selected(call, filtering, order), window)


def _wants_guids(call: Call) -> bool:
    return any(map(is_guid, call.transaction.meta)) and is_mappable(call.object)


def _send_tracked(call: Call, within: ListWindow, course: Course) -> None:
    """Send what the client does not have, and remember it."""
    page = read_page(call.item)
    plan = call.plan
    place = (course.client_id, course.answers.request.table_id)
    tracked = TrackedList(within, *place, WHOLE if page is None else page.range)
    course.begin(0 if page is None else page.offset)
    has_changes = within.window.last is not None and within.modified is not None
    total = tracked.total_new() if page is not None and not has_changes else None
    new = tracked.new(_first_number(call))
    for row in tracked.sent(new, plan.plan):
        call.output.write(NEW, plan.names, plan.texts(row))
    if page is not None and has_changes:
        total = tracked.total_changed(new)
    changed = tracked.changed(new)
    for row in tracked.sent(changed, plan.plan):
        call.output.write(CHANGED, plan.names, plan.texts(row))
    call.output.total = total
    course.note(within.window, (new.number, changed.number), complete=tracked.is_last_page)


def _send_plain(call: Call, filtering: Filtering, answers: Answers) -> None:
    """Send what the answer did not hold that the sender goes on from, and remember this one."""
    now, overlap = call.transaction.now(), call.preferences.sync_overlap
    past = Past.of(answers, now)
    client_id = call.principal.client_id
    has_map = client_id is not None and is_mappable(call.object)
    if client_id is not None and has_map:
        Course(call.rows, client_id, answers, overlap, now).confirm()
    reach = past.next_reach(now, overlap)
    page = read_page(call.item)
    plan = call.plan
    mapped = call.guids.mine(map_element(call.object)) if has_map else None
    within = _within(call, filtering, past.window)
    sent = PlainList(within, past, answers.request.table_id, mapped, reach)
    known = answers.same()
    answer_id = answers.note({"reach": reach, "complete": True}, now)
    if known is None or page is None or page.offset == 0:
        sent.hold(answer_id, has_pages=page is not None)
    kinds = [NEW] if within.window.last is None or within.modified is None else [NEW, CHANGED]
    for kind in kinds:
        if page is None:
            rows = sent.send(answer_id, kind, plan.plan)
        else:
            call.output.total = sent.count(answer_id, kind)
            rows = sent.page(answer_id, kind, plan.plan, page.range)
        for row in rows:
            call.output.write(kind, plan.names, plan.texts(row))
    if page is not None and sent.has_pages_left(answer_id):
        answers.note({"reach": past.window.reach, "complete": False}, now)


def _first_number(call: Call) -> int:
    """The number of the first new record; 1 when the client does not say (PROTOCOL.md 4.2)."""
    try:
        number = TYPES["integer"].read(
            call.item.attributes.get("identity", ""), call.preferences.zone
        )
    except ValueNotOfType:
        return FIRST_NUMBER
    return number if isinstance(number, int) and number >= 0 else FIRST_NUMBER


GONE = "delete"


def sync_delete(call: Call) -> None:
    """Carry out a syncDelete (PROTOCOL.md 6.6): the guid is all that a record shows.

    What the client may no longer see is gone for it, too. What is gone is named until the client's next syncEnd; nothing is gone for whoever has no map.
    """
    if not call.target.is_list or call.object.table is None:
        raise TransactionFailure.because(f"{call.item.element} cannot be synchronised")
    rights = demand_list(call.records, call.object, {})
    client_id = call.principal.client_id
    if client_id is None or not is_mappable(call.object) or not call.output.wanted:
        return
    scope = call.records.schema.scope(call.object)
    element_id = call.guids.element_id(map_element(call.object))
    gone = GoneRecords(call.rows, scope, rights, client_id, element_id)
    page = read_page(call.item)
    if page is not None:
        call.output.total = gone.count()
    name = next(filter(is_guid, call.transaction.meta), GUID)
    for guid in gone.name(WHOLE if page is None else page.range):
        call.output.write(GONE, [name], [str(guid)])
