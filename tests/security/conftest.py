"""A small database of users and sync clients to log in to."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from typing import Any, Literal

import pytest
import sqlalchemy
from argon2 import PasswordHasher
from sqlalchemy import Boolean, Column, DateTime, Integer, MetaData, String, Table

from packetserver.security.authentication import Authenticator
from packetserver.security.credentials import Credentials
from packetserver.security.principal import Principal
from packetserver.security.remembered import RememberedCredentials
from packetserver.security.secrets import hash_secret, md5_of_password
from packetserver.settings import Settings
from packetserver.store.database import Database

HOST = "crm.example"
NOW = datetime(2026, 11, 22, 9, 15, 8)

METADATA = MetaData()
ACCESS = Table(
    "access",
    METADATA,
    Column("user_id", Integer, primary_key=True),
    Column("username", String(80), nullable=False),
    Column("password", String(80)),
    Column("role_id", Integer),
    Column("expires", DateTime),
    Column("alias", Integer, default=-1),
    Column("enabled", Boolean, default=True),
    Column("allow_httpapi_access", Boolean, default=True),
)
ROLE = Table("role", METADATA, Column("role_id", Integer, primary_key=True))
SYNC_CLIENT = Table(
    "sync_client",
    METADATA,
    Column("client_id", Integer, primary_key=True),
    Column("enabled", Boolean, default=True),
    Column("code", String(255)),
    Column("user_id", Integer),
    Column("enteredby", Integer, nullable=False, default=0),
)


class CountingHasher(PasswordHasher):
    """A hasher as cheap as Argon2 allows, which counts how often it worked."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1, hash_len=16, salt_len=16)
        self.count = 0

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.count += 1
        return super().hash(password, salt=salt)

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - its name
        self.count += 1
        return super().verify(hash, password)


class Site:
    """A database, the hasher and the clock of its authenticator, and shorthands to log in."""

    def __init__(self, connection: sqlalchemy.Connection) -> None:
        METADATA.drop_all(connection)
        METADATA.create_all(connection)
        connection.execute(ROLE.insert(), [{"role_id": 1}, {"role_id": 2}])
        self.connection = connection
        self.hasher = CountingHasher()
        self.seconds = 0.0
        self.remembered = RememberedCredentials(300)
        self.configure()

    def configure(self, *, host_names: tuple[str, ...] = (), **settings: Any) -> None:
        self.authenticator = Authenticator(
            Settings(**settings),
            self.remembered,
            lambda: self.seconds,
            host_names=host_names,
            hasher=self.hasher,
        )

    def hashed(self, wire: str) -> str:
        return hash_secret(wire, self.hasher)

    def add_user(self, user_id: int, username: str, **columns: Any) -> None:
        """A user whose password is the name in small letters, unless told otherwise."""
        password = self.hashed(md5_of_password(username.lower()))
        row = {"user_id": user_id, "username": username, "password": password, "role_id": 1}
        self.connection.execute(ACCESS.insert(), row | columns)

    def add_client(self, client_id: int, code: str, **columns: Any) -> None:
        row = {"client_id": client_id, "code": self.hashed(code)}
        self.connection.execute(SYNC_CLIENT.insert(), row | columns)

    def change_user(self, user_id: int, **columns: Any) -> None:
        changed = ACCESS.update().where(ACCESS.c.user_id == user_id).values(**columns)
        self.connection.execute(changed)

    def change_client(self, client_id: int, **columns: Any) -> None:
        changed = SYNC_CLIENT.update().where(SYNC_CLIENT.c.client_id == client_id).values(**columns)
        self.connection.execute(changed)

    def stored_secrets(self) -> list[str | None]:
        users = self.connection.scalars(sqlalchemy.select(ACCESS.c.password)).all()
        return [*users, *self.connection.scalars(sqlalchemy.select(SYNC_CLIENT.c.code))]

    def authenticate(self, credentials: Credentials | None, host: str = HOST) -> Principal:
        return self.authenticator.authenticate(self.connection, credentials, host, NOW)

    def log_in(self, username: str, password: str | None = None, **more: Any) -> Principal:
        code = md5_of_password(username.lower() if password is None else password)
        return self.authenticate(Credentials(username=username, code=code, **more))

    def log_in_client(self, client_id: int, code: str | None, **more: Any) -> Principal:
        host = more.pop("host", HOST)
        sent: dict[str, Any] = {"id": HOST, "client_id": client_id, "code": code} | more
        return self.authenticate(Credentials(**sent), host)


@pytest.fixture
def hasher() -> CountingHasher:
    return CountingHasher()


@pytest.fixture(scope="session")
def open_site() -> Iterator[Callable[[], Site]]:
    """Opens a new site at every call, in memory; two roles are all it holds."""
    engine = Database("sqlite://").engine
    opened: list[sqlalchemy.Connection] = []

    def open_one() -> Site:
        while opened:
            opened.pop().close()
        opened.append(engine.connect())
        return Site(opened[-1])

    yield open_one
    for connection in opened:
        connection.close()
    engine.dispose()


@pytest.fixture
def stored_site(database_url: str) -> Iterator[Site]:
    """A site in a database of each kind, opened as the store opens it."""
    with closing(Database(database_url)) as database, database.connect(writes=True) as connection:
        yield Site(connection)


@pytest.fixture
def site(open_site: Callable[[], Site]) -> Site:
    return open_site()
