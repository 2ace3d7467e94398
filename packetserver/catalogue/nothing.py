"""Which values stand for nothing, by the words that a schema has for them."""

from __future__ import annotations

from packetserver.catalogue.types import EMPTY_NUMBERS


def means_nothing(none: str | None, value: object) -> bool:
    """Whether a value means `no filter`, by what the filter says of it (schemas: `none`)."""
    if value is None or none is None:
        return value is None
    if isinstance(value, bool):
        return none == str(value).lower()
    if isinstance(value, int) and none in EMPTY_NUMBERS:
        return bool(EMPTY_NUMBERS[none](value))
    words = {"" if word == "empty" else word for word in none.split(" or ")}
    return str(value) in words
