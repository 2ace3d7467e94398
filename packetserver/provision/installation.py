"""An installation that is ready for work: its catalogue, its database, its settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from packetserver.errors import Outage, ProvisionError, SettingsError, StoreUnavailable
from packetserver.records.opening import load_schema, open_database, preferences_of, zone_name
from packetserver.settings import Settings
from packetserver.store.database import Database
from packetserver.store.folding import NO_LETTERS, folds_letters
from packetserver.store.grants import lack_for_preparing, lack_for_serving, require
from packetserver.store.schema import Schema
from packetserver.store.setup import MIGRATIONS, SETTINGS_TABLE, prepare_database

NAMED = 3
"""How many missing tables an error names."""


class Condition(Enum):
    """How a database stands to this version of the server; the value completes "the database"."""

    EMPTY = "is not prepared: run packetserver init-db"
    OLDER = "was prepared by an earlier version: run packetserver init-db"
    CURRENT = "is ready"
    NEWER = "was prepared by a later version of packetserver: install that version"
    FOREIGN = "holds tables that packetserver did not make"


@dataclass(frozen=True, slots=True)
class Installation:
    """What commands work on; ``settings`` are completed by what the database keeps."""

    schema: Schema
    database: Database
    settings: Settings

    def now(self) -> datetime:
        """The present as it is stored: wall clock of the configured zone, whole milliseconds."""
        return preferences_of(self.settings).now()

    @property
    def zone(self) -> str:
        """The name of the configured time zone."""
        return zone_name(self.settings)


@contextmanager
def open_installation(settings: Settings) -> Iterator[Installation]:
    """The installation of the settings, closed in the end.

    Raises ProvisionError, whose text says what to do, when its database is not ready;
    StoreUnavailable when that is away; CatalogueError and SettingsError for what they say.
    """
    schema = load_schema()
    _require_file(settings)
    with rights_explained(settings, schema):
        database, complete = open_database(settings, schema)
    try:
        with database.connect() as connection:
            require_ready(connection, schema)
        yield Installation(schema, database, complete)
    finally:
        database.close()


@contextmanager
def rights_explained(settings: Settings, schema: Schema) -> Iterator[None]:
    """Raises ProvisionError, which names the GRANT that helps, where the database lacks rights."""
    try:
        yield
    except StoreUnavailable as failure:
        if failure.outage is Outage.NO_RIGHT:
            with (
                closing(Database(settings.database_url)) as database,
                database.connect() as connection,
            ):
                require(lack_for_serving(connection, schema.metadata.tables))
        raise


def prepare_installation(settings: Settings) -> Condition:
    """Create or upgrade the database of the settings; returns how it was found.

    Raises ProvisionError for a database of a later version or of another making, which is left
    alone; StoreUnavailable when it is away.
    """
    schema = load_schema()
    database = Database(settings.database_url, zone_name(settings))
    try:
        with rights_explained(settings, schema), database.connect() as connection:
            found = condition_of(connection)
            if found in {Condition.NEWER, Condition.FOREIGN}:
                raise ProvisionError(f"the database {found.value}")
            if found is not Condition.CURRENT:
                require(lack_for_preparing(connection))
            _require_letters(connection)
        prepare_database(database, schema, preferences_of(settings).now())
    finally:
        database.close()
    return found


def _require_letters(connection: Connection) -> None:
    if not folds_letters(connection.dialect):
        raise ProvisionError(NO_LETTERS)


def condition_of(connection: Connection) -> Condition:
    """How the database of a connection stands to this version."""
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        tables = set(inspect(connection).get_table_names()) - {"alembic_version"}
        return Condition.FOREIGN if tables else Condition.EMPTY
    configuration = Config()
    configuration.set_main_option("script_location", MIGRATIONS)
    known = [each.revision for each in ScriptDirectory.from_config(configuration).walk_revisions()]
    if revision == known[0]:
        return Condition.CURRENT
    return Condition.OLDER if revision in known else Condition.NEWER


def is_in_memory(settings: Settings) -> bool:
    """Whether the database is SQLite's in memory, which no other process or thread can see."""
    url = _url(settings)
    if url.get_backend_name() != "sqlite":
        return False
    name = url.database or ":memory:"
    return ":memory:" in name or url.query.get("mode") == "memory"


def _url(settings: Settings) -> URL:
    try:
        return make_url(settings.database_url)
    except (ArgumentError, ValueError) as error:
        # The text itself is not told: it may hold a password.
        raise SettingsError("database_url is no database URL") from error


def _require_file(settings: Settings) -> None:
    """A file of SQLite that is only asked about must not come into being."""
    url = _url(settings)
    path = url.database or ""
    if url.get_backend_name() != "sqlite" or path.startswith("file:") or is_in_memory(settings):
        return
    if not Path(path).exists():
        raise ProvisionError(f"the database {path} does not exist: run packetserver init-db")


def require_ready(connection: Connection, schema: Schema) -> None:
    """Raises ProvisionError, whose text says what to do, when a database cannot be served."""
    require(lack_for_serving(connection, schema.metadata.tables))
    found = condition_of(connection)
    if found is Condition.FOREIGN:
        _require_tables(connection, schema)
    elif found is not Condition.CURRENT:
        raise ProvisionError(f"the database {found.value}")


def _require_tables(connection: Connection, schema: Schema) -> None:
    """A database of the original is served as it is, if it has all tables but our own."""
    missing = (
        set(schema.catalogue.tables) - set(inspect(connection).get_table_names()) - {SETTINGS_TABLE}
    )
    if missing:
        names = ", ".join(sorted(missing)[:NAMED]) + (", …" if len(missing) > NAMED else "")
        raise ProvisionError(f"the database {Condition.FOREIGN.value}, and lacks {names}")
