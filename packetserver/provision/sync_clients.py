"""Sync clients: the rows of `sync_client` (PROTOCOL.md 2.3 and 6.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from packetserver.errors import ProvisionError
from packetserver.provision.rows import LARGEST_ID, Row, Rows
from packetserver.provision.users import Users
from packetserver.security.secrets import SecretKind, hash_secret, verify_secret

TABLE = "sync_client"
COLUMNS = {"id": "client_id", "type": "type", "version": "version", "enabled": "enabled"}
"""The facts that are stored as they are given."""

Given = Mapping[str, Any]
"""Facts of a sync client by the keys of a provision file; an absent key is left as it is."""


class SyncClients:
    """Adds and changes sync clients within one database transaction."""

    def __init__(self, rows: Rows, users: Users) -> None:
        self._rows = rows
        self._users = users

    def find(self, number: int) -> Row | None:
        """The sync client of an id, None when there is none."""
        if number > LARGEST_ID:
            return None
        return self._rows.find(TABLE, self._rows.table(TABLE).c.client_id == number)

    def numbered(self, number: int) -> Row:
        """The sync client of an id; raises ProvisionError when there is none."""
        found = self.find(number)
        if found is None:
            raise ProvisionError(f"there is no sync client {number}")
        return found

    def all(self) -> list[Row]:
        """Every sync client, with the name of the user whom it belongs to as `user`."""
        names = {each["user_id"]: each["username"] for each in self._users.all()}
        return [{**each, "user": names.get(each["user_id"], "")} for each in self._rows.all(TABLE)]

    def add(self, given: Given) -> int:
        """Add a sync client, enabled unless something else is given; returns its id.

        Raises ProvisionError when it lacks a fact or its user does not exist.
        """
        for needed in ("type", "code"):
            if needed not in given:
                raise ProvisionError(f"a new sync client needs a {needed}")
        facts = self._rows.columns(TABLE, COLUMNS, given) | self._owner(given)
        fixed = {"enabled": True, "code": hash_secret(given["code"])}
        return self._rows.insert(TABLE, {**fixed, **facts})

    def ensure(self, given: Given) -> bool:
        """Add the sync client of an id if there is none; whether it was added."""
        if self.find(given["id"]) is not None:
            return False
        self.add(given)
        return True

    def apply(self, given: Given) -> bool:
        """Make an existing sync client what is given; whether anything changed.

        Raises ProvisionError when it, or its user, does not exist.
        """
        stored = self.numbered(given["id"])
        wanted = self._rows.columns(TABLE, COLUMNS, given) | self._owner(given)
        if "code" in given:
            wanted["code"] = _secret(stored["code"], given["code"])
        return self._rows.change(TABLE, stored, wanted)

    def _owner(self, given: Given) -> Row:
        """The column of the user whom the client belongs to; an empty name means none."""
        if "user" not in given:
            return {}
        return {"user_id": self._users.named(given["user"])["user_id"] if given["user"] else None}


def _secret(stored: str | None, code: str) -> str:
    """What is to be stored for a code: what is there already, when that verifies it."""
    if stored is not None and verify_secret(stored, code, SecretKind.SYNC_CLIENT):
        return stored
    return hash_secret(code)
