"""How an item writes what it has: names in either case, triples, keys of earlier items, pages."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from itertools import zip_longest

from packetserver.catalogue.model import ObjectType, in_either_case, other_case
from packetserver.catalogue.types import TYPES
from packetserver.protocols.packet.failures import TransactionFailure
from packetserver.protocols.packet.packet import Item, Property
from packetserver.store.guid_columns import GUID
from packetserver.store.schema import Schema

OWN_TABLE_INPUTS = frozenset({"tableName", "table", "uniqueField"})
IDENTITY = "-identity"
"""The end of a property that says from where the new records of a list are numbered."""

NAMES_KEPT = 1024


@dataclass(frozen=True, slots=True)
class KnownNames:
    """The properties of an element: ``spellings`` has the name that each spelling stands for.

    ``offered`` are the names that somebody who misspells one may have meant.
    """

    spellings: Mapping[str, str]
    offered: Collection[str]

    def spelt(self, item: Item) -> tuple[Item, Sequence[Property]]:
        """The item with every known property under its own name, and the properties of no name."""
        spellings = self.spellings
        odd = [each for each in item.properties if spellings.get(each.name) != each.name]
        if not odd:
            return item, ()
        unknown = [each for each in odd if each.name not in spellings]
        if len(unknown) == len(odd):
            return item, unknown
        properties = (
            replace(each, name=spellings.get(each.name, each.name)) for each in item.properties
        )
        return replace(item, properties=tuple(properties)), unknown


@lru_cache(maxsize=NAMES_KEPT)
def known_names(schema: Schema, element: str, *, is_list: bool) -> KnownNames:
    """The names of an object, singly or of its list; worked out once."""
    described = schema.catalogue.objects[element]
    inputs = _filters(described) if is_list else _inputs(described)
    offered = inputs | _controls(schema, described)
    references = {f"{name[:-2]}Guid" for name in inputs if name.endswith("Id") and name != "Id"}
    every = offered | references | {GUID}
    return KnownNames(in_either_case({name: name for name in every}), offered)


def _filters(described: ObjectType) -> set[str]:
    return {*described.filters, *described.filter_aliases, *described.ignored_filters}


def _inputs(described: ObjectType) -> set[str]:
    return {*described.fields, *described.aliases, *described.controls}


def _controls(schema: Schema, described: ObjectType) -> set[str]:
    """What some kinds of objects take besides: their own table, triples, numbers of lists."""
    found: set[str] = set()
    if described.kind in {"lookup", "table"}:
        found |= OWN_TABLE_INPUTS
    if described.kind == "table":
        found |= PARTS
    if described.kind == "action":
        lists = (each.list_element for each in schema.catalogue.objects.values())
        found |= {f"{name}{IDENTITY}" for name in lists if name is not None}
    return found


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


MARKER = re.compile(r"\$C\{([^{}]*)\}")


def substitute(text: str, keys: Mapping[str, str]) -> str:
    """The text with every marker replaced by the key that it names.

    Raises TransactionFailure for a key that no earlier item shares (DECISIONS.md, Shared keys).
    """
    return MARKER.sub(lambda found: _key(found.group(1), keys), text) if "$C{" in text else text


def _key(name: str, keys: Mapping[str, str]) -> str:
    element, _, key = name.rpartition(".")
    found = keys.get(name) or keys.get(f"{element}.{other_case(key)}")
    if found is None:
        raise TransactionFailure.because(f"No earlier item of the transaction shares {name}")
    return found


PAGES = ("offset", "items")
ITEMS_BY_DEFAULT = 10
LARGEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list; ``items`` is None for all that follow ``offset``."""

    offset: int
    items: int | None

    @property
    def range(self) -> tuple[int, int | None]:
        """(offset, items), as the store takes them."""
        return self.offset, self.items


def read_page(item: Item) -> Page | None:
    """The page that an item asks for, None when it has neither attribute."""
    offset, items = item.attributes.get("offset", ""), item.attributes.get("items", "")
    if not offset and not items:
        return None
    count = _number(items, ITEMS_BY_DEFAULT)
    return Page(max(_number(offset, 0), 0), count if count > 0 else None)


def _number(text: str, default: int) -> int:
    """An attribute's integer; what is none, or is beyond 32 bits, is the default."""
    number = _read(text)
    return default if number is None else number


def is_number(text: str) -> bool:
    """Whether an attribute has an integer of 32 bits."""
    return _read(text) is not None


def _read(text: str) -> int | None:
    bare = text.strip()
    if "_" in bare or not bare.removeprefix("-").removeprefix("+").isascii():
        return None
    try:
        number = int(bare)
    except ValueError:
        return None
    return number if -LARGEST <= number <= LARGEST else None
