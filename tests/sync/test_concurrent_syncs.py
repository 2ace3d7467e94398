"""Clients that sync while others write, on the database where transactions really overlap."""

from __future__ import annotations

import dataclasses
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from driving import ADMIN, HOST, ListSink, item
from sync.office import Office, Party, open_office

from databases import Databases
from packetserver.protocols.packet.packet import Options, Packet, Transaction
from packetserver.store.schema import Schema

WRITERS, PACKETS, RECORDS = 3, 4, 150
WAIT_SECONDS = 60


@pytest.fixture
def busy_office(databases: Databases, schema: Schema) -> Iterator[Office]:
    """A server on PostgreSQL whose clock goes."""
    with databases.prepared("postgresql") as url, open_office(url, schema) as opened:
        engine = opened.engine
        engine.preferences = dataclasses.replace(
            engine.preferences, clock=lambda: datetime.now().astimezone()
        )
        yield opened


@dataclass
class Follower:
    """A client that syncs accounts again and again, in sessions or by its own anchors alone."""

    client: Party
    has_sessions: bool = True
    id_name: str = "guid"
    anchor: str | None = None
    names: dict[str, str] = field(default_factory=dict)
    inserted: Counter[str] = field(default_factory=Counter)

    def session(self) -> None:
        following = self.client.now()
        if self.has_sessions:
            assert self.client.start(self.anchor) == ()
        meta = (self.id_name, "name")
        found = self.client.sync(meta=meta, last=self.anchor, following=following)
        for action, guid, name in found:
            self.names[guid] = name
            self.inserted[guid] += action == "insert"
        if self.has_sessions:
            self.client.end(following)
        self.anchor = following


class PausingSink(ListSink):
    """Stops a packet after its first records, while its transaction is open."""

    def __init__(self, records: int) -> None:
        super().__init__()
        self.records_before = records
        self.is_reached, self.may_go_on = threading.Event(), threading.Event()

    def write(self, action: str, names: Sequence[str], texts: Sequence[str]) -> None:
        super().write(action, names, texts)
        if len(self.records) == self.records_before:
            self.is_reached.set()
            assert self.may_go_on.wait(WAIT_SECONDS)


def packet_of(names: Sequence[str]) -> Packet:
    """A packet that enters accounts, a transaction each."""
    return Packet(
        ADMIN,
        tuple(
            Transaction(number, ("id",), (item("account", "insert", {"name": name}),))
            for number, name in enumerate(names)
        ),
    )


@pytest.mark.parametrize("id_name", ["guid", "id"])
@pytest.mark.parametrize("has_sessions", [True, False])
@pytest.mark.parametrize("overlap_seconds", [0, 86_400])
def test_what_is_committed_after_the_anchor_is_in_the_next_session(
    databases: Databases, schema: Schema, overlap_seconds: int, id_name: str, *, has_sessions: bool
) -> None:
    """Without the overlap it is in none, as in the original: so this can fail."""
    names = [f"late {number}" for number in range(RECORDS)]
    sink = PausingSink(RECORDS // 2)
    with (
        databases.prepared("postgresql") as url,
        open_office(url, schema, sync_overlap_seconds=overlap_seconds) as office,
        ThreadPoolExecutor(1) as threads,
    ):
        follower = Follower(office.client(), has_sessions, id_name)
        writing = threads.submit(
            office.engine.process, packet_of(names), Options(), HOST, HOST, sink
        )
        assert sink.is_reached.wait(WAIT_SECONDS)
        office.clock.go_on(seconds=1)
        follower.session()
        assert follower.names == {}
        sink.may_go_on.set()
        assert {each.status for each in writing.result(WAIT_SECONDS)} == {0}
        office.clock.go_on(seconds=1)
        follower.session()
    # The clock stood still while the packet was written, and went on before it was committed.
    assert sorted(follower.names.values()) == (sorted(names) if overlap_seconds else [])


def test_nothing_is_missed_while_others_write(busy_office: Office) -> None:
    followers = [
        Follower(busy_office.client(1)),
        Follower(busy_office.client(2), has_sessions=False),
        Follower(busy_office.admin, has_sessions=False, id_name="id"),
    ]
    with ThreadPoolExecutor(WRITERS + len(followers)) as threads:
        written = [threads.submit(write, busy_office, writer) for writer in range(WRITERS)]
        done = threading.Event()
        following = [threads.submit(follow, each, done) for each in followers]
        expected: list[str] = []
        try:
            for each in written:
                expected += each.result(WAIT_SECONDS * 3)
        finally:
            done.set()
        rounds = [each.result(WAIT_SECONDS) for each in following]
    assert min(rounds) > 1
    for follower in followers:
        follower.session()
        assert sorted(follower.names.values()) == sorted(expected)
        assert set(follower.inserted.values()) == {1}


def follow(follower: Follower, done: threading.Event) -> int:
    """Sync until the others are done; returns how often."""
    rounds = 0
    while not done.is_set():
        follower.session()
        rounds += 1
    return rounds


def write(office: Office, writer: int) -> list[str]:
    """Enter accounts in large packets, and rename those of the packet before."""
    names: list[str] = []
    keys: list[str] = []
    for number in range(PACKETS):
        fresh = [f"{writer}-{number}-{each}" for each in range(RECORDS - len(keys) // 2)]
        renamed = [f"{name} again" for name in names[-len(keys) :]] if keys else []
        transactions = [item("account", "insert", {"name": name}) for name in fresh]
        transactions += [
            item("account", "update", {"id": key, "name": name})
            for key, name in zip(keys, renamed, strict=True)
        ]
        answers = office.admin.send_all(*([each] for each in transactions), meta=["id"])
        assert {each.status for each in answers} == {0}
        names[len(names) - len(keys) :] = [*renamed, *fresh]
        keys = [each.records[0]["id"] for each in answers[: len(fresh)]]
    return names


def test_two_packets_of_one_client_take_turns(busy_office: Office) -> None:
    """The same insert at the same moment stores one record; the same sync sends all once."""
    client = busy_office.client()
    barrier = threading.Barrier(8)

    def insert(guid: int) -> str:
        barrier.wait(WAIT_SECONDS)
        return client.key("account", "insert", {"guid": str(guid % 2 + 1), "name": f"n{guid % 2}"})

    def sync(_: int) -> list[tuple[str, ...]]:
        barrier.wait(WAIT_SECONDS)
        return client.sync("roleList", ["guid", "role"], following="2099-01-01 00:00:00.0")

    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(insert, range(8)))
        sent = [record for answer in threads.map(sync, range(8)) for record in answer]
    assert len(keys) == len(busy_office.rows("organization")) - 1 == 2
    roles = len(busy_office.admin.send("roleList", "select", meta=["id"]).records)
    assert sorted(int(guid) for _, guid, _ in sent) == list(range(1, roles + 1))
