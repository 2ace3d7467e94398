"""Access keys: a user's secret for the web service, which the server must know in clear.

A client proves that it has the key by a digest over it and a challenge, so no hash of it will do. It
is stored sealed (Fernet), with keys that are in no database but in a file: the first line seals, all
lines open, so that the key may be changed.
"""

from __future__ import annotations

import os
import secrets
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import (
    Connection,
    Integer,
    String,
    bindparam,
    column,
    delete,
    select,
    table,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from packetserver.errors import SettingsError
from packetserver.settings import Settings
from packetserver.store.dialects import upsert
from packetserver.store.direct import Direct

LENGTH = 16
CHARACTERS = string.ascii_letters + string.digits

MODE = 0o600
ENDING = ".keys"
DEFAULT_FILE = Path("var/packetserver.keys")

KEYS = table(
    "packetserver_access_key",
    column("user_id", Integer),
    column("number", Integer),
    column("sealed", String),
)
SESSIONS_OF_USERS = table("packetserver_session", column("user_id", Integer))

_OF_USER = Direct(
    select(KEYS.c.number, KEYS.c.sealed).where(KEYS.c.user_id == bindparam("user", type_=Integer)),
    stands_alone=True,
)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as it is stored; ``number`` is the how manieth of its user it is."""

    number: int
    sealed: str


def new_access_key() -> str:
    """A key that nobody can guess."""
    return "".join(secrets.choice(CHARACTERS) for _ in range(LENGTH))


def is_access_key(text: str) -> bool:
    """Whether a text could be one: 16 letters and digits."""
    return len(text) == LENGTH and set(text) <= set(CHARACTERS)


def key_file(settings: Settings) -> Path:
    """The file of the settings; without a setting, one beside the database.

    Raises SettingsError for a database URL that is none.
    """
    if settings.access_key_file is not None:
        return settings.access_key_file
    try:
        url = make_url(settings.database_url)
    except (ArgumentError, ValueError) as error:
        # The text itself is not told: it may hold a password.
        raise SettingsError("database_url is no database URL") from error
    name = url.database or ""
    if url.get_backend_name() != "sqlite" or not name or name.startswith((":", "file:")):
        return DEFAULT_FILE
    return Path(name + ENDING)


def make_key_file(path: Path) -> bool:
    """Make the file with a new key, which its owner alone may read; False when it is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "wb") as file:
        file.write(Fernet.generate_key() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return True


class Seals:
    """Seals and opens access keys; safe to use from many threads."""

    def __init__(self, file: Path) -> None:
        """The file is read when it is first needed."""
        self.file = file
        self._keys: MultiFernet | None = None

    def seal(self, user_id: int, key: str) -> str:
        """What is to be stored for a user's key. Raises SettingsError for a file that will not do."""
        return self._opened().encrypt(_content(user_id, key)).decode()

    def open(self, user_id: int, sealed: str) -> str:
        """The key that was sealed for a user.

        Raises SettingsError for a file that will not do, or that lacks the key it was sealed with.
        """
        try:
            content = self._opened().decrypt(sealed).decode()
        except InvalidToken as error:
            raise SettingsError(
                f"access_key_file: {self.file} lacks the key that access keys are stored with"
            ) from error
        owner, _, key = content.partition(":")
        if owner != str(user_id):
            raise SettingsError(f"the access key of the user {user_id} was stored for another one")
        return key

    def renewed(self, sealed: str) -> str:
        """The same key, sealed with the first key of the file. Raises what `open` does."""
        try:
            return self._opened().rotate(sealed).decode()
        except InvalidToken as error:
            raise SettingsError(
                f"access_key_file: {self.file} lacks the key that access keys are stored with"
            ) from error

    def _opened(self) -> MultiFernet:
        if self._keys is None:
            self._keys = MultiFernet(list(read_keys(self.file)))
        return self._keys


def read_keys(file: Path) -> Iterator[Fernet]:
    """The keys of a file, a line each; raises SettingsError when it has none, or something else."""
    try:
        lines = file.read_text(encoding="ascii").split()
    except OSError as error:
        raise SettingsError(
            f"access_key_file: {file} cannot be read: {error.strerror}: packetserver init-db makes"
            " a new one, which opens no access key that is stored already"
        ) from error
    except UnicodeDecodeError:
        lines = [""]
    try:
        found = [Fernet(each) for each in lines]
    except ValueError:
        found = []
    if not found:
        # What stands there is not told: it may be a key with a slip.
        raise SettingsError(f"access_key_file: {file} must hold keys of Fernet, a line each")
    yield from found


def _content(user_id: int, key: str) -> bytes:
    # Whose it is, so that nobody who writes to the database gives his key to another user.
    return f"{user_id}:{key}".encode()


def stored_key(connection: Connection, user_id: int) -> StoredKey | None:
    """The stored key of a user, None for one who has none."""
    row = _OF_USER.first(connection, {"user": user_id})
    return None if row is None else StoredKey(*row)


def store_key(connection: Connection, user_id: int, sealed: str) -> None:
    """Give a user a key in place of an earlier one, whose sessions end with it."""
    statement = upsert(connection, KEYS).values(user_id=user_id, number=1, sealed=sealed)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["user_id"], set_={"number": KEYS.c.number + 1, "sealed": sealed}
        )
    )
    connection.execute(delete(SESSIONS_OF_USERS).where(SESSIONS_OF_USERS.c.user_id == user_id))


def has_keys(connection: Connection) -> bool:
    """Whether any key is stored."""
    return connection.execute(select(KEYS.c.user_id).limit(1)).first() is not None


def seal_anew(connection: Connection, seals: Seals) -> None:
    """Seal all keys with the first key of the file. Raises SettingsError."""
    for row in connection.execute(select(KEYS.c.user_id, KEYS.c.sealed)).all():
        owned = (KEYS.c.user_id == row.user_id, KEYS.c.sealed == row.sealed)
        connection.execute(update(KEYS).where(*owned).values(sealed=seals.renewed(row.sealed)))
