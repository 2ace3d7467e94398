"""Real deadlocks and serialisation failures: the packet is carried out once more."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from faults.injection import Kind, watched
from faults.waiting import libpq_url, until_one_waits
from sync.office import Office, item, open_office

from databases import KINDS, Databases
from packetserver.errors import StoreBusy, WorkUndone
from packetserver.store import unit_of_work
from packetserver.store.schema import Schema
from packetserver.store.unit_of_work import PAUSES, repeated

IN_TIME = 60
RENAME = "UPDATE organization SET name = name || ' by another' WHERE org_id = %s"


@pytest.fixture
def office(databases: Databases, schema: Schema) -> Iterator[Office]:
    with databases.prepared("postgresql") as url, open_office(url, schema) as opened:
        yield opened


@pytest.fixture
def other(office: Office) -> Iterator[psycopg.Connection]:
    """Another session, which never gives way itself."""
    with psycopg.connect(address(office)) as connection:
        connection.execute("SET deadlock_timeout = '1h'")
        connection.commit()
        yield connection


def address(office: Office) -> str:
    url = office.engine.database.url.render_as_string(hide_password=False)
    return libpq_url(url)


def renaming(*keys: str) -> list[list[object]]:
    return [[item("account", "update", {"id": key, "name": f"Renamed {key}"})] for key in keys]


def names(office: Office) -> list[str]:
    return [row["name"] for row in office.rows("organization") if row["org_id"]]


def test_a_deadlock_is_overcome(office: Office, other: psycopg.Connection) -> None:
    first, second = office.account("one"), office.account("two")
    other.execute(RENAME, [second])
    with (
        watched(office.engine.database.engine) as seen,
        ThreadPoolExecutor(1) as threads,
    ):
        sent = threads.submit(office.admin.send_all, *renaming(first, second), meta=["name"])
        until_one_waits(address(office))
        # Now each waits for the other.
        other.execute(RENAME, [first])
        other.commit()
        answers = sent.result(IN_TIME)
    assert [each.errors for each in answers] == [(), ()]
    assert sorted(names(office)) == [f"Renamed {first}", f"Renamed {second}"]
    # Both rows at once, and once more, in turn with others.
    waits = [step.text for step in seen.steps if "pg_advisory_xact_lock" in step.text]
    assert ["count(*)" in text for text in waits] == [True, False, True]
    (logged,) = office.rows("sync_log")[2:]
    assert len(office.rows("sync_transaction_log", log_id=logged["log_id"])) == 2


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_a_serialisation_failure_is_overcome(
    office: Office, other: psycopg.Connection, level: str
) -> None:
    key = office.account("one")
    with psycopg.connect(address(office), autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = '{level}'")
    office.engine.database.close()
    other.execute(RENAME, [key])
    with ThreadPoolExecutor(1) as threads:
        sent = threads.submit(office.admin.send_all, *renaming(key), meta=["name"])
        until_one_waits(address(office))
        other.commit()
        (answer,) = sent.result(IN_TIME)
    assert answer.errors == ()
    assert answer.records[0]["name"] == f"Renamed {key}"


def test_a_packet_gives_up_after_the_last_attempt(office: Office, monkeypatch) -> None:
    monkeypatch.setattr(unit_of_work, "PAUSES", (0, 0))
    before = names(office)
    engine = office.engine.database.engine
    with (
        watched(engine, place=4, kind=Kind.UNDONE, always=True) as seen,
        pytest.raises(StoreBusy),
    ):
        office.account("never")
    assert seen.fired == 3
    assert (names(office), engine.pool.checkedout()) == (before, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_undone_is_logged_once(databases: Databases, schema: Schema, kind: str) -> None:
    with databases.prepared(kind) as url, open_office(url, schema) as office:
        office.account()
        engine = office.engine.database.engine
        with watched(engine) as usual:
            office.account("usual")
        place = 1 + max(
            n for n, step in enumerate(usual.steps) if "sync_transaction_log" in step.text
        )
        before = len(office.rows("sync_log"))
        with watched(engine, place=place, kind=Kind.UNDONE) as seen:
            office.account("undone once")
        assert seen.fired == 1
        assert len(office.rows("organization", name="undone once")) == 1
        assert len(office.rows("sync_log")) == before + 1
        assert len(office.rows("sync_transaction_log")) == before + 1


def test_an_attempt_is_made_again_until_it_succeeds(monkeypatch) -> None:
    happened: list[str] = []
    monkeypatch.setattr(unit_of_work.time, "sleep", lambda seconds: happened.append("pause"))

    def attempt() -> int:
        happened.append("attempt")
        if happened.count("attempt") <= 2:
            raise WorkUndone("by others")
        return 7

    assert repeated(attempt, lambda: happened.append("undo")) == 7
    assert happened == ["attempt", "undo", "pause"] * 2 + ["attempt"]


def test_pauses_are_drawn_at_random_and_bounded(monkeypatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(unit_of_work.time, "sleep", pauses.append)

    def attempt() -> None:
        raise WorkUndone("by others")

    for _ in range(20):
        with pytest.raises(WorkUndone):
            repeated(attempt, lambda: None)
    for place, longest in enumerate(PAUSES):
        drawn = pauses[place :: len(PAUSES)]
        assert len(set(drawn)) > 1
        assert 0 <= min(drawn) <= max(drawn) <= longest
