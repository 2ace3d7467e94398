"""Servers of both kinds to be attacked, and a count of the inputs that were tried on them."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest
from hostile.arenas import Arena, opened_arena
from hostile.attacking import tried

from databases import KINDS, Databases

INPUTS = "hostile inputs"


@pytest.fixture(scope="module", params=KINDS)
def arena(
    request: pytest.FixtureRequest, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Arena]:
    """A server on a prepared database of each kind, for all tests of a module."""
    folder = tmp_path_factory.mktemp("arena")
    with databases.prepared(request.param) as url, opened_arena(url, folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def sqlite_arena(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    """A server on SQLite, for what never reaches the database, or is the same on both."""
    folder = tmp_path_factory.mktemp("arena")
    with databases.prepared("sqlite") as url, opened_arena(url, folder) as opened:
        yield opened


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Notes how many inputs a test has tried, where its report carries it to whoever sums up."""
    before = tried.inputs
    try:
        return (yield)
    finally:
        item.user_properties.append((INPUTS, tried.inputs - before))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line to quote: how many inputs were tried, and how many of their tests failed."""
    reports = [
        each
        for kind in ("passed", "failed")
        for each in terminalreporter.stats.get(kind, [])
        if INPUTS in dict(getattr(each, "user_properties", ()))
    ]
    inputs = sum(int(dict(each.user_properties)[INPUTS]) for each in reports)
    failed = sum(each.failed for each in reports)
    if inputs:
        terminalreporter.write_line(
            f"{INPUTS}: {inputs:,} tried in {len(reports)} tests, {failed} failed"
        )
