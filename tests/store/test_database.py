"""The pool of connections: how they are opened, and that none is handed out that does not live."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError

from databases import Databases
from packetserver.errors import SettingsError, StoreBusy, StoreUnavailable
from packetserver.settings import Settings
from packetserver.store import connections
from packetserver.store.connections import NOTICING_A_DEAD_HOST, Limits, limits_of
from packetserver.store.database import Database
from packetserver.store.unit_of_work import unit_of_work

PARAMETERS = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")


@pytest.fixture
def url(databases: Databases) -> Iterator[str]:
    with databases.empty("postgresql") as made:
        yield made


def shown(database: Database, *names: str) -> list[str]:
    with database.connect() as connection:
        return [str(connection.execute(text(f"SHOW {name}")).scalar()) for name in names]


def session(connection: Connection) -> int:
    return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


def session_of(database: Database) -> int:
    with database.connect() as connection:
        return session(connection)


def test_a_server_has_limits(url: str) -> None:
    with contextlib.closing(Database(url, None, limits_of(Settings()))) as database:
        assert shown(database, *PARAMETERS) == ["30s", "2min", "1min"]


def test_a_command_may_take_its_time(url: str) -> None:
    with contextlib.closing(Database(url, "Asia/Tokyo")) as database:
        assert shown(database, *PARAMETERS, "timezone") == ["30s", "0", "0", "Asia/Tokyo"]


def test_there_is_a_connection_for_every_thread() -> None:
    assert limits_of(Settings(threads=3)).pool_size == 3
    assert limits_of(Settings(threads=3, pool_size=5)).pool_size == 5


def test_what_the_url_says_wins(url: str) -> None:
    said = make_url(url).update_query_dict(
        {"options": "-c lock_timeout=7s -c work_mem=5MB", "connect_timeout": "77"}
    )
    with contextlib.closing(Database(said.render_as_string(hide_password=False))) as database:
        assert shown(database, "lock_timeout", "work_mem") == ["7s", "5MB"]
        assert _libpq(database)["connect_timeout"] == "77"


def test_a_dead_machine_is_noticed(url: str) -> None:
    with contextlib.closing(Database(url)) as database:
        options = _libpq(database)
    for name, value in {**NOTICING_A_DEAD_HOST, "connect_timeout": 5}.items():
        assert options[name] == str(value)


def _libpq(database: Database) -> dict[str, str]:
    with database.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        return driver.info.get_parameters()


def test_nobody_waits_for_a_connection_for_long(url: str, monkeypatch) -> None:
    monkeypatch.setattr(connections, "POOL_SECONDS", 0)
    with (
        contextlib.closing(Database(url, None, Limits(pool_size=1))) as database,
        database.connect() as first,
        database.connect() as second,
    ):
        assert session(first) != session(second)
        with pytest.raises(StoreBusy, match="in use"), database.connect():
            pytest.fail("there is none left")


@pytest.fixture
def rested(url: str) -> Iterator[tuple[Database, list[int]]]:
    """A database with three resting connections, and their sessions."""
    with contextlib.closing(Database(url)) as database:
        with contextlib.ExitStack() as stack:
            held = [stack.enter_context(database.connect()) for _ in range(3)]
            sessions = [session(each) for each in held]
        yield database, sessions


def terminate(url: str, *sessions: int) -> None:
    """End sessions, and return when they are gone."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for each in sessions:
            connection.execute("SELECT pg_terminate_backend(%s)", [each])
        while connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s)", [list(sessions)]
        ).fetchone()[0]:
            pass


def test_a_connection_that_lives_is_used_again_unasked(rested, monkeypatch) -> None:
    database, sessions = rested
    monkeypatch.setattr(database.engine.dialect, "do_ping", lambda _: pytest.fail("asked"))
    assert {session_of(database) for _ in range(5)} <= set(sessions)


def test_a_connection_that_rested_for_long_is_asked(rested, monkeypatch) -> None:
    database, sessions = rested
    asked: list[object] = []
    monkeypatch.setattr(connections, "TRUSTED_SECONDS", 0)
    monkeypatch.setattr(database.engine.dialect, "do_ping", asked.append)
    assert session_of(database) in sessions
    assert len(asked) == 1


def test_a_connection_that_died_while_it_rested_is_not_handed_out(url: str, rested) -> None:
    database, sessions = rested
    terminate(url, *sessions)
    with contextlib.ExitStack() as stack:
        fresh = [session(stack.enter_context(database.connect())) for _ in range(3)]
    assert not set(fresh) & set(sessions)


def test_one_dead_connection_is_the_end_of_all_that_rest(url: str, rested) -> None:
    """What ended one may have ended the others, whose news has not come yet."""
    database, sessions = rested
    # The one that was given back first is taken first.
    terminate(url, sessions[-1])
    assert session_of(database) not in sessions
    assert session_of(database) not in sessions


def test_a_wire_that_is_cut_is_not_handed_out(rested) -> None:
    database, _ = rested
    with database.connect() as connection:
        cut = session(connection)
        descriptor = connection.connection.driver_connection.fileno()
    with socket.socket(fileno=os.dup(descriptor)) as wire:
        wire.shutdown(socket.SHUT_RDWR)
    assert session_of(database) != cut


def test_a_connection_that_dies_in_use_is_a_loss_and_is_not_kept(url: str, rested) -> None:
    database, _ = rested
    with pytest.raises(StoreUnavailable), database.connect() as connection:  # noqa: PT012
        lost = session(connection)
        terminate(url, lost)
        connection.execute(text("SELECT 1"))
    assert database.engine.pool.checkedout() == 0
    assert session_of(database) != lost


def test_a_database_that_breaks_off_every_connection_is_away(url: str, monkeypatch) -> None:
    with contextlib.closing(Database(url)) as database:

        def fail(connection: object) -> None:
            raise psycopg.OperationalError("the database system is shutting down")

        monkeypatch.setattr(database.engine.dialect, "do_ping", fail)
        with pytest.raises(StoreUnavailable):
            database.ping()
        assert database.engine.pool.checkedout() == 0


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere.invalid:5432"])
def test_a_database_that_is_not_there_is_away(address: str) -> None:
    with (
        contextlib.closing(Database(f"postgresql://someone:secret@{address}/crm")) as database,
        pytest.raises(StoreUnavailable) as raised,
    ):
        database.ping()
    assert "secret" not in str(raised.value)


def test_a_connection_with_a_failed_commit_is_thrown_away(databases: Databases) -> None:
    """It may still hold what it has locked."""
    with databases.empty("sqlite") as url, contextlib.closing(Database(url)) as database:
        with unit_of_work(database, writes=True) as work:
            for statement in (
                "CREATE TABLE one (id INTEGER PRIMARY KEY)",
                "CREATE TABLE two (one INTEGER REFERENCES one DEFERRABLE INITIALLY DEFERRED)",
                "INSERT INTO two VALUES (1)",
            ):
                work.connection.execute(text(statement))
            with pytest.raises(IntegrityError):
                work.commit()
        with unit_of_work(database, writes=True) as work:
            work.connection.execute(text("CREATE TABLE two (id INTEGER)"))
            work.commit()


@pytest.mark.parametrize(
    "url",
    [
        "mysql://somebody:hidden@127.0.0.1/crm",
        "postgresql+psycopg2://somebody:hidden@127.0.0.1/crm",
        "postgresql://somebody:hidden@127.0.0.1/crm?no_option=1",
    ],
)
def test_a_url_that_leads_nowhere_is_a_wrong_setting(url):
    with pytest.raises(SettingsError, match="database_url") as told:
        Database(url)
    assert "hidden" not in str(told.value)


@pytest.mark.parametrize("content", [b"no database at all, but a text of some length" * 100])
def test_a_file_that_is_no_database_is_a_store_that_is_away(tmp_path, content):
    file = tmp_path / "packetserver.db"
    file.write_bytes(content)
    with (
        contextlib.closing(Database(f"sqlite:///{file}")) as database,
        pytest.raises(StoreUnavailable),
    ):
        database.ping()


def test_a_new_file_is_for_its_owner_alone(tmp_path):
    """With what stands beside it while somebody writes."""
    file = tmp_path / "packetserver.db"
    with (
        contextlib.closing(Database(f"sqlite:///{file}")) as database,
        database.connect(writes=True) as connection,
    ):
        connection.exec_driver_sql("CREATE TABLE made (number INTEGER)")
        connection.commit()
        modes = {each.name: each.stat().st_mode & 0o777 for each in tmp_path.iterdir()}
    assert len(modes) > 1
    assert set(modes.values()) == {0o600}


def test_a_file_that_is_there_keeps_its_rights(tmp_path):
    file = tmp_path / "packetserver.db"
    file.touch(mode=0o640)
    with contextlib.closing(Database(f"sqlite:///{file}")) as database:
        database.ping()
    assert file.stat().st_mode & 0o777 == 0o640
