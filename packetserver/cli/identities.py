"""The users and sync clients that a command works on, and the secrets that it gives them."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import click

from packetserver.errors import ProvisionError
from packetserver.provision.access_keys import AccessKeys
from packetserver.provision.installation import open_installation
from packetserver.provision.people import StampedRows, SyncClients, Users
from packetserver.security.access_keys import Seals, key_file
from packetserver.security.audit import DONE, Audit, operator
from packetserver.settings import Settings
from packetserver.store.unit_of_work import unit_of_work

LOCAL = "local"
"""The address of who gives a command."""

NAMING = ("name", "number", "file")
"""The parameters of commands that say what they change."""

GENERATED_BYTES = 18
"""Of randomness in a generated secret, which is 24 characters long."""


@dataclass(frozen=True, slots=True)
class Identities:
    """Those who may authenticate, within one database transaction."""

    users: Users
    sync_clients: SyncClients


@contextmanager
def identities(settings: Settings, *, writes: bool = True) -> Iterator[Identities]:
    """The identities of an installation; what is done to them is committed in the end.

    Raises ProvisionError when the database is not ready, StoreUnavailable when it is away.
    """
    with (
        open_installation(settings) as installation,
        unit_of_work(installation.database, writes=writes) as work,
    ):
        rows = StampedRows(installation.schema, work.connection, installation.now())
        access_keys = AccessKeys(work.connection, Seals(key_file(settings)))
        users = Users(rows, installation.zone, access_keys)
        yield Identities(users, SyncClients(rows, users))
        work.commit()
    if writes:
        audit_command(settings)


def audit_command(settings: Settings) -> None:
    """Write the event of the running command, which has changed who may log in."""
    context = click.get_current_context(silent=True)
    if context is None:  # a part of a command, called by something else than a command line
        return
    group = context.parent.info_name if context.parent is not None else None
    named = [context.params[each] for each in NAMING if each in context.params]
    about = {"subject": str(named[0])} if named else {}
    audit = Audit(lambda: datetime.now().astimezone(), settings.audit_log)
    audit.record(DONE, LOCAL, operator(), [(group, context.info_name)], **about)


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A password or a code; it is shown only when it was generated here."""

    text: str = field(repr=False)
    generated: bool

    def announce(self, whose: str) -> None:
        """Show a generated secret, once."""
        if self.generated:
            click.echo(f"{whose}: {self.text}")
            click.echo("It is shown only this once: keep it in a safe place.")


def new_secret(name: str, *, from_stdin: bool = False, prompt: bool = False) -> NewSecret:
    """A secret from standard input, from the terminal, or else a generated one.

    ``name`` is what it is called. Raises ProvisionError when none, or an empty one, is given.
    """
    if from_stdin and prompt:
        raise ProvisionError(f"the {name} comes from standard input or from the terminal, not both")
    if from_stdin:
        return NewSecret(_read_line(name), generated=False)
    if prompt:
        text = click.prompt(name.capitalize(), hide_input=True, confirmation_prompt=True)
        return NewSecret(str(text), generated=False)
    return NewSecret(secrets.token_urlsafe(GENERATED_BYTES), generated=True)


def _read_line(name: str) -> str:
    line = sys.stdin.buffer.readline()
    try:
        text = line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        # The cause is left out, because it holds what was read.
        raise ProvisionError(f"the {name} on standard input is not written in UTF-8") from None
    if not text:
        raise ProvisionError(f"there is no {name} on standard input")
    return text
