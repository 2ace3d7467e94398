"""The command `packetserver`: prepares, fills, checks and serves an installation."""

from __future__ import annotations

import click

import packetserver
from packetserver.cli import (
    adopt,
    backup,
    catalogue,
    check,
    clients,
    database,
    doctor,
    packages,
    send,
    serve,
    sessions,
    settings,
    users,
)
from packetserver.cli.program import Program, examples

COMMANDS = (
    *(database.init_db, serve.serve, send.send, check.check, database.provision, adopt.adopt),
    *(doctor.doctor, backup.backup, backup.restore, users.user, clients.client, sessions.session),
    *(packages.compile_packages, catalogue.catalogue, settings.show_settings),
    database.make_migration,
)
"""In the order in which one meets them."""


@click.group(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "packetserver init-db --with-admin", "packetserver serve --bind 127.0.0.1:8080"
    ),
)
@click.version_option(packetserver.__version__, prog_name="packetserver")
def main() -> None:
    """A server for the XML packets of Centric CRM.

    Every command explains itself: packetserver COMMAND --help.
    """


for command in COMMANDS:
    main.add_command(command)
