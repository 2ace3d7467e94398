"""Commands for the web service: access keys of users, and sessions."""

from __future__ import annotations

import contextlib
import re
from datetime import datetime
from pathlib import Path

import pytest

from packetserver.security.access_keys import StoredKey, stored_key
from packetserver.security.authentication import rights_of_user
from packetserver.security.challenges import Admitted
from packetserver.security.identities import find_users
from packetserver.security.sessions import Limits, begin_session
from packetserver.settings import Settings
from packetserver.store.database import Database


@pytest.fixture
def begin(url):
    """A function that begins a session of a user who has an access key."""

    def begin(name: str, at: float = 2**31) -> None:
        with contextlib.closing(Database(url)) as database, database.connect(writes=True) as one:
            (user,) = find_users(one, name)
            stored = stored_key(one, user.user_id) or StoredKey(1, "")
            rights = rights_of_user(user, datetime(2026, 1, 1))
            assert rights is not None
            limits = Limits.of(Settings())
            begin_session(one, Admitted(user, rights, stored.number), "192.0.2.7", at, limits)
            one.commit()

    return begin


def test_an_access_key_is_made_once_and_told_again(run, url):
    first = run("user", "access-key", "rep1")
    assert first.exit_code == 0
    assert re.fullmatch(r"[A-Za-z0-9]{16}\n", first.output)
    assert run("user", "access-key", "rep1").output == first.output
    assert run("user", "access-key", "admin").output != first.output
    assert run("user", "access-key", "rep1", "--new").output != first.output
    file = Path(url.removeprefix("sqlite:///") + ".keys")
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("url")
def test_of_nobody(run):
    result = run("user", "access-key", "nobody")
    assert (result.exit_code, result.output) == (1, "Error: there is no user nobody\n")


def test_sessions_are_listed_and_ended(run, begin):
    run("user", "access-key", "rep1")
    for name in ("admin", "rep1", "rep1"):
        begin(name)
    lines = run("session", "list").output.splitlines()
    assert re.split(r"  +", lines[0]) == ["id", "user", "address", "since", "last used"]
    assert [line.split()[1] for line in lines[1:]] == ["admin", "rep1", "rep1"]
    assert lines[1].split()[2:4] == ["192.0.2.7", "2038-01-18"]
    number = lines[1].split()[0]
    assert run("session", "end", number).output == "Ended 1 session.\n"
    assert run("session", "end", number).exit_code == 1
    assert run("session", "end", "--user", "rep1").output == "Ended 2 sessions.\n"
    begin("admin")
    assert run("session", "end", "--all").output == "Ended 1 session.\n"
    assert len(run("session", "list").output.splitlines()) == 1


def test_another_key_ends_the_sessions_of_its_user_alone(run, begin):
    run("user", "access-key", "rep1")
    begin("rep1")
    begin("admin")
    run("user", "access-key", "rep1")
    assert len(run("session", "list").output.splitlines()) == 3
    run("user", "access-key", "rep1", "--new")
    assert [line.split()[1] for line in run("session", "list").output.splitlines()[1:]] == ["admin"]


def test_who_is_disabled_has_no_session_to_come_back_to(run, begin, tmp_path):
    begin("rep1")
    begin("admin")
    run("user", "disable", "rep1")
    file = tmp_path / "people.toml"
    file.write_text('[[user]]\nusername = "rep1"\nenabled = true\n')
    assert run("provision", str(file)).exit_code == 0
    assert [line.split()[1] for line in run("session", "list").output.splitlines()[1:]] == ["admin"]


@pytest.mark.parametrize("arguments", [(), ("1", "--all"), ("--all", "--user", "ann")])
def test_which_sessions_has_to_be_said(run, arguments):
    result = run("session", "end", *arguments)
    assert result.exit_code == 1
    assert "say which sessions are to end" in result.output


def test_init_db_makes_the_file_of_keys(run, tmp_path, monkeypatch):
    monkeypatch.setenv("PACKETSERVER_DATABASE_URL", f"sqlite:///{tmp_path}/new.db")
    assert run("init-db").exit_code == 0
    file = tmp_path / "new.db.keys"
    before = file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    assert run("init-db").exit_code == 0
    assert file.read_bytes() == before


def test_init_db_does_without_a_file_that_cannot_be_made(run, tmp_path, monkeypatch):
    monkeypatch.setenv("PACKETSERVER_DATABASE_URL", f"sqlite:///{tmp_path}/new.db")
    (tmp_path / "file").touch()
    monkeypatch.setenv("PACKETSERVER_ACCESS_KEY_FILE", str(tmp_path / "file" / "keys"))
    result = run("init-db", "--with-admin")
    assert result.exit_code == 0
    assert f"The file {tmp_path}/file/keys cannot be made" in result.stderr
    assert "Added the user admin" in result.stdout


def test_a_lost_file_is_told_in_a_sentence(run, url):
    run("user", "access-key", "rep1")
    Path(url.removeprefix("sqlite:///") + ".keys").unlink()
    result = run("user", "access-key", "rep1")
    assert result.exit_code == 1
    assert "cannot be read: No such file or directory" in result.output


@pytest.mark.usefixtures("url")
def test_a_provision_file_gives_access_keys_and_leaves_the_rest(run, tmp_path):
    file = tmp_path / "people.toml"
    file.write_text(
        '[[user]]\nusername = "rep1"\naccess_key = "Rep1AccessKey001"\n'
        '[[api_account]]\nnumber = "1001"\nkey = "Key1001abcdefghijklmn"\nuser = "admin"\n'
    )
    before = run("user", "list").output
    first, second = run("provision", str(file)), run("provision", str(file))
    assert first.output.splitlines()[0] == "users: 0 added, 1 changed, 0 unchanged"
    assert second.output.splitlines()[0] == "users: 0 added, 0 changed, 1 unchanged"
    assert first.output.splitlines()[-1] == (
        "api_account: 1 left out, this version does not serve them"
    )
    assert run("user", "list").output == before
    assert run("user", "access-key", "rep1").output == "Rep1AccessKey001\n"


@pytest.mark.usefixtures("url")
@pytest.mark.parametrize("key", ["short", "Rep1AccessKey-01", "Rep1AccessKey0011", ""])
def test_a_key_of_another_form_is_refused_untold(run, tmp_path, key):
    file = tmp_path / "people.toml"
    file.write_text(f'[[user]]\nusername = "rep1"\naccess_key = "{key}"\n')
    result = run("provision", str(file))
    assert result.exit_code == 1
    assert "access_key must be 16 letters and digits" in result.output
    assert not key or key not in result.output
