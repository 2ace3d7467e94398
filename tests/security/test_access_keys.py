"""Access keys: how they are stored, and with what."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy
from cryptography.fernet import Fernet
from sqlalchemy import Connection

from packetserver.errors import SettingsError
from packetserver.provision.access_keys import AccessKeys
from packetserver.records.opening import load_schema
from packetserver.security.access_keys import (
    KEYS,
    Seals,
    is_access_key,
    key_file,
    make_key_file,
    new_access_key,
)
from packetserver.settings import Settings
from packetserver.store.database import Database

KEY = "Rep1AccessKey001"


@pytest.fixture
def connection(prepared_database_url: str) -> Iterator[Connection]:
    with (
        contextlib.closing(Database(prepared_database_url)) as database,
        database.connect(writes=True) as opened,
    ):
        yield opened


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "below" / "keys"


def sealed(connection: Connection) -> list[str]:
    return list(connection.execute(sqlalchemy.select(KEYS.c.sealed)).scalars())


def test_a_new_key_is_sixteen_letters_and_digits() -> None:
    keys = {new_access_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(re.fullmatch("[A-Za-z0-9]{16}", each) and is_access_key(each) for each in keys)
    assert not any(map(is_access_key, ("", KEY[1:], KEY + "1", KEY[1:] + "-", KEY[1:] + "ä")))


def test_the_file_is_its_owners_alone_and_is_never_overwritten(file: Path) -> None:
    assert make_key_file(file)
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    assert not make_key_file(file)
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:////srv/crm.db", "/srv/crm.db.keys"),
        ("sqlite:///crm.db", "crm.db.keys"),
        ("sqlite://", "var/packetserver.keys"),
        ("sqlite:///file:x?uri=true", "var/packetserver.keys"),
        ("postgresql+psycopg://crm@localhost/crm", "var/packetserver.keys"),
    ],
)
def test_where_it_is(url: str, expected: str) -> None:
    assert key_file(Settings(database_url=url)) == Path(expected)
    named = Settings(database_url=url, access_key_file=Path("/run/keys"))
    assert key_file(named) == Path("/run/keys")


def test_a_key_is_told_again_and_is_nowhere_in_the_database(
    connection: Connection, file: Path
) -> None:
    keys = AccessKeys(connection, Seals(file))
    assert keys.find(2) is None
    assert keys.give(2, KEY)
    assert not keys.give(2, KEY)
    assert AccessKeys(connection, Seals(file)).find(2) == KEY
    assert keys.find(1) is None
    (stored,) = sealed(connection)
    assert KEY not in stored
    assert KEY.encode() not in Fernet(file.read_text().strip()).decrypt(stored)[-10:]


def test_a_stored_key_is_good_for_one_user_alone(connection: Connection, file: Path) -> None:
    keys = AccessKeys(connection, Seals(file))
    keys.give(2, KEY)
    # As somebody who can write to the database would make another user's key his own.
    connection.execute(KEYS.update().values(user_id=1))
    with pytest.raises(SettingsError, match="was stored for another one"):
        keys.find(1)


def test_the_key_of_the_file_may_change(connection: Connection, file: Path) -> None:
    AccessKeys(connection, Seals(file)).give(2, KEY)
    old = file.read_text()
    new = Fernet.generate_key().decode() + "\n"
    file.write_text(new + old)
    both = AccessKeys(connection, Seals(file))
    assert both.find(2) == KEY
    file.write_text(new)
    with pytest.raises(SettingsError, match="lacks the key"):
        AccessKeys(connection, Seals(file)).find(2)
    both.prepare()
    assert AccessKeys(connection, Seals(file)).find(2) == KEY


@pytest.mark.parametrize("content", ["", "\n", "geheim", "geheim\n" * 2, "ä" * 44])
def test_a_file_with_something_else_is_told_without_it(
    connection: Connection, file: Path, content: str
) -> None:
    file.parent.mkdir()
    file.write_text(content)
    with pytest.raises(SettingsError, match=r"must hold keys of Fernet, a line each$") as caught:
        AccessKeys(connection, Seals(file)).give(2, KEY)
    assert "geheim" not in str(caught.value)


def test_a_lost_file_is_not_replaced(connection: Connection, file: Path) -> None:
    AccessKeys(connection, Seals(file)).give(2, KEY)
    file.unlink()
    for step in (lambda keys: keys.find(2), lambda keys: keys.give(1, KEY), AccessKeys.prepare):
        with pytest.raises(SettingsError, match="cannot be read"):
            step(AccessKeys(connection, Seals(file)))
    assert not file.exists()


def test_a_key_goes_with_its_user(connection: Connection, file: Path) -> None:
    tables = load_schema().metadata.tables
    user = {"username": "gone", "role_id": 4, "enteredby": 0, "modifiedby": 0}
    statement = tables["access"].insert().values(**user).returning(tables["access"].c.user_id)
    user_id = connection.execute(statement).scalar_one()
    AccessKeys(connection, Seals(file)).give(user_id, KEY)
    connection.execute(tables["access"].delete().where(tables["access"].c.user_id == user_id))
    assert sealed(connection) == []
