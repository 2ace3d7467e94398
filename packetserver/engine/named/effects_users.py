"""What a new or changed user changes (catalogue, administration)."""

from __future__ import annotations

from typing import Any

from packetserver.catalogue.model import Named
from packetserver.engine.effects import after, before
from packetserver.engine.named.conditions import acting_user, is_given
from packetserver.engine.named.effects_accounts import PUBLIC_ACCESS
from packetserver.engine.named.effects_contacts import OWN_COMPANY
from packetserver.engine.named.records_beside import add_record, refuse
from packetserver.engine.validation import REQUIRED, Writing
from packetserver.security.secrets import md5_of_password, user_code

PASSWORD = "encryptedPassword"  # noqa: S105 - a field's name
PLAIN = "password1"
NO_CODE = "not an MD5 in 32 hex digits"


@before("store_password")
def store_password(writing: Writing, named: Named) -> None:
    """The password is what travels on the wire for it; a plain one is turned into that.

    Raises TransactionFailure for a new user without a password.
    """
    code = writing.draft.values.get(PASSWORD)
    if is_given(writing.control(PLAIN)):
        writing.set(PASSWORD, md5_of_password(writing.control(PLAIN)))
    elif not isinstance(code, str) or not is_given(code):
        if writing.is_new:
            raise refuse(PASSWORD, REQUIRED)
        # It reads as empty: whoever sends that back does not mean to clear it.
        writing.draft.values.pop(PASSWORD, None)
    elif user_code(code) is None:
        writing.draft.complaints.append((PASSWORD, NO_CODE))


@before("add_contact_of_user")
def add_contact_of_user(writing: Writing, named: Named) -> None:
    """A user is listed through a contact; without one, a member of the own staff is made."""
    person = writing.value("contactId")
    if not writing.control("addContact") or (person is not None and person > 0):
        return
    user = acting_user(writing, "enteredBy")
    staff = {"orgId": OWN_COMPANY, "employee": True, "accessType": PUBLIC_ACCESS}
    stamps = {"enteredBy": user, "modifiedBy": user}
    names = {"nameLast": writing.value("username"), "siteId": writing.value("siteId")}
    writing.set("contactId", add_record(writing.call, "contact", {**names, **staff, **stamps}))


@after("link_contact_to_user")
def link_contact_to_user(writing: Writing, named: Named, key: Any) -> None:
    """The contact of a user says so."""
    person = writing.value("contactId")
    if person is not None and person > 0:
        writing.call.records.update_rows("contact", {"contact_id": person}, {"user_id": key})
