"""Engines of both kinds whose clock is set by hand, and the identities that sync."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sync.office import Office, open_office

from databases import KINDS, Databases
from packetserver.records.opening import load_schema
from packetserver.store.schema import Schema


@pytest.fixture(scope="session")
def schema() -> Schema:
    return load_schema()


@pytest.fixture(params=KINDS)
def office(
    request: pytest.FixtureRequest, databases: Databases, schema: Schema
) -> Iterator[Office]:
    """A server on a fresh database of each kind."""
    with databases.prepared(request.param) as url, open_office(url, schema) as opened:
        yield opened
