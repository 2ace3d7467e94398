"""`syncStart`, `syncEnd` and `syncProcessed`: the frame of a client's syncs (PROTOCOL.md 6.2)."""

from __future__ import annotations

from packetserver.catalogue.types import TYPES
from packetserver.engine.actions.packages import NO_CLIENT, doubt_undelivered, drop_processed
from packetserver.engine.context import Call
from packetserver.engine.turns import exchanges_anything
from packetserver.errors import ItemMessage, TransactionFailure
from packetserver.sync.sessions import begin_session, end_session, has_client

ELEMENT = "syncClient"
NOT_IN_SYNC = "Client and server not in sync!"
ENDED = "syncEnd"


def start(call: Call) -> None:
    """Carry out a syncStart: client and server must agree on the anchor of their last session."""
    _check_element(call)
    client_id, (last, _) = call.principal.client_id, call.transaction.packet.anchors
    now = call.transaction.now()
    if client_id is None or not begin_session(call.records, client_id, last, now):
        raise ItemMessage(NOT_IN_SYNC)


def end(call: Call) -> None:
    """Carry out a syncEnd: the next anchor is the client's anchor from now on, even an empty one."""
    _check_element(call)
    client_id, (_, following) = call.principal.client_id, call.transaction.packet.anchors
    now = call.transaction.now()
    if client_id is not None:
        doubt_undelivered(call, client_id)
        exchanges = exchanges_anything(call.transaction.packet.packet.transactions)
        end_session(call.records, client_id, following, now, exchanges=exchanges)
    call.output.write(ENDED, ["endDateTime"], [TYPES["timestamp"].write(now)])


def processed(call: Call) -> None:
    """Carry out a syncProcessed: the client has taken over its package; without one nothing is due."""
    _check_element(call)
    client_id = call.principal.client_id
    if client_id is None or not has_client(call.records, client_id):
        raise TransactionFailure("Transaction failed", NO_CLIENT)
    drop_processed(call, client_id)


def _check_element(call: Call) -> None:
    if call.item.element != ELEMENT:
        raise TransactionFailure.because(f"{call.item.action} is an action of {ELEMENT} alone")
