"""Statements that go to the driver by the short way mean and fail as SQLAlchemy's own do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from decimal import Decimal

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError

from packetserver.store.database import Database
from packetserver.store.direct import CURSORS, LETTERS_KEPT, ROWS_KEPT, Direct

THINGS = Table(
    "thing",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("name", String(40), unique=True),
    Column("is_kept", Boolean),
    Column("price", Numeric(12, 2)),
    Column("seen", DateTime),
    Column("notes", Text),
)
ROW = {
    "id": 1,
    "name": "100 % of O'Neill: ß",
    "is_kept": True,
    "price": Decimal("12.50"),
    "seen": datetime(2026, 2, 3, 4, 5, 6, 789_000),
}
STORE = Direct(insert(THINGS).returning(THINGS.c.id), stores_any=True)
BY_ID = select(THINGS).where(THINGS.c.id == bindparam("is_id", type_=Integer))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with closing(Database(database_url)) as database:
        with database.connect(writes=True) as connection:
            THINGS.metadata.create_all(connection)
            connection.commit()
        yield database


@pytest.mark.parametrize("row", [ROW, {"id": 1}, {"id": 1, "name": None, "is_kept": False}])
def test_values_are_stored_and_read_as_sqlalchemy_does(database, row):
    with database.connect(writes=True) as connection:
        assert STORE.value(connection, row) == 1
        (found,) = Direct(BY_ID).rows(connection, {"is_id": 1})
        assert found == tuple(connection.execute(BY_ID, {"is_id": 1}).one())
        assert found == tuple(row.get(each.name) for each in THINGS.columns)


def test_values_that_a_statement_does_not_ask_for_are_left_out(database):
    with database.connect() as connection:
        assert Direct(BY_ID).first(connection, {"is_id": 7, "other": "x"}) is None


def test_a_statement_s_own_constants_hold(database):
    counted = Direct(select(func.count()).where(THINGS.c.name.like("%'%")).limit(1))
    with database.connect(writes=True) as connection:
        STORE.rows(connection, ROW)
        assert counted.value(connection, {}) == 1


def test_changes_are_counted(database):
    rename = update(THINGS).where(THINGS.c.id >= bindparam("least", type_=Integer))
    renamed = Direct(rename.values(is_kept=bindparam("kept", type_=Boolean)))
    with database.connect(writes=True) as connection:
        STORE.change_all(connection, [{"id": number} for number in range(5)])
        assert renamed.change(connection, {"least": 2, "kept": True}) == 3
        assert Direct(delete(THINGS)).change(connection, {}) == 5


def test_what_differs_each_time_is_left_to_sqlalchemy(database):
    joined = Direct(select(func.aggregate_strings(THINGS.c.name, ", ")))
    chosen = Direct(delete(THINGS).where(THINGS.c.id.in_(bindparam("ids", expanding=True))))
    with database.connect(writes=True) as connection:
        STORE.rows(connection, ROW)
        assert joined.value(connection, {}) == ROW["name"]
        assert chosen.change(connection, {"ids": [1, 2, 3]}) == 1


@pytest.mark.parametrize(("length", "kept"), [(10, 3), (2 * LETTERS_KEPT, 0)])
def test_long_texts_are_not_kept_with_a_cursor(database, length, kept):
    """Idle connections would fill the memory with what clients have sent and read last."""
    text = "x" * length
    equal = THINGS.c.notes == bindparam("text", type_=Text)
    with database.connect(writes=True) as connection:
        connection.begin()
        connection.info.pop(CURSORS, None)
        STORE.rows(connection, {"id": 1, "notes": text})
        assert Direct(select(THINGS.c.notes)).value(connection, {}) == text
        assert Direct(select(THINGS.c.id).where(equal)).value(connection, {"text": text}) == 1
        assert len(connection.info[CURSORS]) == kept


def test_many_rows_are_not_kept_with_a_cursor(databases):
    numbers = Direct(select(func.generate_series(1, bindparam("last", type_=Integer))))
    with (
        databases.empty("postgresql") as url,
        closing(Database(url)) as database,
        database.connect() as connection,
    ):
        for last, kept in ((ROWS_KEPT + 1, 0), (ROWS_KEPT, 1)):
            assert len(numbers.rows(connection, {"last": last})) == last
            assert len([each for each in connection.info[CURSORS] if "series" in each]) == kept


def test_a_transaction_that_is_not_committed_never_was(database):
    with database.connect(writes=True) as connection:
        STORE.rows(connection, ROW)
    with database.connect(writes=True) as connection:
        assert Direct(BY_ID).rows(connection, {"is_id": 1}) == []
        STORE.rows(connection, ROW)
        connection.commit()
    with database.connect() as connection:
        assert len(Direct(BY_ID).rows(connection, {"is_id": 1})) == 1


def test_a_refusal_is_sqlalchemy_s_and_shows_no_value(database):
    """Both ways to the driver raise the same, and a savepoint undoes it."""
    with database.connect(writes=True) as connection:
        STORE.rows(connection, ROW)
        texts = []
        for attempt in (
            lambda: STORE.rows(connection, ROW),
            lambda: connection.execute(STORE.statement, ROW),
        ):
            with pytest.raises(IntegrityError) as raised, connection.begin_nested():
                attempt()
            assert raised.value.orig is not None
            texts.append((str(raised.value), str(raised.value.orig)))
        assert texts[0][1] == texts[1][1]
        assert not [text for both in texts for text in both if ROW["name"] in text]
        assert len(Direct(BY_ID).rows(connection, {"is_id": 1})) == 1


def test_a_connection_that_is_lost_is_not_used_again(databases):
    clock = Direct(select(func.now()))
    with databases.empty("postgresql") as url, closing(Database(url)) as database:
        with database.connect() as connection, database.connect() as other:
            own = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
            other.exec_driver_sql(f"SELECT pg_terminate_backend({own}, 5000)")
            with pytest.raises(DBAPIError) as raised:
                clock.rows(connection, {})
            assert raised.value.connection_invalidated
        with database.connect() as connection:
            assert clock.value(connection, {}) is not None


def test_a_connection_that_could_not_begin_commits_nothing_by_itself(database, monkeypatch):
    """SQLAlchemy must begin again whichever way the next statement takes."""
    with database.connect(writes=True) as connection:
        original, refusing = connection.dialect.do_execute, [True]

        def refuse_once(cursor, text, *more):
            if text.startswith("BEGIN") and refusing.pop():
                original(cursor, "SELECT nothing FROM nowhere", ())
            original(cursor, text, *more)

        monkeypatch.setattr(connection.dialect, "do_execute", refuse_once)
        with pytest.raises(DBAPIError):
            STORE.rows(connection, ROW)
        refusing.append(False)
        connection.rollback()
        connection.execute(STORE.statement, ROW)
        connection.rollback()
        refusing.append(False)
        assert connection.execute(select(func.count()).select_from(THINGS)).scalar() == 0
