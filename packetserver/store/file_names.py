"""The names of files: those that this server gives to bytes, and those that people gave them."""

from __future__ import annotations

import re
import secrets
import unicodedata
from datetime import datetime
from pathlib import PurePath

NAME = re.compile(r"(\d{4})(\d{4})\d{6}-[0-9a-f]{32}", re.ASCII)
"""A name that this server gave; as in the original, its date says in which folder the bytes are."""

CONTROLS = frozenset({"Cc", "Cs"})
DIRECTIONS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
"""Kinds of characters that show another name than it is."""

NOT_XML = "\ufffe\uffff"
LONGEST_EXTENSION = 20


def new_name(now: datetime) -> str:
    """A name that no other file has; ``now`` is wall clock of the configured zone."""
    return f"{now:%Y%m%d%H%M%S}-{secrets.token_hex(16)}"


def place_of(name: str) -> PurePath:
    """Where the bytes of a name are: in a folder for its year, and in that one for its day.

    Raises ValueError for a name that `new_name` cannot have given.
    """
    found = NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"{name!r} is no name that this server gives to a file")
    return PurePath(found.group(1), found.group(2), name)


def safe_name(sent: str) -> str:
    """The name that a client gives to a file, without path and without what cannot be seen of it.

    It is empty when nothing is left.
    """
    last = sent.replace("\\", "/").rpartition("/")[2]
    return "".join(each for each in last if _is_seen(each)).strip(" .")


def fitted_name(name: str, length: int) -> str:
    """At most so many characters of a name, its extension among them."""
    if len(name) <= length:
        return name
    stem, dot, extension = name.rpartition(".")
    ending = dot + extension if stem and len(extension) <= LONGEST_EXTENSION else ""
    return name[: max(length - len(ending), 0)] + ending[:length]


def _is_seen(character: str) -> bool:
    return not (
        unicodedata.category(character) in CONTROLS
        or unicodedata.bidirectional(character) in DIRECTIONS
        or character in NOT_XML
    )
