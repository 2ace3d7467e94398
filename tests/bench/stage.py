"""What is measured stands on this: databases that wait for the disk, records in them, servers."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import load
import packets
import psycopg

from databases import running_postgres
from packetserver.catalogue.loader import load_catalogue
from packetserver.provision import provision
from packetserver.settings import Settings
from packetserver.store.database import Database
from packetserver.store.schema import build_schema
from packetserver.store.setup import prepare_database

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
WORLD = HERE / "world.toml"
START_SECONDS, STOP_SECONDS = 60, 30
DURABILITY = ("fsync", "synchronous_commit", "full_page_writes")

LAUNCH = "from packetserver.cli import main; main()"

COPIES = """
    WITH RECURSIVE numbers(number) AS (
        SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < {count}
    )
    INSERT INTO contact ({columns}, namelast, entered, modified)
    SELECT {columns}, 'Miller ' || number, '{moment}', '{moment}'
    FROM contact, numbers WHERE contact_id = {key}
"""
MAPPED = """
    INSERT INTO sync_map (client_id, table_id, record_id, cuid, complete, status_date)
    SELECT {client}, table_id, contact_id, contact_id + 100000000, false, contact.modified
    FROM contact, sync_table WHERE system_id = 4 AND element_name = 'contactList'
"""
ANCHORED = "UPDATE sync_client SET anchor = '{anchor}'"
ENTERED = datetime(2020, 1, 2, 3, 4, 5)


class Databases:
    """Fresh databases of one kind, with the default data and the identities of world.toml."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.is_sqlite = kind == "sqlite"
        self._folder = folder
        self._closing = contextlib.ExitStack()
        self._count = 0
        if not self.is_sqlite:
            self._server = self._closing.enter_context(running_postgres())
            self._execute(*(f"ALTER SYSTEM RESET {name}" for name in DURABILITY))
            self._execute("SELECT pg_reload_conf()", "CREATE DATABASE prepared TEMPLATE template0")
        _prepare(self._url("prepared"))

    def close(self) -> None:
        """Stop PostgreSQL, if it was started."""
        self._closing.close()

    def fresh(self) -> str:
        """The URL of a database that nothing has used."""
        self._count += 1
        name = f"bench_{self._count}"
        if self.is_sqlite:
            shutil.copyfile(self._folder / "prepared", self._folder / name)
        else:
            self._execute(f"CREATE DATABASE {name} TEMPLATE prepared")
        return self._url(name)

    def _url(self, name: str) -> str:
        if self.is_sqlite:
            return f"sqlite:///{self._folder / name}"
        return str(self._server.get_uri(database=name))

    def _execute(self, *statements: str) -> None:
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            for each in statements:
                connection.execute(each)


def _prepare(url: str) -> None:
    with contextlib.closing(Database(url)) as database:
        prepare_database(database, build_schema(load_catalogue()), ENTERED)
    provision(Settings(database_url=url), WORLD)


def query(url: str, statement: str) -> list[Sequence[Any]]:
    """Run a statement that needs no driver's help; the rows that it returns."""
    if url.startswith("sqlite:"):
        opened = sqlite3.connect(url.removeprefix("sqlite:///"))
        with contextlib.closing(opened) as connection, connection:
            return connection.execute(statement).fetchall()
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        rows: list[Sequence[Any]] = cursor.fetchall() if cursor.description else []
        return rows


def access_type(url: str) -> int:
    """The access type of contacts that everybody may see."""
    rule = "SELECT code FROM lookup_access_types WHERE description LIKE 'Public%' ORDER BY code"
    return int(query(url, rule)[0][0])


def fill_contacts(url: str, port: int, count: int) -> None:
    """Store so many contacts: the server stores one, the database copies it."""
    load.once(port, packets.contact_inserts(access_type(url), 1))
    names = [each.name for each in load_catalogue().tables["contact"].columns.values()]
    own = {"contact_id", "namelast", "entered", "modified"}
    key = query(url, "SELECT max(contact_id) FROM contact")[0][0]
    columns = ", ".join(name for name in names if name not in own)
    query(url, COPIES.format(count=count, columns=columns, key=key, moment=ENTERED))
    query(url, "ANALYZE")


def fill_map(url: str) -> None:
    """One sync client has every contact; both have the anchor that their packets name."""
    query(url, MAPPED.format(client=packets.MAPPED))
    query(url, ANCHORED.format(anchor=packets.LAST_ANCHOR.removesuffix(".0")))
    query(url, "ANALYZE")


@dataclass(frozen=True)
class Serving:
    """How the server is run: processes, threads in each, the folder of its source, settings."""

    workers: int
    threads: int
    tree: Path = ROOT
    more: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Server:
    """A running server."""

    port: int
    process: subprocess.Popen[bytes]

    def memory(self) -> int:
        """Bytes of memory of its own that all of its processes have now."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return sum(_own_memory(int(each)) for each in (str(self.process.pid), *children.split()))


def _own_memory(process: int) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    found = next(each for each in lines if each.startswith("RssAnon:"))
    return int(found.split()[1]) * 1024


@contextmanager
def serving(url: str, how: Serving) -> Iterator[Server]:
    """`packetserver serve` on a database, as an operator runs it."""
    with socket.socket() as free:
        free.bind((packets.HOST, 0))
        port = free.getsockname()[1]
    settings = {
        "DATABASE_URL": url,
        "BIND": f"{packets.HOST}:{port}",
        "WORKERS": str(how.workers),
        "THREADS": str(how.threads),
        "FILE_LIBRARY": tempfile.gettempdir(),
        **how.more,
    }
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PACKETSERVER_")}
    environment |= {f"PACKETSERVER_{name}": text for name, text in settings.items()}
    environment["PYTHONPATH"] = str(how.tree)
    with tempfile.TemporaryFile() as log:
        command = [sys.executable, "-c", LAUNCH, "serve"]
        process = subprocess.Popen(
            command, cwd=how.tree, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            _wait_until_listening(port, process)
            yield Server(port, process)
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace")[-4000:])
            raise
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def _wait_until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((packets.HOST, port)):
            return
        time.sleep(0.1)
    raise RuntimeError("the server does not start")
