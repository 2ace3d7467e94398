"""Challenges of the web service, and who has answered one (docs/webservice.md, Logging in).

A token is not used up, and several are alive at once for a user at an address: clients that log in
at the same moment, and strangers who ask for somebody's challenge, are in nobody's way.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Double, String, bindparam, column, delete, insert, select, table

from packetserver.errors import LogIn, LogInRefused
from packetserver.letters import fold_name
from packetserver.security.access_keys import Seals, stored_key
from packetserver.security.authentication import Rights, rights_of_user
from packetserver.security.identities import UserRow, find_users
from packetserver.security.remembered import Proof
from packetserver.security.throttle import Attempt, network_of
from packetserver.store.direct import Direct

SECONDS = 300
MOST_ALIVE = 64
"""Of one user at one address; the oldest goes for a new one."""

DIGITS = 13
ANSWER_DIGITS = 32

NO_PROOF = Proof("", 0)
"""What is compared costs no slow hash, so no other worker need know of it."""

_CHALLENGES = table(
    "packetserver_challenge",
    column("token", String),
    column("subject", String),
    column("expires", Double),
)
_ALIVE = Direct(
    select(_CHALLENGES.c.token)
    .where(_CHALLENGES.c.subject == bindparam("subject", type_=String))
    .where(_CHALLENGES.c.expires > bindparam("at", type_=Double))
    .order_by(_CHALLENGES.c.expires.desc(), _CHALLENGES.c.token),
    stands_alone=True,
)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A user who has answered a challenge; ``key_number`` is that of the access key."""

    user: UserRow
    rights: Rights
    key_number: int


def new_challenge(connection: Connection, name: str, address: str, at: float) -> str:
    """A token for whoever says to be a user, whether there is such a one or not.

    ``at`` is in seconds since 1970; to commit is the caller's business.
    """
    token, subject = secrets.token_hex(DIGITS)[:DIGITS], _subject(name, address)
    # Of a clock that was set back, the challenges from before would live too long.
    for outdated in (_CHALLENGES.c.expires <= at, _CHALLENGES.c.expires > at + SECONDS):
        connection.execute(delete(_CHALLENGES).where(outdated))
    too_many = _tokens(connection, subject, at)[MOST_ALIVE - 1 :]
    if too_many:
        connection.execute(delete(_CHALLENGES).where(_CHALLENGES.c.token.in_(too_many)))
    row = {"token": token, "subject": subject, "expires": at + SECONDS}
    connection.execute(insert(_CHALLENGES), row)
    return token


def admit(
    connection: Connection, seals: Seals, name: str, answer: str, now: datetime, attempt: Attempt
) -> Admitted:
    """The user whose access key has answered a challenge: md5(token + key), in small hex digits.

    Leading zeros may lack: some clients write the digest as a number. ``now`` is a naive time of
    the configured zone. Raises LogInRefused, LoginThrottled for an ``attempt`` that has to wait, and
    SettingsError where keys cannot be opened.
    """
    tokens = _tokens(connection, _subject(name, attempt.address), attempt.at)
    if not tokens:
        raise LogInRefused(LogIn.NO_CHALLENGE)
    users = [] if "\0" in name else find_users(connection, name)
    found = [(each, key) for each in users if (key := stored_key(connection, each.user_id))]
    # By its id where there is one: a name is written in many ways.
    whose = f"user {users[0].user_id}" if users else f"name {fold_name(name)}"
    attempt.begin_guess(connection, whose, NO_PROOF)
    if not found:
        raise LogInRefused(LogIn.NO_KEY)
    for user, key in found:
        if _is_answered(tokens, seals.open(user.user_id, key.sealed), answer):
            rights = rights_of_user(user, now)
            if rights is None:
                raise LogInRefused(LogIn.INACTIVE)
            return Admitted(user, rights, key.number)
    raise LogInRefused(LogIn.WRONG)


def _is_answered(tokens: Sequence[str], key: str, answer: str) -> bool:
    given = answer.rjust(ANSWER_DIGITS, "0").encode("utf-8", "surrogatepass")
    # All of them, so that the time does not tell which one it was.
    return bool(sum([hmac.compare_digest(given, each) for each in _answers(tokens, key)]))


def _answers(tokens: Sequence[str], key: str) -> Iterator[bytes]:
    for token in tokens:
        # The protocol fixes MD5; a token is answered for minutes, and the key is long.
        digest = hashlib.md5(f"{token}{key}".encode(), usedforsecurity=False)
        yield digest.hexdigest().encode()


def _tokens(connection: Connection, subject: str, at: float) -> list[str]:
    """The tokens that are alive, newest first."""
    return [row[0] for row in _ALIVE.rows(connection, {"subject": subject, "at": at})]


def _subject(name: str, address: str) -> str:
    """What a user at an address is called in the table: a digest, since names may be of any length."""
    content = repr(("challenge", fold_name(name), network_of(address)))
    return hashlib.blake2b(content.encode("utf-8", "backslashreplace"), digest_size=32).hexdigest()
