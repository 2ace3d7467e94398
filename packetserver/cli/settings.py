"""`settings`: what is set, to what, and where."""

from __future__ import annotations

import os

import click
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from packetserver.cli.program import current_settings, examples
from packetserver.errors import ProvisionError, StoreUnavailable
from packetserver.provision.installation import open_installation
from packetserver.setting_kinds import DATABASE_URL
from packetserver.settings import CONFIG_VARIABLE, SETTINGS, SettingLine, Settings
from packetserver.store.setup import SERVER_NAMES, TIMEZONE

MASK = "***"
HIDDEN = "hidden"
"""Stands for a parameter of the URL, in which stars would be escaped."""

SECRET_PARAMETERS = frozenset({"password", "sslpassword"})


def shown_url(url: str) -> str:
    """A database URL without its password, wherever that stands."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # What cannot be taken apart may have a password anywhere.
        return MASK
    if "@" in (parsed.host or "") + (parsed.database or ""):
        # One in the password that is not written as %40 has moved a part of it here.
        return MASK
    hidden = {name: HIDDEN for name in parsed.query if name in SECRET_PARAMETERS}
    return parsed.update_query_dict(hidden).render_as_string(hide_password=True)


def shown_value(settings: Settings, line: SettingLine) -> str:
    """A setting's value as it would be written in the environment."""
    value = getattr(settings, line.name)
    if value is not None and line.kind is DATABASE_URL:
        return shown_url(value)
    return "(not set)" if value in {None, ()} else line.kind.write(value)


KEPT = (TIMEZONE, SERVER_NAMES)
PLACES = f"""\
Every setting can be given in the environment, under the name shown here, or in the TOML file that
{CONFIG_VARIABLE} names, under the same name in small letters without PACKETSERVER_. The environment
wins over the file, and both over what packetserver provision has put into the database.
"""


@click.command(
    "settings",
    epilog=examples(
        "packetserver settings", "PACKETSERVER_CONFIG=/etc/packetserver.toml packetserver settings"
    ),
)
def show_settings() -> None:
    """Show every setting, its value now and where that comes from.

    A password in the database URL is not shown.
    """
    settings = current_settings()
    complete = _completed(settings)
    click.echo(PLACES)
    for line in SETTINGS:
        source = _source(settings, complete, line)
        click.echo(f"{line.variable} = {shown_value(complete, line)}   [{source}]")
        click.echo(f"    {line.description}")


def _completed(settings: Settings) -> Settings:
    """The settings with what the database keeps, if it can be asked."""
    try:
        with open_installation(settings) as installation:
            return installation.settings
    except (ProvisionError, StoreUnavailable) as error:
        click.echo(f"Without what the database keeps: {error}.", err=True)
        return settings


def _source(settings: Settings, complete: Settings, line: SettingLine) -> str:
    if os.environ.get(line.variable, "").strip():
        return "environment"
    if line.name in settings.given:
        return os.environ[CONFIG_VARIABLE]
    if line.name in KEPT and getattr(complete, line.name) != line.default:
        return "database"
    return "default"
