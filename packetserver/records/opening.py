"""The catalogue with its tables, the database and the preferences that settings name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from functools import cache
from zoneinfo import ZoneInfo

import tzlocal

from packetserver import records
from packetserver.catalogue.loader import load_catalogue
from packetserver.catalogue.model import ObjectType
from packetserver.errors import CatalogueError
from packetserver.records.effects import AFTER, BEFORE, INSTEAD
from packetserver.records.filters import MATCHES
from packetserver.records.preferences import Preferences
from packetserver.records.rights import PROTECTED, Policy, ways_of
from packetserver.records.rules import RULES
from packetserver.records.ways import PERMISSION_RULES
from packetserver.settings import Settings
from packetserver.store.connections import limits_of
from packetserver.store.database import Database
from packetserver.store.files import FileLibrary
from packetserver.store.replica import Replica
from packetserver.store.schema import Schema, build_schema
from packetserver.store.setup import SETTINGS_TABLE, read_kept

CONTACTS_ONLY = "contacts"
"""The setting that leaves every other object unprotected, as the original did."""

__all__ = ["load_schema", "open_database", "preferences_of", "records", "replica_of", "zone_name"]


@cache
def load_schema() -> Schema:
    """The installed catalogue with its tables, checked whole; it cannot change while we run.

    Raises CatalogueError for anything in it that is wrong or that this server does not have.
    """
    schema = build_schema(load_catalogue())
    for each in schema.catalogue.objects.values():
        for problem in _unknown_names(each):
            raise CatalogueError(each.file, each.element, problem)
    for element, problem in ways_of(schema).problems():
        raise CatalogueError(schema.catalogue.objects[element].file, element, problem)
    return schema


def open_database(settings: Settings, schema: Schema) -> tuple[Database, Settings]:
    """The database of the settings, and the settings completed by what it holds.

    Raises StoreUnavailable when it is away, SettingsError when what it holds is wrong.
    """
    first = Database(settings.database_url)
    with closing(first), first.connect() as connection:
        kept = read_kept(connection, schema.metadata.tables[SETTINGS_TABLE])
    complete = settings.completed_by(kept)
    database = Database(complete.database_url, zone_name(complete), limits_of(complete))
    return database, complete


def replica_of(settings: Settings) -> Replica | None:
    """The replica that the settings name; it may be away. Raises SettingsError for SQLite."""
    if settings.replica_url is None:
        return None
    return Replica(Database(settings.replica_url, zone_name(settings), limits_of(settings)))


def zone_name(settings: Settings) -> str:
    """The configured time zone; without one the machine's, or UTC when it does not say."""
    if settings.timezone is not None:
        return settings.timezone
    return tzlocal.get_localzone_name() or "UTC"


def preferences_of(settings: Settings) -> Preferences:
    """What the settings say of the installation itself."""
    return Preferences(
        zone=ZoneInfo(zone_name(settings)),
        language=settings.language,
        country=settings.country,
        currency=settings.currency,
        library=FileLibrary(settings.file_library, settings.max_file_bytes),
        system_xml=None if settings.system_xml is None else str(settings.system_xml),
        policy=Policy(
            open_except=PROTECTED if settings.permissions == CONTACTS_ONLY else None,
            hierarchy=settings.hierarchy,
        ),
        sync_overlap=timedelta(seconds=settings.sync_overlap_seconds),
        strict=settings.strict,
        allow_client_registration=settings.allow_client_registration,
        audit_log=settings.audit_log,
    )


def _unknown_names(described: ObjectType) -> Iterator[str]:
    if described.permission_rule not in PERMISSION_RULES:
        yield f"the permission rule {described.permission_rule} is unknown"
    matches = (*described.always, *(each.match for each in described.filters.values()))
    yield from (f"the match {each.name} is unknown" for each in matches if each.name not in MATCHES)
    for each in described.rules:
        if each.rule.name not in RULES:
            yield f"the rule {each.rule.name} of {each.field} is unknown"
    for effect in (*described.on_insert, *described.on_update):
        if effect.name not in BEFORE and effect.name not in AFTER:
            yield f"the effect {effect.name} is unknown"
    for effect in described.on_delete:
        if effect.name not in INSTEAD:
            yield f"the effect {effect.name} is unknown"
