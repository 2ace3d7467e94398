"""`client`: programs that log in with an id and a code, and keep records in step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click

from packetserver.cli.identities import audit_command, identities, new_secret
from packetserver.cli.program import Section, aligned, current_settings, examples, print_table
from packetserver.errors import ProvisionError
from packetserver.provision.installation import Installation, open_installation
from packetserver.records.opening import preferences_of
from packetserver.store.rows import Rows
from packetserver.store.unit_of_work import UnitOfWork, unit_of_work
from packetserver.sync.clients import ClientState, read_state, reset_client
from packetserver.sync.packages import Status

FROM_STDIN = click.option(
    "--code-stdin", is_flag=True, help="Read the code from the first line of standard input."
)
PROMPT = click.option("--prompt", is_flag=True, help="Ask for the code on the terminal.")


@click.group("client", cls=Section, epilog=examples("packetserver client list"))
def client() -> None:
    """Add sync clients, change their codes, disable them, look after them."""


@client.command(
    epilog=examples(
        "packetserver client add --type pocket --version 1.0 --user ann",
        "packetserver client add --code-stdin < code.txt",
    )
)
@click.option("--type", default="client", show_default=True, help="What program it is.")
@click.option("--version", metavar="TEXT", help="The program's version.")
@click.option("--user", metavar="NAME", help="The user whom it belongs to; without one, nobody.")
@FROM_STDIN
@PROMPT
def add(*, code_stdin: bool, prompt: bool, **facts: str | None) -> None:
    """Add a sync client and print its id.

    A client of a user has that user's rights; one of nobody has all rights. Without --code-stdin
    or --prompt a code is generated and printed once.
    """
    code = new_secret("code", from_stdin=code_stdin, prompt=prompt)
    given: dict[str, Any] = {key: text for key, text in facts.items() if text}
    with identities(current_settings()) as known:
        number = known.sync_clients.add({**given, "code": code.text})
    click.echo(f"Added the sync client {number}.")
    code.announce("Its code")


@client.command("set-code", epilog=examples("packetserver client set-code 1"))
@click.argument("number", metavar="ID", type=int)
@FROM_STDIN
@PROMPT
def set_code(*, number: int, code_stdin: bool, prompt: bool) -> None:
    """Give the sync client ID another code.

    Without --code-stdin or --prompt one is generated and printed once. The old one is refused from
    now on, by a running server too.
    """
    code = new_secret("code", from_stdin=code_stdin, prompt=prompt)
    with identities(current_settings()) as known:
        known.sync_clients.apply({"id": number, "code": code.text})
    click.echo(f"Changed the code of the sync client {number}.")
    code.announce("It is now")


@client.command(epilog=examples("packetserver client disable 1"))
@click.argument("number", metavar="ID", type=int)
def disable(number: int) -> None:
    """Keep the sync client ID from logging in; what it has stored stays.

    A provision file that says enabled = true enables it again.
    """
    with identities(current_settings()) as known:
        changed = known.sync_clients.apply({"id": number, "enabled": False})
    click.echo(f"The sync client {number} {'is disabled' if changed else 'was disabled already'}.")


@client.command("list", epilog=examples("packetserver client list"))
def list_clients() -> None:
    """List all sync clients."""
    with identities(current_settings(), writes=False) as known:
        found = known.sync_clients.all()
    columns = ("client_id", "type", "version", "user", "enabled", "anchor")
    heading = ("id", "type", "version", "user", "enabled", "in step since")
    print_table(heading, [[each[column] for column in columns] for each in found])


STATUSES = {
    Status.WAITING: "asked for",
    Status.STARTED: "being compiled",
    Status.COMPLETE: "ready",
    Status.DOWNLOADED: "downloaded",
}


@dataclass(frozen=True, slots=True)
class Opened:
    """An installation with a unit of work."""

    installation: Installation
    work: UnitOfWork

    @property
    def records(self) -> Rows:
        """The records within it."""
        return Rows(self.installation.schema, self.work.connection)


@contextmanager
def _opened(*, writes: bool) -> Iterator[Opened]:
    with (
        open_installation(current_settings()) as installation,
        unit_of_work(installation.database, writes=writes) as work,
    ):
        yield Opened(installation, work)


def _state(opened: Opened, number: int, packets: int = 0) -> ClientState:
    found = read_state(opened.records, number, packets) if 0 <= number < 2**31 else None
    if found is None:
        raise ProvisionError(f"there is no sync client {number}")
    return found


@client.command("show", epilog=examples("packetserver client show 1"))
@click.argument("number", metavar="ID", type=int)
@click.option(
    "--packets",
    type=click.IntRange(0, 1000),
    default=10,
    show_default=True,
    help="How many of its last packets are listed.",
)
def show(*, number: int, packets: int) -> None:
    """Show what the server knows of the sync client ID.

    That is its anchor, which of its records are mapped, its conflicts, its package, and its last
    packets.
    """
    with _opened(writes=False) as opened:
        state = _state(opened, number, packets)
    click.echo("\n".join(aligned(_facts(state))))
    _section("Records that it has", ("list", "records"), state.mapped)
    _section("Conflicts", ("list", "conflicts"), state.conflicts)
    _section("Last conflicts", ("at", "list", "record"), state.last_conflicts)
    heading = ("at", "from", "transactions", "failed", "message")
    _section("Last packets", heading, [_packet(each) for each in state.packets])


@client.command("reset", epilog=examples("packetserver client reset 1"))
@click.argument("number", metavar="ID", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(*, number: int, yes: bool) -> None:
    """Forget which records the sync client ID has.

    Its maps, its anchor, its session and its package go; its next sync is a first one, so it must
    begin with an empty store itself. The records that it has sent stay.
    """
    with _opened(writes=False) as opened:
        state = _state(opened, number)
    count = sum(each.records for each in state.mapped)
    if not yes:
        click.confirm(f"Forget the {count} records that the sync client {number} has?", abort=True)
    with _opened(writes=True) as opened:
        _state(opened, number)
        reset_client(opened.records, number, opened.installation.now())
        library = preferences_of(opened.installation.settings).library
        opened.work.after_commit(library.remove_released)
        opened.work.commit()
    audit_command(opened.installation.settings)
    click.echo(f"The sync client {number} begins anew.")


def _facts(state: ClientState) -> list[tuple[str, str]]:
    client, package = state.client, state.package
    facts = [
        ("id", str(client.client_id)),
        ("type", client.type or ""),
        ("version", client.version or ""),
        ("enabled", "yes" if client.enabled else "no"),
        ("in step since", _text(client.anchor, "never in step")),
        ("session since", _text(state.session, "in no session")),
        ("package", "none" if package is None else _package(package)),
    ]
    if package is not None and package.error:
        facts.append(("package error", " ".join(package.error.split())))
    return facts


def _package(package: Any) -> str:
    status = STATUSES[Status(package.status_id)]
    window = f"from {_text(package.last_anchor, 'the beginning')} to {package.next_anchor}"
    if Status(package.status_id) in {Status.COMPLETE, Status.DOWNLOADED}:
        return f"{status}, {window}, {package.records} records, {package.size} bytes"
    return f"{status}, {window}, {package.attempts or 0} attempts"


def _packet(row: Any) -> tuple[object, ...]:
    message = " ".join((row.message or "").split())
    return (row.entered, row.ip, row.transactions, row.failed, message)


def _text(value: object, otherwise: str) -> str:
    return otherwise if value is None else str(value)


def _section(title: str, heading: Sequence[str], rows: Sequence[Any]) -> None:
    if not rows:
        click.echo(f"\n{title}: none")
        return
    click.echo(f"\n{title}")
    print_table(heading, [tuple(each) for each in rows])
