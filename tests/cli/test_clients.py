from contextlib import closing
from datetime import datetime

import pytest

from packetserver.errors import NotAuthorized
from packetserver.security.authentication import Authenticator
from packetserver.security.credentials import Credentials
from packetserver.security.principal import Principal
from packetserver.security.remembered import RememberedCredentials
from packetserver.settings import Settings
from packetserver.store.database import Database


@pytest.fixture
def principal(url):
    """A function that gives the principal of a client's id and code, None when it is refused."""

    def principal(number: int, code: str) -> Principal | None:
        credentials = Credentials("localhost", code, 4, number, None, None, None, None)
        authenticator = Authenticator(Settings(), RememberedCredentials(0))
        with closing(Database(url)) as database, database.connect() as connection:
            try:
                return authenticator.authenticate(
                    connection, credentials, "localhost", datetime.now()
                )
            except NotAuthorized:
                return None

    return principal


def code_in(output: str, before: str) -> str:
    (line,) = [line for line in output.splitlines() if line.startswith(before)]
    return line.removeprefix(before)


def test_a_client_of_nobody(run, principal):
    result = run("client", "add", "--type", "pocket", "--version", "1.0")
    assert result.output.splitlines()[0] == "Added the sync client 5."
    code = code_in(result.output, "Its code: ")
    assert len(code) == 24
    found = principal(5, code)
    assert found is not None
    assert (found.user_id, found.client_id) == (None, 5)
    assert principal(5, code.swapcase()) is None
    assert code not in run("client", "list").output


def test_a_client_of_a_user(run, principal):
    result = run("client", "add", "--user", "rep1", "--code-stdin", stdin="geheim\n")
    assert result.output == "Added the sync client 5.\n"
    found = principal(5, "geheim")
    assert found is not None
    assert found.user_id == 2


def test_a_new_code_replaces_the_old_one(run, principal):
    result = run("client", "set-code", "1")
    assert principal(1, code_in(result.output, "It is now: ")) is not None
    assert principal(1, "secret1") is None


def test_a_code_from_the_terminal_is_not_shown(run, principal):
    result = run("client", "set-code", "1", "--prompt", stdin="geheim\ngeheim\n")
    assert "geheim" not in result.output
    assert principal(1, "geheim") is not None


def test_a_disabled_client_is_kept_out(run, principal):
    assert principal(1, "secret1") is not None
    assert run("client", "disable", "1").output == "The sync client 1 is disabled.\n"
    assert run("client", "disable", "1").output == "The sync client 1 was disabled already.\n"
    assert principal(1, "secret1") is None


def test_the_list(run, url):
    heading, *rows = run("client", "list").output.splitlines()
    assert heading.split() == ["id", "type", "version", "user", "enabled", "in", "step", "since"]
    assert [row.split() for row in rows] == [
        ["1", "conformance", "1.0", "yes"],
        ["2", "conformance", "1.0", "admin", "yes"],
        ["3", "conformance", "1.0", "no"],
        ["4", "conformance", "1.0", "rep1", "yes"],
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add", "--user", "zoe"), "there is no user zoe"),
        (("add", "--type", "x" * 101), "type is longer than 100 characters"),
        (("add", "--code-stdin"), "there is no code on standard input"),
        (("set-code", "9"), "there is no sync client 9"),
        (("disable", "9"), "there is no sync client 9"),
        (("disable", "99999999999"), "there is no sync client 99999999999"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(run, url, arguments, message):
    result = run("client", *arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {message}\n")
    assert len(run("client", "list").output.splitlines()) == 5
