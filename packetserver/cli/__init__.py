"""The command `packetserver`: prepares, fills, checks and serves an installation."""

from __future__ import annotations

import click

import packetserver
from packetserver.cli.adopt_command import adopt
from packetserver.cli.backup_commands import backup, restore
from packetserver.cli.catalogue_commands import catalogue
from packetserver.cli.check_command import check
from packetserver.cli.client_commands import client
from packetserver.cli.database_commands import init_db, provision
from packetserver.cli.doctor_command import doctor
from packetserver.cli.migration_command import make_migration
from packetserver.cli.package_commands import compile_packages
from packetserver.cli.program import Program, examples
from packetserver.cli.send_command import send
from packetserver.cli.serve_command import serve
from packetserver.cli.setting_commands import show_settings
from packetserver.cli.user_commands import user

COMMANDS = (
    *(init_db, serve, send, check, provision, adopt, doctor, backup, restore),
    *(user, client, compile_packages, catalogue, show_settings, make_migration),
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
