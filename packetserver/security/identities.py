"""The rows of users and sync clients that credentials are compared with."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    DateTime,
    Integer,
    Row,
    String,
    Update,
    bindparam,
    case,
    column,
    func,
    null,
    select,
    table,
    update,
)

from packetserver.security.principal import VERBS
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
_PERMISSION = table(
    "permission",
    column("permission_id", Integer),
    column("permission", String),
    column("enabled", Boolean),
)
_ROLE_PERMISSION = table(
    "role_permission",
    column("role_id", Integer),
    column("permission_id", Integer),
    *(column(f"role_{verb}", Boolean) for verb in VERBS),
)
_ACTING = _ACCESS.alias("acting")
_ACTING_ROLE = _ROLE.alias("acting_role")

PERMITTED = "permitted"
_VERBS_BEGIN = "|"
_PERMISSIONS_BEGIN = "\n"


def _permitted(role_id: ColumnElement[Any]) -> ColumnElement[Any]:
    """What a role holds of the permissions in question, as one text: see `read_permitted`."""
    verbs = (
        case((_ROLE_PERMISSION.c[f"role_{verb}"], f"{_VERBS_BEGIN}{verb}"), else_="")
        for verb in VERBS
    )
    held = reduce(operator.add, verbs, _PERMISSION.c.permission)
    return (
        select(func.aggregate_strings(held, _PERMISSIONS_BEGIN))
        .join(_ROLE_PERMISSION, _ROLE_PERMISSION.c.permission_id == _PERMISSION.c.permission_id)
        .where(_PERMISSION.c.permission.in_(bindparam("bases", expanding=True)))
        .where(_PERMISSION.c.enabled, _ROLE_PERMISSION.c.role_id == role_id)
        .scalar_subquery()
        .label(PERMITTED)
    )


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
# Whose rights count: the alias's, where there is one (PROTOCOL.md 2.4).
_ROLE_THAT_COUNTS = case((_ACCESS.c.alias > 0, _ACTING_ROLE.c.role_id), else_=_ACCESS.c.role_id)

# By whether it is asked what the role holds.
_USERS = {
    False: _USERS_BY_NAME.add_columns(null().label(PERMITTED)),
    True: _USERS_BY_NAME.add_columns(_permitted(_ROLE_THAT_COUNTS)),
}
_CLIENTS = {
    False: _CLIENT_BY_ID.add_columns(null().label(PERMITTED)),
    True: _CLIENT_BY_ID.add_columns(_permitted(_ACCESS.c.role_id)),
}
# The old value is part of the condition: a secret that was changed meanwhile stays changed.
_REPLACEMENTS: Mapping[SecretKind, Update] = {
    SecretKind.USER: update(_ACCESS)
    .where(_ACCESS.c.user_id == bindparam("whose"), _ACCESS.c.password == bindparam("old"))
    .values(password=bindparam("new")),
    SecretKind.SYNC_CLIENT: update(_SYNC_CLIENT)
    .where(_SYNC_CLIENT.c.client_id == bindparam("whose"), _SYNC_CLIENT.c.code == bindparam("old"))
    .values(code=bindparam("new")),
}


def find_users(connection: Connection, name: str, bases: Sequence[str] = ()) -> Sequence[Row[Any]]:
    """The rows of the users of a name, in any letter case, with what counts of their aliases.

    ``bases`` are permissions, of which ``permitted`` tells what each user holds.
    """
    facts = {"username": name} | _asked(bases)
    return connection.execute(_USERS[bool(bases)], facts).all()


def find_client(
    connection: Connection, client_id: int, bases: Sequence[str] = ()
) -> Row[Any] | None:
    """The row of a sync client, with what counts of its owner; ``bases`` as for `find_users`."""
    if client_id > _LARGEST_KEY:  # the column could not hold it
        return None
    facts = {"client_id": client_id} | _asked(bases)
    return connection.execute(_CLIENTS[bool(bases)], facts).one_or_none()


def _asked(bases: Sequence[str]) -> dict[str, Any]:
    return {"bases": bases} if bases else {}


def read_permitted(text: str | None, bases: Sequence[str]) -> dict[str, frozenset[str]]:
    """The verbs held of each base permission, of a row's ``permitted``."""
    held: dict[str, frozenset[str]] = dict.fromkeys(bases, frozenset())
    for line in (text or "").split(_PERMISSIONS_BEGIN) if text else ():
        base, *verbs = line.split(_VERBS_BEGIN)
        held[base] = held.get(base, frozenset()) | frozenset(verbs)
    return held


def replace_stored(connection: Connection, claim: Claim, new: str) -> None:
    """Store a secret anew, unless it was changed since the claim was read."""
    facts = {"whose": claim.id, "old": claim.stored, "new": new}
    connection.execute(_REPLACEMENTS[claim.kind], facts)
