"""The replica that packets which only read may go to, if the settings name one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from packetserver.engine.assembly import replica_of
from packetserver.errors import SettingsError, StoreUnavailable
from packetserver.operation.doctor.findings import Check, Finding, ok, warning, wrong
from packetserver.settings import Settings

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
