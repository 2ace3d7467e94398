"""The rows of users and sync clients that credentials are compared with."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache, reduce
from typing import Any, NamedTuple

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    DateTime,
    Integer,
    Select,
    String,
    TableClause,
    Update,
    bindparam,
    case,
    column,
    literal_column,
    null,
    select,
    table,
    update,
)

from packetserver.security.principal import VERBS
from packetserver.security.remembered import Claim
from packetserver.security.secrets import SecretKind
from packetserver.store.dialects import LINES_BEGIN, lines
from packetserver.store.direct import Direct
from packetserver.store.folding import same_name


class UserRow(NamedTuple):
    """A user, and what counts of the alias; ``permitted`` is for `read_permitted`."""

    user_id: int
    username: str
    password: str | None
    role_id: int
    expires: datetime | None
    alias: int | None
    enabled: bool | None
    allow_httpapi_access: bool | None
    acting_id: int | None
    acting_enabled: bool | None
    acting_expires: datetime | None
    acting_role_id: int | None
    permitted: str | None


class ClientRow(NamedTuple):
    """A sync client, and what counts of its owner; ``permitted`` is for `read_permitted`."""

    client_id: int
    enabled: bool | None
    code: str | None
    user_id: int | None
    enteredby: int
    owner_role_id: int | None
    owner_enabled: bool | None
    owner_expires: datetime | None
    permitted: str | None


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


def _permitted(role_id: ColumnElement[Any], asked: int) -> ColumnElement[Any]:
    """What a role holds of so many permissions, as one text: see `read_permitted`."""
    if not asked:
        return null().label(PERMITTED)
    verbs = (
        case((_ROLE_PERMISSION.c[f"role_{verb}"], _text(f"{_VERBS_BEGIN}{verb}")), else_=_text(""))
        for verb in VERBS
    )
    held = reduce(operator.add, verbs, _PERMISSION.c.permission)
    return (
        select(lines(held))
        .join(_ROLE_PERMISSION, _ROLE_PERMISSION.c.permission_id == _PERMISSION.c.permission_id)
        .where(_PERMISSION.c.permission.in_(_base(number) for number in range(asked)))
        .where(_PERMISSION.c.enabled, _ROLE_PERMISSION.c.role_id == role_id)
        .scalar_subquery()
        .label(PERMITTED)
    )


def _text(constant: str) -> ColumnElement[Any]:
    return literal_column(f"'{constant}'", String)


def _base(number: int) -> ColumnElement[Any]:
    return bindparam(f"base_{number}", type_=String)


_USERS = (
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
    .where(_ACCESS.c.user_id != _SYSTEM_USER)
)
# Letters are the database's affair on both sides: the two then never disagree about them.
_USERS_BY_NAME = _USERS.where(
    same_name(_ACCESS.c.username, bindparam("username", type_=String))
).order_by(_ACCESS.c.user_id)
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


@cache
def _users(asked: int) -> Direct:
    """Users, and what they hold of so many permissions; a packet asks about few."""
    permitted = _permitted(_ROLE_THAT_COUNTS, asked)
    return Direct(_USERS_BY_NAME.add_columns(permitted), stands_alone=True)


def users_joined(to: TableClause, on: Callable[[ColumnElement[int]], Any]) -> Select[Any]:
    """Users as `UserRow` has them, without what they hold, each with its row of another table.

    ``on`` is given the key of a user.
    """
    return _USERS.add_columns(_permitted(_ROLE_THAT_COUNTS, 0)).join(to, on(_ACCESS.c.user_id))


@cache
def _clients(asked: int) -> Direct:
    permitted = _permitted(_ACCESS.c.role_id, asked)
    return Direct(_CLIENT_BY_ID.add_columns(permitted), stands_alone=True)


# The old value is part of the condition: a secret that was changed meanwhile stays changed.
_REPLACEMENTS: Mapping[SecretKind, Update] = {
    SecretKind.USER: update(_ACCESS)
    .where(_ACCESS.c.user_id == bindparam("whose"), _ACCESS.c.password == bindparam("old"))
    .values(password=bindparam("new")),
    SecretKind.SYNC_CLIENT: update(_SYNC_CLIENT)
    .where(_SYNC_CLIENT.c.client_id == bindparam("whose"), _SYNC_CLIENT.c.code == bindparam("old"))
    .values(code=bindparam("new")),
}


def find_users(connection: Connection, name: str, bases: Sequence[str] = ()) -> list[UserRow]:
    """The rows of the users of a name, in any letter case.

    ``bases`` are permissions, of which ``permitted`` tells what each user holds.
    """
    facts = {"username": name} | _asked(bases)
    return [UserRow._make(row) for row in _users(len(bases)).rows(connection, facts)]


def find_client(
    connection: Connection, client_id: int, bases: Sequence[str] = ()
) -> ClientRow | None:
    """The row of a sync client; ``bases`` as for `find_users`."""
    if client_id > _LARGEST_KEY:  # the column could not hold it
        return None
    facts = {"client_id": client_id} | _asked(bases)
    row = _clients(len(bases)).first(connection, facts)
    return None if row is None else ClientRow._make(row)


def _asked(bases: Sequence[str]) -> dict[str, Any]:
    return {f"base_{number}": base for number, base in enumerate(bases)}


def read_permitted(text: str | None, bases: Sequence[str]) -> dict[str, frozenset[str]]:
    """The verbs held of each base permission, of a row's ``permitted``."""
    held: dict[str, frozenset[str]] = dict.fromkeys(bases, frozenset())
    for line in (text or "").split(LINES_BEGIN) if text else ():
        base, *verbs = line.split(_VERBS_BEGIN)
        held[base] = held.get(base, frozenset()) | frozenset(verbs)
    return held


def replace_stored(connection: Connection, claim: Claim, new: str) -> None:
    """Store a secret anew, unless it was changed since the claim was read."""
    facts = {"whose": claim.id, "old": claim.stored, "new": new}
    connection.execute(_REPLACEMENTS[claim.kind], facts)
