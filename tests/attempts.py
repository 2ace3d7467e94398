"""One item for every action of an element, made from the catalogue and tried on one record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from driving import Answer, Driver, item
from making import Maker

from packetserver.protocols.packet.packet import Item
from packetserver.security.credentials import Credentials

NEXT_ANCHOR = "2037-01-01 00:00:00.0"
"""Later than whatever a test stores."""


@dataclass(frozen=True)
class Attempt:
    """An item, what it is called, and the permission's ending that it takes.

    ``record`` is the action of the one record that answers it, None where a list does.
    """

    title: str
    verb: str
    item: Item
    record: str | None

    def send(self, driver: Driver, credentials: Credentials | None = None) -> Answer:
        """Send the item as somebody, with anchors that a sync needs and nothing else minds."""
        asking = replace(credentials or driver.credentials, next_anchor=NEXT_ANCHOR)
        (answer,) = driver.send([[self.item]], ["guid"], validate=False, credentials=asking)
        return answer

    def succeeded(self, answer: Answer) -> bool:
        """Whether nothing was complained about and the record is the one that was meant."""
        if answer.errors:
            return False
        return self.record is None or [each.action for each in answer.records] == [self.record]


def attempts(maker: Maker, element: str) -> Iterator[Attempt]:
    """All actions of an element, in an order in which each can succeed; one record is made first.

    An element without a list has no list to select or to sync.
    """
    described = maker.object(element)
    identity = maker.named(element)
    new = {**maker.needed(element), **maker.wire_only(element)}
    changed = {**identity, **maker.changed(element)}
    yield Attempt("insert", "add", item(element, "insert", new), "processed")
    yield Attempt("select", "view", item(element, "select", identity), "select")
    if described.list_element is not None:
        yield Attempt("select list", "view", item(described.list_element, "select"), None)
    yield Attempt("update", "edit", item(element, "update", changed), "processed")
    if described.list_element is not None:
        yield Attempt("sync", "view", item(described.list_element, "sync"), None)
    yield Attempt("delete", "delete", item(element, "delete", identity), "delete")
