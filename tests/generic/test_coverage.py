"""Every element in every action: docs/coverage.md holds what the engine answers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from attempts import NEXT_ANCHOR, attempts
from making import Maker, creatable

from packetserver.catalogue.loader import load_catalogue

CATALOGUE = load_catalogue()
STORED = creatable(CATALOGUE)
SERVICES = [each for each in CATALOGUE.objects.values() if each.table is None]
TITLES = ("insert", "select", "select list", "update", "sync", "delete")

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"
RENEWING = "RENEW_COVERAGE"

DONE, NOTHING_TO_SEND, HOLE = "0", "–", "another record"

HEAD = f"""\
# Coverage

What the engine answers when each of the {len(CATALOGUE.objects)} elements is sent in every action,
on SQLite and on PostgreSQL alike. `{DONE}` is the status, and the record of the answer is the one
that the action is about. `{NOTHING_TO_SEND}` stands where there is nothing to send: an object
without a list element has no list to select or to sync.

`tests/generic/test_coverage.py` sends the packets, and fails when they are answered in another
way than this page says. With `{RENEWING}=1` in its environment it writes the page anew.

"""

SERVICE_HEAD = """
These elements have no records, but actions of their own. Until the package that was asked for is
compiled, its status is an error, as in the original; `processSyncPackageDownload` is a mere name.

"""


def row(maker: Maker, element: str) -> list[str]:
    """The cells of an element: the status of each action, in the order of the titles."""
    cells = dict.fromkeys(TITLES, NOTHING_TO_SEND)
    for each in attempts(maker, element):
        answer = each.send(maker.driver)
        cells[each.title] = DONE if each.succeeded(answer) else " ".join(answer.errors) or HOLE
    return list(cells.values())


def service_rows(maker: Maker) -> Iterator[tuple[str, str, str]]:
    """Elements without records: each of their own actions, with what is answered."""
    asking = replace(maker.driver.credentials, next_anchor=NEXT_ANCHOR)
    for each in SERVICES:
        for action in each.actions:
            answer = maker.driver.one(each.element, action, credentials=asking)
            yield f"`{each.element}`", f"`{action}`", " ".join(answer.errors) or DONE


def table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heading, tuple("---" for _ in heading), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def page(maker: Maker, rows: list[tuple[str, ...]]) -> str:
    return (
        HEAD
        + table(("element", *TITLES), rows)
        + SERVICE_HEAD
        + table(("element", "action", "answer"), service_rows(maker))
    )


def test_the_page_tells_what_the_engine_answers(maker: Maker) -> None:
    rows = [(f"`{element}`", *row(maker, element)) for element in STORED]
    assert [each for each in rows if not {*each[1:]} <= {DONE, NOTHING_TO_SEND}] == []
    found = page(maker, rows)
    if os.environ.get(RENEWING):
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(found, encoding="utf-8")
    if found != PAGE.read_text(encoding="utf-8"):
        pytest.fail(f"{PAGE.name} is stale: {RENEWING}=1 pytest tests/generic/test_coverage.py")
