import shutil
from collections.abc import Iterator
from contextlib import closing

import pytest
import sqlalchemy

from packetserver.errors import PacketServerError, ProvisionError
from packetserver.provision import provision
from packetserver.provision.installation import Condition, condition_of, prepare_installation
from packetserver.settings import Settings
from packetserver.store.database import Database

ANN = """
[[user]]
username = "ann"
password = "geheim-1"
role = "Salesperson"
"""


@pytest.fixture
def url(databases) -> Iterator[str]:
    with databases.prepared("sqlite") as url:
        yield url


def execute(url: str, *statements: str) -> None:
    with closing(Database(url)) as database, database.connect(writes=True) as connection:
        for statement in statements:
            connection.execute(sqlalchemy.text(statement))
        connection.commit()


def condition(url: str) -> Condition:
    with closing(Database(url)) as database, database.connect() as connection:
        return condition_of(connection)


def test_a_database_is_prepared_once(database_url):
    settings = Settings(database_url=database_url)
    assert prepare_installation(settings) is Condition.EMPTY
    assert prepare_installation(settings) is Condition.CURRENT
    assert condition(database_url) is Condition.CURRENT


def test_a_database_that_is_not_prepared(database_url, apply):
    if database_url.startswith("sqlite"):
        execute(database_url, "SELECT 1")
    with pytest.raises(ProvisionError, match="is not prepared: run packetserver init-db"):
        apply(database_url, ANN)


def test_a_missing_file_is_not_made(tmp_path, apply):
    path = tmp_path / "folder" / "new.db"
    with pytest.raises(ProvisionError, match="does not exist: run packetserver init-db"):
        apply(f"sqlite:///{path}", ANN)
    assert not path.parent.exists()


def test_a_database_of_a_later_version(url, apply):
    execute(url, "UPDATE alembic_version SET version_num = 'zzzz'")
    assert condition(url) is Condition.NEWER
    with pytest.raises(ProvisionError, match="later version of packetserver"):
        apply(url, ANN)
    with pytest.raises(ProvisionError, match="later version of packetserver"):
        prepare_installation(Settings(database_url=url))


def test_a_database_of_the_original_is_used_as_it_is(url, apply):
    execute(url, "DROP TABLE alembic_version", "DROP TABLE packetserver_setting")
    assert condition(url) is Condition.FOREIGN
    assert apply(url, ANN).changes == 1
    assert apply(url, ANN).changes == 0
    with pytest.raises(ProvisionError, match="set the time zone and the host names with"):
        apply(url, 'timezone = "Europe/Berlin"')
    with pytest.raises(ProvisionError, match="tables that packetserver did not make"):
        prepare_installation(Settings(database_url=url))


def test_tables_of_something_else_are_left_alone(tmp_path, apply):
    url = f"sqlite:///{tmp_path / 'other.db'}"
    execute(url, "CREATE TABLE other (id INTEGER)")
    with pytest.raises(ProvisionError, match=r"did not make, and lacks .*, …"):
        apply(url, ANN)
    with pytest.raises(ProvisionError, match="tables that packetserver did not make"):
        prepare_installation(Settings(database_url=url))


def test_a_url_that_is_none_tells_no_password(apply):
    with pytest.raises(PacketServerError) as raised:
        apply("postgresql+psycopg://u:geheim-1@host:port/x", ANN)
    assert "geheim-1" not in str(raised.value)


def test_the_file_can_be_used_by_others_afterwards(url, tmp_path, stored, world):
    # No connection stays open that would hold a lock, or keep a log beside the file.
    provision(Settings(database_url=url), world)
    copy = tmp_path / "copy.db"
    shutil.copyfile(url.removeprefix("sqlite:///"), copy)
    assert stored(f"sqlite:///{copy}") == stored(url)
