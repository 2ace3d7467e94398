"""Pages of a list: the attributes `offset` and `items` (PROTOCOL.md 12; DECISIONS.md)."""

from __future__ import annotations

from dataclasses import dataclass

from packetserver.engine.packet import Item

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
