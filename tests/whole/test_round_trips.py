"""What a small packet asks of PostgreSQL: each step is a round trip (docs/performance.md)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from faults.injection import ROLLBACK, watched
from sync.office import Office, open_office

from packetserver.engine.assembly import load_schema


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


def test_an_insert_is_one_transaction_with_its_line_of_the_log(office):
    steps = steps_of(office, "insert", {"name": "New"})
    assert steps == ["SELECT", "BEGIN", "INSERT", "WITH", "COMMIT"]
