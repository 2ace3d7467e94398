"""Looks over an installation, from what is nearest to what needs all the rest to be well."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from packetserver.errors import CatalogueError, ProvisionError, SettingsError, StoreUnavailable
from packetserver.operation.doctor.access_keys import examine_access_keys
from packetserver.operation.doctor.database import (
    Opened,
    examine_database,
    examine_names,
    examine_replica,
)
from packetserver.operation.doctor.machine import examine_machine
from packetserver.operation.doctor.rows import examine_rows
from packetserver.operation.doctor.settings import examine_settings
from packetserver.operation.findings import Check, Finding, Health, ok, wrong
from packetserver.provision.installation import is_in_memory, rights_explained
from packetserver.records.opening import load_schema, open_database, preferences_of
from packetserver.settings import Settings
from packetserver.store.schema import Schema

ShowUrl = Callable[[str], str]
"""Gives a database URL without its password."""


def examine(environment: Mapping[str, str], show_url: ShowUrl) -> Iterator[Finding]:
    """Everything that can be looked at; nothing is changed.

    What needs something that is wrong is left out.
    """
    found, settings = examine_settings(environment)
    yield from found
    schema, finding = _catalogue()
    yield finding
    if settings is None:
        return
    try:
        file = sqlite_file(settings)
    except (ArgumentError, ValueError, SettingsError):
        # The URL itself is not told: there may be a password anywhere in it.
        yield wrong(Check.DATABASE, "PACKETSERVER_DATABASE_URL is no URL", "Mend it.")
        return
    yield from examine_machine(settings, file)
    if file is not None and not file.exists():
        text = f"The file {file} does not exist"
        yield wrong(Check.DATABASE, text, "Run packetserver init-db.")
    elif schema is not None:
        yield from _database(settings, schema, show_url)


def sqlite_file(settings: Settings) -> Path | None:
    """The file of the database, None when it is none, or is named in a way of its own."""
    url = make_url(settings.database_url)
    if url.get_backend_name() != "sqlite" or is_in_memory(settings):
        return None
    name = url.database or ""
    return None if name.startswith("file:") else Path(name)


def _catalogue() -> tuple[Schema | None, Finding]:
    try:
        schema = load_schema()
    except CatalogueError as error:
        return None, wrong(Check.CATALOGUE, str(error), "Install packetserver anew.")
    text = f"{len(schema.catalogue.objects)} objects, whole and without contradictions"
    return schema, ok(Check.CATALOGUE, text)


def _database(settings: Settings, schema: Schema, show_url: ShowUrl) -> Iterator[Finding]:
    shown = show_url(settings.database_url)
    try:
        with rights_explained(settings, schema):
            database, complete = open_database(settings, schema)
        with closing(database), database.connect() as connection:
            yield ok(Check.DATABASE, f"{shown} answers")
            yield from _contents(Opened(schema, database, connection, complete))
        yield from examine_replica(complete)
    except ProvisionError as error:
        yield wrong(Check.GRANTS, *_parted(str(error)))
    except StoreUnavailable as error:
        reason = _reason(error, make_url(settings.database_url))
        text = f"{shown}: {error.outage.sentence} ({reason})"
        advice = f"{error.outage.advice[0].upper()}{error.outage.advice[1:]}."
        yield wrong(Check.DATABASE, text, advice.replace("?.", "?"))
    except SQLAlchemyError as error:
        reason = _reason(error, make_url(settings.database_url))
        advice = "Is it whole, and does PACKETSERVER_DATABASE_URL name it?"
        yield wrong(Check.DATABASE, f"{shown} refuses what it is asked: {reason}", advice)
    except SettingsError as error:
        yield wrong(Check.DATABASE, str(error), "Provision the database with a value that is one.")


def _parted(error: str) -> tuple[str, str]:
    """What is wrong, and what to do about it."""
    text, _, advice = error.partition(": ")
    return f"{text[0].upper()}{text[1:]}", f"{advice[:1].upper()}{advice[1:]}"


def _contents(opened: Opened) -> Iterator[Finding]:
    found = list(examine_database(opened))
    yield from found
    yield from examine_names(opened.connection, opened.schema)
    if not any(each.check is Check.TABLES and each.health is Health.WRONG for each in found):
        now = preferences_of(opened.settings).now()
        yield from examine_rows(opened.connection, opened.schema, now)
        yield examine_access_keys(opened.connection, opened.settings)


def _reason(error: StoreUnavailable | SQLAlchemyError, url: URL) -> str:
    """The database's own words, on one line and without the password."""
    cause = error if isinstance(error, DBAPIError) else error.__cause__
    words = str(cause.orig) if isinstance(cause, DBAPIError) else str(error)
    line = " ".join(words.split())
    return line.replace(url.password, "***") if url.password else line
