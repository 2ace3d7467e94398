"""The database keeps names unique; twins that it has from before are found and can be parted."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import datetime

import pytest
import sqlalchemy
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from databases import KINDS, Databases
from packetserver import cli
from packetserver.letters import fold_name
from packetserver.provision.installation import prepare_installation
from packetserver.records.opening import load_schema
from packetserver.settings import Settings
from packetserver.store.database import Database
from packetserver.store.names import (
    INSERTING,
    UPDATING,
    NameColumn,
    find_twins,
    hold_where_possible,
    is_held,
    name_columns,
)
from packetserver.store.setup import prepare_database

SCHEMA = load_schema()
NAMES = list(name_columns(SCHEMA.catalogue))
NOW = datetime(2026, 11, 22, 9, 15, 8)

WRITTEN = st.lists(
    st.text(st.sampled_from("aAäÄİiσςΣ \u00a0\t"), min_size=1, max_size=4), min_size=2, max_size=6
)


def insert(connection: Connection, names: NameColumn, name: str) -> int:
    """A row with a name and little else."""
    table = SCHEMA.metadata.tables[names.table]
    described = SCHEMA.catalogue.tables[names.table].columns.values()
    needed = {each.name: 0 for each in described if each.name in {"enteredby", "modifiedby"}}
    statement = sqlalchemy.insert(table).values({**needed, names.column: name})
    return int(connection.execute(statement.returning(table.c[names.key])).scalar_one())


def rename(connection: Connection, names: NameColumn, key: int, name: str) -> None:
    table = SCHEMA.metadata.tables[names.table]
    changed = sqlalchemy.update(table).where(table.c[names.key] == key)
    connection.execute(changed.values({names.column: name}))


@contextlib.contextmanager
def opened(url: str, *, writes: bool = False) -> Iterator[Connection]:
    with contextlib.closing(Database(url)) as database, database.connect(writes=writes) as one:
        yield one


def let_go(connection: Connection, names: NameColumn) -> None:
    """As in a database of before."""
    if connection.dialect.name == "sqlite":
        for ending in (INSERTING, UPDATING):
            connection.exec_driver_sql(f"DROP TRIGGER {names.index}{ending}")
    else:
        connection.exec_driver_sql(f"DROP INDEX {names.index}")


@pytest.fixture(params=[*KINDS, "postgresql in locale C"], scope="module")
def url(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    made = databases.empty(request.param) if request.param in KINDS else databases.in_locale_c()
    with made as url:
        with contextlib.closing(Database(url)) as database:
            prepare_database(database, SCHEMA, NOW)
        yield url


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    """A connection whose work is undone in the end."""
    with opened(url, writes=True) as one:
        yield one


@pytest.mark.parametrize("names", NAMES, ids=lambda each: each.table)
@pytest.mark.parametrize(("name", "twin"), [("Ärzte", " äRZTE\u00a0"), ("ann", "Ann"), ("ς", "Σ")])
def test_no_row_gets_the_name_of_another(
    connection: Connection, names: NameColumn, name: str, twin: str
) -> None:
    assert is_held(connection, names)
    key, other = insert(connection, names, name), insert(connection, names, "another")
    with pytest.raises(IntegrityError, match=names.index), connection.begin_nested():
        insert(connection, names, twin)
    with pytest.raises(IntegrityError, match=names.index), connection.begin_nested():
        rename(connection, names, other, twin)
    rename(connection, names, key, twin)


@given(WRITTEN)
@settings(max_examples=40)
def test_twins_are_those_whose_names_are_the_same(url: str, written: list[str]) -> None:
    names = NAMES[0]
    with opened(url, writes=True) as one:
        let_go(one, names)
        keys = {insert(one, names, each): each for each in written}
        groups: dict[str, list[tuple[int, str]]] = {}
        for key, name in keys.items():
            groups.setdefault(fold_name(name), []).append((key, name))
        expected = [tuple(groups[name]) for name in sorted(groups) if len(groups[name]) > 1]
        assert sorted(each.rows for each in find_twins(one, names)) == sorted(expected)
        hold_where_possible(one, SCHEMA.catalogue)
        assert is_held(one, names) is not expected or not expected


@pytest.fixture(params=KINDS)
def earlier_url(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    """A database of the version before, in which two have one name, and three another."""
    with databases.prepared(request.param) as url:
        with opened(url, writes=True) as one:
            for names in NAMES:
                let_go(one, names)
                insert(one, names, "O'Hara")
                insert(one, names, " o'hara")
            for name in ("Änne", "ÄNNE", "änne "):
                insert(one, NAMES[0], name)
            one.exec_driver_sql("UPDATE alembic_version SET version_num = '0004'")
            one.commit()
        yield url


def rows(url: str) -> list[str]:
    with opened(url) as one:
        version = one.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        found = (
            one.execute(sqlalchemy.select(SCHEMA.metadata.tables[each.table])) for each in NAMES
        )
        return [str(version), *(repr(row) for each in found for row in each)]


def test_an_upgrade_names_twins_and_changes_nothing_until_they_are_parted(
    earlier_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows(earlier_url)
    monkeypatch.setenv("PACKETSERVER_DATABASE_URL", earlier_url)
    for count in (4, 3, 2, 1):
        result = CliRunner().invoke(cli.main, ["init-db"])
        assert result.exit_code == 1
        assert "Traceback" not in result.output
        assert "have the same name" in result.output
        assert "nothing was changed" in result.output
        if count == 4:
            assert rows(earlier_url) == before
            assert "the roles 10 (O'Hara) and 11 ( o'hara)" in result.output
        told = " ".join(result.output.split())
        statement = told[told.index("UPDATE ") : told.index(", and run packetserver init-db again")]
        with opened(earlier_url, writes=True) as one:
            one.exec_driver_sql(statement)
            one.commit()
    result = CliRunner().invoke(cli.main, ["init-db"])
    assert result.exit_code == 0, result.output
    with opened(earlier_url) as one:
        assert all(is_held(one, each) and not find_twins(one, each) for each in NAMES)


def test_names_are_kept_from_the_next_upgrade_on_where_twins_stood_in_the_way(
    databases: Databases,
) -> None:
    with databases.prepared("sqlite") as url:
        with opened(url, writes=True) as one:
            let_go(one, NAMES[0])
            one.commit()
        prepare_installation(Settings(database_url=url))
        with opened(url) as one:
            assert is_held(one, NAMES[0])


def test_other_programs_can_still_look_after_a_file(databases: Databases) -> None:
    with databases.prepared("sqlite") as url:
        path = url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path)) as other:
            assert other.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            other.execute("UPDATE access SET enabled = 1 WHERE user_id = 1")
            other.commit()
            other.execute("VACUUM")
            with pytest.raises(sqlite3.OperationalError, match="folded_name"):
                other.execute("UPDATE access SET username = 'x' WHERE user_id = 1")


def test_a_file_has_its_references_whatever_was_made_before_it(databases: Databases) -> None:
    def references(kind: str) -> int:
        with databases.empty(kind) as url, contextlib.closing(Database(url)) as database:
            prepare_database(database, SCHEMA, NOW)
            with database.connect() as one:
                found = sqlalchemy.inspect(one).get_multi_foreign_keys()
                return sum(map(len, found.values()))

    assert references("postgresql") == references("sqlite") > 0
