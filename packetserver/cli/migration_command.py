"""`make-migration`: for those who change the catalogue in a clone of the project."""

from __future__ import annotations

import contextlib
import gzip
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from packetserver.cli.program import examples
from packetserver.engine.assembly import load_schema
from packetserver.errors import ProvisionError
from packetserver.store.database import Database
from packetserver.store.new_migration import write_migration
from packetserver.store.setup import migrate

KEPT = Path("tests/store/versions")
"""Where a clone keeps databases of earlier versions."""


@click.command(
    "make-migration", epilog=examples('packetserver make-migration "the fax of an account"')
)
@click.argument("title")
@click.option(
    "--from",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=KEPT,
    show_default=True,
    help="The folder of the databases of earlier versions that the project keeps.",
)
def make_migration(title: str, folder: Path) -> None:
    """Write the migration that schemas/ needs, after a table or a column was added to it.

    TITLE says in a few words what it brings. The newest database that the project keeps of an
    earlier version is upgraded and compared with the catalogue.
    """
    schema = load_schema()
    with _newest_version(folder) as database, database.connect(writes=True) as connection:
        migrate(connection)
        written = write_migration(connection, schema.metadata, title)
    if written is None:
        click.echo("Nothing to do: the migrations make all that the catalogue has.")
        return
    click.echo(f"Wrote {written}: read it, then run ruff format, make check and make test.")


@contextmanager
def _newest_version(folder: Path) -> Iterator[Database]:
    kept = sorted(folder.glob("*.sqlite.sql.gz"))
    if not kept:
        raise ProvisionError(
            f"{folder} has no database of an earlier version: run this in a clone of the project"
        )
    with tempfile.TemporaryDirectory() as made:
        file = Path(made) / "scratch.db"
        with contextlib.closing(sqlite3.connect(file)) as connection:
            connection.executescript(gzip.decompress(kept[-1].read_bytes()).decode())
        with contextlib.closing(Database(f"sqlite:///{file}")) as database:
            yield database
