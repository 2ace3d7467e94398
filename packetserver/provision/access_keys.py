"""Access keys of users, as an operator's command gives and tells them."""

from __future__ import annotations

from sqlalchemy import Connection

from packetserver.security.access_keys import (
    Seals,
    has_keys,
    make_key_file,
    seal_anew,
    store_key,
    stored_key,
)
from packetserver.security.sessions import end_sessions


class AccessKeys:
    """Gives and tells access keys within one database transaction.

    Its methods raise SettingsError where the file of keys will not do.
    """

    def __init__(self, connection: Connection, seals: Seals) -> None:
        self._connection = connection
        self._seals = seals

    def prepare(self) -> None:
        """Make the file if no key was ever stored, and store all keys with its first one."""
        if has_keys(self._connection):
            seal_anew(self._connection, self._seals)
        else:
            make_key_file(self._seals.file)

    def find(self, user_id: int) -> str | None:
        """The key of a user, None for one who has none."""
        stored = stored_key(self._connection, user_id)
        return None if stored is None else self._seals.open(user_id, stored.sealed)

    def give(self, user_id: int, key: str) -> bool:
        """Give a user a key; whether it is another one, with which earlier sessions end."""
        if self.find(user_id) == key:
            return False
        if not has_keys(self._connection):
            make_key_file(self._seals.file)
        store_key(self._connection, user_id, self._seals.seal(user_id, key))
        return True

    def end_sessions(self, user_id: int) -> None:
        """End all that a user has begun with a key, also if the user comes back later."""
        end_sessions(self._connection, user_id=user_id)
