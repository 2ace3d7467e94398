"""Packets that change the same records in different order, on PostgreSQL: all are done, in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import psycopg
import pytest
from faults.waiting import libpq_url
from sync.office import Office, item, open_office

from databases import Databases
from packetserver.store.schema import Schema

CLIENTS, PACKETS = 8, 6
LONGEST_SECONDS = 10
PUBLIC = "2"

SLOWLY = """
CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep({seconds}); RETURN {row}; END $$;
CREATE TRIGGER slowly AFTER {event} ON {table} FOR EACH ROW EXECUTE FUNCTION slowly();
"""
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"

Send = Callable[[int], list[tuple[str, ...]]]
"""Sends the packet of a number, and gives the errors of its transactions."""


@pytest.fixture
def office(databases: Databases, schema: Schema) -> Iterator[Office]:
    with databases.prepared("postgresql") as url, open_office(url, schema) as opened:
        yield opened


def address(office: Office) -> str:
    return libpq_url(office.engine.database.url.render_as_string(hide_password=False))


def make_slow(office: Office, table: str, event: str = "UPDATE", seconds: float = 0.2) -> None:
    """Have a change of a row of the table take its time, so that packets meet."""
    row = "OLD" if event == "DELETE" else "NEW"
    with psycopg.connect(address(office), autocommit=True) as connection:
        connection.execute(SLOWLY.format(table=table, event=event, seconds=seconds, row=row))


def deadlocks(office: Office) -> int:
    """How many the database has had, as far as it has counted them."""
    with psycopg.connect(address(office), autocommit=True) as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        return connection.execute(DEADLOCKS).fetchone()[0]


def siege(send: Send, clients: int = CLIENTS, packets: int = PACKETS) -> list[float]:
    """Send so many packets by so many clients; nothing may fail. How long each has taken."""
    taken: list[float] = []
    together = threading.Barrier(clients)

    def client(number: int) -> None:
        together.wait()
        for place in range(packets):
            begun = time.monotonic()
            assert not any(send(number * packets + place))
            taken.append(time.monotonic() - begun)

    with ThreadPoolExecutor(clients) as threads:
        for each in [threads.submit(client, number) for number in range(clients)]:
            each.result()
    assert len(taken) == clients * packets
    return taken


def either_way(number: int, names: tuple[str, str]) -> tuple[str, ...]:
    """The two names, in an order that is another for the client's next packet, and its neighbour."""
    return names if (number + number // PACKETS) % 2 else names[::-1]


def test_updates_of_the_same_records_in_either_order_never_collide(office: Office) -> None:
    both = office.account("one"), office.account("two")
    make_slow(office, "organization", seconds=0.05)

    def send(number: int) -> list[tuple[str, ...]]:
        items = [
            [item("account", "update", {"id": key, "name": f"{key} by {number}"})]
            for key in either_way(number, both)
        ]
        return [each.errors for each in office.admin.send_all(*items)]

    taken = siege(send)
    # They stand in a queue: nobody who comes later is served before.
    assert max(taken) < min(LONGEST_SECONDS, 3 * median(taken))
    assert deadlocks(office) == 0


def test_records_that_clients_name_by_guid_are_foreseen(office: Office) -> None:
    both = office.account("one"), office.account("two")
    parties = [office.client(1), office.client(2)]
    for party in parties:
        party.whole_session()
    guids = {
        (row["client_id"], str(row["record_id"])): str(row["cuid"])
        for row in office.rows("sync_map")
    }
    make_slow(office, "organization", seconds=0.1)

    def send(number: int) -> list[tuple[str, ...]]:
        party = parties[number // PACKETS % 2]
        items = [
            item(
                "account", "update", {"guid": guids[party.credentials.client_id, key], "name": key}
            )
            for key in either_way(number, both)
        ]
        # Each by itself: what the other client has changed meanwhile is a conflict, and no error there.
        return [each.errors for each in party.send_all(*[[one] for one in items])]

    assert max(siege(send, clients=2)) < LONGEST_SECONDS
    assert deadlocks(office) == 0


def test_removals_and_updates_of_the_same_records_never_collide(office: Office) -> None:
    """Of what is removed and what is changed, rows are locked in one order all the same."""
    pairs = [(_lookup(office, "a"), _lookup(office, "b")) for _ in range(PACKETS)]
    make_slow(office, "lookup_industry", "UPDATE OR DELETE", seconds=0.05)

    def send(number: int) -> list[tuple[str, ...]]:
        client, place = divmod(number, PACKETS)
        first, second = pairs[place]
        change, removal = (first, second) if client % 2 else (second, first)
        items = [
            item("lookupIndustry", "update", {"code": change, "description": f"{number}"}),
            item("lookupIndustry", "delete", {"code": removal}),
        ]
        return [each.errors for each in office.admin.send_all(items)]

    assert max(siege(send, clients=2)) < LONGEST_SECONDS
    assert deadlocks(office) == 0


def test_who_refers_to_a_record_does_not_keep_it_from_being_changed(office: Office) -> None:
    key = office.account("one")
    with psycopg.connect(address(office)) as other:
        # As the check of a reference does.
        other.execute("SELECT 1 FROM organization WHERE org_id = %s FOR KEY SHARE", [key])
        begun = time.monotonic()
        answer = office.admin.send("account", "update", {"id": key, "name": "changed"})
        assert answer.errors == ()
        assert time.monotonic() - begun < LONGEST_SECONDS


def test_parents_that_effects_change_are_locked_in_order_by_the_repeat(office: Office) -> None:
    """Components name their opportunities only in what is stored: nobody can foresee these."""
    account = office.account()
    headers = [
        office.admin.key("opportunity", "insert", _opportunity(account, name)) for name in "ab"
    ]
    components = {
        header: [
            office.admin.key("opportunityComponent", "insert", _component(header, f"{n}"))
            for n in range(4)
        ]
        for header in headers
    }
    make_slow(office, "opportunity_header", seconds=0.1)

    def send(number: int) -> list[tuple[str, ...]]:
        client = number // PACKETS
        items = [
            item(
                "opportunityComponent",
                "update",
                {"id": components[header][client], "notes": f"{number}"},
            )
            for header in either_way(number, (headers[0], headers[1]))
        ]
        return [each.errors for each in office.admin.send_all(items)]

    assert max(siege(send, clients=4)) < LONGEST_SECONDS
    # They did collide in the beginning, and hardly afterwards.
    assert 0 < deadlocks(office) <= PACKETS


def _lookup(office: Office, name: str) -> str:
    return office.admin.key("lookupIndustry", "insert", {"description": name})


def _opportunity(account: str, name: str) -> dict[str, str]:
    return {"description": name, "accountLink": account, "manager": "1", "accessType": PUBLIC}


def _component(header: str, name: str) -> dict[str, str]:
    money = {"low": "1", "guess": "2", "high": "3", "closeProb": "50"}
    terms = {"terms": "12", "units": "M", "type": "N", "stage": "1"}
    named = {"headerId": header, "description": name, "owner": "1"}
    return {**named, **money, **terms, "closeDate": "2035-05-05"}
