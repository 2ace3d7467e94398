"""`session`: who has logged in to the web service, and to end that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

import click
from sqlalchemy import Connection

from packetserver.cli.identities import audit_command, identities
from packetserver.cli.program import Section, current_settings, examples, print_table
from packetserver.errors import ProvisionError
from packetserver.provision.installation import Installation, open_installation
from packetserver.records.opening import preferences_of
from packetserver.security.sessions import Limits, end_sessions, list_sessions
from packetserver.store.unit_of_work import unit_of_work


@click.group("session", cls=Section, epilog=examples("packetserver session list"))
def session() -> None:
    """See who has logged in to the web service, and end sessions."""


@session.command("list", epilog=examples("packetserver session list"))
def list_all() -> None:
    """List the sessions that are alive; their names, which let in, are not known here."""
    settings = current_settings()
    with identities(settings, writes=False) as known:
        names = {each["user_id"]: each["username"] for each in known.users.all()}
    with _opened(writes=False) as (installation, connection):
        preferences = preferences_of(installation.settings)
        at = preferences.clock().timestamp()
        found = list_sessions(connection, at, Limits.of(settings))
    rows = [
        (
            *(each.id, names.get(each.user_id), each.address),
            *(_shown(time, preferences.zone) for time in (each.began, each.used)),
        )
        for each in found
    ]
    print_table(("id", "user", "address", "since", "last used"), rows)


@session.command(
    epilog=examples(
        "packetserver session end 7",
        "packetserver session end --user ann",
        "packetserver session end --all",
    )
)
@click.argument("number", metavar="[ID]", type=click.IntRange(1, 2**31 - 1), required=False)
@click.option("--user", "name", metavar="NAME", help="All of this user.")
@click.option("--all", "is_all", is_flag=True, help="All of them.")
def end(*, number: int | None, name: str | None, is_all: bool) -> None:
    """End the session ID, or several; their programs have to log in again.

    A user who is to stay out is disabled by packetserver user disable, which ends them, too.
    """
    if [number is not None, name is not None, is_all].count(True) != 1:
        raise ProvisionError("say which sessions are to end: ID, --user NAME or --all")
    user_id = None
    if name is not None:
        with identities(current_settings(), writes=False) as known:
            user_id = known.users.named(name)["user_id"]
    with _opened(writes=True) as (_, connection):
        count = end_sessions(connection, session_id=number, user_id=user_id)
    audit_command(current_settings())
    if number is not None and not count:
        raise ProvisionError(f"there is no session {number}")
    click.echo(f"Ended {count} {'session' if count == 1 else 'sessions'}.")


@contextmanager
def _opened(*, writes: bool) -> Iterator[tuple[Installation, Connection]]:
    with (
        open_installation(current_settings()) as installation,
        unit_of_work(installation.database, writes=writes) as work,
    ):
        yield installation, work.connection
        work.commit()


def _shown(seconds: float, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(seconds, zone).strftime("%Y-%m-%d %H:%M:%S")
