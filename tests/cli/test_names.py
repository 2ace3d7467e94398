"""Every command that names somebody acts on exactly one, or says that there are several."""

from __future__ import annotations

import contextlib

import pytest
import sqlalchemy

from packetserver.store.database import Database
from packetserver.store.names import INSERTING, UPDATING, NameColumn

USERS = NameColumn("access", "user_id", "username")
SEVERAL = "there are several users Änne: {} (Änne) and {} (ÄNNE)"


@pytest.fixture
def numbers(run, url) -> list[int]:
    """The ids of two users with the same name, as a database of before may have them."""
    for name in ("Änne", "other"):
        assert run("user", "add", name, "--role", "salesperson").exit_code == 0
    with contextlib.closing(Database(url)) as database, database.connect(writes=True) as one:
        for ending in (INSERTING, UPDATING):
            one.exec_driver_sql(f"DROP TRIGGER {USERS.index}{ending}")
        one.exec_driver_sql("UPDATE access SET username = 'ÄNNE' WHERE username = 'other'")
        found = one.exec_driver_sql("SELECT user_id FROM access ORDER BY user_id").scalars().all()
        one.commit()
    return [int(each) for each in found[-2:]]


@pytest.fixture
def enabled(url):
    """A function that says which of the users with these ids are enabled."""

    def enabled(numbers: list[int]) -> list[bool]:
        with contextlib.closing(Database(url)) as database, database.connect() as one:
            statement = sqlalchemy.text("SELECT enabled FROM access WHERE user_id = :number")
            return [bool(one.execute(statement, {"number": each}).scalar()) for each in numbers]

    return enabled


@pytest.mark.parametrize("name", ["ann", "ANN", " Ann", "ann\u00a0"])
def test_a_name_is_added_once(run, url, name):
    assert run("user", "add", "ann", "--role", "Salesperson").exit_code == 0
    result = run("user", "add", name, "--role", "Salesperson")
    assert result.exit_code == 1
    assert "there is a user" in result.output
    assert run("user", "list").output.lower().count(" ann ") == 1


def test_the_server_s_own_name_is_nobody_s(run, url):
    result = run("user", "add", "System", "--role", "Salesperson")
    assert result.exit_code == 1
    assert "the name System is the server's own" in result.output


@pytest.mark.parametrize("name", ["ÄNNE", " änne "])
def test_one_is_disabled_however_the_name_is_written(run, url, enabled, name):
    assert run("user", "add", "Änne", "--role", "Salesperson").exit_code == 0
    assert run("user", "disable", name).output == "The user Änne is disabled.\n"


@pytest.mark.parametrize(
    "command",
    [
        ("user", "disable"),
        ("user", "set-password"),
        ("user", "rename"),
        ("client", "add", "--user"),
    ],
    ids=" ".join,
)
def test_of_several_none_is_touched_but_all_are_listed(run, url, numbers, enabled, command):
    rest = ("new",) if command[1] == "rename" else ()
    result = run(*command, "Änne", *rest)
    assert result.exit_code == 1
    assert SEVERAL.format(*numbers) in " ".join(result.output.split())
    assert enabled(numbers) == [True, True]


def test_one_of_several_is_chosen_by_its_id_and_parted(run, url, numbers, enabled):
    first, second = numbers
    assert run("user", "disable", "änne", "--id", str(second)).exit_code == 0
    assert enabled(numbers) == [True, False]
    assert run("user", "set-password", "änne", "--id", str(first)).exit_code == 0
    wrong = run("user", "disable", "admin", "--id", str(first))
    assert wrong.exit_code == 1
    assert "the user admin has the id" in wrong.output
    nobody = run("user", "disable", "änne", "--id", "4711")
    assert nobody.exit_code == 1
    assert "there is no user" in nobody.output
    taken = run("user", "rename", "änne", "ADMIN", "--id", str(second))
    assert taken.exit_code == 1
    assert "the name ADMIN is that of the user" in taken.output
    renamed = run("user", "rename", "änne", " Anne", "--id", str(second))
    assert renamed.output == "The user ÄNNE is Anne now.\n"
    assert run("user", "disable", "Änne").exit_code == 0


def test_a_provision_file_does_not_choose_among_several(run, url, numbers, tmp_path):
    file = tmp_path / "names.toml"
    file.write_text('[[user]]\nusername = "änne"\nenabled = false\n', encoding="utf-8")
    result = run("provision", str(file))
    assert result.exit_code == 1
    assert "there are several users" in result.output


def test_a_provision_file_names_nobody_twice(run, url, tmp_path):
    file = tmp_path / "names.toml"
    entry = '[[user]]\nusername = "{}"\npassword = "x"\nrole = "SALESPERSON"\n'
    file.write_text(entry.format("ΟΔΟΣ") + entry.format("οδοσ"), encoding="utf-8")
    result = run("provision", str(file))
    assert result.exit_code == 1
    assert "stands in the file twice" in result.output
    file.write_text(entry.format("ΟΔΟΣ"), encoding="utf-8")
    assert run("provision", str(file)).exit_code == 0


def test_doctor_lists_several(run, url, numbers):
    result = run("doctor")
    first, second = numbers
    assert result.exit_code == 1
    assert f"the users {first} (Änne) and {second} (ÄNNE)" in " ".join(result.output.split())
