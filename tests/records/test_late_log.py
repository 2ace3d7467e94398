"""On SQLite, what only reads is answered while another packet writes, and is logged afterwards."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from driving import ADMIN, Driver, item

from databases import Databases
from packetserver.protocols.packet.process import Engine, build_engine
from packetserver.records import late_log
from packetserver.settings import Settings

BUSY_SECONDS = 1
LOGGED = "SELECT element_name, record_count FROM sync_transaction_log ORDER BY transaction_id"


@pytest.fixture
def file(databases: Databases) -> Iterator[Path]:
    with databases.prepared("sqlite") as url:
        yield Path(url.removeprefix("sqlite:///"))


@pytest.fixture
def engine(file: Path) -> Iterator[Engine]:
    settings = Settings(database_url=f"sqlite:///{file}", lock_timeout_seconds=BUSY_SECONDS)
    made = build_engine(settings)
    with contextlib.closing(made.database):
        yield made


@contextlib.contextmanager
def another_writer(file: Path) -> Iterator[None]:
    """Another process that writes: it keeps SQLite's one lock."""
    connection = sqlite3.connect(file, isolation_level=None)
    with contextlib.closing(connection):
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def logged(file: Path) -> list[tuple[str, int]]:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return connection.execute(LOGGED).fetchall()


def read(engine: Engine, element: str) -> None:
    found = Driver(engine, ADMIN).one(element, "select", {}, ["id"])
    assert found.errors == ()


def test_what_only_reads_is_answered_while_another_writes(engine, file):
    read(engine, "accountList")
    before = logged(file)
    with another_writer(file):
        for element in ("contactList", "accountList", "ticketList"):
            read(engine, element)
        assert logged(file) == before
    engine.runner.late_log.settle()
    names = [name for name, _ in logged(file)[len(before) :]]
    assert names == ["contactList", "accountList", "ticketList"]


def test_lines_that_wait_outlive_a_writer_that_takes_too_long(engine, file):
    before = logged(file)
    with another_writer(file):
        read(engine, "contactList")
        # Longer than the database waits for the lock: they could not be written.
        engine.runner.late_log.settle()
        assert logged(file) == before
    read(engine, "accountList")
    engine.runner.late_log.settle()
    assert [name for name, _ in logged(file)[len(before) :]] == ["contactList", "accountList"]


def test_when_too_many_wait_the_next_waits_too(engine, file, monkeypatch):
    monkeypatch.setattr(late_log, "MOST_WAITING", 1)
    driver = Driver(engine, ADMIN)
    with another_writer(file):
        read(engine, "contactList")
        with pytest.raises(late_log.StoreBusy):
            driver.one("accountList", "select", {}, ["id"])
    read(engine, "ticketList")
    engine.runner.late_log.settle()
    assert sorted(name for name, _ in logged(file)[-2:]) == ["contactList", "ticketList"]


def test_a_packet_that_fails_is_logged_late_with_its_error(engine, file):
    """It has changed nothing either, once it is undone."""
    broken = [item("account", "insert", {"name": "Kept"}), item("nothing", "insert", {"a": "b"})]
    (answer,) = Driver(engine, ADMIN).send([broken])
    assert answer.status == 1
    engine.runner.late_log.settle()
    assert logged(file)[-1][0] == "account"
