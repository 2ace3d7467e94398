"""Sync clients for which the server works while they do not ask."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from packetserver.security.authentication import client_principal, owner_is_active
from packetserver.security.identities import find_client
from packetserver.security.principal import Principal


def principal_of_client(connection: Connection, client_id: int, now: datetime) -> Principal | None:
    """The principal of a client that has asked earlier; None when it may not log in any more.

    ``now`` is a naive time of the configured zone, as stored times are.
    """
    client = find_client(connection, client_id)
    if client is None or not client.enabled or not owner_is_active(client, now):
        return None
    return client_principal(client)
