"""Hooks: after the commit, never before."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text

from packetserver.store.database import Database
from packetserver.store.unit_of_work import UnitOfWork, unit_of_work


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with contextlib.closing(Database(database_url)) as opened:
        with opened.connect(writes=True) as connection:
            connection.execute(text("CREATE TABLE note (words VARCHAR(9))"))
            connection.commit()
        yield opened


def write(work: UnitOfWork, words: str) -> None:
    work.connection.execute(text("INSERT INTO note VALUES (:words)"), {"words": words})


def written(database: Database) -> list[str]:
    with database.connect() as connection:
        found = connection.execute(text("SELECT words FROM note ORDER BY words"))
        return list(found.scalars())


def seeing(database: Database, seen: list[list[str]]) -> Callable[[UnitOfWork], None]:
    return lambda work: seen.append(written(database))


def test_a_hook_sees_what_was_committed(database: Database) -> None:
    seen: list[list[str]] = []
    with unit_of_work(database, writes=True) as work:
        work.after_commit(seeing(database, seen))
        write(work, "one")
        assert seen == []
        work.commit()
        assert seen == [["one"]]
        work.commit()
    assert seen == [["one"]]


def test_a_hook_that_is_asked_for_twice_runs_once(database: Database) -> None:
    seen: list[list[str]] = []
    hook = seeing(database, seen)
    with unit_of_work(database, writes=True) as work:
        work.after_commit(hook)
        work.after_commit(hook)
        work.commit()
    assert seen == [[]]


def test_without_a_commit_no_hook_runs(database: Database) -> None:
    seen: list[list[str]] = []
    with unit_of_work(database, writes=True) as work:
        work.after_commit(seeing(database, seen))
        write(work, "one")
        work.rollback()
        work.commit()
    with unit_of_work(database, writes=True) as work:
        work.after_commit(seeing(database, seen))
    assert (seen, written(database)) == ([], [])


@pytest.mark.parametrize("alone", [True, False])
def test_a_part_that_fails_takes_its_hooks_along(database: Database, *, alone: bool) -> None:
    seen: list[list[str]] = []
    with unit_of_work(database, writes=True) as work:
        work.after_commit(lambda work: seen.append(["whole"]))
        with work.part(alone=alone):
            work.after_commit(lambda work: seen.append(["part"]))
        with contextlib.suppress(KeyError), work.part(alone=alone):
            work.after_commit(lambda work: seen.append(["failed"]))
            raise KeyError
        work.commit()
    assert seen == [["whole"], ["part"]]


def test_a_part_that_fails_is_undone_by_itself(database: Database) -> None:
    with unit_of_work(database, writes=True) as work:
        write(work, "one")
        with contextlib.suppress(KeyError), work.part(alone=False):
            write(work, "two")
            raise KeyError
        work.commit()
    assert written(database) == ["one"]


def test_what_a_hook_commits_stays_and_the_rest_is_undone(database: Database) -> None:
    def commit(work: UnitOfWork) -> None:
        write(work, "kept")
        work.commit()
        write(work, "undone")

    with unit_of_work(database, writes=True) as work:
        write(work, "first")
        work.after_commit(commit)
        work.commit()
        write(work, "last")
        work.commit()
    assert written(database) == ["first", "kept", "last"]


def test_a_hook_that_fails_is_logged_and_the_next_one_runs(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[list[str]] = []

    def fail(work: UnitOfWork) -> None:
        work.connection.execute(text("SELECT nothing FROM nowhere"))

    with unit_of_work(database, writes=True) as work:
        write(work, "one")
        work.after_commit(fail)
        work.after_commit(seeing(database, seen))
        with caplog.at_level(logging.ERROR):
            work.commit()
    assert seen == [["one"]]
    (record,) = caplog.records
    assert record.exc_info is not None
