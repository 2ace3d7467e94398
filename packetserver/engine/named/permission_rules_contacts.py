"""Permissions of contacts and of what belongs to them: calls and history (PROTOCOL.md 10.2)."""

from __future__ import annotations

from collections.abc import Sequence

from packetserver.catalogue.conditions import (
    All,
    Any,
    Condition,
    Empty,
    Exists,
    Field,
    Not,
    Rows,
    equals,
    filled,
)
from packetserver.engine.ways import Asked, Way, permission_rule

CONTACT, CALL = "contact", "call"
OWN_COMPANY = 0
ACCOUNT_CONTACTS = "accounts-accounts-contacts"
INTERNAL_CONTACTS = "contacts-internal_contacts"
EXTERNAL_CONTACTS = "contacts-external_contacts"

OF_ACCOUNT = filled("orgId")
OF_STAFF = All(
    (equals("employee", value=True), Any((Empty(Field("orgId")), equals("orgId", OWN_COMPANY))))
)


@permission_rule(CONTACT)
def contact(asked: Asked) -> Sequence[Way]:
    """A contact of an account, one of the staff, or any other; decided from the contact itself."""
    of_account, of_staff = (_of_contact(asked, each) for each in (OF_ACCOUNT, OF_STAFF))
    return [
        asked.way(ACCOUNT_CONTACTS, of_account),
        asked.way(INTERNAL_CONTACTS, of_staff),
        asked.way(EXTERNAL_CONTACTS, Not(Any((of_account, of_staff)))),
    ]


@permission_rule(CALL)
def call(asked: Asked) -> Sequence[Way]:
    """By the account of the call or of its contact; a linked opportunity opens a second way."""
    of_account = _of_call(asked, Any((filled("orgId"), _through("contactId", OF_ACCOUNT))))
    return [
        asked.way(f"{ACCOUNT_CONTACTS}-calls", of_account),
        asked.way(f"{EXTERNAL_CONTACTS}-calls", Not(of_account)),
        asked.way("pipeline-opportunities-calls", _of_call(asked, filled("oppHeaderId"))),
    ]


@permission_rule("history")
def history(asked: Asked) -> Sequence[Way]:
    """By the contact that it is about; without one, by the account."""
    of_account = All((Empty(Field("contactId")), filled("orgId")))
    of_its_contact = _through("contactId", OF_ACCOUNT)
    return [
        asked.way("accounts-accounts-history", of_account),
        asked.way(f"{ACCOUNT_CONTACTS}-history", of_its_contact),
        asked.way(f"{EXTERNAL_CONTACTS}-history", Not(Any((of_account, of_its_contact)))),
    ]


def _of_contact(asked: Asked, where: Condition) -> Condition:
    """A condition on the contact itself, or on the one that a record belongs to."""
    if asked.object.element == CONTACT:
        return where
    return _through(next(asked.references_to(CONTACT)), where)


def _of_call(asked: Asked, where: Condition) -> Condition:
    """A condition on the call itself, or on the one that a participant takes part in."""
    if asked.object.element == CALL:
        return where
    return Exists(Rows(CALL, next(asked.references_to(CALL))), where)


def _through(reference: str, where: Condition) -> Condition:
    return Exists(Rows(CONTACT, reference), where)
