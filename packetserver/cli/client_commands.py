"""`client`: programs that log in with an id and a code, and keep records in step."""

from __future__ import annotations

from typing import Any

import click

from packetserver.cli.client_state import reset, show
from packetserver.cli.identities import identities, new_secret
from packetserver.cli.program import Section, current_settings, examples, print_table

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


client.add_command(show)
client.add_command(reset)
