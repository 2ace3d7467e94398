"""Two servers on one PostgreSQL, and its replica that answers what only reads."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import psycopg
import pytest
from conftest import prepare
from driving import ADMIN, CLIENT, Driver
from watching import told_of_statements

from databases import running_postgres, running_replica
from packetserver.errors import SettingsError
from packetserver.protocols.packet.process import Engine, build_engine
from packetserver.settings import Settings
from packetserver.store.database import Database
from packetserver.store.replica import REST_SECONDS, Replica

DATABASE = "replicated"
END_OTHERS = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
AWAY = "postgresql://nobody@127.0.0.1:1/nowhere"


@dataclass
class Pair:
    """The URLs of a primary and of its replica."""

    primary: str
    replica: str

    def control(self, statement: str) -> None:
        """Tell the replica something."""
        with psycopg.connect(self.replica, autocommit=True) as connection:
            connection.execute(statement)


@dataclass
class Watched:
    """An engine, and the statements that its replica was asked."""

    engine: Engine
    asked: list[str] = field(default_factory=list)

    def names(self, beginning: str) -> list[str]:
        """The names of the accounts that begin so, as a packet that only reads tells them."""
        driver = Driver(self.engine, ADMIN)
        found = driver.one("accountList", "select", {"accountName": f"{beginning}%"}, ["name"])
        assert found.errors == ()
        return sorted(each["name"] for each in found.records)

    def store(self, name: str) -> None:
        """Store an account."""
        stored = Driver(self.engine, ADMIN).one("account", "insert", {"name": name}, ["name"])
        assert stored.errors == ()

    def asked_for(self, table: str) -> bool:
        """Whether the replica was asked for rows of a table."""
        return any(f"FROM {table}" in each for each in self.asked)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with running_postgres() as primary:
        with psycopg.connect(primary.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}")
        prepare(primary.get_uri(database=DATABASE))
        with running_replica(primary) as replica:
            yield Pair(primary.get_uri(database=DATABASE), replica.get_uri(database=DATABASE))


@pytest.fixture
def replaying(pair: Pair) -> Iterator[Pair]:
    """The pair; what a test has stopped goes on afterwards."""
    yield pair
    pair.control("SELECT pg_wal_replay_resume()")


@contextlib.contextmanager
def serving(primary: str, replica: str | None) -> Iterator[Watched]:
    """A server, as each of several would be."""
    engine = build_engine(Settings(database_url=primary, replica_url=replica))
    watched = Watched(engine)
    with contextlib.ExitStack() as ending:
        ending.callback(engine.database.close)
        if engine.runner.replica is not None:
            replica = engine.runner.replica.database
            ending.callback(replica.close)
            ending.enter_context(told_of_statements(replica.engine, watched.asked.append))
        yield watched


def test_the_replica_knows_what_another_server_has_just_stored(replaying):
    with (
        serving(replaying.primary, replaying.replica) as one,
        serving(replaying.primary, replaying.replica) as other,
    ):
        expected = []
        for number in range(20):
            writer, reader = (one, other) if number % 2 else (other, one)
            expected.append(f"Written {number:02}")
            writer.store(expected[-1])
            assert reader.names("Written ") == expected
        for each in (one, other):
            assert each.asked_for("organization")
            assert not any(text.startswith(("INSERT", "UPDATE")) for text in each.asked)


def test_a_replica_that_is_behind_is_left_alone_for_a_while(replaying):
    with serving(replaying.primary, replaying.replica) as server:
        replaying.control("SELECT pg_wal_replay_pause()")
        server.store("Behind 1")
        assert server.names("Behind ") == ["Behind 1"]
        assert not server.asked_for("organization")

        server.asked.clear()
        assert server.names("Behind ") == ["Behind 1"]
        assert server.asked == []


@pytest.mark.parametrize("replica", [AWAY, None], ids=["away", "itself"])
def test_without_a_replica_the_primary_answers(pair, replica, caplog):
    """One that is away, and a URL that names the primary itself, which replays nothing."""
    with serving(pair.primary, replica or pair.primary) as server:
        server.store(f"Alone {replica}")
        assert server.names(f"Alone {replica}") == [f"Alone {replica}"]
        assert not server.asked_for("organization")
    assert f"left alone for {REST_SECONDS:g} s" in caplog.text


def test_a_replica_that_fails_half_way_is_replaced_by_the_primary(pair):
    with serving(pair.primary, pair.replica) as server:
        driver = Driver(server.engine, ADMIN)
        key = driver.one("account", "insert", {"name": "Half"}, ["id"]).records[0]["id"]
        assert server.engine.runner.replica is not None

        def break_off(statement):
            if "FROM organization" in statement:
                pair.control(END_OTHERS)

        with told_of_statements(server.engine.runner.replica.database.engine, break_off):
            found = driver.one("account", "select", {"id": key}, ["name"])
        assert [each.texts for each in found.records] == [("Half",)]
        assert server.engine.runner.replica.is_resting()


def test_what_changes_something_goes_to_the_primary_alone(pair):
    with serving(pair.primary, pair.replica) as server:
        driver = Driver(server.engine, CLIENT)
        for element, action in (("syncClient", "syncStart"), ("accountList", "sync")):
            driver.one(element, action, {}, ["guid"])
        assert server.asked == []


def test_the_answer_of_the_replica_is_logged_by_the_primary(pair):
    def logged() -> int:
        with psycopg.connect(pair.primary) as connection:
            row = connection.execute("SELECT count(*) FROM sync_transaction_log").fetchone()
            return int(row[0]) if row else 0

    with serving(pair.primary, pair.replica) as server:
        before = logged()
        server.names("Nobody")
        assert logged() == before + 1
        assert server.asked_for("organization")


def test_sqlite_has_no_replica(tmp_path):
    with (
        contextlib.closing(Database(f"sqlite:///{tmp_path / 'packetserver.db'}")) as database,
        pytest.raises(SettingsError, match="SQLite has none"),
    ):
        Replica(database)
