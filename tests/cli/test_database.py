import re
import sqlite3
import traceback
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy

from packetserver.security.secrets import md5_of_password, verify_secret
from packetserver.store.database import Database

WORLD = str(Path(__file__).parent.parent / "conformance" / "world.toml")


@pytest.fixture
def new_url(database_url, monkeypatch, tmp_path) -> str:
    monkeypatch.setenv("PACKETSERVER_DATABASE_URL", database_url)
    monkeypatch.setenv("PACKETSERVER_ACCESS_KEY_FILE", str(tmp_path / "keys"))
    return database_url


@pytest.fixture
def sqlite_url(tmp_path, monkeypatch) -> str:
    url = f"sqlite:///{tmp_path / 'var' / 'new.db'}"
    monkeypatch.setenv("PACKETSERVER_DATABASE_URL", url)
    return url


def secret_of(url: str, name: str) -> str:
    statement = sqlalchemy.text("SELECT password FROM access WHERE username = :name")
    with closing(Database(url)) as database, database.connect() as connection:
        return str(connection.execute(statement, {"name": name}).scalar_one())


def test_a_database_is_made_with_an_admin_and_then_left_alone(run, new_url):
    first = run("init-db", "--with-admin")
    assert first.exit_code == 0
    lines = first.output.splitlines()
    assert lines[0].startswith("Created the database ")
    printed = re.fullmatch(r"Added the user admin with the password: (\S{24})", lines[1])
    assert printed is not None
    secret = secret_of(new_url, "admin")
    assert printed[1] not in secret
    assert verify_secret(secret, md5_of_password(printed[1]))

    again = run("init-db", "--with-admin")
    assert again.exit_code == 0
    assert " is up to date." in again.output
    assert "the user admin was not added" in again.output
    assert printed[1] not in again.output
    assert secret_of(new_url, "admin") == secret

    listed = run("user", "list").output.splitlines()
    assert [line.split()[:5] for line in listed[1:]] == [
        ["1", "admin", "Administrator", "yes", "yes"]
    ]


def test_without_an_admin_nobody_is_added(run, sqlite_url):
    assert len(run("init-db").output.splitlines()) == 1
    assert len(run("user", "list").output.splitlines()) == 1


def test_the_password_in_the_url_is_not_shown(run, tmp_path, monkeypatch):
    monkeypatch.setenv("PACKETSERVER_DATABASE_URL", "postgresql://ann:geheim@127.0.0.1:1/crm")
    result = run("init-db")
    assert result.exit_code == 1
    assert result.output.startswith("Error: the database does not answer: nothing listens at its")
    assert "geheim" not in result.output


def test_a_database_in_memory_is_refused(run, monkeypatch):
    for url in ("sqlite://", "sqlite:///:memory:", "sqlite:///file::memory:?cache=shared&uri=true"):
        monkeypatch.setenv("PACKETSERVER_DATABASE_URL", url)
        result = run("init-db")
        assert (result.exit_code, "name a file" in result.output) == (1, True)


def test_a_database_of_something_else_is_left_alone(run, sqlite_url):
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE other (id INTEGER)")
        connection.commit()
    result = run("init-db", "--with-admin")
    assert result.exit_code == 1
    assert result.output == "Error: the database holds tables that packetserver did not make\n"


@pytest.mark.parametrize(
    "command",
    [
        *(("provision", WORLD), ("user", "list"), ("user", "add", "ann"), ("client", "list")),
        *(("user", "disable", "ann"), ("client", "disable", "1"), ("serve",)),
    ],
    ids=" ".join,
)
def test_a_missing_database_is_one_sentence_that_says_what_to_do(run, sqlite_url, command):
    result = run(*command)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "run packetserver init-db" in result.stderr
    assert not Path(sqlite_url.removeprefix("sqlite:///")).parent.exists()


def test_a_wrong_setting_is_one_sentence(run, monkeypatch):
    monkeypatch.setenv("PACKETSERVER_THREADS", "many")
    result = run("init-db")
    assert result.exit_code == 1
    assert result.output.startswith(
        "Error: PACKETSERVER_THREADS in the environment must be an integer"
    )
    assert result.output.count("\n") == 1


def test_the_commands_work_on_postgresql(run, databases, monkeypatch):
    with databases.prepared("postgresql") as url:
        monkeypatch.setenv("PACKETSERVER_DATABASE_URL", url)
        assert run("user", "add", "ann", "--role", "Salesperson").exit_code == 0
        assert run("user", "set-password", "ann").exit_code == 0
        assert run("client", "add", "--user", "ann").output.startswith("Added the sync client 5.")
        assert run("client", "disable", "5").output == "The sync client 5 is disabled.\n"
        assert "no sync client 99999999999" in run("client", "disable", "99999999999").stderr
        assert run("user", "list").output.splitlines()[-1].split()[:2] == ["7", "ann"]
        assert run("client", "list").output.splitlines()[-1].split()[2:] == ["ann", "no"]
        assert "[database]" in run("settings").output


class TestProvision:
    def test_a_file_is_applied_and_summed_up(self, run, url):
        result = run("provision", WORLD)
        assert result.exit_code == 0
        assert result.output == (
            "users: 0 added, 0 changed, 6 unchanged\n"
            "sync clients: 0 added, 0 changed, 4 unchanged\n"
            "settings: 0 added, 0 changed, 2 unchanged\n"
        )

    def test_no_secret_is_shown(self, run, url, tmp_path):
        path = tmp_path / "file.toml"
        path.write_text(
            '[[user]]\nusername = "ann"\npassword = "geheim-1"\nrole = "Salesperson"\n'
            '[[sync_client]]\nid = 9\ntype = "x"\ncode = "geheim-2"\n'
        )
        assert "geheim" not in run("provision", str(path)).output
        path.write_text(path.read_text() + 'user = "zoe"\n')
        result = run("provision", str(path))
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == f"Error: {path}: sync_client 9: there is no user zoe\n"
        assert "geheim" not in "".join(traceback.format_exception(result.exception))

    def test_a_file_that_is_not_there(self, run, url):
        result = run("provision", "nothing.toml")
        assert result.exit_code == 2
        assert "'nothing.toml' does not exist" in result.output
