"""The counters of failed logins, in a table that all servers of a database share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    String,
    bindparam,
    case,
    column,
    delete,
    select,
    table,
)

from packetserver.security.throttle import Count, Limits, Scope
from packetserver.store.dialects import Upsert, upsert

_LOGIN = table(
    "packetserver_login",
    column("subject", String),
    column("level", Double),
    column("counted", Double),
    column("welcomed", Double),
    column("kept_until", Double),
)
_READ = select(_LOGIN.c.subject, _LOGIN.c.level, _LOGIN.c.counted, _LOGIN.c.welcomed).where(
    _LOGIN.c.subject.in_(bindparam("subjects", expanding=True))
)
_FORGET = delete(_LOGIN).where(_LOGIN.c.kept_until < bindparam("at", type_=Double))

Subjects = Mapping[Scope, str]


def read_counts(
    connection: Connection, subjects: Subjects, proof: str
) -> tuple[dict[Scope, Count], float | None]:
    """The counters that there are, and when the ``proof`` was noted, in one query."""
    rows = connection.execute(_READ, {"subjects": [*subjects.values(), proof]}).all()
    found = {row.subject: Count(row.level, row.counted, row.welcomed) for row in rows}
    counts = {scope: found[subject] for scope, subject in subjects.items() if subject in found}
    return counts, found[proof].welcomed if proof in found else None


def count_failure(connection: Connection, subjects: Subjects, limits: Limits, at: float) -> None:
    """Add a failure to each counter; those that others add at the same moment count, too."""
    rows = [
        {
            "subject": subject,
            "at": at,
            "fall": limits.fall(scope),
            "highest": limits.highest(scope),
            "until": at + limits.longest_memory(scope),
        }
        for scope, subject in subjects.items()
    ]
    # Always in one order: two failures then never wait for each other.
    rows.sort(key=lambda row: str(row["subject"]))
    connection.execute(_failure(connection), rows)


def note_welcome(connection: Connection, kept: Mapping[str, float], at: float) -> None:
    """Note by their subjects that a name has logged in from an address, or what has proved it.

    Each is kept for so many seconds; what failed there still counts.
    """
    rows = [
        {"subject": subject, "at": at, "until": at + seconds}
        # Always in one order: two that come in then never wait for each other.
        for subject, seconds in sorted(kept.items())
    ]
    connection.execute(_welcome(connection), rows)


def forget_old(connection: Connection, at: float) -> None:
    """Remove what says nothing more."""
    connection.execute(_FORGET, {"at": at})


def _number(name: str) -> ColumnElement[float]:
    return bindparam(name, type_=Double)


def _insert(connection: Connection, **values: Any) -> Upsert:
    common = {
        "subject": bindparam("subject", type_=String),
        "counted": _number("at"),
        "kept_until": _number("until"),
    }
    return upsert(connection, _LOGIN).values(common | values)


def _failure(connection: Connection) -> Upsert:
    known, statement = _LOGIN.c, _insert(connection, level=1.0)
    passed = _number("at") - known.counted
    left = known.level - _larger(passed, 0.0) * _number("fall")
    level = _larger(left, 0.0) + 1.0
    return statement.on_conflict_do_update(
        index_elements=["subject"],
        set_={
            "level": case((level > _number("highest"), _number("highest")), else_=level),
            # Not the larger one: a clock that was set back would keep the door open till then.
            "counted": _number("at"),
            "kept_until": _larger(known.kept_until, _number("until")),
        },
    )


def _welcome(connection: Connection) -> Upsert:
    return _insert(connection, level=0.0, welcomed=_number("at")).on_conflict_do_update(
        index_elements=["subject"],
        set_={
            "welcomed": _number("at"),
            "kept_until": _larger(_LOGIN.c.kept_until, _number("until")),
        },
    )


def _larger(
    first: ColumnElement[float], second: ColumnElement[float] | float
) -> ColumnElement[float]:
    # The two databases call this function by different names.
    return case((first > second, first), else_=second)
