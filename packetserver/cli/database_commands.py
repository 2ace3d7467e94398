"""`init-db` and `provision`: prepare a database and fill it with those who may use it."""

from __future__ import annotations

from pathlib import Path

import click

from packetserver.cli.identities import NewSecret, audit_command, identities, new_secret
from packetserver.cli.program import current_settings, examples
from packetserver.cli.setting_texts import shown_url
from packetserver.errors import ProvisionError
from packetserver.provision import provision as apply_file
from packetserver.provision.installation import Condition, is_in_memory, prepare_installation
from packetserver.settings import Settings

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
    To do it again is safe: what is there already stays as it is.
    """
    settings = current_settings()
    if is_in_memory(settings):
        raise ProvisionError("a database in memory is gone when this command ends: name a file")
    found = prepare_installation(settings)
    click.echo(DONE[found].format(shown_url(settings.database_url)))
    if with_admin:
        _announce_admin(add_first_admin(settings))


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
