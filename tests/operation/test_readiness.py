"""Whether packets should be sent here, and why not."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy
from protocols.packet.exchanges import client_of

from packetserver.app import create_app
from packetserver.errors import StoreUnavailable
from packetserver.http.gunicorn import post_worker_init
from packetserver.operation import readiness
from packetserver.protocols.packet.process import build_engine
from packetserver.settings import Settings


def asked(engine) -> tuple[int, str]:
    response = create_app(Settings(), engine).test_client().get("/readyz")
    assert response.mimetype == "text/plain"
    return response.status_code, response.text


def execute(engine, statement: str | sqlalchemy.Update) -> None:
    with engine.database.connect(writes=True) as connection:
        connection.execute(sqlalchemy.text(statement) if isinstance(statement, str) else statement)
        connection.commit()


def test_a_server_whose_database_is_well_is_ready(engine):
    assert asked(engine) == (200, "ready\n")


@pytest.mark.parametrize(
    ("revision", "sentence"),
    [
        ("0001", "The database was prepared by an earlier version: run packetserver init-db.\n"),
        (
            "zzzz",
            "The database was prepared by a later version of packetserver: install that version.\n",
        ),
    ],
)
def test_a_database_of_another_version(engine, revision, sentence):
    versions = sqlalchemy.table("alembic_version", sqlalchemy.column("version_num"))
    execute(engine, versions.update().values(version_num=revision))
    assert asked(engine) == (503, sentence)


def test_a_database_of_the_original_can_be_served(engine):
    execute(engine, "DROP TABLE alembic_version")
    assert asked(engine) == (200, "ready\n")
    execute(engine, "DROP TABLE sync_unconfirmed")
    status, text = asked(engine)
    assert status == 503
    assert "lacks sync_unconfirmed" in text


def test_a_database_that_is_away(engine, monkeypatch):
    def away(**options):
        raise StoreUnavailable("the database does not answer")

    monkeypatch.setattr(engine.database, "connect", away)
    assert asked(engine) == (503, "The database does not answer.\n")


def test_a_database_that_refuses_to_be_asked(engine, monkeypatch):
    @contextlib.contextmanager
    def refused(**options):
        raise sqlalchemy.exc.ProgrammingError("SELECT", {}, Exception("permission denied"))
        yield

    monkeypatch.setattr(engine.database, "connect", refused)
    assert asked(engine) == (503, f"{readiness.ASKED_IN_VAIN}\n")


def test_a_database_that_cannot_be_written(databases, tmp_path):
    with databases.prepared("postgresql") as url:
        engine = build_engine(Settings(database_url=url, file_library=tmp_path))
        assert asked(engine) == (200, "ready\n")
        name = sqlalchemy.make_url(url).database
        execute(engine, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        engine.database.close()
        assert asked(engine) == (503, f"{readiness.NO_WRITING}\n")
        engine.database.close()


def test_a_file_that_cannot_be_written(databases, tmp_path, monkeypatch):
    with databases.prepared("sqlite") as url:
        engine, may = build_engine(Settings(database_url=url, file_library=tmp_path)), os.access
        with contextlib.closing(engine.database):
            for closed in (file := Path(engine.database.url.database), file.parent):
                monkeypatch.setattr(
                    os, "access", lambda path, mode, no=closed: Path(path) != no and may(path, mode)
                )
                assert asked(engine) == (503, f"{readiness.NO_FILE_WRITING}\n")


def test_a_server_that_is_being_stopped_takes_no_more(echo, monkeypatch):
    monkeypatch.setattr(readiness.STOP, "_worker", None)
    client, worker = client_of(echo), SimpleNamespace(alive=True)
    post_worker_init(worker)
    assert client.get("/readyz").status_code == 200
    worker.alive = False
    response = client.get("/readyz")
    assert (response.status_code, response.text) == (503, "The server is being stopped.\n")
    assert client.get("/healthz").status_code == 200
