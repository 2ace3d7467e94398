"""Sessions of the web service: who has logged in, known by a name that the client alone holds.

They are in the database, so that every process and machine knows them, each by the digest of its
name. What they are worth is looked up with each request: who may not log in any more has none.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Integer,
    String,
    bindparam,
    column,
    delete,
    insert,
    select,
    table,
    update,
)

from packetserver.errors import NoSession, Over
from packetserver.security.access_keys import KEYS
from packetserver.security.authentication import Rights, rights_of_user
from packetserver.security.challenges import Admitted
from packetserver.security.identities import UserRow, users_joined
from packetserver.security.principal import Principal, PrincipalKind
from packetserver.settings import Settings
from packetserver.store.direct import Direct

NAME_BYTES = 16
LONGEST_ADDRESS = 80

NOTED_SECONDS = 60
NOTED_SHARE = 30
"""That a session is used is noted once a minute, or as often as this part of the time it may be idle:
to write with each request would make those wait that only read."""

REMEMBERED_SECONDS = 86_400
"""For how long it is known of a session which is over why."""

_SESSIONS = table(
    "packetserver_session",
    column("session_id", Integer),
    column("digest", String),
    column("user_id", Integer),
    column("key_number", Integer),
    column("address", String),
    column("began", Double),
    column("used", Double),
)
_FACTS = (_SESSIONS.c.session_id, _SESSIONS.c.began, _SESSIONS.c.used)
_BY_DIGEST = Direct(
    users_joined(_SESSIONS, lambda user_id: _SESSIONS.c.user_id == user_id)
    .outerjoin(
        KEYS, (KEYS.c.user_id == _SESSIONS.c.user_id) & (KEYS.c.number == _SESSIONS.c.key_number)
    )
    .add_columns(*_FACTS, KEYS.c.number.label("kept_number"))
    .where(_SESSIONS.c.digest == bindparam("digest", type_=String)),
    stands_alone=True,
)
_USER_FACTS = len(UserRow._fields)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many seconds a session lasts at most, and without being used."""

    longest: float
    idle: float

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """Those that the settings say."""
        return cls(settings.session_seconds, settings.session_idle_seconds)

    @property
    def noted(self) -> float:
        """How often it is noted that a session is used."""
        return min(NOTED_SECONDS, self.idle / NOTED_SHARE)


@dataclass(frozen=True, slots=True)
class Session:
    """A session that is alive: whose it is, and for whom it acts; ``used`` is when that was noted."""

    id: int
    user_name: str
    principal: Principal
    used: float
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A session as an operator sees it; times are in seconds since 1970."""

    id: int
    user_id: int
    address: str
    began: float
    used: float


def begin_session(
    connection: Connection, admitted: Admitted, address: str, at: float, limits: Limits
) -> Session:
    """A new session of a user who has logged in; to commit is the caller's business."""
    _forget_old(connection, at, limits)
    name = secrets.token_hex(NAME_BYTES)
    row = {
        "digest": _digest(name),
        "user_id": admitted.user.user_id,
        "key_number": admitted.key_number,
        "address": address[:LONGEST_ADDRESS],
        "began": at,
        "used": at,
    }
    statement = insert(_SESSIONS).values(row).returning(_SESSIONS.c.session_id)
    number: int = connection.execute(statement).scalar_one()
    return Session(number, admitted.user.username, _principal(admitted.rights), at, name)


def find_session(
    connection: Connection, name: str, at: float, now: datetime, limits: Limits
) -> Session:
    """The session of a name; ``now`` is a naive time of the configured zone, as stored times are.

    Raises NoSession when there is none, or it is over.
    """
    row = _BY_DIGEST.first(connection, {"digest": _digest(name)})
    if row is None:
        raise NoSession(Over.UNKNOWN)
    user = UserRow._make(row[:_USER_FACTS])
    number, began, used, kept_number = row[_USER_FACTS:]
    rights = rights_of_user(user, now)
    if rights is None or kept_number is None:
        raise NoSession(Over.USER, number)
    if at - began >= limits.longest:
        raise NoSession(Over.TOO_OLD, number)
    if at - used >= limits.idle + limits.noted:
        raise NoSession(Over.IDLE, number)
    return Session(number, user.username, _principal(rights), used, name)


def note_use(connection: Connection, session: Session, at: float) -> None:
    """Note that a session is used."""
    owned = _SESSIONS.c.session_id == session.id
    connection.execute(update(_SESSIONS).where(owned).values(used=at))


def end_sessions(
    connection: Connection, session_id: int | None = None, user_id: int | None = None
) -> int:
    """End one session, those of a user, or all; how many."""
    chosen: list[ColumnElement[bool]] = []
    if session_id is not None:
        chosen.append(_SESSIONS.c.session_id == session_id)
    if user_id is not None:
        chosen.append(_SESSIONS.c.user_id == user_id)
    return connection.execute(delete(_SESSIONS).where(*chosen)).rowcount


def list_sessions(connection: Connection, at: float, limits: Limits) -> list[ListedSession]:
    """The sessions that are alive as far as time goes, oldest first."""
    facts = (*_FACTS[:1], _SESSIONS.c.user_id, _SESSIONS.c.address, *_FACTS[1:])
    alive = (
        _SESSIONS.c.began > at - limits.longest,
        _SESSIONS.c.used > at - limits.idle - limits.noted,
    )
    statement = select(*facts).where(*alive).order_by(_SESSIONS.c.session_id)
    return [ListedSession(*row) for row in connection.execute(statement)]


def _forget_old(connection: Connection, at: float, limits: Limits) -> None:
    known = at - REMEMBERED_SECONDS
    is_old = (_SESSIONS.c.began < known - limits.longest) | (_SESSIONS.c.used < known - limits.idle)
    connection.execute(delete(_SESSIONS).where(is_old))


def _principal(rights: Rights) -> Principal:
    return Principal(
        kind=PrincipalKind.USER,
        user_id=rights.user_id,
        role_id=rights.role_id,
        client_id=None,
        entered_by=rights.user_id,
    )


def _digest(name: str) -> str:
    content: Any = name.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=32).hexdigest()
