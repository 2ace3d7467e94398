"""A server of each kind that is let down by its database."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from faults.sweeping import Stage, open_stage

from databases import KINDS, Databases
from packetserver.records.opening import load_schema
from packetserver.store.schema import Schema


@pytest.fixture
def broken_cursors() -> Iterator[None]:
    """Cursors of lists that broke off are gone with the test, and with them what the driver says.

    It complains of those that were not closed; but they went with their transaction or connection.
    """
    yield
    gc.collect()


@pytest.fixture(scope="session")
def schema() -> Schema:
    return load_schema()


@pytest.fixture(scope="session")
def stages(
    databases: Databases, schema: Schema, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Stage]]:
    with ExitStack() as stack:
        yield {
            kind: stack.enter_context(
                open_stage(
                    stack.enter_context(databases.prepared(kind)),
                    schema,
                    tmp_path_factory.mktemp("files"),
                )
            )
            for kind in KINDS
        }


@pytest.fixture(params=KINDS)
def stage(request: pytest.FixtureRequest, stages: dict[str, Stage]) -> Stage:
    """The server of the parameter; its database is brought back by each sweep."""
    return stages[request.param]
