"""Permissions of contacts and of what belongs to them: calls and history (PROTOCOL.md 10.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from packetserver.engine.named.records_beside import column_of
from packetserver.engine.permissions import Question, full_names, permission_rule

CONTACT = "contact"
OWN_COMPANY = 0
ACCOUNT_CONTACTS = "accounts-accounts-contacts"
INTERNAL_CONTACTS = "contacts-internal_contacts"
EXTERNAL_CONTACTS = "contacts-external_contacts"


@permission_rule(CONTACT)
def contact(question: Question) -> Sequence[str]:
    """A contact of an account, one of the staff, or any other; decided from the contact itself."""
    account, is_staff = _facts_of_contact(question)
    bases = [ACCOUNT_CONTACTS] if account is not None else []
    if is_staff and account in {None, OWN_COMPANY}:
        bases.append(INTERNAL_CONTACTS)
    return full_names(question.verb, *(bases or [EXTERNAL_CONTACTS]))


@permission_rule("call")
def call(question: Question) -> Sequence[str]:
    """By the account of the call or of its contact; a linked opportunity opens a second way."""
    account = _of_call(question, "orgId", "org_id")
    if account is None:
        account = _account_of(question, _of_call(question, "contactId", "contact_id"))
    opportunity = _of_call(question, "oppHeaderId", "opp_id")
    return full_names(
        question.verb,
        f"{EXTERNAL_CONTACTS if account is None else ACCOUNT_CONTACTS}-calls",
        None if opportunity is None else "pipeline-opportunities-calls",
    )


@permission_rule("history")
def history(question: Question) -> Sequence[str]:
    """By the contact that it is about; without one, by the account."""
    person = question.value("contactId")
    if person is None and question.value("orgId") is not None:
        return full_names(question.verb, "accounts-accounts-history")
    account = _account_of(question, person)
    base = EXTERNAL_CONTACTS if account is None else ACCOUNT_CONTACTS
    return full_names(question.verb, f"{base}-history")


def _facts_of_contact(question: Question) -> tuple[Any, bool]:
    """(account or None, whether of the staff) of the contact, or of the one that it belongs to."""
    if question.object.element == CONTACT:
        is_staff = question.value("employee") or question.value("employeesOnly")
        return question.value("orgId"), bool(is_staff)
    owner = _named_contact(question)
    if owner is None:
        return question.value("orgId"), False
    account = _account_of(question, owner)
    return account, bool(column_of(question.records, CONTACT, "employee", owner))


def _named_contact(question: Question) -> Any:
    """The contact that an address or the like belongs to."""
    fields = question.object.stored_fields
    names = (each.name for each in fields if each.references == CONTACT)
    return next((question.value(name) for name in names), None)


def _account_of(question: Question, person: Any) -> Any:
    return column_of(question.records, CONTACT, "org_id", person)


def _of_call(question: Question, field: str, column: str) -> Any:
    """A fact of the call: its own, or that of the call that a participant takes part in."""
    if question.object.element == "call":
        return question.value(field)
    return column_of(question.records, "call_log", column, question.value("callId"))
