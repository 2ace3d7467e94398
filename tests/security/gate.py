"""Servers on one database, whose clock is set by hand, and what logging in there has cost."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from driving import HOST, ListSink
from security.conftest import CountingHasher
from sync.office import Clock, item
from watching import told_of_statements

from packetserver.protocols.packet.packet import Options, Packet, Transaction
from packetserver.protocols.packet.process import Engine
from packetserver.records.opening import load_schema, preferences_of
from packetserver.records.service import Service
from packetserver.security.authentication import Authenticator
from packetserver.security.credentials import Credentials
from packetserver.security.remembered import RememberedCredentials
from packetserver.security.secrets import md5_of_password
from packetserver.settings import Settings
from packetserver.store.database import Database

REFUSED = ("Not authorized",)
HOME = "192.0.2.1"
"""Where people log in from unless it is said that they do so elsewhere."""

QUESTION = Transaction(1, (), (item("system", "getDateTime"),))
"""Something that everybody may ask who may log in."""

NUMBERS = itertools.count()


@dataclass
class Gate:
    """A process that serves; ``statements`` are those that it has given its database."""

    engine: Engine
    clock: Clock
    hasher: CountingHasher
    statements: list[str] = field(default_factory=list)

    def answer(self, credentials: Credentials | None, address: str = HOME) -> tuple[Any, ...]:
        """The errors of the only response."""
        packet = Packet(credentials, (QUESTION,))
        (response,) = self.engine.process(packet, Options(), HOST, address, ListSink())
        assert response.id == (None if response.errors == REFUSED else 1)
        return response.errors

    def lets_in(self, credentials: Credentials | None, address: str = HOME) -> bool:
        errors = self.answer(credentials, address)
        assert errors in {(), REFUSED}
        return not errors

    def log_in(self, name: str, password: str | None = None, address: str = HOME) -> bool:
        """Whether a user of world.toml comes in; the password is the name unless told otherwise."""
        return self.lets_in(user(name, name if password is None else password), address)

    def fail(self, times: int, name: str = "rep1", address: str = HOME) -> None:
        """Fail to log in, each time with another password."""
        for _ in range(times):
            assert not self.log_in(name, f"no {next(NUMBERS)}", address)

    def hashes(self, name: str, password: str | None = None, address: str = HOME) -> int:
        """How many slow hashes it costs to log in, or to be refused."""
        before = self.hasher.count
        self.log_in(name, password, address)
        return self.hasher.count - before

    def counters(self) -> list[dict[str, Any]]:
        """The rows of the table of failed logins."""
        table = self.engine.schema.metadata.tables["packetserver_login"]
        with self.engine.database.connect() as connection:
            return [dict(row) for row in connection.execute(table.select()).mappings()]


def user(name: str, password: str) -> Credentials:
    return Credentials(username=name, code=md5_of_password(password), system_id=4)


def client(number: int, code: str) -> Credentials:
    return Credentials(id=HOST, client_id=number, code=code, system_id=4)


@contextlib.contextmanager
def open_gate(
    url: str, clock: Clock, *, remembered: float = 0, seconds: Any = None, **settings: Any
) -> Iterator[Gate]:
    """A process that serves a prepared database; ``seconds`` is its monotonic clock."""
    given = Settings(database_url=url, timezone="America/New_York", **settings)
    hasher = CountingHasher()
    preferences = dataclasses.replace(preferences_of(given), clock=clock)
    memory = RememberedCredentials(remembered)
    authenticator = Authenticator(given, memory, seconds or (lambda: 0.0), hasher=hasher)
    with contextlib.closing(Database(url, "America/New_York")) as database:
        service = Service(database, load_schema(), authenticator, preferences)
        gate = Gate(Engine(service), clock, hasher)
        with told_of_statements(database.engine, gate.statements.append):
            yield gate
