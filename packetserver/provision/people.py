"""Users, with a contact each, and sync clients, as an operator's command writes them.

PROTOCOL.md 2.3, 2.4 and 6.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, select

from packetserver.catalogue.model import NOW
from packetserver.errors import ProvisionError
from packetserver.letters import BLANKS, is_same_name
from packetserver.provision.access_keys import AccessKeys
from packetserver.security.secrets import SecretKind, hash_secret, md5_of_password, verify_secret
from packetserver.store.folding import same_name
from packetserver.store.names import listed
from packetserver.store.new_keys import LARGEST_CHOSEN, LARGEST_KEY, TOO_LARGE
from packetserver.store.rows import Rows
from packetserver.store.schema import Schema

SYSTEM_USER = 0
"""The owner of the shipped rows, who enters what a command enters."""

Row = dict[str, Any]
Values = Mapping[str, Any]


class StampedRows:
    """Finds, inserts and changes rows within one database transaction.

    ``now`` is what they are stamped with: wall clock of the configured zone.
    """

    def __init__(self, schema: Schema, connection: Connection, now: datetime) -> None:
        self._schema = schema
        self._connection = connection
        self._stored = Rows(schema, connection)
        self._now = now

    def table(self, name: str) -> Table:
        """A table of the catalogue."""
        return self._schema.metadata.tables[name]

    def find(self, table: str, *conditions: ColumnElement[bool]) -> Row | None:
        """The first row, in the order of keys, that meets all conditions."""
        found = self.all(table, *conditions)
        return found[0] if found else None

    def all(self, table: str, *conditions: ColumnElement[bool]) -> list[Row]:
        """Every row that meets all conditions, in the order of their keys."""
        target = self.table(table)
        statement = select(target).where(*conditions).order_by(target.c[self.key(table)])
        return [dict(row) for row in self._connection.execute(statement).mappings()]

    def key(self, table: str) -> str:
        """The key column of a table."""
        return self._schema.catalogue.tables[table].key or ""

    def columns(self, table: str, names: Mapping[str, str], given: Values) -> Row:
        """What was given, by column; ``names`` are the columns of the keys that are stored as given.

        Raises ProvisionError for a text that its column cannot hold.
        """
        described = self._schema.catalogue.tables[table].columns
        for name, column in names.items():
            text = str(given.get(name, ""))
            longest = described[column].max_length
            if longest is not None and len(text) > longest:
                raise ProvisionError(f"{name} is longer than {longest} characters")
            if not text.isprintable():
                raise ProvisionError(f"{name} has a character that cannot be shown")
        return {column: given[name] for name, column in names.items() if name in given}

    def insert(self, table: str, values: Values) -> int:
        """Insert a row and return its key, which may be among the values.

        Raises Refused for a value that the database cannot store, ProvisionError for a key
        that leaves too few for others.
        """
        row = {**self._stamps(table), **values}
        if row.get(self.key(table), 0) > LARGEST_CHOSEN:
            raise ProvisionError(f"id: {TOO_LARGE}")
        return int(self._stored.insert_row(table, row))

    def change(self, table: str, stored: Values, wanted: Values) -> bool:
        """Make a stored row's columns what is wanted; whether anything differed.

        Raises Refused for a value that the database cannot store.
        """
        different = {name: value for name, value in wanted.items() if stored[name] != value}
        if different:
            key = self.key(table)
            stamps = {"modified": self._now, "modifiedby": SYSTEM_USER}
            self._stored.update_rows(table, {key: stored[key]}, {**stamps, **different})
        return bool(different)

    def _stamps(self, table: str) -> Row:
        columns = self._schema.catalogue.tables[table].columns
        times = {name: self._now for name, each in columns.items() if each.default == NOW}
        users = {name: SYSTEM_USER for name in ("enteredby", "modifiedby") if name in columns}
        return {**times, **users}


CONTACTS = "contact"
ADDRESSES = "contact_emailaddress"
NAMES = {"name_first": "namefirst", "name_last": "namelast"}
EMAIL = {"email": "email"}

OWN_COMPANY = 0
EMPLOYEES = 626030332
"""The module of the access types that contacts of the own company's staff have."""

FIRST_ADDRESS_TYPE = 1


class Contacts:
    """Adds and changes the contacts of users."""

    def __init__(self, rows: StampedRows) -> None:
        self._rows = rows

    def apply(self, user: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
        """Make a user's contact what is given, and make one if there is none.

        ``user`` is the stored row. Returns whether anything changed.
        """
        names = self._rows.columns(CONTACTS, NAMES, given)
        found = self._contact_of(user)
        if found is None:
            contact = self._add(user, names)
            changed = True
        else:
            contact = found["contact_id"]
            changed = self._rows.change(CONTACTS, found, names)
        linked = self._rows.change("access", user, {"contact_id": contact})
        return self._apply_address(contact, given) or linked or changed

    def _contact_of(self, user: Mapping[str, Any]) -> Row | None:
        columns = self._rows.table(CONTACTS).c
        linked = self._rows.find(CONTACTS, columns.contact_id == user["contact_id"])
        return linked or self._rows.find(CONTACTS, columns.user_id == user["user_id"])

    def _add(self, user: Mapping[str, Any], names: Row) -> int:
        """A contact of the own company without an owner: no user's list of own contacts has it."""
        facts = {
            "user_id": user["user_id"],
            "org_id": OWN_COMPANY,
            "employee": True,
            "access_type": self._access_type(),
            "namefirst": "",
            "namelast": user["username"],
        }
        return self._rows.insert(CONTACTS, {**facts, **names})

    def _access_type(self) -> int | None:
        columns = self._rows.table("lookup_access_types").c
        staff = columns.link_module_id == EMPLOYEES
        found = self._rows.find("lookup_access_types", staff, columns.default_item.is_(True))
        return None if found is None else found["code"]

    def _apply_address(self, contact: int, given: Mapping[str, Any]) -> bool:
        wanted = self._rows.columns(ADDRESSES, EMAIL, given)
        columns = self._rows.table(ADDRESSES).c
        primary = (columns.contact_id == contact, columns.primary_email.is_(True))
        found = self._rows.find(ADDRESSES, *primary)
        if found is not None or not wanted:
            return found is not None and self._rows.change(ADDRESSES, found, wanted)
        facts = {
            "contact_id": contact,
            "emailaddress_type": FIRST_ADDRESS_TYPE,
            "primary_email": True,
        }
        self._rows.insert(ADDRESSES, {**facts, **wanted})
        return True


USERS = "access"
USER_COLUMNS = {
    "id": "user_id",
    "username": "username",
    "http_api": "allow_httpapi_access",
    "expires": "expires",
    "enabled": "enabled",
}
"""The facts that are stored as they are given."""

REFERENCES = {"manager": "manager_id", "alias": "alias"}
"""The facts that name another user."""

ACCESS_KEY = "access_key"
"""The fact that is stored elsewhere, and sealed."""

NOBODY = -1
"""What a column that names another user holds for none."""

Given = Mapping[str, Any]
"""Facts by the keys of a provision file; a key that is absent is left as it is."""


class Users:
    """Adds and changes users within one database transaction."""

    def __init__(self, rows: StampedRows, zone: str, access_keys: AccessKeys) -> None:
        """``zone`` is the time zone that new users start with."""
        self._rows = rows
        self._zone = zone
        self.access_keys = access_keys
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
        return self._rows.all(USERS, same_name(self._rows.table(USERS).c.username, name))

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
        self._rows.change(
            USERS, stored, self._rows.columns(USERS, USER_COLUMNS, {"username": name})
        )

    def all(self) -> list[Row]:
        """Every user, with the name of the role as `role`."""
        roles = {each["role_id"]: each["role"] for each in self._rows.all("role")}
        others = self._rows.table(USERS).c.user_id != SYSTEM_USER
        return [
            {**each, "role": roles.get(each["role_id"], "")}
            for each in self._rows.all(USERS, others)
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
        facts = self._rows.columns(USERS, USER_COLUMNS, given)
        role, secret = self._role_id(given["role"]), hash_secret(md5_of_password(given["password"]))
        fixed = {"role_id": role, "password": secret, "timezone": self._zone}
        self._rows.insert(USERS, {**fixed, **facts})
        return True

    def apply(self, given: Given) -> bool:
        """Make an existing user and its contact what is given; whether anything changed.

        Raises ProvisionError for a role or a user that does not exist.
        """
        changed = self.change(given)
        user = self.named(given["username"], given.get("id"))
        if ACCESS_KEY in given:
            changed = self.access_keys.give(user["user_id"], given[ACCESS_KEY]) or changed
        return self._contacts.apply(user, given) or changed

    def change(self, given: Given) -> bool:
        """As `apply`, but leaves the contact alone."""
        stored = self.named(given["username"], given.get("id"))
        wanted = self._rows.columns(USERS, USER_COLUMNS, given) | self._references(given)
        if "password" in given:
            wire = md5_of_password(given["password"])
            wanted["password"] = _secret(stored["password"], wire, SecretKind.USER)
        if given.get("enabled") is False:
            self.access_keys.end_sessions(stored["user_id"])
        return self._rows.change(USERS, stored, wanted)

    def _stored(self, given: Given) -> Row | None:
        name, number = given["username"], given.get("id")
        found = self.find(name, number)
        if number is None:
            return found
        if found is not None and found["user_id"] != number:
            raise ProvisionError(f"the user {name} has the id {found['user_id']}, not {number}")
        owner = self._rows.find(USERS, self._rows.table(USERS).c.user_id == number)
        if owner is not None and found is None:
            raise ProvisionError(f"the id {number} belongs to the user {owner['username']}")
        return found

    def _references(self, given: Given) -> Row:
        """The columns that point to other rows; an empty name points to none."""
        wanted: Row = {}
        if "role" in given:
            wanted["role_id"] = self._role_id(given["role"])
        for key, column in REFERENCES.items():
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


SYNC_CLIENTS = "sync_client"
CLIENT_COLUMNS = {"id": "client_id", "type": "type", "version": "version", "enabled": "enabled"}
"""The facts that are stored as they are given."""


class SyncClients:
    """Adds and changes sync clients within one database transaction."""

    def __init__(self, rows: StampedRows, users: Users) -> None:
        self._rows = rows
        self._users = users

    def find(self, number: int) -> Row | None:
        """The sync client of an id, None when there is none."""
        if number > LARGEST_KEY:
            return None
        return self._rows.find(SYNC_CLIENTS, self._rows.table(SYNC_CLIENTS).c.client_id == number)

    def numbered(self, number: int) -> Row:
        """The sync client of an id; raises ProvisionError when there is none."""
        found = self.find(number)
        if found is None:
            raise ProvisionError(f"there is no sync client {number}")
        return found

    def all(self) -> list[Row]:
        """Every sync client, with the name of the user whom it belongs to as `user`."""
        names = {each["user_id"]: each["username"] for each in self._users.all()}
        return [
            {**each, "user": names.get(each["user_id"], "")}
            for each in self._rows.all(SYNC_CLIENTS)
        ]

    def add(self, given: Given) -> int:
        """Add a sync client, enabled unless something else is given; returns its id.

        Raises ProvisionError when it lacks a fact or its user does not exist.
        """
        for needed in ("type", "code"):
            if needed not in given:
                raise ProvisionError(f"a new sync client needs a {needed}")
        facts = self._rows.columns(SYNC_CLIENTS, CLIENT_COLUMNS, given) | self._owner(given)
        fixed = {"enabled": True, "code": hash_secret(given["code"])}
        return self._rows.insert(SYNC_CLIENTS, {**fixed, **facts})

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
        wanted = self._rows.columns(SYNC_CLIENTS, CLIENT_COLUMNS, given) | self._owner(given)
        if "code" in given:
            wanted["code"] = _secret(stored["code"], given["code"], SecretKind.SYNC_CLIENT)
        return self._rows.change(SYNC_CLIENTS, stored, wanted)

    def _owner(self, given: Given) -> Row:
        """The column of the user whom the client belongs to; an empty name means none."""
        if "user" not in given:
            return {}
        return {"user_id": self._users.named(given["user"])["user_id"] if given["user"] else None}


def _secret(stored: str | None, wire: str, kind: SecretKind) -> str:
    """What is to be stored for a secret: what is there already, when that verifies it."""
    if stored is not None and verify_secret(stored, wire, kind):
        return stored
    return hash_secret(wire)
