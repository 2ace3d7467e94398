"""What a new or changed account changes (catalogue, accounts)."""

from __future__ import annotations

from typing import Any

from packetserver.catalogue.model import Named
from packetserver.engine.effects import after, before
from packetserver.engine.named.conditions import is_given
from packetserver.engine.named.records_beside import add_record
from packetserver.engine.validation import Writing
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
    found = writing.draft.object.field("name")
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
        writing.call,
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
        writing.call.records.update_rows("contact", {"org_id": key}, values)
