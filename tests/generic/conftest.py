"""An engine on a prepared database of each kind, shared by the generic tests of one worker."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from driving import CLIENT, Driver
from making import Maker
from people import People, make_people

from databases import KINDS, Databases
from packetserver.protocols.packet.process import build_engine
from packetserver.settings import Settings


@pytest.fixture(scope="session")
def makers(databases: Databases) -> Iterator[dict[str, Maker]]:
    with contextlib.ExitStack() as stack:
        made = {}
        for kind in KINDS:
            url = stack.enter_context(databases.prepared(kind))
            engine = build_engine(Settings(database_url=url))
            stack.callback(engine.database.close)
            made[kind] = Maker(Driver(engine, CLIENT))
        yield made


@pytest.fixture(params=KINDS)
def maker(request: pytest.FixtureRequest, makers: dict[str, Maker]) -> Maker:
    """Makes records of every object, on the database of the parameter."""
    return makers[request.param]


@pytest.fixture(scope="session")
def people_by_kind(makers: dict[str, Maker]) -> dict[str, People]:
    return {kind: make_people(maker.driver) for kind, maker in makers.items()}


@pytest.fixture
def people(maker: Maker, makers: dict[str, Maker], people_by_kind: dict[str, People]) -> People:
    """The users of the maker's database."""
    return next(people_by_kind[kind] for kind, each in makers.items() if each is maker)
