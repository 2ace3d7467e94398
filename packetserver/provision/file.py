"""Reads a provision file whole, and refuses it before anything is done when it is wrong.

No error tells a value that may be a secret: a password may stand under the wrong key.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from packetserver import setting_kinds as kinds
from packetserver.errors import ProvisionError
from packetserver.letters import fold_name
from packetserver.security.access_keys import LENGTH, is_access_key
from packetserver.setting_kinds import Kind
from packetserver.store.new_keys import LARGEST_KEY
from packetserver.store.setup import SERVER_NAMES, TIMEZONE

IGNORED = "identity"
"""A part of the file that is for those who play packets, not for the server."""

UNSERVED = "api_account"
"""A part that this version cannot apply, and says so: files for later ones are good for it, too."""

_PLACE = re.compile(r"\(at [^()]*\)$")


@dataclass(frozen=True, slots=True)
class Entry:
    """A user or a sync client of the file: ``given`` holds what the file says, by its keys."""

    where: str
    given: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ProvisionFile:
    """A file that is right in itself; whether its roles and users exist is not known yet.

    ``kept`` are texts by the names of packetserver.store.setup, ``unserved`` how many entries are of
    a kind that this version cannot apply.
    """

    kept: Mapping[str, str]
    users: tuple[Entry, ...]
    sync_clients: tuple[Entry, ...]
    unserved: int = 0


def _read_text_or_nothing(value: object) -> str:
    return "" if value == "" else kinds.TEXT.read(value)


def _read_secret(value: object) -> str:
    # Not trimmed: blanks at its ends travel in the hash, too.
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def _read_access_key(value: object) -> str:
    if not isinstance(value, str) or not is_access_key(value):
        raise ValueError
    return value


def _read_expiry(value: object) -> datetime | None:
    if value == "":
        return None
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime) or value.tzinfo is not None:
        raise ValueError
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


ID = kinds.count(1, LARGEST_KEY)
NAME = Kind('a name, or "" for none', _read_text_or_nothing)
SECRET = Kind("a text that is not empty", _read_secret)
ACCESS_KEY = Kind(f"{LENGTH} letters and digits", _read_access_key)
EXPIRY = Kind('a local date or time such as 2030-12-31, or "" for never', _read_expiry)

TOP_KEYS: Mapping[str, tuple[str, Kind[Any]]] = {
    "host": (SERVER_NAMES, kinds.HOST_NAMES),
    "timezone": (TIMEZONE, kinds.ZONE),
}
"""The keys of the whole file: the name under which each is kept, and what it may be."""

USER_KEYS: Mapping[str, Kind[Any]] = {
    "id": ID,
    "username": kinds.TEXT,
    "password": SECRET,
    "role": kinds.TEXT,
    "manager": NAME,
    "alias": NAME,
    "name_first": kinds.TEXT,
    "name_last": kinds.TEXT,
    "email": kinds.TEXT,
    "http_api": kinds.BOOLEAN,
    "expires": EXPIRY,
    "enabled": kinds.BOOLEAN,
    "access_key": ACCESS_KEY,
}
SYNC_CLIENT_KEYS: Mapping[str, Kind[Any]] = {
    "id": ID,
    "type": kinds.TEXT,
    "version": kinds.TEXT,
    "code": SECRET,
    "enabled": kinds.BOOLEAN,
    "user": NAME,
}
ENTRIES = ("user", "sync_client")


def read_provision_file(path: Path) -> ProvisionFile:
    """The content of a provision file.

    Raises ProvisionError, which names the file, the entry and the key, for a file that cannot be
    read, an unknown key, a value of the wrong kind, a missing key, or an entry that stands twice.
    """
    content = _parse(path)
    unknown = set(content) - set(TOP_KEYS) - {*ENTRIES, IGNORED, UNSERVED}
    if unknown:
        raise _unknown_key(str(path), min(unknown), [*TOP_KEYS, *ENTRIES])
    users = tuple(_entries(path, content, "user", "username", USER_KEYS))
    clients = tuple(_entries(path, content, "sync_client", "id", SYNC_CLIENT_KEYS))
    _refuse_twins(users, "username")
    _refuse_twins(users, "id")
    _refuse_twins(clients, "id")
    unserved = content.get(UNSERVED, [])
    if not isinstance(unserved, list):
        raise ProvisionError(f"{path}: {UNSERVED} must be written as [[{UNSERVED}]]")
    return ProvisionFile(dict(_kept(path, content)), users, clients, len(unserved))


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProvisionError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ProvisionError(f"{path} is not written in UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        # Only the place is told: the rest may quote what stands there.
        place = _PLACE.search(str(error))
        where = f" {place[0]}" if place else ""
        # The cause is left out, because a traceback would show it.
        raise ProvisionError(f"{path} is not written in TOML{where}") from None


def _kept(path: Path, content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, (name, kind) in TOP_KEYS.items():
        if key in content:
            yield name, kind.write(_read(str(path), key, kind, content[key]))


def _entries(
    path: Path, content: Mapping[str, Any], part: str, label: str, keys: Mapping[str, Kind[Any]]
) -> Iterator[Entry]:
    tables = content.get(part, [])
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        raise ProvisionError(f"{path}: {part} must be written as [[{part}]]")
    for number, table in enumerate(tables, start=1):
        place = f"{path}: {part} number {number}"
        for key in table:
            if key not in keys:
                raise _unknown_key(place, key, keys)
        if label not in table:
            raise ProvisionError(f"{place}: {label} is missing")
        named = _read(place, label, keys[label], table[label])
        where = f"{path}: {part} {named}"
        yield Entry(where, {key: _read(where, key, keys[key], table[key]) for key in table})


def _read(where: str, key: str, kind: Kind[Any], value: object) -> Any:
    try:
        return kind.read(value)
    except ValueError:
        # The cause is left out, because it may quote the value.
        raise ProvisionError(f"{where}: {key} must be {kind.allowed}") from None


def _unknown_key(where: str, key: str, known: Iterable[str]) -> ProvisionError:
    names = ", ".join(known)
    return ProvisionError(f"{where}: the key {key} is unknown; there are: {names}")


def _refuse_twins(entries: tuple[Entry, ...], key: str) -> None:
    seen: set[object] = set()
    for entry in entries:
        value = entry.given.get(key)
        same = fold_name(value) if isinstance(value, str) else value
        if same is not None and same in seen:
            raise ProvisionError(f"{entry.where}: this {key} stands in the file twice")
        seen.add(same)
