"""Names on the wire: their first letter counts in either case (docs/filters.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

Known = TypeVar("Known")


def other_case(name: str) -> str:
    """The name with its first letter in the other case."""
    return name[:1].swapcase() + name[1:]


def in_either_case(known: Mapping[str, Known]) -> dict[str, Known]:
    """What is known by its names, under both spellings of each; a name as it stands wins."""
    return {other_case(name): each for name, each in known.items()} | dict(known)
