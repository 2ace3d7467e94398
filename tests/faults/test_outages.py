"""What a database fails at is told apart: in the error, and to the client, who learns nothing else."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy
from conftest import prepare
from faults.test_killed_workers import stop_at_once
from sqlalchemy.exc import DBAPIError
from sync.office import Office, open_office
from whole.served import AUTHENTICATION, PATH, served

from databases import Databases, running_postgres
from packetserver.errors import Outage, StoreUnavailable
from packetserver.store.database import Database
from packetserver.store.failures import BY_CODE, BY_STATE, ONLY_AT_CONNECTING, translated_errors
from packetserver.store.schema import Schema

AT_STATEMENTS = sorted(BY_STATE.keys() - ONLY_AT_CONNECTING)


def raised(error: sqlite3.Error | psycopg.Error, kind: type[Exception]) -> StoreUnavailable:
    with pytest.raises(StoreUnavailable) as found, translated_errors():
        raise DBAPIError.instance("SELECT", {}, error, kind)
    assert "geheim" in str(found.value), "for the operator"
    assert "geheim" not in found.value.sentence, "for everybody"
    return found.value


TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"


@pytest.mark.parametrize("state", AT_STATEMENTS)
def test_every_code_of_postgresql_is_told(state: str) -> None:
    error = psycopg.errors.lookup(state)("geheim")
    assert raised(error, psycopg.Error).outage is BY_STATE[state]


@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_every_code_of_sqlite_is_told(code: int) -> None:
    error = sqlite3.OperationalError("geheim")
    error.sqlite_errorcode = code
    assert raised(error, sqlite3.Error).outage is BY_CODE[code]


@pytest.mark.parametrize("language", ["C", "de_DE.UTF-8"])
def test_a_server_is_known_by_codes_alone(databases: Databases, language: str) -> None:
    """Its words are in a language that its operator has chosen."""
    with databases.empty("postgresql") as url:
        elsewhere = sqlalchemy.make_url(url).set(database="elsewhere")
        with psycopg.connect(url, autocommit=True) as connection:
            with contextlib.suppress(psycopg.errors.InvalidParameterValue):
                connection.execute(f"ALTER SYSTEM SET lc_messages = '{language}'")
            connection.execute("SELECT pg_reload_conf()")
        try:
            with contextlib.closing(
                Database(elsewhere.render_as_string(hide_password=False))
            ) as database:
                with pytest.raises(StoreUnavailable) as failure:
                    database.ping()
                assert failure.value.outage is Outage.NO_DATABASE
        finally:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("ALTER SYSTEM RESET lc_messages")
                connection.execute("SELECT pg_reload_conf()")


@pytest.fixture
def office(databases: Databases, schema: Schema) -> Iterator[Office]:
    with databases.prepared("postgresql") as url, open_office(url, schema) as opened:
        yield opened


def execute(url: str, *statements: str) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for each in statements:
            connection.execute(each)


def test_a_right_that_is_taken_away_is_an_outage_and_no_fault(databases, schema) -> None:
    with databases.prepared("postgresql") as url:
        execute(url, "CREATE ROLE taken LOGIN SUPERUSER")
        made = sqlalchemy.make_url(url).set(username="taken")
        try:
            with open_office(made.render_as_string(hide_password=False), schema) as office:
                office.account("before")
                execute(
                    url,
                    "ALTER ROLE taken NOSUPERUSER",
                    "GRANT SELECT ON ALL TABLES IN SCHEMA public TO taken",
                )
                office.engine.database.close()
                with pytest.raises(StoreUnavailable) as failure:
                    office.account("after")
                assert failure.value.outage is Outage.NO_RIGHT
                assert "permission denied" in str(failure.value)
        finally:
            execute(url, "DROP OWNED BY taken", "DROP ROLE taken")


def test_a_database_that_is_dropped_is_told(databases, schema) -> None:
    with databases.prepared("postgresql") as url, open_office(url, schema) as office:
        office.account("before")
        name = sqlalchemy.make_url(url).database
        postgres = sqlalchemy.make_url(url).set(database="postgres")
        other = postgres.render_as_string(hide_password=False)
        execute(other, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        with psycopg.connect(other, autocommit=True) as connection:
            connection.execute(TERMINATE, [name])
        execute(other, f"ALTER DATABASE {name} RENAME TO {name}_gone")
        try:
            with pytest.raises(StoreUnavailable) as failure:
                office.account("after")
            assert failure.value.outage is Outage.NO_DATABASE
        finally:
            execute(
                other,
                f"ALTER DATABASE {name}_gone RENAME TO {name}",
                f"ALTER DATABASE {name} ALLOW_CONNECTIONS true",
            )


PACKET = f"""<app>{AUTHENTICATION}<transaction id="1"><account action="insert"><name>A</name>
<notes>{"n" * 60_000}</notes></account></transaction></app>""".encode()


def posted(server) -> tuple[int, str, str | None]:
    """The status, the error and Retry-After of a packet's answer."""
    import http.client  # noqa: PLC0415

    connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
    connection.request("POST", PATH, PACKET)
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    text = body.partition("<errorText>")[2].partition("</errorText>")[0]
    return response.status, text, response.getheader("Retry-After")


def later(sentence: str) -> tuple[int, str, str]:
    return 503, f"Error: {sentence} Please send the packet again later.", "10"


def test_clients_are_told_what_the_database_fails_at_and_no_more(databases) -> None:
    """Of a server that runs: it was stopped, it only reads, it has no connection left."""
    with running_postgres() as postgres:
        url = postgres.get_uri()
        prepare(url)
        with served(url, pool_size="1", threads="1") as server:
            assert posted(server)[0] == 200, server.logged()
            name = sqlalchemy.make_url(url).database
            drop = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            execute(url, f"ALTER DATABASE {name} SET default_transaction_read_only = on", drop)
            assert posted(server) == later("The database cannot store: it can only be read.")
            execute(
                url,
                "SET default_transaction_read_only = off",
                f"ALTER DATABASE {name} RESET default_transaction_read_only",
            )
            stop_at_once(postgres)
            assert posted(server) == later(
                "The database does not answer: nothing listens at its address."
            )
            postgres.ensure_postgres_running()
            assert posted(server)[0] == 200, server.logged()


@contextlib.contextmanager
def disk(folder: Path, size: int) -> Iterator[None]:
    """A disk of its own, of so many bytes."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.getuid() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("only root can make a disk, and not everywhere")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_told_and_all_is_well_once_there_is_room(databases, tmp_path) -> None:
    with databases.prepared("sqlite") as url, contextlib.ExitStack() as stack:
        content = Path(url.removeprefix("sqlite:///")).read_bytes()
        stack.enter_context(disk(tmp_path, len(content) + 4 * 1024**2))
        file, filling = tmp_path / "crm.db", tmp_path / "filling"
        file.write_bytes(content)
        server = stack.enter_context(served(f"sqlite:///{file}"))
        assert posted(server)[0] == 200
        with contextlib.suppress(OSError), filling.open("wb", buffering=0) as full:
            while full.write(bytes(4096)):
                pass
        told = [posted(server) for _ in range(100)][-1]
        assert told == later("The database cannot store: its disk is full.")
        assert "its disk is full: make room on it" in server.logged()
        filling.unlink()
        assert posted(server)[0] == 200
