"""Users: the rows of `access`, with a contact each (PROTOCOL.md 2.4; the catalogue's `user`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from packetserver.errors import ProvisionError
from packetserver.provision.contacts import Contacts
from packetserver.provision.rows import SYSTEM_USER, Row, Rows
from packetserver.security.secrets import hash_secret, md5_of_password, verify_secret
from packetserver.store.folding import BLANKS, is_same_name, same_name
from packetserver.store.names import listed

TABLE = "access"
COLUMNS = {
    "id": "user_id",
    "username": "username",
    "http_api": "allow_httpapi_access",
    "expires": "expires",
    "enabled": "enabled",
}
"""The facts that are stored as they are given."""

USER_COLUMNS = {"manager": "manager_id", "alias": "alias"}
"""The facts that name another user."""

NOBODY = -1
"""What a column that names another user holds for none."""

Given = Mapping[str, Any]
"""Facts of a user by the keys of a provision file; a key that is absent is left as it is."""


class Users:
    """Adds and changes users within one database transaction."""

    def __init__(self, rows: Rows, zone: str) -> None:
        """``zone`` is the time zone that new users start with."""
        self._rows = rows
        self._zone = zone
        self._contacts = Contacts(rows)

    def find(self, name: str, number: int | None = None) -> Row | None:
        """The user of a name in any letter case, blanks around it left aside; None without one.

        ``number`` is which one, where a database of the original has several: raises
        ProvisionError, which lists them, for several without one.
        """
        found = [each for each in self._all_named(name) if each["user_id"] != SYSTEM_USER]
        if len(found) > 1 and number is not None:
            found = [each for each in found if each["user_id"] == number]
        if len(found) > 1:
            rows = [(each["user_id"], each["username"]) for each in found]
            raise ProvisionError(
                f"there are several users {name.strip(BLANKS)}: {listed(rows)}; say which one by"
                " its id, or give all but one another name by packetserver user rename"
            )
        return found[0] if found else None

    def _all_named(self, name: str) -> list[Row]:
        if not name.strip(BLANKS).isprintable():
            # No user has it, and PostgreSQL could not even look for it.
            return []
        return self._rows.all(TABLE, same_name(self._rows.table(TABLE).c.username, name))

    def named(self, name: str, number: int | None = None) -> Row:
        """As `find`; raises ProvisionError, too, where there is none, or another has the number."""
        found = self.find(name, number)
        if found is None:
            raise ProvisionError(f"there is no user {name}")
        if number is not None and found["user_id"] != number:
            raise ProvisionError(f"the user {name} has the id {found['user_id']}, not {number}")
        return found

    def rename(self, stored: Row, name: str) -> None:
        """Give a user another name; raises ProvisionError when it is another user's."""
        others = (each for each in self._all_named(name) if each["user_id"] != stored["user_id"])
        other = next(others, None)
        if other is not None:
            raise ProvisionError(f"the name {name} is that of the user {other['user_id']}")
        self._rows.change(TABLE, stored, self._rows.columns(TABLE, COLUMNS, {"username": name}))

    def all(self) -> list[Row]:
        """Every user, with the name of the role as `role`."""
        roles = {each["role_id"]: each["role"] for each in self._rows.all("role")}
        others = self._rows.table(TABLE).c.user_id != SYSTEM_USER
        return [
            {**each, "role": roles.get(each["role_id"], "")}
            for each in self._rows.all(TABLE, others)
        ]

    def ensure(self, given: Given) -> bool:
        """Add the user if it does not exist yet, without its contact; whether it was added.

        Raises ProvisionError when a new user lacks a fact, or the id is another user's.
        """
        if self._stored(given) is not None:
            return False
        if self._all_named(given["username"]):
            # The user who owns the shipped rows is none that one may work on.
            raise ProvisionError(f"the name {given['username']} is the server's own")
        if "role" not in given:
            raise ProvisionError(f"a new user needs a role; there are: {self._role_names()}")
        if "password" not in given:
            raise ProvisionError("a new user needs a password")
        facts = self._rows.columns(TABLE, COLUMNS, given)
        role, secret = self._role_id(given["role"]), hash_secret(md5_of_password(given["password"]))
        fixed = {"role_id": role, "password": secret, "timezone": self._zone}
        self._rows.insert(TABLE, {**fixed, **facts})
        return True

    def apply(self, given: Given) -> bool:
        """Make an existing user and its contact what is given; whether anything changed.

        Raises ProvisionError for a role or a user that does not exist.
        """
        changed = self.change(given)
        user = self.named(given["username"], given.get("id"))
        return self._contacts.apply(user, given) or changed

    def change(self, given: Given) -> bool:
        """As `apply`, but leaves the contact alone."""
        stored = self.named(given["username"], given.get("id"))
        wanted = self._rows.columns(TABLE, COLUMNS, given) | self._references(given)
        if "password" in given:
            wanted["password"] = _secret(stored["password"], given["password"])
        return self._rows.change(TABLE, stored, wanted)

    def _stored(self, given: Given) -> Row | None:
        name, number = given["username"], given.get("id")
        found = self.find(name, number)
        if number is None:
            return found
        if found is not None and found["user_id"] != number:
            raise ProvisionError(f"the user {name} has the id {found['user_id']}, not {number}")
        owner = self._rows.find(TABLE, self._rows.table(TABLE).c.user_id == number)
        if owner is not None and found is None:
            raise ProvisionError(f"the id {number} belongs to the user {owner['username']}")
        return found

    def _references(self, given: Given) -> Row:
        """The columns that point to other rows; an empty name points to none."""
        wanted: Row = {}
        if "role" in given:
            wanted["role_id"] = self._role_id(given["role"])
        for key, column in USER_COLUMNS.items():
            if key in given:
                wanted[column] = self._reference(key, given[key])
        return wanted

    def _reference(self, key: str, name: str) -> int:
        if not name:
            return NOBODY
        found = self.find(name)
        if found is None:
            raise ProvisionError(f"{key}: there is no user {name}")
        return int(found["user_id"])

    def _role_id(self, name: str) -> int:
        found = [each for each in self._rows.all("role") if is_same_name(each["role"], name)]
        if not found:
            raise ProvisionError(f"there is no role {name!r}; there are: {self._role_names()}")
        if len(found) > 1:
            rows = listed([(each["role_id"], each["role"]) for each in found])
            raise ProvisionError(f"there are several roles {name}: {rows}; give them other names")
        return int(found[0]["role_id"])

    def _role_names(self) -> str:
        return ", ".join(each["role"] for each in self._rows.all("role"))


def _secret(stored: str | None, password: str) -> str:
    """What is to be stored for a password: what is there already, when that verifies it."""
    wire = md5_of_password(password)
    if stored is not None and verify_secret(stored, wire):
        return stored
    return hash_secret(wire)
