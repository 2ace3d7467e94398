"""Rights are asked beside the key, the parent and the order: the same index serves with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Select, text

from databases import KINDS, Databases
from packetserver.catalogue.conditions import EVERY
from packetserver.records.filters import Filtering, demanded
from packetserver.records.opening import load_schema
from packetserver.records.rights import ways_of
from packetserver.records.ways import VIEW
from packetserver.store.database import Database
from packetserver.store.lists import Selection, list_statement
from packetserver.store.parameters import CLIENT, PRESENT, READER
from packetserver.store.rows import Rows
from packetserver.sync.lists import ListWindow
from packetserver.sync.unseen import Unseen
from packetserver.sync.windows import exact_window

NOW = datetime(2026, 1, 2)
SCHEMA = load_schema()
NARROW = {
    "contact": "contacts-external_contacts-view",
    "contactAddress": "accounts-accounts-contacts-view",
    "call": "pipeline-opportunities-calls-view",
    "fileItem": "projects-projects-view",
    "account": "accounts-accounts-view",
}
"""Objects of many rows, and what somebody holds who sees some of them."""

BY_KEY = [(element, {"id": 5}) for element in NARROW]
BY_PARENT = [
    ("contact", {"orgId": 5}),
    ("contactAddress", {"contactId": 5}),
    ("call", {"contactId": 5}),
    ("fileItem", {"folderId": 5}),
]


@pytest.fixture(scope="module", params=KINDS)
def records(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Rows]:
    with databases.prepared(request.param) as url, closing(Database(url)) as database:
        parameters = {PRESENT: NOW, READER: 2, CLIENT: 1}
        with database.connect(writes=False) as connection:
            yield Rows(SCHEMA, connection, parameters)


def selection(element: str, filters: dict[str, Any], *, limited: bool) -> Selection:
    described = SCHEMA.catalogue.objects[element]
    held = frozenset({NARROW[element]})
    rights = ways_of(SCHEMA).condition(element, VIEW, held, hierarchy=False)
    asked = Filtering(SCHEMA.catalogue, described, filters, NOW, rights if limited else EVERY)
    return Selection(SCHEMA.scope(described), demanded(asked))


def indexes(records: Rows, table: str, statement: Select[Any]) -> set[str]:
    """By what the rows of a table are found, as the database plans it."""
    connection = records.connection
    filled = statement.params(records.parameters)
    compiled = filled.compile(connection, compile_kwargs={"literal_binds": True})
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}")
        details = [row[3] for row in found]
        # Whole tables are read in the order of their keys.
        pattern = rf"((?:SEARCH|SCAN) {table}\b[^(]*)"
    else:
        # Tables of a few rows are read whole; what is asked is which index there is for many.
        for kind in ("seqscan", "bitmapscan"):
            connection.execute(text(f"SET LOCAL enable_{kind} = off"))
        found = connection.exec_driver_sql(f"EXPLAIN (COSTS OFF) {compiled}".replace("%", "%%"))
        details = [row[0].strip() for row in found]
        pattern = rf".* using (\w+) on {table}$"
    matches = (re.match(pattern, each) for each in details)
    used = {each[1].strip() for each in matches if each is not None}
    assert used, details
    return used


@pytest.mark.parametrize(("element", "filters"), [*BY_KEY, *BY_PARENT], ids=str)
def test_a_list_by_key_or_parent(records: Rows, element: str, filters: dict[str, Any]) -> None:
    plan = SCHEMA.plan(element, tuple(SCHEMA.catalogue.objects[element].fields)[:3])
    free, limited = (
        list_statement(selection(element, filters, limited=each), plan) for each in (False, True)
    )
    table = SCHEMA.catalogue.objects[element].table or ""
    assert indexes(records, table, limited) == indexes(records, table, free)


@pytest.mark.parametrize("element", NARROW)
def test_a_page_by_key(records: Rows, element: str) -> None:
    plan = SCHEMA.plan(element, ("id",))
    free, limited = (
        list_statement(selection(element, {}, limited=each), plan).limit(10)
        for each in (False, True)
    )
    table = SCHEMA.catalogue.objects[element].table or ""
    assert indexes(records, table, limited) == indexes(records, table, free)


@pytest.mark.parametrize("element", NARROW)
def test_the_window_of_a_sync(records: Rows, element: str) -> None:
    window = exact_window(datetime(2025, 1, 1), NOW)
    free, limited = (
        Unseen(ListWindow(records, selection(element, {}, limited=each), window), 1, 5).new()
        for each in (False, True)
    )
    table = SCHEMA.catalogue.objects[element].table or ""
    key = SCHEMA.catalogue.tables[table].key or ""
    column = SCHEMA.metadata.tables[table].c[key]
    free, limited = (
        each.with_only_columns(column, maintain_column_froms=True) for each in (free, limited)
    )
    assert indexes(records, table, limited) == indexes(records, table, free)
