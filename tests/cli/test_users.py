from contextlib import closing
from datetime import datetime

import pytest
import sqlalchemy

from packetserver.errors import NotAuthorized
from packetserver.security.authentication import Authenticator
from packetserver.security.credentials import Credentials
from packetserver.security.remembered import RememberedCredentials
from packetserver.security.secrets import md5_of_password
from packetserver.settings import Settings
from packetserver.store.database import Database


@pytest.fixture
def logs_in(url):
    """A function that says whether a user is let in with a password."""

    def logs_in(name: str, password: str) -> bool:
        code = md5_of_password(password)
        credentials = Credentials(None, code, 4, None, name, None, None, None)
        authenticator = Authenticator(Settings(), RememberedCredentials(0))
        with closing(Database(url)) as database, database.connect() as connection:
            try:
                authenticator.authenticate(connection, credentials, "localhost", datetime.now())
            except NotAuthorized:
                return False
        return True

    return logs_in


@pytest.fixture
def look(url):
    """A function that asks the database for one row."""

    def look(statement: str) -> tuple[object, ...]:
        with closing(Database(url)) as database, database.connect() as connection:
            return tuple(connection.execute(sqlalchemy.text(statement)).one())

    return look


def password_in(output: str, before: str) -> str:
    (line,) = [line for line in output.splitlines() if line.startswith(before)]
    return line.removeprefix(before)


def test_a_user_is_added_with_a_generated_password(run, logs_in, look):
    result = run(
        *("user", "add", "ann", "--role", "Salesperson"),
        *("--first", "Ann", "--last", "Archer", "--email", "ann@corp.test"),
    )
    assert result.exit_code == 0
    password = password_in(result.output, "Its password: ")
    assert len(password) == 24
    assert logs_in("ann", password)
    assert not logs_in("ann", password[:-1])
    contact = look(
        "SELECT namefirst, namelast, org_id, employee, owner, email FROM contact"
        " JOIN contact_emailaddress USING (contact_id)"
        " JOIN access ON contact.contact_id = access.contact_id WHERE username = 'ann'"
    )
    assert contact == ("Ann", "Archer", 0, 1, None, "ann@corp.test")
    assert password not in run("user", "list").output


def test_no_address_is_made_up(run, look):
    assert run("user", "add", "ann", "--role", "Salesperson").exit_code == 0
    count = "SELECT count(*) FROM contact_emailaddress JOIN contact USING (contact_id)"
    assert look(f"{count} WHERE namelast = 'ann'") == (0,)
    assert look("SELECT count(*) FROM contact WHERE namelast = 'ann'") == (1,)


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\nmore\n"])
def test_a_password_from_standard_input_is_not_shown(run, logs_in, end):
    arguments = ("user", "add", "ann", "--role", "Salesperson", "--password-stdin")
    result = run(*arguments, stdin=f" gehéim {end}".encode())
    assert result.output == "Added the user ann.\n"
    assert logs_in("ann", " gehéim ")


def test_a_password_from_the_terminal_is_not_shown(run, logs_in):
    result = run("user", "set-password", "rep1", "--prompt", stdin="geheim\ngeheim\n")
    assert result.exit_code == 0
    assert "geheim" not in result.output
    assert logs_in("rep1", "geheim")


@pytest.mark.parametrize("stdin", [b"", b"\n", b"geh\xe4im-1\n"])
def test_a_password_that_is_none(run, logs_in, stdin):
    result = run("user", "set-password", "rep1", "--password-stdin", stdin=stdin)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: the")
    assert "standard input" in result.stderr
    assert "im-1" not in result.stderr
    assert logs_in("rep1", "rep1")


def test_a_password_comes_from_one_place(run, url):
    result = run("user", "set-password", "rep1", "--password-stdin", "--prompt", stdin="geheim\n")
    assert result.exit_code == 1
    assert "not both" in result.stderr


def test_a_new_password_replaces_the_old_one(run, logs_in):
    result = run("user", "set-password", "REP1")
    assert result.output.splitlines()[0] == "Changed the password of the user rep1."
    assert logs_in("rep1", password_in(result.output, "It is now: "))
    assert not logs_in("rep1", "rep1")
    assert logs_in("admin", "admin")


def test_a_disabled_user_is_kept_out(run, logs_in):
    assert logs_in("rep1", "rep1")
    assert run("user", "disable", "Rep1").output == "The user rep1 is disabled.\n"
    assert run("user", "disable", "rep1").output == "The user rep1 was disabled already.\n"
    assert not logs_in("rep1", "rep1")


def test_a_user_without_the_api_is_kept_out(run, logs_in):
    arguments = ("user", "add", "ann", "--role", "Salesperson", "--no-api", "--password-stdin")
    assert run(*arguments, stdin="geheim").exit_code == 0
    assert not logs_in("ann", "geheim")


def test_the_list(run, url):
    heading, *rows = run("user", "list").output.splitlines()
    assert heading.split("  ")[0] == "id"
    assert [row.split()[1] for row in rows] == ["admin", "rep1", "noapi", "hr1", "csr1", "expired1"]
    start = heading.index("may send packets")
    assert [row[start:].split()[0] for row in rows] == ["yes", "yes", "no", "yes", "yes", "yes"]
    assert rows[5].endswith("2020-01-01 00:00:00")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add", "ann"), "a new user needs a role; there are: Administrator, Operations Manager,"),
        (("add", "ann", "--role", "Boss"), "there is no role 'Boss'; there are: Administrator,"),
        (("add", "REP1", "--role", "Salesperson"), "there is a user REP1 already"),
        (("add", "a" * 81, "--role", "Salesperson"), "username is longer than 80 characters"),
        (("set-password", "zoe"), "there is no user zoe"),
        (("set-password", "system"), "there is no user system"),
        (("disable", "zoe"), "there is no user zoe"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(run, url, look, arguments, message):
    before = look("SELECT count(*), max(modified) FROM access")
    result = run("user", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: {message}")
    assert result.stderr.count("\n") == 1
    assert look("SELECT count(*), max(modified) FROM access") == before
