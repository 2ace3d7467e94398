"""The contact that every user has, as the original's user administration makes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from packetserver.provision.rows import Row, Rows

TABLE = "contact"
ADDRESSES = "contact_emailaddress"
NAMES = {"name_first": "namefirst", "name_last": "namelast"}
EMAIL = {"email": "email"}

OWN_COMPANY = 0
EMPLOYEES = 626030332
"""The module of the access types that contacts of the own company's staff have."""

FIRST_ADDRESS_TYPE = 1


class Contacts:
    """Adds and changes the contacts of users."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def apply(self, user: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
        """Make a user's contact what is given, and make one if there is none.

        ``user`` is the stored row. Returns whether anything changed.
        """
        names = self._rows.columns(TABLE, NAMES, given)
        found = self._contact_of(user)
        if found is None:
            contact = self._add(user, names)
            changed = True
        else:
            contact = found["contact_id"]
            changed = self._rows.change(TABLE, found, names)
        linked = self._rows.change("access", user, {"contact_id": contact})
        return self._apply_address(contact, given) or linked or changed

    def _contact_of(self, user: Mapping[str, Any]) -> Row | None:
        columns = self._rows.table(TABLE).c
        linked = self._rows.find(TABLE, columns.contact_id == user["contact_id"])
        return linked or self._rows.find(TABLE, columns.user_id == user["user_id"])

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
        return self._rows.insert(TABLE, {**facts, **names})

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
