"""Mapped tables are written as repeated triples of field, data and type (PROTOCOL.md 5.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import zip_longest

from packetserver.catalogue.model import ObjectType
from packetserver.catalogue.types import TYPES
from packetserver.engine.packet import Property
from packetserver.errors import TransactionFailure

FIELD, DATA, TYPE = "field", "data", "type"
PARTS = frozenset({FIELD, DATA, TYPE})
SKIPPED = frozenset({"code", "guid"})
NUMBERS = frozenset({"4", "8"})
BOOLEANS = frozenset({"16", "-7"})
TIMES = frozenset({"93"})
TEXTS = frozenset({"12", "1", "-1"})
KINDS = NUMBERS | BOOLEANS | TIMES | TEXTS


def plain_properties(
    described: ObjectType, properties: Iterable[Property], now: datetime
) -> Iterator[Property]:
    """The properties with every triple replaced by one property named as its column.

    A property outside of a triple is passed on, so that a client may write columns directly.
    Raises TransactionFailure for a triple whose type number means nothing.
    """
    name: str | None = None
    data: Property | None = None
    sent = list(properties)
    for each, following in zip_longest(sent, sent[1:]):
        if each.name == FIELD and name is None and _opens(described, following):
            name = (each.text or "").strip()
        elif each.name == DATA and name is not None:
            data = each
        elif each.name == TYPE and name is not None:
            yield from _close(name, data, (each.text or "").strip(), now)
            name = data = None
        else:
            yield each
    if name is not None:
        raise TransactionFailure.because(f"{described.element}: the triple of {name} has no type")


def _opens(described: ObjectType, following: Property | None) -> bool:
    """Whether a `field` opens a triple: a column of that name may also be written directly."""
    if described.field(FIELD) is None:
        return True
    return following is not None and following.name in {DATA, TYPE}


def _close(name: str, data: Property | None, kind: str, now: datetime) -> Iterator[Property]:
    if kind not in KINDS:
        raise TransactionFailure.because(f"{name}: the type {kind} is not known")
    if name in SKIPPED or data is None or data.text is None:
        return
    yield Property(name, _stored_text(data.text, kind, now), data.lookup)


def _stored_text(text: str, kind: str, now: datetime) -> str | None:
    blank = not text.strip()
    if kind in TIMES and blank:
        return TYPES["timestamp"].write(now)
    if kind in BOOLEANS and blank:
        return "false"
    if kind in NUMBERS and text.strip() in {"-1", "-1.0"}:
        return None
    return text
