"""Adopting a PostgreSQL database that the original made and used, so that this server serves it.

What is there stays as it is, rows, sequences, defaults and references alike. What the server
needs beside it is added, and what it finds different is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from packetserver.adoption.additions import (
    Additions,
    add,
    examine_rows,
    find_additions,
    rows_in_the_way,
)
from packetserver.adoption.differences import Finding, compare
from packetserver.adoption.found import read_database
from packetserver.errors import ProvisionError
from packetserver.store.database import Database
from packetserver.store.grants import lack_for_looking, lack_for_preparing, require
from packetserver.store.schema import Schema
from packetserver.store.setup import MIGRATIONS

CORE = frozenset({"access", "contact", "organization", "permission", "role", "role_permission"})
"""The tables that every database of the original has."""

LOCK = text("SELECT pg_advisory_xact_lock(hashtext('packetserver adopt'))")
INSUFFICIENT_PRIVILEGE = "42501"


@dataclass(frozen=True, slots=True)
class Adoption:
    """What was found, what was (or would be) added, and whether the database was adopted before.

    ``tables`` is how many of the catalogue's tables the database had.
    """

    findings: tuple[Finding, ...]
    additions: Additions
    adopted_before: bool
    tables: int


def require_postgresql(url: str) -> None:
    """Raises ProvisionError for any other database than PostgreSQL; ``url`` is SQLAlchemy's."""
    if make_url(url).get_backend_name() not in {"postgresql", "postgres"}:
        raise ProvisionError(
            "adopt is for PostgreSQL databases that the original server made, and"
            " PACKETSERVER_DATABASE_URL names another kind: a new database is made by"
            " packetserver init-db"
        )


def adopt_database(
    database: Database, schema: Schema, now: datetime, *, dry_run: bool = False
) -> Adoption:
    """Adopt a database, in one transaction; with ``dry_run`` nothing is changed.

    ``now`` is when the rows that are added are entered, wall clock of the configured zone. Safe to
    repeat. Raises ProvisionError, whose text says why, for a database that the original did not
    make, or that the user of the database may not add to.
    """
    with database.connect(writes=not dry_run) as connection, _refusal_explained():
        if dry_run:
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            require(lack_for_looking(connection))
        else:
            require(lack_for_preparing(connection))
            connection.execute(LOCK)
        return _adopt(connection, schema, now, dry_run=dry_run)


def _adopt(connection: Connection, schema: Schema, now: datetime, *, dry_run: bool) -> Adoption:
    scripts = _scripts()
    adopted_before = _is_current(connection, scripts)
    found = read_database(connection)
    missing = sorted(CORE - set(found))
    if missing:
        raise ProvisionError(
            f"the original did not make this database, for it lacks {', '.join(missing)}:"
            " an empty one is prepared by packetserver init-db"
        )
    adoption = Adoption(
        findings=(
            *compare(schema.catalogue, found),
            *examine_rows(connection, schema.catalogue, found),
            *rows_in_the_way(connection, schema, found),
        ),
        additions=find_additions(connection, schema, found),
        adopted_before=adopted_before,
        tables=len(set(schema.catalogue.tables) & set(found)),
    )
    if not dry_run:
        add(connection, schema, found, adoption.additions, now)
        MigrationContext.configure(connection).stamp(scripts, "head")
        connection.commit()
    return adoption


def _scripts() -> ScriptDirectory:
    configuration = Config()
    configuration.set_main_option("script_location", MIGRATIONS)
    return ScriptDirectory.from_config(configuration)


def _is_current(connection: Connection, scripts: ScriptDirectory) -> bool:
    """Whether this version has prepared or adopted the database; raises ProvisionError for another."""
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is not None and revision != scripts.get_current_head():
        raise ProvisionError(
            "another version of packetserver has prepared this database: an earlier one is"
            " upgraded by packetserver init-db, a later one must be installed"
        )
    return revision is not None


@contextmanager
def _refusal_explained() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != INSUFFICIENT_PRIVILEGE:
            raise
        raise ProvisionError(
            "the database user of PACKETSERVER_DATABASE_URL may not add to this database: adopt as"
            " the user who owns its tables"
        ) from error
