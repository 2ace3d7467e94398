"""`init-db`, `provision` and `make-migration`: prepare a database and fill it with those who may use it."""

from __future__ import annotations

import contextlib
import gzip
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from packetserver.cli.identities import NewSecret, audit_command, identities, new_secret
from packetserver.cli.program import current_settings, examples
from packetserver.cli.settings import shown_url
from packetserver.errors import ProvisionError
from packetserver.provision import provision as apply_file
from packetserver.provision.access_keys import AccessKeys
from packetserver.provision.installation import (
    Condition,
    is_in_memory,
    open_installation,
    prepare_installation,
)
from packetserver.records.opening import load_schema
from packetserver.security.access_keys import Seals, key_file
from packetserver.settings import Settings
from packetserver.store.database import Database
from packetserver.store.new_migration import write_migration
from packetserver.store.setup import migrate
from packetserver.store.unit_of_work import unit_of_work

ADMIN = {"username": "admin", "role": "Administrator", "name_last": "Administrator"}
DONE = {
    Condition.EMPTY: "Created the database {}, with its tables and default rows.",
    Condition.OLDER: "Upgraded the database {} to this version.",
    Condition.CURRENT: "The database {} is up to date.",
}

FILE_FORM = """

\b
FILE may hold this; what else there is, an unknown key tells:
  host = "crm.example.com"            # or a list of names
  timezone = "Europe/Berlin"
  [[user]]
  username = "ann"
  password = "…"
  role = "Salesperson"
  manager = "admin"
  access_key = "…"                    # for the web service; 16 letters and digits
  [[sync_client]]
  id = 1
  type = "pocket"
  code = "…"
  user = "ann"
"""


@click.command(
    "init-db",
    epilog=examples(
        "packetserver init-db --with-admin",
        "PACKETSERVER_DATABASE_URL=postgresql://crm@localhost/crm packetserver init-db",
    ),
)
@click.option(
    "--with-admin",
    is_flag=True,
    help="Also add the user admin, if there is no user yet, and print its password once.",
)
def init_db(*, with_admin: bool) -> None:
    """Create the database, or upgrade it to this version.

    The database is the one of PACKETSERVER_DATABASE_URL, by default the file var/packetserver.db.
    It gets its tables and the rows that every new database has: lookup lists, roles, permissions.
    Beside it a file is made with the key that access keys are stored with, see
    PACKETSERVER_ACCESS_KEY_FILE; after a new first line was put into that, they are stored anew. To
    do it again is safe: what is there already stays as it is.
    """
    settings = current_settings()
    if is_in_memory(settings):
        raise ProvisionError("a database in memory is gone when this command ends: name a file")
    found = prepare_installation(settings)
    _prepare_access_keys(settings)
    click.echo(DONE[found].format(shown_url(settings.database_url)))
    if with_admin:
        _announce_admin(add_first_admin(settings))


def _prepare_access_keys(settings: Settings) -> None:
    """Make the file of keys; who does not use the web service can do without it."""
    file = key_file(settings)
    with (
        open_installation(settings) as installation,
        unit_of_work(installation.database, writes=True) as work,
    ):
        try:
            AccessKeys(work.connection, Seals(file)).prepare()
        except OSError as error:
            click.echo(
                f"The file {file} cannot be made ({error.strerror}): users have no access keys for the"
                " web service until PACKETSERVER_ACCESS_KEY_FILE names one that can.",
                err=True,
            )
        work.commit()


def add_first_admin(settings: Settings) -> NewSecret | None:
    """Add the user admin to a database without users; None when there are users."""
    with identities(settings) as known:
        if known.users.all():
            return None
        password = new_secret("password")
        facts = {**ADMIN, "password": password.text, "http_api": True, "enabled": True}
        known.users.ensure(facts)
        known.users.apply(facts)
    return password


def _announce_admin(password: NewSecret | None) -> None:
    if password is None:
        click.echo("It has users already, so the user admin was not added.")
    else:
        password.announce("Added the user admin with the password")


@click.command(epilog=examples("packetserver provision world.toml") + FILE_FORM)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def provision(file: Path) -> None:
    """Apply FILE: users, sync clients, host names and the time zone.

    The whole file is applied, or nothing of it. To apply it again is safe: only what differs is
    changed. A key that is left out keeps its value. Passwords and codes are never shown.
    """
    settings = current_settings()
    summary = apply_file(settings, file)
    audit_command(settings)
    click.echo("\n".join(summary.lines()))


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
