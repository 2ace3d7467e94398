"""Locks, slow statements and full disks: a clear answer, nothing stored, and all well afterwards."""

from __future__ import annotations

import contextlib
import io
import resource
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from faults.serving_app import App, open_app
from faults.waiting import libpq_url
from sqlalchemy import event

from databases import KINDS, Databases

RENAME = '<account action="update"><id>{}</id><name>{}</name></account>'
FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
CREATE {} TRIGGER full_disk AFTER INSERT ON organization {} FOR EACH ROW EXECUTE FUNCTION full_disk()
"""


@pytest.fixture
def postgres(databases: Databases) -> Iterator[str]:
    with databases.prepared("postgresql") as url:
        yield url


@contextlib.contextmanager
def locked(url: str, key: str) -> Iterator[None]:
    """Another session keeps an account."""
    with psycopg.connect(libpq_url(url)) as other:
        other.execute("SELECT name FROM organization WHERE org_id = %s FOR UPDATE", [key])
        yield
        other.rollback()


def known(app: App) -> str:
    return app.insert("Known").document.findtext(".//id") or ""


def test_a_record_that_others_keep_is_answered_with_later(postgres: str) -> None:
    with open_app(postgres, lock_timeout_seconds=1) as app:
        key = known(app)
        with locked(postgres, key):
            answer = app.send(RENAME.format(key, "Renamed"))
            assert answer.is_later()
            assert answer.text == (
                "Error: The database has too much to do. Please send the packet again later."
            )
            assert (app.names(), app.connections()) == ({"Known"}, 0)
        assert app.send(RENAME.format(key, "Renamed")).packet_status == "0"


def test_a_statement_that_takes_too_long_fails_its_transaction(postgres: str) -> None:
    with open_app(postgres, lock_timeout_seconds=60, statement_timeout_seconds=1) as app:
        key = known(app)
        with locked(postgres, key):
            answer = app.send(RENAME.format(key, "Renamed"))
            assert (answer.status, answer.packet_status) == (200, "1")
            assert answer.text == "Transaction failed\nThe database took too long"
            assert (app.names(), app.connections()) == ({"Known"}, 0)
        assert app.send(RENAME.format(key, "Renamed")).packet_status == "0"


def test_a_file_that_another_program_writes_is_answered_with_later(databases: Databases) -> None:
    with (
        databases.prepared("sqlite") as url,
        open_app(url, lock_timeout_seconds=1) as app,
        contextlib.closing(sqlite3.connect(app.engine.database.url.database or "")) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        assert app.insert("Never").is_later()
        other.rollback()
        assert app.insert("Later").packet_status == "0"
        assert (app.names(), app.connections()) == ({"Later"}, 0)


@pytest.mark.parametrize("deferred", [False, True], ids=["statement", "commit"])
def test_a_full_disk_of_postgresql_stores_nothing(postgres: str, *, deferred: bool) -> None:
    kind = ("CONSTRAINT", "DEFERRABLE INITIALLY DEFERRED") if deferred else ("", "")
    with open_app(postgres) as app, psycopg.connect(libpq_url(postgres), autocommit=True) as owner:
        owner.execute(FULL.format(*kind))
        assert app.insert("Never").is_later()
        owner.execute("DROP TRIGGER full_disk ON organization")
        assert app.insert("Later").packet_status == "0"
        assert (app.names(), app.connections()) == ({"Later"}, 0)


def test_a_full_disk_of_sqlite_stores_nothing(databases: Databases) -> None:
    with databases.prepared("sqlite") as url, open_app(url) as app:
        engine = app.engine.database.engine

        def limit(connection: sqlite3.Connection, record: object) -> None:
            connection.execute("PRAGMA max_page_count = 1")

        app.engine.database.close()
        event.listen(engine, "connect", limit)
        long = "x" * 5_000
        notes = "".join(
            f'<account action="insert"><name>{n}</name><notes>{long}</notes></account>'
            for n in range(20)
        )
        assert app.send(notes).is_later()
        assert app.connections() == 0
        event.remove(engine, "connect", limit)
        app.engine.database.close()
        assert app.insert("Later").packet_status == "0"
        assert app.names() == {"Later"}


@contextlib.contextmanager
def limited_files(size: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes, as if the disk was full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("missing", [300, 10_000])
def test_an_answer_that_finds_no_room_on_disk_stores_nothing(
    databases: Databases, missing: int
) -> None:
    """The last few bytes wait in memory, and must not be found not to fit after the commit."""
    with databases.prepared("sqlite") as url, open_app(url, spool_memory_bytes=100) as app:
        for _ in range(100):
            assert app.insert("z" * 80).packet_status == "0"
        listed = '<accountList action="select"/>'
        new = f'<account action="insert"><name>{"y" * 80}</name></account>'
        with limited_files(app.send(listed).length - missing):
            answer = app.send(listed + new)
        assert answer.is_later()
        assert answer.text.startswith("Error: The server has no room for long packets and answers.")
        assert (app.names(), app.connections()) == ({"z" * 80}, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_of_files_stores_nothing(
    databases: Databases, kind: str, tmp_path: Path
) -> None:
    with databases.prepared(kind) as url, open_app(url, file_library=tmp_path / "no") as app:
        (tmp_path / "no").touch()
        form = {"file1": (io.BytesIO(b"fire"), "fire.txt"), "type": "account"}
        answer = app.client.post("/ProcessDocument.do", data=form)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
        assert app.connections() == 0
