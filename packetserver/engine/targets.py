"""Which object an item names, and whether its transaction may be carried out at all."""

from __future__ import annotations

import re
from collections.abc import Sequence

from packetserver.catalogue.model import Target
from packetserver.engine.context import PacketContext
from packetserver.engine.packet import Item, Transaction
from packetserver.errors import ItemMessage, TransactionFailure
from packetserver.store.guid_columns import SYSTEM
from packetserver.store.plans import output_name

UNSUPPORTED = "Unsupported object specified"
NO_SYSTEM = (
    "authentication has no systemId that is a number, so no object is known:"
    f" clients send <systemId>{SYSTEM}</systemId>"
)
NO_ACTION = "Action not specified"

SYSTEM_ELEMENT = "system"
USER_CLIENT_ELEMENTS = frozenset({"syncClient", "compileSyncData"})

NAME_START = (
    r"A-Z_a-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff"
    r"\u0370-\u037d\u037f-\u1fff\u3001-\ud7ff"
)
NAME_MORE = NAME_START + r"\-.0-9\u00b7\u0300-\u036f\u203f\u2040"
XML_NAME = re.compile(f"[{NAME_START}][{NAME_MORE}]*")
"""The names that XML 1.0 allows, without colon and without the rarest ranges."""


def check_system(context: PacketContext, transaction: Transaction) -> None:
    """Raises TransactionFailure where no element can be known for want of a system."""
    credentials = context.packet.credentials
    if transaction.items and (credentials is None or credentials.system_id is None):
        raise TransactionFailure(UNSUPPORTED, reasons=(NO_SYSTEM,))


def find_target(context: PacketContext, item: Item) -> Target:
    """What the item's element names.

    Raises ItemMessage when it is unknown, or the item has no attribute (PROTOCOL.md 4.2).
    """
    credentials = context.packet.credentials
    system = credentials.system_id if credentials is not None else None
    target = context.schema.catalogue.target(item.element) if system == SYSTEM else None
    if target is None and item.element == SYSTEM_ELEMENT and system == SYSTEM:
        target = context.schema.catalogue.target("syncClient")
    if target is None:
        raise ItemMessage(UNSUPPORTED)
    if not item.attributes:
        raise ItemMessage(NO_ACTION)
    return target


def is_allowed_for_user_client(transaction: Transaction) -> bool:
    """Whether every item is one that a user's sync client may send (PROTOCOL.md 2.5)."""
    return all(item.element in USER_CLIENT_ELEMENTS for item in transaction.items)


def check_meta(names: Sequence[str]) -> None:
    """Raises TransactionFailure for a property that could be no element of a record."""
    for name in names:
        if not XML_NAME.fullmatch(output_name(name)):
            raise TransactionFailure.because(f"The meta property {name!r} is not an XML name")
