"""`user`: those who log in with a name and a password."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from packetserver.cli.identities import identities, new_secret
from packetserver.cli.program import Section, current_settings, examples, print_table
from packetserver.errors import ProvisionError
from packetserver.letters import BLANKS
from packetserver.security.access_keys import new_access_key

FROM_STDIN = click.option(
    "--password-stdin",
    is_flag=True,
    help="Read the password from the first line of standard input.",
)
PROMPT = click.option("--prompt", is_flag=True, help="Ask for the password on the terminal.")
ID = click.option(
    "--id", "number", type=int, metavar="ID", help="Which one, where several have the name."
)


@click.group("user", cls=Section, epilog=examples("packetserver user list"))
def user() -> None:
    """Add users, change their passwords, disable them."""


@user.command(
    epilog=examples(
        "packetserver user add ann --role Salesperson --first Ann --last Archer",
        "packetserver user add ann --role Salesperson --password-stdin < password.txt",
    )
)
@click.argument("name")
@click.option("--role", help="Its role, such as Administrator; a wrong one lists them all.")
@click.option("--first", "name_first", metavar="NAME", help="Its first name.")
@click.option("--last", "name_last", metavar="NAME", help="Its last name; without it, NAME.")
@click.option("--email", metavar="ADDRESS", help="Its e-mail address.")
@click.option("--no-api", is_flag=True, help="It may not send packets.")
@FROM_STDIN
@PROMPT
def add(
    *, name: str, no_api: bool, password_stdin: bool, prompt: bool, **facts: str | None
) -> None:
    """Add the user NAME, with a contact of the own company.

    Without --password-stdin or --prompt a password is generated and printed once.
    """
    password = new_secret("password", from_stdin=password_stdin, prompt=prompt)
    given: dict[str, Any] = {key: text for key, text in facts.items() if text}
    name = name.strip(BLANKS)
    given |= {"username": name, "password": password.text, "http_api": not no_api}
    with identities(current_settings()) as known:
        if not known.users.ensure(given):
            raise ProvisionError(f"there is a user {name} already")
        known.users.apply(given)
    click.echo(f"Added the user {name}.")
    password.announce("Its password")


@user.command(
    "set-password",
    epilog=examples(
        "packetserver user set-password ann",
        "packetserver user set-password ann --password-stdin < password.txt",
    ),
)
@click.argument("name")
@ID
@FROM_STDIN
@PROMPT
def set_password(*, name: str, number: int | None, password_stdin: bool, prompt: bool) -> None:
    """Give the user NAME another password.

    Without --password-stdin or --prompt one is generated and printed once. The old one is refused
    from now on, by a running server too.
    """
    password = new_secret("password", from_stdin=password_stdin, prompt=prompt)
    with identities(current_settings()) as known:
        found = known.users.named(name, number)
        known.users.change(which(found) | {"password": password.text})
    click.echo(f"Changed the password of the user {found['username']}.")
    password.announce("It is now")


@user.command(
    "access-key",
    epilog=examples("packetserver user access-key ann", "packetserver user access-key ann --new"),
)
@click.argument("name")
@ID
@click.option("--new", "is_new", is_flag=True, help="Give it another one first.")
def access_key(*, name: str, number: int | None, is_new: bool) -> None:
    """Print the access key of the user NAME, with which programs use the web service.

    One is made if there is none. With --new the old one is refused from now on, and sessions that
    began with it are over.
    """
    with identities(current_settings()) as known:
        found = known.users.named(name, number)
        keys, user_id = known.users.access_keys, found["user_id"]
        key = None if is_new else keys.find(user_id)
        if key is None:
            key = new_access_key()
            keys.give(user_id, key)
    click.echo(key)


@user.command(epilog=examples("packetserver user disable ann"))
@click.argument("name")
@ID
def disable(*, name: str, number: int | None) -> None:
    """Keep the user NAME from logging in; its records stay.

    A provision file that says enabled = true enables it again.
    """
    with identities(current_settings()) as known:
        found = known.users.named(name, number)
        changed = known.users.change(which(found) | {"enabled": False})
    state = "is disabled" if changed else "was disabled already"
    click.echo(f"The user {found['username']} {state}.")


def which(found: Mapping[str, Any]) -> dict[str, Any]:
    """What tells a user from all others."""
    return {"username": found["username"], "id": found["user_id"]}


@user.command(
    epilog=examples(
        "packetserver user rename ann ann.archer", "packetserver user rename ann ann-2 --id 7"
    )
)
@click.argument("name")
@click.argument("new_name")
@ID
def rename(*, name: str, new_name: str, number: int | None) -> None:
    """Give the user NAME the name NEW_NAME; its records and its password stay.

    It logs in with the new name from now on.
    """
    new_name = new_name.strip(BLANKS)
    if not new_name:
        raise ProvisionError("the new name is empty")
    with identities(current_settings()) as known:
        found = known.users.named(name, number)
        known.users.rename(found, new_name)
    click.echo(f"The user {found['username']} is {new_name} now.")


@user.command("list", epilog=examples("packetserver user list"))
def list_users() -> None:
    """List all users."""
    with identities(current_settings(), writes=False) as known:
        found = known.users.all()
    columns = ("user_id", "username", "role", "enabled", "allow_httpapi_access", "expires")
    heading = ("id", "name", "role", "enabled", "may send packets", "expires")
    print_table(heading, [[each[column] for column in columns] for each in found])
