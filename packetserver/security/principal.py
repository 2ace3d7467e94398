"""For whom a packet acts, once its credentials are proved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

VERBS = ("view", "add", "edit", "delete")
"""What a role may hold of a permission."""


class PrincipalKind(Enum):
    """What has logged in (PROTOCOL.md 2.2)."""

    USER = "user"
    SYNC_CLIENT = "sync client"
    USER_CLIENT = "user-based sync client"


@dataclass(frozen=True, slots=True)
class Principal:
    """A user, a sync client, or a user by way of a sync client.

    ``user_id`` and ``role_id`` say whose rights count (an alias is resolved; the rights themselves
    are read live), ``client_id`` names the sync client. ``entered_by`` is the user that records
    are entered and modified by: the user, or whoever entered a client that has none. ``permitted``
    are the verbs held of some base permissions, as they were when the principal logged in.
    """

    kind: PrincipalKind
    user_id: int | None
    role_id: int | None
    client_id: int | None
    entered_by: int
    permitted: Mapping[str, frozenset[str]] = field(default_factory=dict, compare=False)

    @property
    def acts_as_user(self) -> bool:
        """Whether a user asks: own records and fields forced to the user follow from it."""
        return self.kind is PrincipalKind.USER

    @property
    def unrestricted(self) -> bool:
        """Whether no permission is checked: a sync client that belongs to nobody."""
        return self.kind is PrincipalKind.SYNC_CLIENT and self.user_id is None

    @property
    def restricted_to_client(self) -> int | None:
        """The only client that a user's sync client may handle, and nothing but it; else None.

        Such a principal may use the elements `syncClient` and `compileSyncData` alone.
        """
        return self.client_id if self.kind is PrincipalKind.USER_CLIENT else None
