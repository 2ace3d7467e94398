"""Keeps a new database of this version as files in versions/, for the tests of later versions.

    PYTHONPATH=tests python tests/store/keep_version.py

To be run when a version is released, or before the next migration is written: a file that is made
from a later catalogue would not be what an installation of this version has.
"""

from __future__ import annotations

import contextlib
import gzip
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from alembic.runtime.migration import MigrationContext

from databases import running_postgres
from packetserver.records.opening import load_schema
from packetserver.store.database import Database
from packetserver.store.setup import prepare_database

VERSIONS = Path(__file__).parent / "versions"
ENTERED = datetime(2026, 11, 22, 9, 15, 8)


def main() -> None:
    """Write a file for each kind of database."""
    with tempfile.TemporaryDirectory() as folder, running_postgres() as server:
        file = Path(folder) / "new.db"
        version = _prepared(f"sqlite:///{file}")
        with contextlib.closing(sqlite3.connect(file)) as connection:
            _keep(f"{version}.sqlite", connection.iterdump())
        url = server.get_uri(database="postgres")
        _prepared(url)
        dump = [str(server.bin_path / "pg_dump"), "--inserts", "--no-owner", "--no-privileges"]
        found = subprocess.run([*dump, url], check=True, capture_output=True, text=True)
        # What starts with a backslash is for psql alone.
        lines = (each for each in found.stdout.splitlines() if each and each[0] not in "\\-")
        _keep(f"{version}.postgresql", lines)


def _prepared(url: str) -> str:
    with contextlib.closing(Database(url)) as database:
        prepare_database(database, load_schema(), ENTERED)
        with database.connect() as connection:
            return str(MigrationContext.configure(connection).get_current_revision())


def _keep(name: str, lines: Iterable[str]) -> None:
    path = VERSIONS / f"{name}.sql.gz"
    text = "\n".join(lines) + "\n"
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
