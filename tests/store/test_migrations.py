"""Databases of earlier versions, and what `init-db` makes of them."""

import contextlib
from datetime import datetime

import pytest
import sqlalchemy
from sqlalchemy import Connection

from packetserver.engine.assembly import load_schema
from packetserver.errors import ProvisionError
from packetserver.provision.installation import (
    Condition,
    condition_of,
    open_installation,
    prepare_installation,
)
from packetserver.settings import Settings
from packetserver.store.database import Database
from packetserver.store.setup import prepare_database

SINCE = {"0002": ["packetserver_login"]}
"""The tables that each version added to those of the first one."""

NOW = datetime(2026, 11, 22, 9, 15, 8)


def go_back(connection: Connection) -> None:
    """Make a new database one of the first version."""
    for tables in SINCE.values():
        for name in tables:
            connection.exec_driver_sql(f"DROP TABLE {name}")
    connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")


def picture(url: str) -> dict[str, object]:
    """The tables with their columns, keys and indexes, as the database tells them."""
    with contextlib.closing(Database(url)) as database, database.connect() as connection:
        found = sqlalchemy.inspect(connection)
        return {
            table: (
                [
                    (each["name"], str(each["type"]), each["nullable"], each["default"])
                    for each in found.get_columns(table)
                ],
                found.get_pk_constraint(table)["constrained_columns"],
                sorted((each["name"], each["column_names"]) for each in found.get_indexes(table)),
            )
            for table in found.get_table_names()
        }


@pytest.fixture
def first_version_url(database_url):
    """The URL of a database that the first version has made."""
    with contextlib.closing(Database(database_url)) as database:
        prepare_database(database, load_schema(), NOW)
        with database.connect(writes=True) as connection:
            go_back(connection)
            connection.commit()
    return database_url


def test_a_database_of_the_first_version_becomes_what_a_new_one_is(
    first_version_url, databases, request
):
    settings = Settings(database_url=first_version_url)
    with (
        pytest.raises(ProvisionError, match="earlier version: run packetserver init-db"),
        open_installation(settings),
    ):
        pass
    assert prepare_installation(settings) is Condition.OLDER
    kind = "sqlite" if first_version_url.startswith("sqlite") else "postgresql"
    with databases.empty(kind) as new_url:
        prepare_installation(Settings(database_url=new_url))
        assert picture(first_version_url) == picture(new_url)
    with open_installation(settings):
        pass


def test_a_table_that_is_there_already_is_left_alone(first_version_url):
    with contextlib.closing(Database(first_version_url)) as database:
        with database.connect(writes=True) as connection:
            connection.exec_driver_sql("CREATE TABLE packetserver_login (subject VARCHAR(64))")
            connection.exec_driver_sql("INSERT INTO packetserver_login VALUES ('kept')")
            connection.commit()
        assert prepare_installation(Settings(database_url=first_version_url)) is Condition.OLDER
        with database.connect() as connection:
            assert condition_of(connection) is Condition.CURRENT
            rows = connection.exec_driver_sql("SELECT * FROM packetserver_login").all()
            assert [tuple(row) for row in rows] == [("kept",)]
