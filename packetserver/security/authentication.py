"""Who a packet's credentials stand for (PROTOCOL.md 2; DECISIONS.md, Users and Sync clients)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from argon2 import PasswordHasher
from sqlalchemy import Connection

from packetserver.errors import NotAuthorized
from packetserver.letters import fold_name
from packetserver.security.credentials import Credentials
from packetserver.security.identities import (
    ClientRow,
    UserRow,
    find_client,
    find_users,
    read_permitted,
    replace_stored,
)
from packetserver.security.principal import Principal, PrincipalKind
from packetserver.security.remembered import Claim, RefusedClaims, RememberedCredentials
from packetserver.security.secrets import (
    HASHER,
    SecretKind,
    hash_secret,
    needs_upgrade,
    user_code,
    verify_secret,
)
from packetserver.security.throttle import REFUSAL, Attempt, Limits
from packetserver.settings import Settings

# A host name or an address in brackets, and perhaps a port.
_HOST = re.compile(r"(?:\[(?P<address>[^\]]*)\]|(?P<name>[^:]*))(?::\d*)?")


@dataclass(frozen=True, slots=True)
class Rights:
    """A user who is active, the role that counts, and what it holds, as one text."""

    user_id: int
    role_id: int
    permitted: str | None


class Authenticator:
    """Turns credentials into a principal, or refuses them."""

    def __init__(
        self,
        settings: Settings,
        remembered: RememberedCredentials,
        clock: Callable[[], float] = time.monotonic,
        *,
        host_names: Iterable[str] = (),
        hasher: PasswordHasher = HASHER,
    ) -> None:
        """``clock`` gives the seconds that ``remembered`` counts in.

        ``host_names`` are the names that the database was provisioned with; sync clients may use
        them like those of the settings.
        """
        self.upgrades = settings.upgrade_secrets
        seconds = settings.login_failure_minutes * 60
        self.limits = Limits(settings.login_failures, seconds) if settings.login_failures else None
        self._remembered = remembered
        self._refused = RefusedClaims(seconds if self.limits is not None else 0)
        self._clock = clock
        self._host_names = {_host_name(name) for name in (*settings.server_names, *host_names)}
        self._hasher = hasher

    def authenticate(
        self,
        connection: Connection,
        credentials: Credentials | None,
        host: str,
        now: datetime,
        attempt: Attempt | None = None,
    ) -> Principal:
        """The principal that the credentials prove; raises NotAuthorized for everything else.

        ``host`` is the name that the client used for this server; ``now`` is a naive time of the
        configured zone, as stored times are. Where the settings allow it, a bare secret is
        replaced on the connection; to commit that is the caller's business. An ``attempt`` may be
        throttled, which looks like any other refusal.
        """
        attempt = attempt if attempt is not None else Attempt("", 0)
        if credentials is None or credentials.code is None:
            raise NotAuthorized(REFUSAL)
        if credentials.username is not None:
            return self._authenticate_user(connection, credentials, now, attempt)
        if _sent_client_id(credentials) is not None:
            return self._authenticate_client(connection, credentials, host, now, attempt)
        raise NotAuthorized(REFUSAL)

    def _authenticate_user(
        self, connection: Connection, credentials: Credentials, now: datetime, attempt: Attempt
    ) -> Principal:
        claim, rights = self._verified_user(connection, credentials, now, attempt)
        client_id = _sent_client_id(credentials)
        if client_id is not None:
            _check_ownership(find_client(connection, client_id), rights.user_id)
        self._upgrade(connection, claim)
        return Principal(
            kind=PrincipalKind.USER if client_id is None else PrincipalKind.USER_CLIENT,
            user_id=rights.user_id,
            role_id=rights.role_id,
            client_id=client_id,
            entered_by=rights.user_id,
            permitted=read_permitted(rights.permitted, attempt.bases),
        )

    def _verified_user(
        self, connection: Connection, credentials: Credentials, now: datetime, attempt: Attempt
    ) -> tuple[Claim, Rights]:
        """The first user of the name whose code it is and who may use the API."""
        code, name = user_code(credentials.code or ""), credentials.username or ""
        if code is None:
            # No stored secret could make it right, so there is nothing to guess and to count.
            raise NotAuthorized(REFUSAL)
        rows = find_users(connection, name, attempt.bases)
        # By its id where there is one: a name is written in many ways.
        whose = f"user {rows[0].user_id}" if rows else f"name {fold_name(name)}"
        for row in rows:
            claim = Claim(SecretKind.USER, row.user_id, row.password, code)
            # The secret first, whatever else is wrong: so every refusal takes the same time.
            verified = self._is_verified(connection, claim, attempt, whose)
            rights = rights_of_user(row, now) if verified else None
            if rights is not None:
                return claim, rights
        if not rows:
            nobody = Claim(SecretKind.USER, whose, None, code)
            self._is_verified(connection, nobody, attempt, whose)
        raise NotAuthorized(REFUSAL)

    def _authenticate_client(
        self,
        connection: Connection,
        credentials: Credentials,
        host: str,
        now: datetime,
        attempt: Attempt,
    ) -> Principal:
        client_id, code = credentials.client_id or 0, credentials.code or ""
        client = find_client(connection, client_id, attempt.bases)
        stored = None if client is None else client.code
        claim = Claim(SecretKind.SYNC_CLIENT, client_id, stored, code)
        verified = self._is_verified(connection, claim, attempt, f"client {client_id}")
        if client is None or not (verified and self._is_this_host(credentials.id, host)):
            raise NotAuthorized(REFUSAL)
        if not (client.enabled and owner_is_active(client, now)):
            raise NotAuthorized(REFUSAL)
        self._upgrade(connection, claim)
        return client_principal(client, attempt.bases)

    def _is_verified(
        self, connection: Connection, claim: Claim, attempt: Attempt, whose: str
    ) -> bool:
        """Whether a claim is right; raises LoginThrottled where that may not be tried."""
        at = self._clock()
        if self._remembered.recalls(claim, at):
            return True
        if self._refused.recalls(claim, at):
            return False
        proof = self._remembered.proof(claim)
        left = attempt.begin_guess(connection, whose, proof)
        if left is not None:
            self._remembered.remember(claim, at, left)
            return True
        verified = verify_secret(claim.stored, claim.wire, claim.kind, self._hasher)
        if verified:
            self._remembered.remember(claim, at)
            attempt.succeed(proof)
        else:
            self._refused.remember(claim, at)
        return verified

    def _is_this_host(self, sent: str | None, host: str) -> bool:
        name = _host_name(sent or "")
        return bool(name) and (name == _host_name(host) or name in self._host_names)

    def _upgrade(self, connection: Connection, claim: Claim) -> None:
        if self.upgrades and needs_upgrade(claim.stored, self._hasher):
            replace_stored(connection, claim, hash_secret(claim.wire, self._hasher))


def _sent_client_id(credentials: Credentials) -> int | None:
    """The client's id; a negative one counts as none (PROTOCOL.md 2.2)."""
    client_id = credentials.client_id
    return client_id if client_id is not None and client_id >= 0 else None


def _check_ownership(client: ClientRow | None, user_id: int) -> None:
    if client is None or not client.enabled or client.user_id != user_id:
        raise NotAuthorized(REFUSAL)


def rights_of_user(row: UserRow, now: datetime) -> Rights | None:
    """The rights of a user who may log in: the alias's where there is one (PROTOCOL.md 2.4)."""
    active = _is_active(enabled=row.enabled, expires=row.expires, now=now)
    if not (active and row.allow_httpapi_access):
        return None
    if row.alias is None or row.alias <= 0:
        return Rights(row.user_id, row.role_id, row.permitted)
    # An alias without a user, or whose user has no role, is joined as nothing.
    active = _is_active(enabled=row.acting_enabled, expires=row.acting_expires, now=now)
    if row.acting_id is None or row.acting_role_id is None or not active:
        return None
    return Rights(row.acting_id, row.acting_role_id, row.permitted)


def _is_active(*, enabled: bool | None, expires: datetime | None, now: datetime) -> bool:
    return bool(enabled) and (expires is None or expires >= now)


def _owner_id(client: ClientRow) -> int | None:
    """The user whom a client belongs to; the original stores none as empty or negative."""
    owner: int | None = client.user_id
    return owner if owner is not None and owner >= 0 else None


def owner_is_active(client: ClientRow, now: datetime) -> bool:
    """Whether the user whom a client belongs to may log in; so may nobody."""
    if _owner_id(client) is None:
        return True
    return _is_active(enabled=client.owner_enabled, expires=client.owner_expires, now=now)


def client_principal(client: ClientRow, bases: Sequence[str] = ()) -> Principal:
    """Whom a client that has proved itself acts for; ``bases`` are those that it was read with."""
    owner = _owner_id(client)
    return Principal(
        kind=PrincipalKind.SYNC_CLIENT,
        user_id=owner,
        role_id=client.owner_role_id,
        client_id=client.client_id,
        entered_by=client.enteredby if owner is None else owner,
        permitted=read_permitted(client.permitted, bases),
    )


def _host_name(text: str) -> str:
    """A host in small letters without its port: `Example.org:8080` and `[::1]:8080` alike."""
    found = _HOST.fullmatch(text)
    name = (found["name"] or found["address"] or "") if found else text
    return name.lower()


def principal_of_client(connection: Connection, client_id: int, now: datetime) -> Principal | None:
    """The principal of a client that has asked earlier; None when it may not log in any more.

    ``now`` is a naive time of the configured zone, as stored times are.
    """
    client = find_client(connection, client_id)
    if client is None or not client.enabled or not owner_is_active(client, now):
        return None
    return client_principal(client)
