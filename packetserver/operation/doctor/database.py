"""The database itself: whether it answers, is of this version, keeps names apart and the same time.

Beside it the replica that packets which only read may go to, if the settings name one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from packetserver.adoption.differences import Weight, compare
from packetserver.adoption.found import read_database
from packetserver.errors import SettingsError, StoreUnavailable
from packetserver.operation.findings import Check, Finding, Health, ok, warning, wrong
from packetserver.operation.readiness import NO_WRITING
from packetserver.provision.installation import Condition, condition_of
from packetserver.records.opening import replica_of, zone_name
from packetserver.settings import Settings
from packetserver.store.database import Database
from packetserver.store.folding import NO_LETTERS, folding_of
from packetserver.store.grants import lack_for_preparing, lack_for_serving
from packetserver.store.names import all_of, find_twins, how_to_part, is_held, name_columns
from packetserver.store.schema import Schema
from packetserver.store.setup import SETTINGS_TABLE, TIMEZONE, read_kept

NAMED = 5
"""How many missing tables and columns a finding names."""

APART_SECONDS = 2.0
FAR_APART_SECONDS = 60.0

INIT_DB = "Run packetserver init-db."
CONDITIONS = {
    Condition.EMPTY: (Health.WRONG, INIT_DB),
    Condition.OLDER: (Health.WRONG, INIT_DB),
    Condition.NEWER: (Health.WRONG, "Install that version, or restore a backup made before it."),
    Condition.FOREIGN: (
        Health.WARNING,
        "Run packetserver adopt --dry-run, then packetserver adopt.",
    ),
    Condition.CURRENT: (Health.OK, ""),
}

UNPREPARED = frozenset({Condition.EMPTY, Condition.OLDER})

RESERVED = text(
    "SELECT current_setting('max_connections')::int"
    " - current_setting('superuser_reserved_connections')::int"
)
FEWER = text(
    "SELECT datconnlimit FROM pg_database WHERE datname = current_database()"
    " UNION ALL SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user"
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A database with a connection to it; ``settings`` are completed by what it keeps."""

    schema: Schema
    database: Database
    connection: Connection
    settings: Settings


def examine_database(opened: Opened) -> Iterator[Finding]:
    """All that needs no rows but those of the settings."""
    yield _condition(opened.connection)
    yield from _grants(opened)
    yield from _tables(opened)
    yield from _time_zone(opened)
    if opened.database.is_sqlite:
        yield _journal(opened.connection)
        return
    yield _writable(opened)
    yield _session_zone(opened)
    yield _clock(opened.connection)
    yield _connections(opened)


def _condition(connection: Connection) -> Finding:
    found = condition_of(connection)
    health, advice = CONDITIONS[found]
    return Finding(Check.REVISION, health, f"The database {found.value}", advice)


def _grants(opened: Opened) -> Iterator[Finding]:
    """Whether PostgreSQL allows the server's user what is needed next."""
    if opened.database.is_sqlite:
        return
    tables = opened.schema.metadata.tables
    lack = lack_for_serving(opened.connection, tables)
    if lack is None and condition_of(opened.connection) in UNPREPARED:
        lack = lack_for_preparing(opened.connection)
    if lack is None:
        yield ok(Check.GRANTS, "It may do what the server needs next")
    else:
        yield wrong(Check.GRANTS, f"{lack.text[0].upper()}{lack.text[1:]}", lack.statement)


def _tables(opened: Opened) -> Iterator[Finding]:
    inspector = inspect(opened.connection)
    found = {
        name: {column["name"] for column in columns}
        for (_, name), columns in inspector.get_multi_columns().items()
    }
    missing = [
        name if name not in found else f"{name}.{column.name}"
        for name, table in opened.schema.metadata.tables.items()
        for column in table.columns
        if column.name not in found.get(name, ())
    ]
    if missing:
        yield wrong(
            Check.TABLES,
            f"Missing: {_some(list(dict.fromkeys(missing)))}",
            "Run packetserver init-db; for a database of the original, packetserver adopt.",
        )
        return
    yield ok(
        Check.TABLES, f"All {len(opened.schema.metadata.tables)} tables and their columns exist"
    )
    if not opened.database.is_sqlite:
        yield from _differences(opened)


def _differences(opened: Opened) -> Iterator[Finding]:
    """Columns that are not as the catalogue has them, and do not work so."""
    found = compare(opened.schema.catalogue, read_database(opened.connection))
    places = [each.place for each in found if each.topic.weight is Weight.MENDING]
    if places:
        yield warning(
            Check.TABLES,
            f"Not as they should be: {_some(places)}",
            "packetserver adopt --dry-run says what that means, and changes nothing.",
        )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _time_zone(opened: Opened) -> Iterator[Finding]:
    kept = read_kept(opened.connection, opened.schema.metadata.tables[SETTINGS_TABLE]).get(TIMEZONE)
    used = zone_name(opened.settings)
    if opened.settings.timezone is None:
        yield warning(
            Check.ZONE,
            f"No time zone is set: times are written in {used}, that of this machine",
            "Set PACKETSERVER_TIMEZONE to the zone in which the stored times are.",
        )
    elif kept is not None and kept != used:
        yield wrong(
            Check.ZONE,
            f"{used} is set, but the database was provisioned with {kept}: stored times shift",
            f"Unset PACKETSERVER_TIMEZONE, or provision the database with {used}.",
        )
    else:
        yield ok(Check.ZONE, f"Times are stored and written in {used}")


def _session_zone(opened: Opened) -> Finding:
    """Whether the zone that the server asks for reaches PostgreSQL."""
    used = zone_name(opened.settings)
    shown = str(opened.connection.execute(text("SHOW timezone")).scalar())
    if shown == used:
        return ok(Check.ZONE, f"PostgreSQL keeps {shown} for the connections of the server")
    return wrong(
        Check.ZONE,
        f"PostgreSQL keeps {shown} for the connections of the server, which has asked for {used}",
        "Do not let a pooler between them, or the URL's options, drop the option timezone; or set"
        " it for the database: ALTER DATABASE … SET timezone.",
    )


def _clock(connection: Connection) -> Finding:
    before = datetime.now(UTC)
    theirs: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    now = datetime.now(UTC)
    seconds = abs((theirs - (before + (now - before) / 2)).total_seconds())
    told = f"The clocks of the server and the database are {seconds:.1f} seconds apart"
    advice = "Let both machines set their clocks by NTP: syncs go by the times of records."
    if seconds > FAR_APART_SECONDS:
        return wrong(Check.CLOCK, told, advice)
    return warning(Check.CLOCK, told, advice) if seconds > APART_SECONDS else ok(Check.CLOCK, told)


def _connections(opened: Opened) -> Finding:
    allowed = [opened.connection.execute(RESERVED).scalar_one()]
    fewer = opened.connection.execute(FEWER).scalars()
    most = min([*allowed, *(each for each in fewer if each >= 0)])
    pool = opened.database.engine.pool
    # What is kept may be exceeded by as much for a moment.
    each = 2 * pool.size() if isinstance(pool, QueuePool) else 1
    wanted = opened.settings.workers * each
    told = (
        f"{opened.settings.workers} workers may open {wanted} connections, and PostgreSQL allows"
        f" {most}"
    )
    if wanted <= most:
        return ok(Check.CONNECTIONS, told)
    return warning(
        Check.CONNECTIONS,
        told,
        "Raise max_connections of PostgreSQL, or lower PACKETSERVER_WORKERS or"
        " PACKETSERVER_POOL_SIZE.",
    )


def _writable(opened: Opened) -> Finding:
    if not opened.database.can_be_written(opened.connection):
        advice = "Set PACKETSERVER_DATABASE_URL to the primary, and to a user who may write."
        return wrong(Check.DATABASE, NO_WRITING.rstrip("."), advice)
    return ok(Check.DATABASE, "It can be written")


def _journal(connection: Connection) -> Finding:
    mode = connection.execute(text("PRAGMA journal_mode")).scalar()
    if mode == "wal":
        return ok(Check.DATABASE, "Its journal mode is WAL: readers wait for no writer")
    return warning(
        Check.DATABASE,
        f"Its journal mode is {mode} instead of WAL: readers and writers wait for each other",
        "Keep the file on a disk of this machine, not on a network share.",
    )


def examine_names(connection: Connection, schema: Schema) -> Iterator[Finding]:
    """All of it; also of a database of an earlier version, or of the original."""
    if connection.dialect.name != "sqlite":
        yield _letters(connection)
    inspector = inspect(connection)
    there = [each for each in name_columns(schema.catalogue) if inspector.has_table(each.table)]
    twins = [found for each in there for found in find_twins(connection, each)]
    if twins:
        yield wrong(
            Check.NAMES,
            f"The same name, letter case and blanks around it left aside: {all_of(twins)}",
            "Give all but one of each another name: users by packetserver user rename, all by a"
            f" statement such as {how_to_part(twins[0])}. Then run packetserver init-db.",
        )
    elif not all(is_held(connection, each) for each in there):
        yield warning(
            Check.NAMES,
            "Each is one's alone, but the database does not keep it so",
            "Run packetserver init-db; for a database of the original, packetserver adopt.",
        )
    else:
        yield ok(Check.NAMES, "Every user and every role has a name of its own")


def _letters(connection: Connection) -> Finding:
    folding = folding_of(connection.dialect)
    if folding is None:
        sentence = NO_LETTERS.partition(":")
        return wrong(Check.LETTERS, _capital(sentence[0]), f"{_capital(sentence[2].strip())}.")
    by = f"the collation {folding.collation}" if folding.collation else "the database's locale"
    return ok(Check.LETTERS, f"Letter case is that of Unicode, by {by}")


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


BEHIND = text(
    "SELECT pg_is_in_recovery(),"
    " CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0"
    " ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END"
)
FAR_BEHIND_SECONDS = 60

ADVICE = (
    "Mend it, or unset PACKETSERVER_REPLICA_URL: the primary answers all packets meanwhile, after"
    " waiting for the replica."
)


def examine_replica(settings: Settings) -> Iterator[Finding]:
    """Nothing, where no replica is named."""
    try:
        replica = replica_of(settings)
    except SettingsError as error:
        yield wrong(Check.REPLICA, str(error), "Unset PACKETSERVER_REPLICA_URL.")
        return
    if replica is None:
        return
    try:
        with closing(replica.database) as database, database.connect() as connection:
            is_replica, seconds = connection.execute(BEHIND).one()
    except StoreUnavailable as failure:
        yield warning(Check.REPLICA, f"It cannot be used: {failure.outage.sentence}", ADVICE)
    except SQLAlchemyError:
        yield warning(Check.REPLICA, "It refuses what it is asked", ADVICE)
    else:
        yield _standing(is_replica=is_replica, seconds=float(seconds or 0))


def _standing(*, is_replica: bool, seconds: float) -> Finding:
    if not is_replica:
        return warning(Check.REPLICA, "It is no replica of PostgreSQL, but a primary", ADVICE)
    told = f"It answers, and is {seconds:.0f} seconds behind"
    if seconds > FAR_BEHIND_SECONDS:
        return warning(Check.REPLICA, told, ADVICE)
    return ok(Check.REPLICA, told)
