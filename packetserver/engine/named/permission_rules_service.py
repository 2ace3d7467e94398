"""Permissions of lookups, of the inbox, of the usage log and of sync clients (PROTOCOL.md 10.2)."""

from __future__ import annotations

from collections.abc import Sequence

from packetserver.engine.permissions import (
    DENIED,
    EDIT,
    VIEW,
    Question,
    full_names,
    permission_rule,
)
from packetserver.errors import ItemMessage

FREE: Sequence[str] = ()
USERS = "admin-users"


@permission_rule("lookup")
def lookup(question: Question) -> Sequence[str]:
    """Everybody may read a lookup; whoever may edit lists may change its rows in every way."""
    if question.verb == VIEW:
        return FREE
    return full_names(EDIT, question.object.permission)


@permission_rule("view_only")
def view_only(question: Question) -> Sequence[str]:
    """The permission exists with `-view` alone, which stands for all that its holder may do."""
    return full_names(VIEW, question.object.permission)


@permission_rule("usage")
def usage(question: Question) -> Sequence[str]:
    """The usage log can be viewed; who writes in it must be allowed to do the same to users."""
    base = question.object.permission if question.verb == VIEW else USERS
    return full_names(question.verb, base)


@permission_rule("sync_client")
def sync_client(question: Question) -> Sequence[str]:
    """Everybody has a free hand with his own clients; those of others belong to user management.

    Somebody who logs in by way of a user's client may handle that client and no other.
    """
    only = question.principal.restricted_to_client
    if only is not None:
        return FREE if question.value("id") == only else _refuse()
    owner, user = question.value("userId"), question.principal.user_id
    is_own = owner is not None and owner == user
    return FREE if is_own else full_names(question.verb, USERS)


@permission_rule("own_client")
def own_client(question: Question) -> Sequence[str]:
    """What concerns the authenticated client itself: whoever has logged in with one."""
    return FREE if question.principal.client_id is not None else _refuse()


def _refuse() -> Sequence[str]:
    raise ItemMessage(DENIED)
