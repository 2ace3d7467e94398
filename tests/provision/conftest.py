"""Databases to provision, and a look at what is stored in them."""

import functools
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from packetserver.provision import Summary, installation, provision
from packetserver.records.opening import load_schema
from packetserver.settings import Settings
from packetserver.store.database import Database

TABLES = ("access", "contact", "contact_emailaddress", "sync_client", "packetserver_setting")

loaded_schema = functools.cache(load_schema)

Row = dict[str, Any]


@pytest.fixture(autouse=True)
def schema_loaded_once(monkeypatch):
    monkeypatch.setattr(installation, "load_schema", loaded_schema)


@pytest.fixture
def world() -> Path:
    return Path(__file__).parent.parent / "conformance" / "world.toml"


@pytest.fixture
def apply(tmp_path: Path) -> Callable[[str, str], Summary]:
    """A function that applies a text, as the file `file.toml`, to the database at a URL."""

    def apply(url: str, text: str) -> Summary:
        path = tmp_path / "file.toml"
        path.write_text(text, encoding="utf-8")
        return provision(Settings(database_url=url), path)

    return apply


class Stored(dict[str, list[Row]]):
    """The rows of the tables that provisioning writes, in the order of their keys."""

    def user(self, name: str) -> Row:
        return next(row for row in self["access"] if row["username"] == name)

    def contact(self, name: str) -> Row:
        number = self.user(name)["contact_id"]
        return next(row for row in self["contact"] if row["contact_id"] == number)

    def sync_client(self, number: int) -> Row:
        return next(row for row in self["sync_client"] if row["client_id"] == number)


@pytest.fixture
def stored() -> Callable[[str], Stored]:
    """A function that reads what the database at a URL holds."""
    return read_stored


def read_stored(url: str) -> Stored:
    tables = loaded_schema().metadata.tables
    with closing(Database(url)) as database, database.connect() as connection:
        statements = {name: tables[name].select().order_by(tables[name].c[0]) for name in TABLES}
        return Stored(
            {
                name: [dict(row) for row in connection.execute(statement).mappings()]
                for name, statement in statements.items()
            }
        )
