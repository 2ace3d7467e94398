"""A server and three sync clients, edits on either side, and a network and a clock that fail.

Whatever happens, after quiet syncs all have the same; no change is overwritten by a client that
had not seen it; no record is doubled; and what was deleted stays deleted.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, update
from sync.model_client import Fault, ModelClient
from sync.office import START, Office, open_office

from databases import KINDS, Databases
from packetserver.store.schema import Schema

CLIENTS = range(3)
NUMBERS = (1, 2, 5)
WRONG = timedelta(days=400)
"""How far ahead the clock goes when it is wrong."""

FAULTS = [Fault.NONE] * 5 + list(Fault)
faults = strategies.lists(strategies.sampled_from(FAULTS), min_size=1, max_size=8)
"""What happens to one request after the other."""

clients = strategies.sampled_from(CLIENTS)
places = strategies.integers(0, 7)


class Synchronising(RuleBasedStateMachine):
    """Everything that can happen; the fixture gives every example an empty server."""

    office: Office

    @initialize(
        pages=strategies.lists(strategies.sampled_from([None, 1, 2]), min_size=3, max_size=3),
        sessions=strategies.lists(strategies.booleans(), min_size=3, max_size=3),
    )
    def begin(self, pages: list[int | None], sessions: list[bool]) -> None:
        empty(self.office)
        self.names = (f"n{each}" for each in itertools.count(1))
        self.clock = self.office.clock
        self.clock.set_to(START)
        self.latest, self.is_wrong = START, False
        self.clients = [
            ModelClient(self.office.client(number), page, has_sessions)
            for number, page, has_sessions in zip(NUMBERS, pages, sessions, strict=True)
        ]
        self.deleted: set[str] = set()

    @property
    def accounts(self) -> dict[str, tuple[int, str]]:
        """The key and the name of every account that is there, by its token."""
        return {
            row["account_number"]: (row["org_id"], row["name"])
            for row in self.rows
            if row["trashed_date"] is None
        }

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [row for row in self.office.rows("organization") if row["org_id"] > 0]

    @rule()
    def server_creates(self) -> None:
        name = next(self.names)
        values = {"name": name, "accountNumber": f"t-{name}", "insertPrimaryContact": "false"}
        self.office.admin.key("account", "insert", values)

    @rule(hours=strategies.integers(1, 200))
    def server_creates_what_is_old(self, hours: int) -> None:
        name = next(self.names)
        entered = (START - timedelta(hours=hours)).strftime("%Y-%m-%d %H:%M:%S")
        values = {"name": name, "accountNumber": f"t-{name}", "insertPrimaryContact": "false"}
        self.office.admin.key(
            "account", "insert", {**values, "entered": entered, "modified": entered}
        )

    @rule(place=places)
    def server_renames(self, place: int) -> None:
        for key in chosen(self.accounts, place):
            values = {"id": str(self.accounts[key][0]), "name": next(self.names)}
            self.office.admin.key("account", "update", values)

    @rule(place=places)
    def server_deletes(self, place: int) -> None:
        for token in chosen(self.accounts, place):
            values = {"id": str(self.accounts[token][0])}
            assert self.office.admin.send("account", "delete", values).errors == ()

    @rule(number=clients)
    def client_creates(self, number: int) -> None:
        name = next(self.names)
        self.clients[number].create(f"t-{name}", name)

    @rule(number=clients, place=places)
    def client_renames(self, number: int, place: int) -> None:
        for each in chosen(self.clients[number].records, place):
            self.clients[number].rename(each, next(self.names))

    @rule(number=clients, place=places)
    def client_deletes(self, number: int, place: int) -> None:
        for each in chosen(self.clients[number].records, place):
            self.clients[number].delete(each)

    @rule(number=clients, faults=faults)
    def client_sends(self, number: int, faults: list[Fault]) -> None:
        for fault in faults:
            self.send_one(self.clients[number], fault)

    def send_one(self, client: ModelClient, fault: Fault) -> None:
        """Let a client go on with its session, and see what it changes."""
        before = self.accounts
        own = [*client.records.values(), *client.deleted.values()]
        known = {each.token: {each.base, *each.sent} for each in own}
        client.step(fault)
        for token, (_, name) in self.accounts.items():
            if token in before and before[token][1] != name:
                assert before[token][1] in known[token], "a client overwrote what it had not seen"

    @rule(number=clients)
    def client_syncs(self, number: int) -> None:
        self.clients[number].whole_session()

    @rule(seconds=strategies.sampled_from([0.001, 1, 60, 3600, 3 * 86400]))
    def time_passes(self, seconds: float) -> None:
        self.clock.go_on(seconds=seconds)
        if not self.is_wrong:
            self.latest = max(self.latest, self.clock.time)

    @rule(hours=strategies.integers(1, 20))
    def clock_is_set_back(self, hours: int) -> None:
        """Not further than it is said to be: PACKETSERVER_SYNC_OVERLAP_SECONDS is a day."""
        if not self.is_wrong:
            earliest = self.latest - timedelta(hours=20)
            self.clock.set_to(max(self.clock.time - timedelta(hours=hours), earliest))

    @rule()
    def clock_goes_wrong_or_right(self) -> None:
        self.is_wrong = not self.is_wrong
        self.clock.set_to(self.clock.time + (WRONG if self.is_wrong else -WRONG))
        if not self.is_wrong:
            self.latest = max(self.latest, self.clock.time)

    @invariant()
    def no_record_is_doubled(self) -> None:
        if hasattr(self, "clients"):
            tokens = [row["account_number"] for row in self.rows]
            assert len(tokens) == len(set(tokens))
            for client in self.clients:
                own = [each.token for each in client.records.values()]
                assert len(own) == len(set(own))

    @invariant()
    def nothing_deleted_comes_back(self) -> None:
        if hasattr(self, "clients"):
            self.deleted |= {
                r["account_number"] for r in self.rows if r["trashed_date"] is not None
            }
            assert self.deleted.isdisjoint(self.accounts)

    def teardown(self) -> None:
        """After quiet syncs, everybody has what the server has."""
        if not hasattr(self, "clients"):
            return
        if self.is_wrong:
            self.clock_goes_wrong_or_right()
        self.clock.set_to(self.latest)
        for client in self.clients * 3:
            self.clock.go_on(seconds=1)
            client.whole_session()
        expected = {token: name for token, (_, name) in self.accounts.items()}
        for client in self.clients:
            assert {each.token: each.name for each in client.records.values()} == expected
            assert client.deleted == {}


def chosen(from_these: Any, place: int) -> list[Any]:
    """One of them, or none when there is none."""
    known = sorted(from_these)
    return [known[place % len(known)]] if known else []


def empty(office: Office) -> None:
    """Take away every account, and all that is known of the clients."""
    tables = office.engine.schema.metadata.tables
    with office.engine.database.connect(writes=True) as connection:
        for name in (
            *("sync_map", "sync_unconfirmed", "sync_number", "sync_session", "sync_arrival"),
            *("sync_answered", "sync_answer", "sync_end", "sync_ended"),
        ):
            connection.execute(delete(tables[name]))
        for name in ("sync_conflict_log", "sync_transaction_log", "sync_log"):
            connection.execute(delete(tables[name]))
        accounts = tables["organization"]
        connection.execute(delete(accounts).where(accounts.c.org_id > 0))
        connection.execute(update(tables["sync_client"]).values(anchor=None))
        connection.commit()


@pytest.fixture(params=KINDS)
def machine(
    request: pytest.FixtureRequest, databases: Databases, schema: Schema
) -> Iterator[Callable[[], Synchronising]]:
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(databases.prepared(request.param))
        opened = stack.enter_context(open_office(url, schema))
        values = {"id": "5", "type": "model", "code": "secret5", "enabled": "true"}
        assert opened.client().send("syncClient", "insert", values).errors == ()

        class Prepared(Synchronising):
            office = opened

        yield Prepared


EXAMPLES = {"sqlite": 60, "postgresql": 8}


def test_all_agree_in_the_end(
    machine: Callable[[], Synchronising], request: pytest.FixtureRequest
) -> None:
    kind = request.node.callspec.params["machine"]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES[kind],
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
