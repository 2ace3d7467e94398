"""Drives an engine with packets made in Python, and reads what it answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from packetserver.protocols.packet.packet import (
    CommitLevel,
    Item,
    Options,
    Packet,
    Property,
    Response,
    Transaction,
)
from packetserver.protocols.packet.process import Engine
from packetserver.security.credentials import Credentials

HOST = "127.0.0.1"
ADMIN = Credentials(username="admin", code="21232f297a57a5a743894a0e4a801fc3", system_id=4)
CLIENT = Credentials(id=HOST, code="secret1", client_id=1, system_id=4)
"""The identities of tests/conformance/world.toml that tests use most."""

PLACE = re.compile(r"^item \d+ \(\w+\): ")

Values = Mapping[str, str | None]


@dataclass(frozen=True)
class Record:
    """A record of an answer."""

    action: str
    names: tuple[str, ...]
    texts: tuple[str, ...]

    def __getitem__(self, name: str) -> str:
        return self.texts[self.names.index(name)]


@dataclass
class ListSink:
    """Keeps the records that an engine writes."""

    records: list[Record] = field(default_factory=list)

    def position(self) -> int:
        return len(self.records)

    def cut(self, position: int) -> None:
        del self.records[position:]

    def write(self, action: str, names: Sequence[str], texts: Sequence[str]) -> None:
        assert len(names) == len(texts)
        self.records.append(Record(action, tuple(names), tuple(texts)))


@dataclass(frozen=True)
class Answer:
    """One response with its records."""

    response: Response
    records: list[Record]

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def errors(self) -> tuple[str, ...]:
        return self.response.errors

    @property
    def reasons(self) -> tuple[str, ...]:
        """The errors without the places that sentences of the server's own begin with."""
        return tuple(PLACE.sub("", each) for each in self.errors)

    @property
    def total(self) -> int | None:
        return None if self.response.records is None else self.response.records.total


def item(element: str, action: str, values: Values | None = None, **attributes: str) -> Item:
    """An item; a value of None is an empty element."""
    properties = tuple(Property(name, text) for name, text in (values or {}).items())
    return Item(element, {"action": action, **attributes}, properties)


@dataclass
class Driver:
    """Sends packets to an engine as somebody."""

    engine: Engine
    credentials: Credentials = ADMIN

    def send(
        self,
        transactions: Sequence[Sequence[Item]],
        meta: Sequence[str] = (),
        *,
        validate: bool = True,
        level: CommitLevel = CommitLevel.PACKET,
        credentials: Credentials | None = None,
        strict: bool = False,
    ) -> list[Answer]:
        """Send a packet of these transactions, all with the same meta properties."""
        sent = tuple(
            Transaction(number, tuple(meta), tuple(items))
            for number, items in enumerate(transactions, 1)
        )
        sink = ListSink()
        packet = Packet(credentials or self.credentials, sent)
        responses = self.engine.process(packet, Options(level, validate, strict), HOST, HOST, sink)
        return [Answer(each, _records(each, sink)) for each in responses]

    def one(
        self,
        element: str,
        action: str,
        values: Values | None = None,
        meta: Sequence[str] = (),
        *,
        validate: bool = True,
        credentials: Credentials | None = None,
        **attributes: str,
    ) -> Answer:
        """Send a packet of one item."""
        items = [item(element, action, values, **attributes)]
        (answer,) = self.send([items], meta, validate=validate, credentials=credentials)
        return answer


def _records(response: Response, sink: ListSink) -> list[Record]:
    found = response.records
    return [] if found is None else sink.records[found.start : found.end]
