"""What an operator sees of a sync client, and how he has it begin anew."""

import contextlib
from collections.abc import Iterator

import pytest
from driving import HOST, Driver, item

from packetserver.protocols.packet.process import Engine, build_engine
from packetserver.security.credentials import Credentials
from packetserver.settings import Settings

FOLLOWING = "2035-01-01 00:00:00.0"
CLIENT = Credentials(HOST, "secret1", 4, 1, next_anchor=FOLLOWING)


@pytest.fixture
def engine(url, tmp_path, monkeypatch) -> Iterator[Engine]:
    monkeypatch.setenv("PACKETSERVER_FILE_LIBRARY", str(tmp_path))
    made = build_engine(Settings(database_url=url, file_library=tmp_path))
    with contextlib.closing(made.database):
        yield made


def synced(engine: Engine) -> None:
    """A session with some records, a conflict, a failure and a package."""
    client = Driver(engine, CLIENT)
    client.one("syncClient", "syncStart")
    values = {"guid": "7", "name": "Blue", "enteredBy": "1", "modifiedBy": "1"}
    client.one("account", "insert", values, ["guid"])
    client.one("account", "update", {"guid": "99", "name": "Red"}, ["guid"])
    client.one("nothing", "insert")
    client.one("lookupAccountTypesList", "sync", meta=["guid"])
    client.one("compileSyncData", "execute")
    client.one("syncClient", "syncEnd")


def test_a_client_that_has_done_nothing(run, url):
    lines = run("client", "show", "1").output.splitlines()
    assert lines[:7] == [
        "id             1",
        "type           conformance",
        "version        1.0",
        "enabled        yes",
        "in step since  never in step",
        "session since  in no session",
        "package        none",
    ]
    assert [line for line in lines[7:] if line] == [
        "Records that it has: none",
        "Conflicts: none",
        "Last conflicts: none",
        "Last packets: none",
    ]


def test_a_client_that_has_synced(run, engine):
    synced(engine)
    lines = run("client", "show", "1").output.splitlines()
    assert "in step since  2035-01-01 00:00:00" in lines
    assert (
        "package        asked for, from the beginning to 2035-01-01 00:00:00, 0 attempts" in lines
    )
    words = [line.split() for line in lines]
    assert ["accountList", "1"] in words
    assert ["lookupAccountTypesList", "10"] in words
    assert words.count(["accountList", "1"]) == 2, "a mapped record, and a conflict"
    failed = [line for line in words if "Unsupported" in line]
    assert [line[2:5] for line in failed] == [["127.0.0.1", "1", "1"]]
    few = run("client", "show", "1", "--packets", "2").output.splitlines()
    assert len(lines) - len(few) == 5


def test_a_reset_is_asked_for(run, engine):
    synced(engine)
    result = run("client", "reset", "1", stdin="n\n")
    assert result.exit_code == 1
    assert "Forget the 11 records that the sync client 1 has?" in result.output
    assert ["accountList", "1"] in [
        line.split() for line in run("client", "show", "1").output.splitlines()
    ]


def test_a_client_begins_anew(run, engine, tmp_path):
    synced(engine)
    assert run("compile-packages").exit_code == 0
    assert list(tmp_path.rglob("20*-*"))
    result = run("client", "reset", "1", "--yes")
    assert result.output == "The sync client 1 begins anew.\n"
    assert not list(tmp_path.rglob("20*-*"))
    shown = run("client", "show", "1").output
    assert "never in step" in shown
    assert "Records that it has: none" in shown
    assert "package        none" in shown
    client = Driver(engine, CLIENT)
    start, sent = client.send(
        [[item("syncClient", "syncStart")], [item("accountList", "sync")]], ["guid", "name"]
    )
    assert start.errors == ()
    assert [(each["guid"], each["name"]) for each in sent.records] == [("1", "Blue")]


@pytest.mark.parametrize("command", ["show", "reset"])
@pytest.mark.parametrize("number", ["9", "99999999999"])
def test_a_client_that_is_not_there(run, url, command, number):
    result = run("client", command, number)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"Error: there is no sync client {number}\n"
