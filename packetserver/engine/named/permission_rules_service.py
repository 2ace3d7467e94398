"""Permissions of lookups, of the inbox, of the usage log and of sync clients (PROTOCOL.md 10.2)."""

from __future__ import annotations

from collections.abc import Sequence

from packetserver.catalogue.conditions import CLIENT, READER, Compare, Field
from packetserver.engine.ways import (
    BY_CLIENT,
    EDIT,
    FREE,
    THROUGH_CLIENT,
    VIEW,
    Asked,
    Way,
    permission_rule,
)

USERS = "admin-users"


@permission_rule("lookup")
def lookup(asked: Asked) -> Sequence[Way]:
    """Everybody may read a lookup; whoever may edit lists may change its rows in every way."""
    return [Way(FREE) if asked.verb == VIEW else asked.way(asked.object.permission, verb=EDIT)]


@permission_rule("view_only")
def view_only(asked: Asked) -> Sequence[Way]:
    """The permission exists with `-view` alone, which stands for all that its holder may do."""
    return [asked.way(asked.object.permission, verb=VIEW)]


@permission_rule("usage")
def usage(asked: Asked) -> Sequence[Way]:
    """The usage log can be viewed; who writes in it must be allowed to do the same to users."""
    return [asked.way(asked.object.permission if asked.verb == VIEW else USERS)]


@permission_rule("sync_client")
def sync_client(asked: Asked) -> Sequence[Way]:
    """Everybody has a free hand with his own clients; those of others belong to user management.

    Somebody who logs in by way of a user's client may handle that client and no other.
    """
    return [
        Way(FREE, Compare(Field("userId"), "=", READER)),
        Way(THROUGH_CLIENT, Compare(Field("id"), "=", CLIENT)),
        asked.way(USERS),
    ]


@permission_rule("own_client")
def own_client(asked: Asked) -> Sequence[Way]:
    """What concerns the authenticated client itself: whoever has logged in with one."""
    return [Way(BY_CLIENT)]
