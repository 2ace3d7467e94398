"""Databases of earlier versions, kept as files, and what `init-db` makes of them.

keep_version.py keeps those of a new version.
"""

from __future__ import annotations

import contextlib
import gzip
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy
from click.testing import CliRunner
from sqlalchemy import MetaData

from databases import KINDS, Databases
from packetserver.catalogue.loader import load_catalogue
from packetserver.cli import main
from packetserver.errors import ProvisionError
from packetserver.provision.installation import (
    Condition,
    condition_of,
    open_installation,
    prepare_installation,
)
from packetserver.records.opening import load_schema
from packetserver.settings import Settings
from packetserver.store import new_migration, setup
from packetserver.store.database import Database
from packetserver.store.tables import COLUMN_TYPES, build_tables

VERSIONS = Path(__file__).parent / "versions"
MIGRATIONS = Path(setup.__file__).parent / "migrations"
NEWEST = max(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
COMMAND = 'packetserver make-migration "WHAT IT BRINGS"'


def kept_versions() -> list[object]:
    found = [
        pytest.param((kind, path), id=path.name.removesuffix(".sql.gz"))
        for kind in KINDS
        for path in sorted(VERSIONS.glob(f"*.{kind}.sql.gz"))
        if not path.name.startswith(NEWEST)
    ]
    assert len(found) >= len(KINDS)
    return found


def fill(url: str, path: Path) -> None:
    """Make an empty database the one that a file has kept."""
    script = gzip.decompress(path.read_bytes()).decode()
    if url.startswith("sqlite:///"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
            database.executescript(script)
    else:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(script)


@pytest.fixture(params=kept_versions())
def earlier_url(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    """The URL of a database that an earlier version has made."""
    kind, path = request.param
    with databases.empty(kind) as url:
        fill(url, path)
        yield url


def picture(url: str) -> dict[str, object]:
    """The tables with their columns, keys and indexes, as the database tells them."""
    with contextlib.closing(Database(url)) as database, database.connect() as connection:
        found = sqlalchemy.inspect(connection)
        return {
            table: (
                sorted(
                    (each["name"], str(each["type"]), each["nullable"], str(each["default"]))
                    for each in found.get_columns(table)
                ),
                found.get_pk_constraint(table)["constrained_columns"],
                sorted(
                    (each["name"] or "", each["column_names"], bool(each["unique"]))
                    for each in found.get_indexes(table)
                ),
                sorted(
                    (each["constrained_columns"], each["referred_table"], str(each["options"]))
                    for each in found.get_foreign_keys(table)
                ),
            )
            for table in found.get_table_names()
        }


def lacks(url: str, metadata: MetaData) -> list[object]:
    with contextlib.closing(Database(url)) as database, database.connect() as connection:
        return new_migration.differences(connection, metadata)


def test_an_earlier_database_becomes_what_a_new_one_is(
    earlier_url: str, databases: Databases
) -> None:
    settings = Settings(database_url=earlier_url)
    with (
        pytest.raises(ProvisionError, match="earlier version: run packetserver init-db"),
        open_installation(settings),
    ):
        pass
    assert prepare_installation(settings) is Condition.OLDER
    kind = "sqlite" if earlier_url.startswith("sqlite") else "postgresql"
    with databases.empty(kind) as new_url:
        prepare_installation(Settings(database_url=new_url))
        assert picture(earlier_url) == picture(new_url)
    with open_installation(settings):
        pass


def test_the_migrations_make_all_that_the_catalogue_has(earlier_url: str) -> None:
    prepare_installation(Settings(database_url=earlier_url))
    missing = lacks(earlier_url, load_schema().metadata)
    assert missing == [], f"the catalogue has what no migration makes; run {COMMAND}"


def test_its_rows_are_kept(earlier_url: str) -> None:
    def counts() -> dict[str, int]:
        with contextlib.closing(Database(earlier_url)) as database, database.connect() as one:
            tables = sqlalchemy.inspect(one).get_table_names()
            return {
                each: one.execute(
                    sqlalchemy.select(sqlalchemy.func.count()).select_from(sqlalchemy.table(each))
                ).scalar_one()
                for each in tables
            }

    before = counts()
    prepare_installation(Settings(database_url=earlier_url))
    after = counts()
    assert {each: after[each] for each in before if each != "sync_table"} == {
        each: number for each, number in before.items() if each != "sync_table"
    }


@pytest.fixture
def changed_catalogue() -> MetaData:
    """What the tables would be with a text, a time and a reference more, and one table more."""
    metadata = build_tables(load_catalogue())
    account = metadata.tables["organization"]
    account.append_column(sqlalchemy.Column("trial", sqlalchemy.String(20)))
    account.append_column(sqlalchemy.Column("trial_at", COLUMN_TYPES["timestamp"]))
    account.append_column(
        sqlalchemy.Column(
            "trial_contact",
            sqlalchemy.Integer,
            sqlalchemy.ForeignKey(
                "contact.contact_id", name="organization_trial_contact_fkey", use_alter=True
            ),
        )
    )
    sqlalchemy.Index("organization_trial_contact_idx", account.c.trial_contact)
    sqlalchemy.Table(
        "trial",
        metadata,
        sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True),
        sqlite_autoincrement=True,
    )
    return metadata


@pytest.fixture
def own_migrations(databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations, which a test may add to."""
    for kind in KINDS:
        # What later tests share is made by the migrations that there are.
        with databases.prepared(kind):
            pass
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    for each in (*MIGRATIONS.glob("*.*"), *MIGRATIONS.glob("versions/*.py")):
        (folder / each.relative_to(MIGRATIONS)).write_text(each.read_text())
    monkeypatch.setattr(setup, "MIGRATIONS", str(folder))
    return folder / "versions"


def test_a_change_of_the_catalogue_is_noticed_and_its_migration_written(
    databases: Databases, changed_catalogue: MetaData, own_migrations: Path
) -> None:
    before = set(own_migrations.glob("*.py"))
    with databases.prepared("sqlite") as url:
        assert len(lacks(url, changed_catalogue)) > 0
        with contextlib.closing(Database(url)) as database, database.connect() as connection:
            path = new_migration.write_migration(connection, changed_catalogue, "a trial.")
        assert path is not None
        assert set(own_migrations.glob("*.py")) - before == {path}
        assert path.read_text().startswith('"""A trial.\n')
    for kind in KINDS:
        with databases.prepared(kind) as url:
            with (
                contextlib.closing(Database(url)) as database,
                database.connect(writes=True) as connection,
            ):
                setup.migrate(connection)
                connection.commit()
            assert lacks(url, changed_catalogue) == []
            assert "AUTOINCREMENT" in made_by(url, "organization")


def made_by(url: str, table: str) -> str:
    """The statement that made a table; keys that were deleted must never come again."""
    if not url.startswith("sqlite"):
        return "AUTOINCREMENT is SQLite's word"
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
        row = database.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        return str(row[0])


def test_nothing_is_written_without_a_difference() -> None:
    found = CliRunner().invoke(main, ["make-migration", "nothing", "--from", str(VERSIONS)])
    assert (found.exit_code, found.output) == (
        0,
        "Nothing to do: the migrations make all that the catalogue has.\n",
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a title", "--from", "nowhere"], "run this in a clone of the project"),
        (["…", "--from", str(VERSIONS)], "a migration needs a title"),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(main, ["make-migration", *arguments])
    assert found.exit_code == 1
    assert said in found.output
    assert "Traceback" not in found.output


def test_a_table_that_is_there_already_is_left_alone(databases: Databases) -> None:
    with databases.empty("sqlite") as url:
        fill(url, VERSIONS / "0002.sqlite.sql.gz")
        with contextlib.closing(Database(url)) as database:
            with database.connect(writes=True) as connection:
                connection.exec_driver_sql("DELETE FROM packetserver_login")
                connection.exec_driver_sql(
                    "INSERT INTO packetserver_login VALUES ('kept', 1, 1, NULL, 1)"
                )
                connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
                connection.commit()
            assert prepare_installation(Settings(database_url=url)) is Condition.OLDER
            with database.connect() as connection:
                assert condition_of(connection) is Condition.CURRENT
                rows = connection.exec_driver_sql("SELECT subject FROM packetserver_login").all()
                assert [tuple(row) for row in rows] == [("kept",)]
