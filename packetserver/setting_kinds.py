"""The kinds of values that settings have: how each is read from a text, and what it may be."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

Value = TypeVar("Value")

_SIZE = re.compile(r"(\d+)\s*(?:([kmg])(?:i?b)?|b)?", re.IGNORECASE)
_SIZE_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
_URL = re.compile(r"(sqlite|postgres(?:ql)?)(\+\w+)?(://.*)", re.DOTALL)
_LABEL = r"(?!-)[a-z\d_-]{1,63}(?<!-)"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_ORIGIN = re.compile(rf"https?://(?:{_HOST.pattern}|\[[\da-f:.]+\])(?::\d{{1,5}})?", re.ASCII)
_ADDRESS = re.compile(r"unix:.+|(?:[\w.-]+|\[[\da-fA-F:.]+\]):(\d{1,5})")


@dataclass(frozen=True, slots=True)
class Kind(Generic[Value]):
    """What a setting's value may be.

    ``allowed`` completes the sentence "must be …"; ``read`` takes a text, or what TOML makes of the
    value, and raises ValueError for anything else; ``write`` gives the text that ``read`` takes.
    """

    allowed: str
    read: Callable[[object], Value]
    write: Callable[[Any], str] = str


def _read_text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value.strip()


def _read_names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return _read_names(value.split(","))
    if isinstance(value, list):
        # Host names have no letter case (RFC 4343), so they are compared in small letters.
        return tuple(_read_text(name).lower() for name in value)
    raise ValueError


def _read_served_hosts(value: object) -> tuple[str, ...]:
    """Names as they are compared: what has a port, a scheme or a star could never be asked for."""
    return tuple(_read_host(name) for name in _read_names(value))


def _read_host(name: str) -> str:
    bare = name.removeprefix("[").removesuffix("]") if name.startswith("[") else name
    if ":" in bare:
        return str(ip_address(bare))
    bare = bare.removesuffix(".")
    if _HOST.fullmatch(bare) is None:
        raise ValueError
    return bare


def _read_origins(value: object) -> tuple[str, ...]:
    names = tuple(each.lower() for each in _read_names(value))
    if not all(_ORIGIN.fullmatch(each) for each in names):
        raise ValueError
    return names


def _read_boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = _read_text(value).lower()
    if word not in _BOOLEANS:
        raise ValueError
    return _BOOLEANS[word]


def _read_integer(value: object) -> int:
    # Python counts True as 1; in a settings file it is a slip.
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(_read_text(value))


def _read_size(value: object) -> int:
    text = value if isinstance(value, str) else str(_read_integer(value))
    matched = _SIZE.fullmatch(text.strip())
    if matched is None or int(matched[1]) == 0:
        raise ValueError
    return int(matched[1]) * _SIZE_UNITS[(matched[2] or "").lower()]


def _write_size(size: int) -> str:
    for unit, factor in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if size % factor == 0:
            return f"{size // factor} {unit}"
    return str(size)


def _read_zone(value: object) -> str:
    name = _read_text(value)
    try:
        return ZoneInfo(name).key
    except OSError as error:  # a folder of the zone database, such as "America"
        raise ValueError from error
    except KeyError as error:
        raise ValueError from error


def _read_encoding(value: object) -> str:
    name = _read_text(value)
    try:
        "".encode(name)
    except LookupError as error:
        raise ValueError from error
    return name


def _read_database_url(value: object) -> str:
    matched = _URL.fullmatch(_read_text(value))
    if matched is None:
        raise ValueError
    dialect, driver, rest = matched.groups()
    if dialect == "sqlite":
        return f"sqlite{driver or ''}{rest}"
    return f"postgresql{driver or '+psycopg'}{rest}"


def _read_address(value: object) -> str:
    text = _read_text(value)
    matched = _ADDRESS.fullmatch(text)
    if matched is None or int(matched[1] or 0) > 65535:
        raise ValueError
    return text


def _read_proxies(value: object) -> tuple[IPv4Network | IPv6Network | str, ...]:
    return tuple(name if name == UNIX else ip_network(name) for name in _read_names(value))


def count(minimum: int, maximum: int | None = None) -> Kind[int]:
    """Return the kind of an integer between two bounds, both included."""

    def read(value: object) -> int:
        number = _read_integer(value)
        if number < minimum or (maximum is not None and number > maximum):
            raise ValueError
        return number

    upper = "" if maximum is None else f" and at most {maximum}"
    return Kind(f"an integer of at least {minimum}{upper}", read)


def choice(*words: str) -> Kind[str]:
    """Return the kind of a word of a few, in any letter case."""

    def read(value: object) -> str:
        word = _read_text(value).lower()
        if word not in words:
            raise ValueError
        return word

    return Kind("one of " + ", ".join(words), read)


UNIX = "unix"
"""The proxy that reaches this server by a socket in the file system."""

TEXT = Kind("a text", _read_text)
HOST_NAMES = Kind("a list of host names (separated by commas)", _read_names, ", ".join)
SERVED_HOSTS = Kind(
    "a list of host names without ports, such as crm.example.com (separated by commas)",
    _read_served_hosts,
    ", ".join,
)
ORIGINS = Kind(
    "a list of origins such as https://app.example.com (separated by commas)",
    _read_origins,
    ", ".join,
)
PROXIES = Kind(
    f"a list of addresses, networks such as 10.0.0.0/8, or {UNIX} (separated by commas)",
    _read_proxies,
    lambda proxies: ", ".join(map(str, proxies)),
)
BOOLEAN = Kind("true or false", _read_boolean, lambda flag: str(flag).lower())
SIZE = Kind("a number of bytes such as 65536, 512 KiB or 64MB", _read_size, _write_size)
ZONE = Kind("an IANA time zone such as Europe/Berlin", _read_zone)
ENCODING = Kind("a character encoding such as UTF-16 or ISO-8859-1", _read_encoding)
PATH = Kind("a file's path", lambda value: Path(_read_text(value)))
DATABASE_URL = Kind(
    "a URL such as sqlite:///FILE or postgresql://USER@HOST/NAME", _read_database_url
)
ADDRESS = Kind("HOST:PORT or unix:PATH", _read_address)
