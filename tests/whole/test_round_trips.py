"""What a small packet asks of PostgreSQL: each step is a round trip (docs/performance.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from faults.injection import ROLLBACK, watched
from sync.office import Office, item, open_office

from packetserver.records.opening import load_schema


@pytest.fixture(scope="module")
def office(databases) -> Iterator[Office]:
    with databases.prepared("postgresql") as url, open_office(url, load_schema()) as office:
        yield office


def steps_of(office: Office, action: str, values: dict[str, str]) -> list[str]:
    """The steps of a packet that came before: its statements are made, its sender is known."""
    for _ in range(2):
        with watched(office.engine.database.engine) as seen:
            answer = office.admin.send("account", action, values, ["id", "name", "stageId"])
        assert (answer.errors, len(answer.records)) == ((), 1)
    # What the pool rolls back has ended by then, or never begun: that is not sent.
    steps = seen.steps[:-1] if seen.steps[-1].kind == ROLLBACK else seen.steps
    return [each.text.split()[0] for each in steps]


def test_a_select_is_its_sender_its_record_and_its_line_of_the_log(office):
    key = office.account()
    assert steps_of(office, "select", {"id": key}) == ["SELECT", "SELECT", "WITH"]


def steps_of_list(office: Office, name: str, **page: str) -> list[str]:
    """The steps of a list of the accounts of a name, the second time that it is asked for."""
    for _ in range(2):
        with watched(office.engine.database.engine) as seen:
            (answer,) = office.admin.send_all(
                [item("accountList", "select", {"accountName": name}, **page)]
            )
        assert answer.errors == ()
    steps = seen.steps[:-1] if seen.steps[-1].kind == ROLLBACK else seen.steps
    return [each.text.split()[0] for each in steps]


def test_a_list_is_its_sender_its_records_and_its_line_of_the_log(office):
    office.account(name="Listed")
    assert steps_of_list(office, "Listed") == ["SELECT", "SELECT", "WITH"]
    assert steps_of_list(office, "Nobody") == ["SELECT", "SELECT", "WITH"]


def test_a_page_is_one_statement_more_for_the_total(office):
    office.account(name="Paged")
    steps = steps_of_list(office, "Paged", offset="0", items="10")
    assert steps == ["SELECT", "SELECT", "SELECT", "WITH"]


def test_an_insert_is_one_transaction_with_its_line_of_the_log(office):
    steps = steps_of(office, "insert", {"name": "New"})
    assert steps == ["SELECT", "BEGIN", "INSERT", "WITH", "COMMIT"]


def test_records_of_one_packet_are_locked_by_one_statement_and_a_single_one_by_none(office):
    keys = [office.account() for _ in range(4)]

    def steps(*some: str) -> list[str]:
        items = [item("account", "update", {"id": key, "name": "x"}) for key in some]
        for _ in range(2):
            with watched(office.engine.database.engine) as seen:
                (answer,) = office.admin.send_all(items)
        assert answer.errors == ()
        return [each.text.split()[0] for each in seen.steps]

    single, more = steps(keys[0]), len(steps(*keys[:2])) - len(steps(keys[0]))
    each = len(steps(*keys)) - len(steps(*keys[:3]))
    assert single[:3] == ["SELECT", "BEGIN", "SELECT"]
    assert more == each + 1


def test_a_sync_reads_what_it_sends_in_one_step_and_nothing_where_nothing_is_sent(office):
    client, anchor = office.client(), None
    for is_new in (True, False, True, False):
        office.clock.go_on(days=2)
        if is_new:
            office.account()
        following = client.now()
        with watched(office.engine.database.engine) as seen:
            sent = client.sync(last=anchor, following=following)
        assert (len(sent) > 0) is is_new
        anchor = following
        reading = re.compile(r"SELECT .*\sFROM organization\b", re.DOTALL)
        assert sum(1 for each in seen.steps if reading.match(each.text)) == is_new
