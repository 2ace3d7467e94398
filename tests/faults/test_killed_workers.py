"""Workers that are killed, a database that goes away, connections that break: under load."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from conftest import prepare
from faults.load import (
    PACKET,
    PATIENCE_SECONDS,
    Clients,
    Served,
    check_stored,
    kill_workers,
    serving,
    under_load,
)

from databases import KINDS, Databases, Prepare, running_postgres
from packetserver.store.database import Database
from packetserver.store.schema import Schema

KILLS = int(os.environ.get("TEST_KILLS", "3"))
RESTARTS = int(os.environ.get("TEST_RESTARTS", "1"))
SEED = 20350305


def stored(url: str, schema: Schema, table: str, column: str) -> list[str]:
    with contextlib.closing(Database(url)) as database, database.connect() as connection:
        found = schema.metadata.tables[table].c[column]
        statement = found.table.select().with_only_columns(found)
        names = connection.execute(statement.where(found.like("Account %"))).scalars()
        return list(names)


def check(clients: Clients, url: str, schema: Schema) -> None:
    accounts = stored(url, schema, "organization", "name")
    check_stored(clients, accounts, stored(url, schema, "contact", "namelast"))


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_acknowledged_survives_the_workers(
    databases: Databases, schema: Schema, kind: str
) -> None:
    with databases.prepared(kind) as url:
        with serving(url) as served, under_load(served) as clients:
            kill_workers(served, clients, KILLS, SEED)
        check(clients, url, schema)
        assert set(clients.statuses) <= {"stored", "cut off"}
        assert len(clients.open_ended) <= 4 * KILLS


def in_use(url: str) -> int:
    """How many connections of a server do something, or have a transaction open."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND state <> 'idle' AND pid <> pg_backend_pid()"
        ).fetchone()[0]


@contextlib.contextmanager
def postgres_of_its_own(prepare: Prepare) -> Iterator[tuple[object, str]]:
    with running_postgres() as server:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            # What is acknowledged has to survive the end of the processes.
            connection.execute("ALTER SYSTEM SET synchronous_commit = on")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("CREATE DATABASE crm TEMPLATE template0")
        url = server.get_uri(database="crm")
        prepare(url)
        yield server, url


def stop_at_once(server) -> None:
    """As `pg_ctl stop -m immediate`: without a word to anybody."""
    pid = server.get_pid()
    os.kill(pid, signal.SIGQUIT)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, "PostgreSQL does not stop"
        time.sleep(0.01)


def restart_under_load(prepare: Prepare, schema: Schema, restarts: int) -> Clients:
    """Stop PostgreSQL while clients are served, start it, and look at what is there."""
    with postgres_of_its_own(prepare) as (server, url):
        with serving(url) as served:
            with under_load(served) as clients:
                clients.until("stored", 10)
                workers = set(served.workers())
                for _ in range(restarts):
                    stop_at_once(server)
                    clients.until("later", 10)
                    assert served.ask("GET", "/healthz").status == 503
                    server.ensure_postgres_running()
                    clients.until("stored", 10)
            # Those that serve are those that served before, and none holds on to anything.
            assert set(served.workers()) == workers
            assert served.ask("GET", "/healthz").status == 200
            assert in_use(url) == 0
        check(clients, url, schema)
    assert set(clients.statuses) <= {"stored", "later"}
    return clients


def test_a_database_that_is_restarted_is_used_again(schema: Schema) -> None:
    restart_under_load(prepare, schema, RESTARTS)


@pytest.fixture
def served(databases: Databases) -> Iterator[tuple[Served, str]]:
    with databases.prepared("postgresql") as url, serving(url) as started:
        yield started, url


def request(name: str) -> bytes:
    body = PACKET.format(name=name).encode()
    head = f"POST /ProcessPacket.do HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def test_a_body_that_breaks_off_stores_nothing(served, schema: Schema) -> None:
    running, url = served
    host, _, port = running.netloc.partition(":")
    whole = request("Account broken off")
    for length in (10, len(whole) // 2, len(whole) - 1):
        with socket.create_connection((host, int(port)), PATIENCE_SECONDS) as wire:
            wire.sendall(whole[:length])
            wire.shutdown(socket.SHUT_WR)
            # Until the server has seen the end, and given the connection up.
            while wire.recv(65536):
                pass
    assert stored(url, schema, "organization", "name") == []


def test_an_answer_that_breaks_off_leaves_what_it_told(served, schema: Schema) -> None:
    running, url = served
    host, _, port = running.netloc.partition(":")
    with socket.create_connection((host, int(port)), PATIENCE_SECONDS) as wire:
        wire.sendall(request("Account unread"))
        # The answer has begun, so the packet is stored; the rest of it is not awaited.
        assert wire.recv(1)
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert stored(url, schema, "organization", "name") == ["Account unread"]
    assert running.ask("GET", "/healthz").status == 200
