"""The rows of users and sync clients that credentials are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Boolean,
    Connection,
    DateTime,
    Integer,
    Row,
    String,
    Update,
    bindparam,
    column,
    func,
    select,
    table,
    update,
)

from packetserver.security.remembered import Claim
from packetserver.security.secrets import SecretKind

_LARGEST_KEY = 2**31 - 1
_SYSTEM_USER = 0
"""The owner of the shipped records, who never logs in."""

_ACCESS = table(
    "access",
    column("user_id", Integer),
    column("username", String),
    column("password", String),
    column("role_id", Integer),
    column("expires", DateTime),
    column("alias", Integer),
    column("enabled", Boolean),
    column("allow_httpapi_access", Boolean),
)
_ROLE = table("role", column("role_id", Integer))
_SYNC_CLIENT = table(
    "sync_client",
    column("client_id", Integer),
    column("enabled", Boolean),
    column("code", String),
    column("user_id", Integer),
    column("enteredby", Integer),
)
_ACTING = _ACCESS.alias("acting")
_ACTING_ROLE = _ROLE.alias("acting_role")

# The letter case is the database's affair on both sides: the two then never disagree about it.
_USERS_BY_NAME = (
    select(
        _ACCESS,
        _ACTING.c.user_id.label("acting_id"),
        _ACTING.c.enabled.label("acting_enabled"),
        _ACTING.c.expires.label("acting_expires"),
        _ACTING_ROLE.c.role_id.label("acting_role_id"),
    )
    .join(_ROLE, _ROLE.c.role_id == _ACCESS.c.role_id)
    .outerjoin(_ACTING, _ACTING.c.user_id == _ACCESS.c.alias)
    .outerjoin(_ACTING_ROLE, _ACTING_ROLE.c.role_id == _ACTING.c.role_id)
    .where(func.lower(_ACCESS.c.username) == func.lower(bindparam("username", type_=String)))
    .where(_ACCESS.c.user_id != _SYSTEM_USER)
    .order_by(_ACCESS.c.user_id)
)
_CLIENT_BY_ID = (
    select(
        _SYNC_CLIENT,
        _ACCESS.c.role_id.label("owner_role_id"),
        _ACCESS.c.enabled.label("owner_enabled"),
        _ACCESS.c.expires.label("owner_expires"),
    )
    .outerjoin(_ACCESS, _ACCESS.c.user_id == _SYNC_CLIENT.c.user_id)
    .where(_SYNC_CLIENT.c.client_id == bindparam("client_id", type_=Integer))
)
# The old value is part of the condition: a secret that was changed meanwhile stays changed.
_REPLACEMENTS: Mapping[SecretKind, Update] = {
    SecretKind.USER: update(_ACCESS)
    .where(_ACCESS.c.user_id == bindparam("whose"), _ACCESS.c.password == bindparam("old"))
    .values(password=bindparam("new")),
    SecretKind.SYNC_CLIENT: update(_SYNC_CLIENT)
    .where(_SYNC_CLIENT.c.client_id == bindparam("whose"), _SYNC_CLIENT.c.code == bindparam("old"))
    .values(code=bindparam("new")),
}


def find_users(connection: Connection, name: str) -> Sequence[Row[Any]]:
    """The rows of the users of a name, in any letter case, with what counts of their aliases."""
    return connection.execute(_USERS_BY_NAME, {"username": name}).all()


def find_client(connection: Connection, client_id: int) -> Row[Any] | None:
    """The row of a sync client, with what counts of its owner."""
    if client_id > _LARGEST_KEY:  # the column could not hold it
        return None
    return connection.execute(_CLIENT_BY_ID, {"client_id": client_id}).one_or_none()


def replace_stored(connection: Connection, claim: Claim, new: str) -> None:
    """Store a secret anew, unless it was changed since the claim was read."""
    facts = {"whose": claim.id, "old": claim.stored, "new": new}
    connection.execute(_REPLACEMENTS[claim.kind], facts)
