"""The types of fields and filters: wire text to Python value and back (PROTOCOL.md 11.1, 11.2).

Blanks around a value do not matter, except in a text. Reading is stricter than in the original,
which took a value that it did not understand for an empty one (DECISIONS.md, row Types).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

from packetserver.catalogue.timestamps import read_moment, read_timestamp, write_timestamp
from packetserver.errors import ValueNotOfType

TRUE_TEXTS = frozenset({"on", "true", "y", "yes", "1"})
FALSE_TEXTS = frozenset({"off", "false", "n", "no", "f", "0"})

_INTEGER = re.compile(r"([+-]?)([0-9]+)")
_INTEGER_DIGITS = 10
_INTEGER_RANGE = range(-(2**31), 2**31)
_DOUBLE = re.compile(
    r"[+-]?(?:Infinity|((?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[dDfF]?)"
)
_MARKS = {"on": "1", "true": "1", "off": "0", "false": "0"}
_MOST_IDS = 10_000
"""Each is a parameter of a statement, and there a database allows no more than 65,535."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class FieldType:
    """A type by its name in the catalogue.

    ``read(text, zone)`` gives the Python value of a wire text, where ``zone`` is the configured
    time zone, or raises ValueNotOfType. ``write(value)`` gives the wire text of a value that is
    not None. ``unset`` is what an empty column reads as unless its field says otherwise.
    """

    name: str
    unset: str
    read: Callable[[str, ZoneInfo], object]
    write: Callable[[Any], str]


def read_integer(text: str, _zone: ZoneInfo) -> int:
    """Sign and decimal digits, 32 bits."""
    found = _INTEGER.fullmatch(text.strip())
    if found is None:
        raise ValueNotOfType("not an integer")
    sign, digits = found.groups()
    significant = digits.lstrip("0")
    if len(significant) > _INTEGER_DIGITS:
        raise ValueNotOfType("out of range")
    value = int(sign + (significant or "0"))
    if value not in _INTEGER_RANGE:
        raise ValueNotOfType("out of range")
    return value


def read_boolean(text: str, _zone: ZoneInfo) -> bool:
    """One of `TRUE_TEXTS` or `FALSE_TEXTS` in any letter case."""
    word = text.strip().lower()
    if word not in TRUE_TEXTS and word not in FALSE_TEXTS:
        raise ValueNotOfType("not a boolean")
    return word in TRUE_TEXTS


def read_double(text: str, _zone: ZoneInfo) -> float:
    """A number in Java's decimal syntax.

    NaN is refused, for not every database can hold it; so is a number that only overflows into
    infinity, for that is not what was sent.
    """
    stripped = text.strip()
    found = _DOUBLE.fullmatch(stripped)
    if found is None:
        raise ValueNotOfType("not a number")
    value = float(stripped.rstrip("dDfF"))
    if math.isinf(value) and found.group(1):
        raise ValueNotOfType("out of range")
    return value


def read_percent(text: str, zone: ZoneInfo) -> float:
    """A number, with or without a percent sign behind it."""
    return read_double(text.strip().removesuffix("%"), zone)


def read_mark(text: str, zone: ZoneInfo) -> int:
    """An integer, or the word that a checkbox sends for 1 or 0."""
    return read_integer(_MARKS.get(text.strip().lower(), text), zone)


def read_text(text: str, _zone: ZoneInfo) -> str:
    """The text as it is, if XML 1.0 can carry it."""
    if _NOT_XML.search(text):
        raise ValueNotOfType("a character that XML cannot carry")
    return text


def read_date(text: str, zone: ZoneInfo, now: datetime | None = None) -> date:
    """A mere date, or that of a timestamp as it is written, without conversion.

    A birthday must not move because its midnight was written in another zone.
    """
    return read_moment(text, zone, now).wall.date()


def read_tristate(text: str, _zone: ZoneInfo) -> int:
    """1 or 0 for a boolean, -1 (no restriction) for every other text, as in the original."""
    word = text.strip().lower()
    return 1 if word in TRUE_TEXTS else 0 if word in FALSE_TEXTS else -1


def is_tristate(text: str) -> bool:
    """Whether a text is one that a tristate knows; it takes all others for -1."""
    return text.strip().lower() in {*TRUE_TEXTS, *FALSE_TEXTS, "-1"}


def read_local_date(text: str, zone: ZoneInfo, now: datetime | None = None) -> datetime | None:
    """Midnight of a mere date; None for a timestamp, which these filters of the original ignore."""
    moment = read_moment(text, zone, now)
    return None if moment.has_clock else moment.wall


def read_id_list(text: str, zone: ZoneInfo) -> tuple[int, ...]:
    """Integers between commas, from one to ten thousand."""
    if text.count(",") >= _MOST_IDS:
        raise ValueNotOfType(f"more than {_MOST_IDS} integers")
    return tuple(read_integer(part, zone) for part in text.split(","))


def write_boolean(value: object) -> str:
    """`true` or `false`."""
    return "true" if value else "false"


def write_double(value: float) -> str:
    """As Java writes it: `1250.0`, from ten million `1.0E7`, below a thousandth `1.0E-4`.

    The digits are the fewest that are read back as the same number.
    """
    number = float(value)
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    if number == 0 or 1e-3 <= abs(number) < 1e7:
        return repr(number)
    # Java writes two digits at least, and the two nearest: 4.9E-324, where one would do.
    pair = f"{number:.1e}"
    shortest = Decimal(pair if float(pair) == number else repr(number))
    figures = "".join(map(str, shortest.as_tuple().digits)).rstrip("0").ljust(2, "0")
    sign = "-" if number < 0 else ""
    return f"{sign}{figures[0]}.{figures[1:]}E{shortest.adjusted()}"


def write_date(value: date) -> str:
    """`yyyy-MM-dd`, of a date or of a timestamp."""
    return value.isoformat()[:10]


def write_id_list(value: Iterable[int]) -> str:
    """The integers between commas."""
    return ",".join(map(str, value))


def odd_boolean(true_texts: Iterable[str]) -> FieldType:
    """A boolean for which only the given texts are true, as they are spelt, and all else is false.

    The original has a few such fields (PROTOCOL.md 11.1).
    """
    known = frozenset(true_texts)

    def read(text: str, _zone: ZoneInfo) -> bool:
        return text.strip() in known

    return FieldType("boolean", "false", read, write_boolean)


def misfit(kind: str, value: object) -> str | None:
    """Why a value is none of a stored type, in the words of what cannot be read; None when it is.

    A value of the type has a text that is read back as itself, so every protocol can be given it.
    """
    check, reason = _VALUES[kind]
    if not check(value):
        return reason
    if kind == "integer" and value not in _INTEGER_RANGE:
        return "out of range"
    if kind == "text" and _NOT_XML.search(str(value)):
        return "a character that XML cannot carry"
    return None


def _is_number(value: object) -> bool:
    return type(value) is float and not math.isnan(value)


_VALUES: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "integer": (lambda value: type(value) is int, "not an integer"),
    "double": (lambda value: type(value) is int or _is_number(value), "not a number"),
    "boolean": (lambda value: type(value) is bool, "not a boolean"),
    "text": (lambda value: isinstance(value, str), "not a text"),
    "timestamp": (
        lambda value: isinstance(value, datetime) and value.tzinfo is None,
        "not a time of the server's own zone",
    ),
    "date": (lambda value: type(value) is date, "not a date"),
}

TYPES: Mapping[str, FieldType] = MappingProxyType(
    {
        **{
            known.name: known
            for known in (
                FieldType("integer", "-1", read_integer, str),
                FieldType("double", "0.0", read_double, write_double),
                FieldType("boolean", "false", read_boolean, write_boolean),
                FieldType("text", "", read_text, str),
                FieldType("timestamp", "", read_timestamp, write_timestamp),
                FieldType("date", "", read_date, write_date),
                FieldType("tristate", "-1", read_tristate, str),
                FieldType("local-date", "", read_local_date, write_timestamp),
                FieldType("id-list", "", read_id_list, write_id_list),
            )
        },
        # They are stored and read as what they are named; only what is sent may look otherwise.
        "percent": FieldType("double", "0.0", read_percent, write_double),
        "mark": FieldType("integer", "-1", read_mark, str),
    }
)

EMPTY_NUMBERS: Final[Mapping[str, Callable[[float], bool]]] = {
    "-1": lambda number: number == -1,
    "negative": lambda number: number < 0,
    "not positive": lambda number: number <= 0,
}
"""Which numbers stand for an empty column, by the name that a schema gives the rule."""
