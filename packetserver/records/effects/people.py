"""What new or changed accounts, contacts and users change."""

from __future__ import annotations

from typing import Any

from packetserver.catalogue.model import Named
from packetserver.records.effects import after, before
from packetserver.records.effects.beside import add_record, refuse
from packetserver.records.rules import REQUIRED, acting_user, is_given
from packetserver.records.writing import Writing
from packetserver.security.secrets import md5_of_password, user_code
from packetserver.store.chosen import FirstEnabled

PUBLIC_ACCESS = 2
"""The access type of contacts that everybody may see."""

FIRST_STAGE = FirstEnabled("lookup_account_stage", key="code", order="level")

NAMES = ("nameSalutation", "nameFirst", "nameMiddle", "nameLast", "nameSuffix")
"""The parts of a person's name; accounts and contacts share them."""


@before("first_account_stage")
def first_account_stage(writing: Writing, named: Named) -> None:
    """A new account without a stage begins at the first one that is enabled."""
    if writing.value("stageId") is not None:
        return
    writing.set("stageId", FIRST_STAGE)


@before("name_of_individual")
def name_of_individual(writing: Writing, named: Named) -> None:
    """An account that is a person is listed under the person's name, unless it has its own."""
    if not writing.control("isIndividual") or is_given(writing.value("name")):
        return
    parts = (writing.value("nameLast"), writing.value("nameFirst"))
    name = ", ".join(each for each in parts if is_given(each))
    found = writing.object.field("name")
    if name and found is not None:
        writing.set("name", name[: found.max_length])


@before("modified_by_whoever_entered")
def modified_by_whoever_entered(writing: Writing, named: Named) -> None:
    """A new account was last modified by the user who entered it, whatever was sent."""
    writing.set("modifiedBy", writing.value("enteredBy"))


@after("add_primary_contact")
def add_primary_contact(writing: Writing, named: Named, key: Any) -> None:
    """The person that a new account names becomes its primary contact."""
    if not writing.control("insertPrimaryContact") or not is_given(writing.value("nameLast")):
        return
    same = (*NAMES, "owner", "siteId", "enteredBy", "modifiedBy")
    add_record(
        writing.records,
        "contact",
        {
            **{name: writing.value(name) for name in same},
            "orgId": key,
            "orgName": writing.value("name"),
            "primaryContact": True,
            "accessType": PUBLIC_ACCESS,
        },
    )


@after("rename_contacts_of_account")
def rename_contacts_of_account(writing: Writing, named: Named, key: Any) -> None:
    """The contacts of an account carry its name."""
    stored = writing.stored
    if stored is not None and writing.value("name") != stored["name"]:
        values = {"org_name": writing.value("name")}
        writing.rows.update_rows("contact", {"org_id": key}, values)


OWN_COMPANY = 0


@before("contact_organization_name")
def contact_organization_name(writing: Writing, named: Named) -> None:
    """``orgName`` is what was sent for a contact of an account, and the company for any other."""
    if not any(writing.was_sent(name) for name in ("orgId", "orgName", "company")):
        return
    account = writing.value("orgId")
    if account is None or account <= OWN_COMPANY:
        writing.set("orgName", writing.value("company"))


@before("staff_of_own_company")
def staff_of_own_company(writing: Writing, named: Named) -> None:
    """Who belongs to the installation's own company is an employee."""
    if writing.value("orgId") == OWN_COMPANY:
        writing.set("employee", value=True)


@before("lead_status_of_leads")
def lead_status_of_leads(writing: Writing, named: Named) -> None:
    """A new contact that is no lead has no lead status."""
    if not writing.value("isLead"):
        writing.set("leadStatus", None)


@after("rename_account_of_primary_contact")
def rename_account_of_primary_contact(writing: Writing, named: Named, key: Any) -> None:
    """An account carries the name of the person who is its primary contact."""
    is_other = writing.value("isLead") or writing.value("employee")
    account = writing.value("orgId")
    if not writing.value("primaryContact") or is_other or account is None:
        return
    catalogue = writing.rows.schema.catalogue
    columns = {name: catalogue.objects["account"].fields[name].column or "" for name in NAMES}
    values = {columns[name]: writing.value(name) for name in NAMES}
    writing.rows.update_rows("organization", {"org_id": account}, values)


PASSWORD = "encryptedPassword"  # noqa: S105 - a field's name
PLAIN = "password1"
NO_CODE = "not an MD5 in 32 hex digits"


@before("store_password")
def store_password(writing: Writing, named: Named) -> None:
    """The password is what travels on the wire for it; a plain one is turned into that.

    Raises Refused for a new user without a password.
    """
    code = writing.given.values.get(PASSWORD)
    if is_given(writing.control(PLAIN)):
        writing.set(PASSWORD, md5_of_password(writing.control(PLAIN)))
    elif not isinstance(code, str) or not is_given(code):
        if writing.is_new:
            raise refuse(PASSWORD, REQUIRED)
        # It reads as empty: whoever sends that back does not mean to clear it.
        writing.given.values.pop(PASSWORD, None)
    elif user_code(code) is None:
        writing.given.unread.append((PASSWORD, NO_CODE))


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
    writing.set("contactId", add_record(writing.records, "contact", {**names, **staff, **stamps}))


@after("link_contact_to_user")
def link_contact_to_user(writing: Writing, named: Named, key: Any) -> None:
    """The contact of a user says so."""
    person = writing.value("contactId")
    if person is not None and person > 0:
        writing.rows.update_rows("contact", {"contact_id": person}, {"user_id": key})
