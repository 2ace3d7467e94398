"""`serve`: the server, under gunicorn."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from packetserver.cli.program import current_settings, examples
from packetserver.errors import ProvisionError, SettingsError
from packetserver.http.gunicorn import serve_forever
from packetserver.operation.readiness import why_not_writable
from packetserver.operation.start_checks import Problem, problems_of_address, problems_of_files
from packetserver.provision.installation import is_in_memory, open_installation
from packetserver.settings import SETTINGS, Settings

Command = TypeVar("Command", bound=Callable[..., Any])

LINES = {line.name: line for line in SETTINGS}


def _setting(context: click.Context, parameter: click.Parameter, value: str | None) -> Any:
    """Read an option as the setting of its name is read."""
    if value is None:
        return None
    line = LINES[parameter.name or ""]
    try:
        return line.kind.read(value)
    except ValueError as error:
        raise click.BadParameter(f"must be {line.kind.allowed}") from error


def _option(name: str, metavar: str, text: str) -> Callable[[Command], Command]:
    variable = LINES[name].variable
    return click.option(
        f"--{name}", metavar=metavar, callback=_setting, help=f"{text} [{variable}]"
    )


@click.command(
    epilog=examples(
        "packetserver serve", "packetserver serve --bind 0.0.0.0:8080 --workers 4 --threads 16"
    )
)
@_option("bind", "HOST:PORT", "The address to listen on.")
@_option("workers", "N", "Processes; with PostgreSQL, one for each core is good.")
@_option("threads", "N", "Packets that one process works on at a time.")
def serve(**options: Any) -> None:
    """Serve packets until the command is stopped (Ctrl+C, or SIGTERM).

    An option that is left out is as the setting in brackets says; see packetserver settings. Packets
    that are being carried out are finished before the server ends. On SIGHUP the settings are read
    again, and new processes take over without a pause.
    """
    chosen = {name: value for name, value in options.items() if value is not None}

    def settings() -> Settings:
        complete = dataclasses.replace(current_settings(), **chosen)
        check_before_serving(complete)
        return complete

    first = settings()
    # Later it is our own workers that listen there.
    _raise_first(problems_of_address(first))
    serve_forever(first, settings)


def check_before_serving(settings: Settings) -> None:
    """Raises the error of whatever would keep the server from working, before it starts.

    That is a PacketServerError whose text says what to do.
    """
    if is_in_memory(settings):
        raise SettingsError(
            "a database in memory cannot be served, least of all by several workers:"
            " give PACKETSERVER_DATABASE_URL a file, such as sqlite:///var/packetserver.db"
        )
    _raise_first(problems_of_files(settings))
    # Closed again before gunicorn forks: a connection must not be shared by processes.
    with open_installation(settings) as opened, opened.database.connect() as connection:
        reason = why_not_writable(opened.database, connection)
    if reason is not None:
        raise ProvisionError(reason.rstrip("."))


def _raise_first(problems: Iterator[Problem]) -> None:
    for each in problems:
        raise SettingsError(str(each))
