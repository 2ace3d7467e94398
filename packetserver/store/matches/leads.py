"""Matches of leads: contacts that somebody is still to read, to assign or to work on."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, false, not_, or_, select

from packetserver.catalogue.model import Filter, Named
from packetserver.store.filters import match
from packetserver.store.matches.comparing import equal
from packetserver.store.scope import Scope, Selection

Condition = ColumnElement[bool] | None

UNREAD, UNPROCESSED, ASSIGNED, TRASHED = range(4)
ANY = -1
LISTED = (UNPROCESSED, ASSIGNED, TRASHED)
"""The states in which a lead is still one."""

READ_BY, SKIPPED_BY = "contact_lead_read_map", "contact_lead_skipped_map"


@match("lead_status")
def _lead_status(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """Leads in a state; -1 are those in any, while the filter `leads` is 1.

    The unread ones depend on that filter too, and on the user whom the filter `reader` names.
    """
    scope = selection.scope
    status = scope.column("lead_status")
    if value in LISTED:
        return and_(_is_lead(scope), status == value)
    if value == ANY:
        only_leads = selection.values.get(named.text("leads")) == 1
        return and_(_is_lead(scope), status.in_(LISTED)) if only_leads else None
    if value == UNREAD and selection.values.get(named.text("leads")) == 1:
        reader = selection.values.get(named.text("reader"))
        return and_(_is_lead(scope), status == UNPROCESSED, _unread(scope, reader))
    return equal(status, value)


def _unread(scope: Scope, reader: int | None) -> ColumnElement[bool]:
    """Nobody has read the lead but perhaps the reader, who has not skipped it."""
    reads = scope.other(READ_BY)
    readers = select(reads.c.contact_id)
    if reader is None:
        return scope.key.not_in(readers)
    others = readers.where(reads.c.user_id != reader)
    return and_(scope.key.not_in(others), not_(_noted(scope, SKIPPED_BY, reader)))


@match("lead_read_by")
def _lead_read_by(selection: Selection, named: Named, one: Filter | None, value: Any) -> Condition:
    """Leads that a user has read and not skipped; only while one of the filters `with` is 1."""
    if not any(selection.values.get(name) for name in named.texts("with")):
        return None
    scope = selection.scope
    read, skipped = _noted(scope, READ_BY, value), _noted(scope, SKIPPED_BY, value)
    return and_(_is_lead(scope), read, not_(skipped))


@match("lead_owner_or_reader")
def _lead_owner_or_reader(
    selection: Selection, named: Named, one: Filter | None, value: Any
) -> Condition:
    """Leads that the user in the filter `user`, or who asks, owns or has read, and not skipped."""
    scope = selection.scope
    user = selection.values.get(named.text("user"), selection.user)
    if user is None:
        return false()
    own = or_(scope.column("owner") == user, _noted(scope, READ_BY, user))
    return and_(_is_lead(scope), own, not_(_noted(scope, SKIPPED_BY, user)))


def _is_lead(scope: Scope) -> ColumnElement[bool]:
    return scope.column("lead").is_(True)


def _noted(scope: Scope, table: str, user: int) -> ColumnElement[bool]:
    """Whether one of the two maps has a row of the user for the contact."""
    noted = scope.other(table)
    return scope.key.in_(select(noted.c.contact_id).where(noted.c.user_id == user))
