"""The frame of a client's syncs, and what it may ask of the server itself (docs/synchronisation.md)."""

from __future__ import annotations

import base64
import pathlib

from packetserver.catalogue.types import TYPES
from packetserver.protocols.packet.context import Call
from packetserver.protocols.packet.failures import (
    FAILED,
    NO_CLIENT,
    NO_FILE,
    NOT_IN_SYNC,
    ItemMessage,
    TransactionFailure,
)
from packetserver.protocols.packet.package_actions import doubt_undelivered, drop_processed
from packetserver.protocols.packet.turns import exchanges_anything
from packetserver.sync.sessions import begin_session, end_session, has_client

ELEMENT = "syncClient"
ENDED = "syncEnd"


def start(call: Call) -> None:
    """Carry out a syncStart: client and server must agree on the anchor of their last session."""
    _check_element(call)
    client_id, (last, _) = call.principal.client_id, call.transaction.packet.anchors
    now = call.transaction.now()
    if client_id is None or not begin_session(call.rows, client_id, last, now):
        raise ItemMessage(NOT_IN_SYNC)


def end(call: Call) -> None:
    """Carry out a syncEnd: the next anchor is the client's anchor from now on, even an empty one."""
    _check_element(call)
    client_id, (_, following) = call.principal.client_id, call.transaction.packet.anchors
    now = call.transaction.now()
    if client_id is not None:
        doubt_undelivered(call, client_id)
        exchanges = exchanges_anything(call.transaction.packet.packet.transactions)
        end_session(call.rows, client_id, following, now, exchanges=exchanges)
    call.output.write(ENDED, ["endDateTime"], [TYPES["timestamp"].write(now)])


def processed(call: Call) -> None:
    """Carry out a syncProcessed: the client has taken over its package; without one nothing is due."""
    _check_element(call)
    client_id = call.principal.client_id
    if client_id is None or not has_client(call.rows, client_id):
        raise TransactionFailure(FAILED, NO_CLIENT)
    drop_processed(call, client_id)


def _check_element(call: Call) -> None:
    if call.item.element != ELEMENT:
        raise TransactionFailure.because(f"{call.item.action} is an action of {ELEMENT} alone")


def date_time(call: Call) -> None:
    """`getDateTime`: the server's time, which sync clients send back as their next anchor."""
    now = TYPES["timestamp"].write(call.transaction.now())
    call.output.write("info", ["dateTime"], [now])


def preferences(call: Call) -> None:
    """`getSystemPreferences`: language, country, currency and time zone."""
    known = call.preferences
    texts = [known.language, known.country, known.currency, known.zone.key]
    call.output.write("system", ["language", "country", "currency", "timezone"], texts)


def system_file(call: Call) -> None:
    """`getSystemXMLFile`: the configured file in Base64, without line breaks."""
    path = call.preferences.system_xml
    if path is None or not pathlib.Path(path).is_file():
        raise ItemMessage(NO_FILE)
    content = base64.b64encode(pathlib.Path(path).read_bytes()).decode("ascii")
    call.output.write("system", ["file"], [content])
