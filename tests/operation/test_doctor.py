"""What an examination finds, each thing on a database where it is so."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy
from cryptography.fernet import Fernet
from driving import CLIENT, Driver, item
from sqlalchemy import func, select

from packetserver.cli.settings import shown_url
from packetserver.errors import CatalogueError, ProvisionError, StoreUnavailable
from packetserver.operation import doctor
from packetserver.operation.doctor import (
    database,
    examine,
    machine,
)
from packetserver.operation.findings import Check, Finding, Health
from packetserver.protocols.packet.process import build_engine
from packetserver.provision.access_keys import AccessKeys
from packetserver.provision.installation import prepare_installation
from packetserver.security.access_keys import Seals
from packetserver.settings import Settings
from packetserver.store.database import Database

OK, WARNING, WRONG = Health.OK, Health.WARNING, Health.WRONG

Look = Callable[..., list[Finding]]


@pytest.fixture
def look(prepared_database_url, tmp_path) -> Look:
    """A function that examines the database under further variables, by their short names."""
    return lambda **more: examined(prepared_database_url, tmp_path, **more)


@pytest.fixture
def execute(prepared_database_url) -> Callable[..., None]:
    def execute(*statements: str) -> None:
        url = prepared_database_url
        with closing(Database(url)) as database, database.connect(writes=True) as connection:
            for statement in statements:
                connection.execute(sqlalchemy.text(statement))
            connection.commit()

    return execute


def examined(url: str, folder: Path, **more: str) -> list[Finding]:
    variables = {"DATABASE_URL": url, "FILE_LIBRARY": str(folder), **more}
    environment = {f"PACKETSERVER_{name}": text for name, text in variables.items()}
    return list(examine(environment, shown_url))


def of(check: Check, found: list[Finding]) -> list[Finding]:
    return [each for each in found if each.check is check]


def one(check: Check, found: list[Finding], health: Health) -> Finding:
    """The only finding of a check that is not well, which advises something."""
    (finding,) = [each for each in of(check, found) if each.health is not OK]
    assert finding.health is health
    assert finding.advice.endswith((".", "?", ")")) or finding.advice.startswith("chmod")
    return finding


def test_an_installation_that_is_well(look, tmp_path, prepared_database_url, monkeypatch):
    if prepared_database_url.startswith("sqlite"):
        Path(prepared_database_url.removeprefix("sqlite:///")).chmod(0o600)
    found = look()
    assert [each for each in found if each.health is not OK] == []
    unset = {Check.AUDIT, Check.REPLICA, Check.SYSTEM_XML, Check.METRICS}
    of_sqlite = {Check.RIGHTS, *unset}
    of_server = {Check.LETTERS, Check.CLOCK, Check.CONNECTIONS, Check.GRANTS, *unset}
    other = of_server if prepared_database_url.startswith("sqlite") else of_sqlite
    assert {each.check for each in found} == set(Check) - other
    assert all(each.text and not each.text.endswith(".") for each in found)


@pytest.mark.parametrize(
    ("change", "health", "text"),
    [
        (lambda file: file.chmod(0o640), WARNING, "Others on this machine may read"),
        (lambda file: file.unlink(), WRONG, "cannot be read: No such file"),
        (lambda file: file.write_text("geheim\n"), WRONG, "must hold keys of Fernet"),
        (lambda file: file.write_bytes(Fernet.generate_key()), WRONG, "lacks the key"),
    ],
    ids=["open", "lost", "spoilt", "another"],
)
def test_the_keys_of_access_keys(look, prepared_database_url, tmp_path, change, health, text):
    file = tmp_path / "keys"
    with closing(Database(prepared_database_url)) as database:
        with database.connect(writes=True) as connection:
            AccessKeys(connection, Seals(file)).give(2, "Rep1AccessKey001")
            connection.commit()
        assert one_well(Check.ACCESS_KEYS, look(ACCESS_KEY_FILE=str(file))).startswith("1 can be")
        change(file)
        finding = one(Check.ACCESS_KEYS, look(ACCESS_KEY_FILE=str(file)), health)
    assert text in finding.text
    assert "geheim" not in finding.text


def one_well(check: Check, found: list[Finding]) -> str:
    (finding,) = of(check, found)
    assert finding.health is OK
    return finding.text


@pytest.mark.parametrize(
    ("variable", "text", "advice"),
    [
        ("TIMEZOEN", "x", "Did you mean PACKETSERVER_TIMEZONE?"),
        ("WORKER", "4", "Did you mean PACKETSERVER_WORKERS?"),
        ("QQQQ", "4", "Remove it: packetserver settings lists them."),
    ],
)
def test_a_misspelt_variable(look, variable, text, advice):
    found = look(**{variable: text})
    finding = one(Check.SETTINGS, found, WRONG)
    assert finding.text == f"PACKETSERVER_{variable} in the environment is no setting"
    assert finding.advice == advice
    assert of(Check.DATABASE, found), "the rest is examined all the same"


def test_a_value_that_is_not_allowed(look):
    finding = one(Check.SETTINGS, look(WORKERS="many"), WRONG)
    assert finding.text.startswith("PACKETSERVER_WORKERS in the environment must be an integer")


@pytest.mark.parametrize(
    ("content", "text", "advice"),
    [
        ('timezon = "UTC"', "timezon in {} is no setting", "Did you mean timezone?"),
        ("workers = true", "workers in {} must be an integer of at least 1", "Mend the file"),
        ("workers = ", "PACKETSERVER_CONFIG must name a TOML file", "Mend the file"),
    ],
)
def test_a_file_that_is_wrong(look, tmp_path, content, text, advice):
    file = tmp_path / "settings.toml"
    file.write_text(content, encoding="utf-8")
    found = look(CONFIG=str(file))
    finding = one(Check.SETTINGS, found, WRONG)
    assert finding.text.startswith(text.format(file))
    assert finding.advice.startswith(advice)
    assert not of(Check.DATABASE, found), "it is not known which database is meant"


@pytest.mark.parametrize(("mode", "health"), [(0o644, WARNING), (0o640, OK)])
def test_a_file_with_a_password_that_everybody_may_read(tmp_path, mode, health):
    file = tmp_path / "settings.toml"
    file.write_text('database_url = "postgresql://crm:geheim@127.0.0.1:1/crm"', encoding="utf-8")
    file.chmod(mode)
    found = list(examine({"PACKETSERVER_CONFIG": str(file)}, shown_url))
    assert [each.health for each in of(Check.SETTINGS, found)][-1] is health
    assert all("geheim" not in each.text + each.advice for each in found)


def test_a_catalogue_that_is_broken(look, monkeypatch):
    def broken() -> None:
        raise CatalogueError("account.toml", "account", "has no table")

    monkeypatch.setattr(doctor, "load_schema", broken)
    finding = one(Check.CATALOGUE, look(), WRONG)
    assert finding.text == "account.toml: account: has no table"


@pytest.mark.parametrize(
    ("settings", "health"),
    [
        ({"BIND": "0.0.0.0:8080"}, WARNING),
        ({"BIND": "crm.example.org:80"}, WARNING),
        ({"BIND": "[::]:8080"}, WARNING),
        ({"BIND": "0.0.0.0:8080", "REQUIRE_HTTPS": "true"}, OK),
        ({"BIND": "127.0.0.1:8080"}, OK),
        ({"BIND": "[::1]:8080"}, OK),
        ({"BIND": "localhost:8080"}, OK),
        ({"BIND": "unix:/run/packetserver.sock"}, OK),
    ],
)
def test_codes_that_travel_in_the_clear(look, settings, health):
    (finding,) = of(Check.TRANSPORT, look(**settings))
    assert finding.health is health


def test_permissions_of_contacts_alone(look):
    finding = one(Check.PERMISSIONS, look(PERMISSIONS="contacts"), WARNING)
    assert "users and roles included" in finding.text


def test_a_file_library_that_cannot_be_written(look, tmp_path):
    place = tmp_path / "no-folder"
    place.write_text("a file", encoding="utf-8")
    finding = one(Check.FILES, look(FILE_LIBRARY=str(place)), WRONG)
    assert str(place) in finding.text
    found = look(FILE_LIBRARY=str(tmp_path / "later" / "files"))
    (finding,) = of(Check.FILES, found)
    assert finding.text.endswith("will be made when the first file comes")


@pytest.mark.parametrize(
    ("free", "health"), [(99 << 20, WRONG), (1000 << 20, WARNING), (2 << 30, OK)]
)
def test_a_disk_that_is_nearly_full(look, monkeypatch, free, health):
    usage = SimpleNamespace(free=free)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda place: usage)
    found = of(Check.DISK, look())
    assert {each.health for each in found} == {health}
    assert len(found) >= 2


@pytest.fixture
def sqlite_copy(databases, tmp_path) -> Path:
    """A file of SQLite in a folder of its own, that everybody may enter."""
    folder = tmp_path / "database"
    folder.mkdir(mode=0o755)
    with databases.prepared("sqlite") as url:
        shutil.copyfile(url.removeprefix("sqlite:///"), folder / "crm.db")
    return folder / "crm.db"


@pytest.mark.parametrize(
    ("folder", "file", "health"),
    [(0o755, 0o644, WARNING), (0o755, 0o602, WARNING), (0o750, 0o644, OK), (0o755, 0o640, OK)],
)
def test_a_database_file_that_others_may_read(sqlite_copy, tmp_path, folder, file, health):
    sqlite_copy.parent.chmod(folder)
    sqlite_copy.chmod(file)
    (finding,) = of(Check.RIGHTS, examined(f"sqlite:///{sqlite_copy}", tmp_path))
    assert finding.health is health


def test_a_database_file_that_cannot_be_written(sqlite_copy, tmp_path, monkeypatch):
    def refused(**options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(machine.tempfile, "TemporaryFile", refused)
    found = list(machine._rights(sqlite_copy))
    finding = one(Check.RIGHTS, found, WRONG)
    assert finding.text.endswith("cannot be written: Permission denied")


def test_a_database_file_that_is_not_there(tmp_path):
    file = tmp_path / "folder" / "none.db"
    finding = one(Check.DATABASE, examined(f"sqlite:///{file}", tmp_path), WRONG)
    assert finding.text == f"The file {file} does not exist"
    assert not file.parent.exists()


def test_a_journal_of_another_mode(sqlite_copy, tmp_path, monkeypatch):
    url = f"sqlite:///{sqlite_copy}"
    with sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool).connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode = DELETE")
        (finding,) = [database._journal(connection)]
    assert finding.health is WARNING
    assert "is delete instead of WAL" in finding.text


def test_a_database_that_does_not_answer(tmp_path):
    url = "postgresql://crm:geheim-7@127.0.0.1:1/crm"
    found = examined(url, tmp_path)
    finding = one(Check.DATABASE, found, WRONG)
    assert finding.text.startswith(
        "postgresql+psycopg://crm:***@127.0.0.1:1/crm: the database does not answer: nothing listens"
    )
    assert "refused" in finding.text, "in the words of the database's own library"
    assert all("geheim-7" not in each.text + each.advice for each in found)
    assert not of(Check.TABLES, found)


@pytest.mark.parametrize(
    ("statement", "health", "text"),
    [
        ("UPDATE alembic_version SET version_num = '0001'", WRONG, "by an earlier version"),
        ("UPDATE alembic_version SET version_num = 'zzzz'", WRONG, "by a later version"),
        ("DROP TABLE alembic_version", WARNING, "packetserver did not make"),
    ],
)
def test_a_database_of_another_version(look, execute, statement, health, text):
    execute(statement)
    assert text in one(Check.REVISION, look(), health).text


def test_a_database_without_tables(database_url, tmp_path):
    if database_url.startswith("sqlite"):
        Path(database_url.removeprefix("sqlite:///")).touch()
    found = examined(database_url, tmp_path)
    assert one(Check.REVISION, found, WRONG).advice == "Run packetserver init-db."
    assert " more" in one(Check.TABLES, found, WRONG).text
    assert not of(Check.ADMINISTRATOR, found)


def test_a_table_and_a_column_that_are_missing(look, execute):
    execute("DROP TABLE sync_unconfirmed", "ALTER TABLE sync_session RENAME COLUMN packet TO other")
    finding = one(Check.TABLES, look(), WRONG)
    assert set(finding.text.removeprefix("Missing: ").split(", ")) == {
        "sync_session.packet",
        "sync_unconfirmed",
    }


def test_a_column_that_is_not_as_it_should_be(databases, tmp_path):
    with databases.prepared("postgresql") as url:
        with closing(Database(url)) as database, database.connect() as connection:
            statement = "ALTER TABLE ticket ADD COLUMN urgent INT NOT NULL"
            connection.execute(sqlalchemy.text(statement))
            connection.commit()
        finding = one(Check.TABLES, examined(url, tmp_path), WARNING)
    assert finding.text == "Not as they should be: ticket.urgent"


def test_a_time_zone_that_is_not_set(look, execute):
    execute("DELETE FROM packetserver_setting WHERE name = 'timezone'")
    assert "that of this machine" in one(Check.ZONE, look(), WARNING).text
    found = look(TIMEZONE="Europe/Berlin")
    assert {each.health for each in of(Check.ZONE, found)} == {OK}


def test_a_time_zone_that_is_not_the_one_of_the_stored_times(look):
    finding = one(Check.ZONE, look(TIMEZONE="Europe/Berlin"), WRONG)
    assert "Europe/Berlin is set" in finding.text
    assert "provisioned with America/New_York" in finding.text
    assert {each.health for each in of(Check.ZONE, look(TIMEZONE="America/New_York"))} == {OK}


def test_a_time_zone_that_is_wrong_in_the_database(look, execute):
    execute("UPDATE packetserver_setting SET value = 'Mars' WHERE name = 'timezone'")
    assert "timezone in the database" in one(Check.DATABASE, look(), WRONG).text


@pytest.fixture
def postgresql(databases):
    with databases.prepared("postgresql") as url:
        yield url


def test_a_zone_that_does_not_reach_postgresql(postgresql, tmp_path):
    found = examined(f"{postgresql}&options=-c timezone=Asia/Tokyo", tmp_path)
    finding = one(Check.ZONE, found, WRONG)
    assert "PostgreSQL keeps Asia/Tokyo" in finding.text


@pytest.mark.parametrize(("seconds", "health"), [(0, OK), (10, WARNING), (-90, WRONG)])
def test_clocks_that_are_apart(postgresql, tmp_path, monkeypatch, seconds, health):
    class Shifted(database.datetime):
        @classmethod
        def now(cls, zone=None):
            return super().now(zone) + timedelta(seconds=seconds)

    monkeypatch.setattr(database, "datetime", Shifted)
    (finding,) = of(Check.CLOCK, examined(postgresql, tmp_path))
    assert finding.health is health


def test_more_connections_than_postgresql_allows(postgresql, tmp_path):
    found = examined(postgresql, tmp_path, WORKERS="8", THREADS="64")
    assert "may open 1024 connections" in one(Check.CONNECTIONS, found, WARNING).text
    name = sqlalchemy.make_url(postgresql).database
    with closing(Database(postgresql)) as database, database.connect() as connection:
        connection.execute(sqlalchemy.text(f"ALTER DATABASE {name} CONNECTION LIMIT 5"))
        connection.commit()
    found = examined(postgresql, tmp_path)
    assert one(Check.CONNECTIONS, found, WARNING).text.endswith("PostgreSQL allows 5")


def test_a_database_that_can_only_be_read(postgresql, tmp_path):
    name = sqlalchemy.make_url(postgresql).database
    with closing(Database(postgresql)) as database, database.connect() as connection:
        statement = f"ALTER DATABASE {name} SET default_transaction_read_only = on"
        connection.execute(sqlalchemy.text(statement))
        connection.commit()
    assert "not written" in one(Check.DATABASE, examined(postgresql, tmp_path), WRONG).text


def test_a_replica_that_is_none(postgresql, tmp_path):
    away = "postgresql://crm:geheim-7@127.0.0.1:1/crm"
    found = examined(postgresql, tmp_path, REPLICA_URL=away)
    assert one(Check.REPLICA, found, WARNING).text.startswith("It cannot be used: ")
    found = examined(postgresql, tmp_path, REPLICA_URL=postgresql)
    assert "but a primary" in one(Check.REPLICA, found, WARNING).text


def test_a_replica_of_sqlite(sqlite_copy, tmp_path):
    found = examined(f"sqlite:///{sqlite_copy}", tmp_path, REPLICA_URL=f"sqlite:///{sqlite_copy}")
    assert "only PostgreSQL has replicas" in one(Check.REPLICA, found, WRONG).text


@pytest.mark.parametrize(("seconds", "health"), [(0.0, OK), (59.0, OK), (61.0, WARNING)])
def test_a_replica_that_is_behind(seconds, health):
    assert database._standing(is_replica=True, seconds=seconds).health is health


def test_default_rows_that_are_missing(look, execute):
    execute("DELETE FROM sync_table WHERE element_name IN ('account', 'accountList')")
    finding = one(Check.ROWS, look(), WRONG)
    assert finding.text.startswith("Missing: 2 rows of sync_table")


@pytest.mark.parametrize(
    "change",
    [
        "enabled = FALSE",
        "expires = '2001-01-01 00:00:00'",
        "allow_httpapi_access = FALSE",
        "role_id = (SELECT role_id FROM role WHERE role = 'Salesperson')",
    ],
)
def test_nobody_who_can_help_the_others(look, execute, change):
    assert of(Check.ADMINISTRATOR, look())[0].text == "admin can log in, and may change users"
    execute(f"UPDATE access SET {change} WHERE user_id <> 0")  # noqa: S608 - of the table above
    assert "admin-users" in one(Check.ADMINISTRATOR, look(), WRONG).text


def test_secrets_that_are_bare(look, execute):
    bare = "d41d8cd98f00b204e9800998ecf8427e"
    execute(
        f"UPDATE access SET password = '{bare}' WHERE user_id IN (1, 2)",  # noqa: S608 - as above
        "UPDATE sync_client SET code = 'open sesame' WHERE client_id = 1",
    )
    found = look()
    finding = one(Check.SECRETS, found, WARNING)
    assert finding.text.startswith("3 secrets are stored as the original stores them")
    assert all(bare not in each.text and "sesame" not in each.text for each in found)


@pytest.fixture
def engine(prepared_database_url, tmp_path):
    settings = Settings(database_url=prepared_database_url, file_library=tmp_path)
    made = build_engine(settings)
    with closing(made.database):
        yield made


def test_a_session_that_does_not_end(look, execute, engine):
    Driver(engine, CLIENT).one("syncClient", "syncStart")
    assert {each.health for each in of(Check.SYNC, look())} == {OK}
    execute("UPDATE sync_session SET started = '2020-01-01 00:00:00'")
    assert one(Check.SYNC, look(), WARNING).text.endswith("of clients 1")
    execute("UPDATE sync_client SET enabled = FALSE")
    assert {each.health for each in of(Check.SYNC, look())} == {OK}


def test_a_package_that_nobody_compiles(look, execute, engine):
    asking = type(CLIENT)(
        CLIENT.id, CLIENT.code, 4, CLIENT.client_id, next_anchor="2035-01-01 00:00:00.0"
    )
    asked = [item("lookupAccountTypesList", "sync"), item("compileSyncData", "execute")]
    (answer,) = Driver(engine, asking).send([asked])
    assert answer.errors == ()
    assert "not for long yet" in of(Check.PACKAGES, look())[0].text
    execute("UPDATE sync_package SET entered = '2020-01-01 00:00:00'")
    assert "compile-packages --watch" in one(Check.PACKAGES, look(), WARNING).advice


def test_nothing_is_changed(look, engine):
    def counted() -> dict[str, int]:
        with engine.database.connect() as connection:
            return {
                name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for name, table in engine.schema.metadata.tables.items()
            }

    before = counted()
    look()
    assert counted() == before


def test_the_words_of_a_database_tell_no_password():
    url = sqlalchemy.make_url("postgresql://crm:geheim-7@localhost/crm")
    told = doctor._reason(StoreUnavailable("no entry\n for geheim-7"), url)
    assert told == "no entry for ***"


def test_a_database_that_tells_letters_apart_by_case(databases, tmp_path):
    with databases.in_locale_c("LATIN1") as url:
        finding = one(Check.LETTERS, examined(url, tmp_path), WRONG)
        assert "letter case" in finding.text
        assert "UTF8" in finding.advice
        with pytest.raises(ProvisionError, match="make it anew with ENCODING 'UTF8'"):
            prepare_installation(Settings(database_url=url))


def test_a_database_in_locale_c_is_as_good_as_any(databases, tmp_path):
    with databases.in_locale_c() as url:
        prepare_installation(Settings(database_url=url))
        found = examined(url, tmp_path)
        (letters,) = of(Check.LETTERS, found)
        assert letters.health is OK
        assert letters.text.startswith("Letter case is that of Unicode, by the collation ")
        (names,) = of(Check.NAMES, found)
        assert names.health is OK


def test_names_that_several_have(look, execute, prepared_database_url):
    is_file = prepared_database_url.startswith("sqlite")
    held = "access_username_name_idx"
    endings = ("_insert", "_update")
    execute(
        *(f"DROP TRIGGER {held}{each}" for each in endings) if is_file else (f"DROP INDEX {held}",)
    )
    finding = one(Check.NAMES, look(), WARNING)
    assert "does not keep it so" in finding.text
    execute("UPDATE access SET username = ' ADMIN' WHERE user_id = 2")
    finding = one(Check.NAMES, look(), WRONG)
    assert "the users 1 (admin) and 2 ( ADMIN)" in finding.text
    assert "packetserver user rename" in finding.advice


def test_names_in_a_database_of_before_and_in_one_of_the_original(look, execute):
    execute("DROP TABLE packetserver_login", "UPDATE alembic_version SET version_num = '0001'")
    assert [each.health for each in of(Check.NAMES, look())] == [OK]
    execute("DROP TABLE alembic_version")
    assert [each.health for each in of(Check.NAMES, look())] == [OK]
