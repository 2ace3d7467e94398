"""A server whose clock is set by hand, and ways to talk to it as a user or a sync client."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from driving import ADMIN, HOST, Answer, Driver, item

from packetserver.protocols.packet.packet import CommitLevel
from packetserver.protocols.packet.process import Engine
from packetserver.records.opening import preferences_of
from packetserver.records.service import Service
from packetserver.security.authentication import Authenticator
from packetserver.security.credentials import Credentials
from packetserver.security.remembered import RememberedCredentials
from packetserver.settings import Settings
from packetserver.store.database import Database
from packetserver.store.schema import Schema

ZONE = "America/New_York"
START = datetime(2035, 3, 5, 15, 0, tzinfo=UTC)
"""10:00 in the configured zone: later than what the database was made with, and far from any change
of the clocks."""


@dataclass
class Clock:
    """The server's clock; it stands still unless it is set."""

    time: datetime = START

    def __call__(self) -> datetime:
        return self.time

    def go_on(self, **duration: float) -> None:
        self.time += timedelta(**duration)

    def set_to(self, when: datetime) -> None:
        """Set the clock, forward or back."""
        self.time = when


@dataclass
class Office:
    """The server, its clock, and what lies in its database."""

    engine: Engine
    clock: Clock
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 10**9)))

    @property
    def admin(self) -> Party:
        return Party(self, ADMIN)

    def client(self, number: int = 1) -> Party:
        """A sync client of tests/conformance/world.toml, by its own code."""
        return Party(self, Credentials(HOST, f"secret{number}", 4, number))

    def rows(self, table: str, **identity: Any) -> list[dict[str, Any]]:
        """The rows of a table with equal columns."""
        target = self.engine.schema.metadata.tables[table]
        equal = [target.c[name] == value for name, value in identity.items()]
        with self.engine.database.connect() as connection:
            found = connection.execute(target.select().where(*equal)).mappings().all()
        return [dict(each) for each in found]

    def account(self, name: str | None = None, **values: str) -> str:
        """An account that the administrator enters; returns its key."""
        name = name or f"Account {next(self.numbers)}"
        return self.admin.key("account", "insert", {"name": name, **values})


@dataclass
class Party:
    """Somebody who sends packets."""

    office: Office
    credentials: Credentials

    def send(
        self,
        element: str,
        action: str,
        values: Mapping[str, str | None] | None = None,
        meta: Sequence[str] = (),
        last: str | None = None,
        following: str | None = None,
        **attributes: str,
    ) -> Answer:
        """Send a packet of one item, between two anchors."""
        return Driver(self.office.engine, self._at(last, following)).one(
            element, action, values, meta, **attributes
        )

    def send_all(
        self,
        *transactions: Sequence[Any],
        meta: Sequence[str] = (),
        level: CommitLevel = CommitLevel.PACKET,
        last: str | None = None,
        following: str | None = None,
    ) -> list[Answer]:
        """Send a packet of several transactions."""
        driver = Driver(self.office.engine, self._at(last, following))
        return driver.send(transactions, meta, level=level)

    def key(self, element: str, action: str, values: Mapping[str, str | None]) -> str:
        """The key of a record that is changed; nothing may go wrong."""
        answer = self.send(element, action, values, ["id"])
        assert answer.errors == (), answer.errors
        assert [each.action for each in answer.records] == ["processed"]
        return answer.records[0]["id"]

    def now(self) -> str:
        """The server's time, as a sync client takes its next anchor from it."""
        return self.send("syncClient", "getDateTime").records[0]["dateTime"]

    def sync(
        self,
        element: str = "accountList",
        meta: Sequence[str] = ("guid", "name"),
        values: Mapping[str, str | None] | None = None,
        last: str | None = None,
        following: str | None = None,
        **attributes: str,
    ) -> list[tuple[str, ...]]:
        """What a sync answers: the action and the texts of every record."""
        following = following or self.now()
        answer = self.send(element, "sync", values, meta, last, following, **attributes)
        assert answer.errors == (), answer.errors
        return [(each.action, *each.texts) for each in answer.records]

    def gone(self, element: str = "accountList") -> list[str]:
        """What a syncDelete names."""
        answer = self.send(element, "syncDelete", meta=["name"])
        assert answer.errors == (), answer.errors
        assert all(each.names == ("guid",) and each.action == "delete" for each in answer.records)
        return [each["guid"] for each in answer.records]

    def start(self, last: str | None = None) -> tuple[str, ...]:
        """Begin a session; returns what is wrong with it."""
        return self.send("syncClient", "syncStart", last=last).errors

    def end(self, following: str | None) -> None:
        """End a session."""
        answer = self.send("syncClient", "syncEnd", following=following)
        assert [each.action for each in answer.records] == ["syncEnd"]

    def whole_session(self, last: str | None = None) -> tuple[str, list[tuple[str, ...]]]:
        """A session that syncs the accounts; returns its anchor, and what was sent."""
        following = self.now()
        assert self.start(last) == ()
        sent = self.sync(last=last, following=following)
        self.end(following)
        return following, sent

    def _at(self, last: str | None, following: str | None) -> Credentials:
        return dataclasses.replace(self.credentials, last_anchor=last, next_anchor=following)


@contextlib.contextmanager
def open_office(url: str, schema: Schema, **settings: Any) -> Iterator[Office]:
    """A server on a prepared database."""
    given = Settings(database_url=url, timezone=ZONE, **settings)
    clock = Clock()
    preferences = dataclasses.replace(preferences_of(given), clock=clock)
    database = Database(url, ZONE)
    authenticator = Authenticator(given, RememberedCredentials(10**6), time.monotonic)
    with contextlib.closing(database):
        yield Office(Engine(Service(database, schema, authenticator, preferences)), clock)


__all__ = ["START", "Clock", "Office", "Party", "item", "open_office"]
