"""What all tests may ask for: databases of both kinds, and a server on one."""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from sqlalchemy import QueuePool

from databases import KINDS, Databases
from serving import gunicorn_server as running_server

WORLD = Path(__file__).parent / "conformance" / "world.toml"
PREPARED_AT = datetime(2020, 1, 2, 3, 4, 5)

# A busy machine is slow without being wrong.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


def prepare(url: str) -> None:
    """Give an empty database its tables, the default data and the identities of world.toml."""
    # Imported here, so that tests of a single room need no other one.
    from packetserver.catalogue.loader import load_catalogue  # noqa: PLC0415
    from packetserver.provision import provision  # noqa: PLC0415
    from packetserver.settings import Settings  # noqa: PLC0415
    from packetserver.store.database import Database  # noqa: PLC0415
    from packetserver.store.schema import build_schema  # noqa: PLC0415
    from packetserver.store.setup import prepare_database  # noqa: PLC0415

    with contextlib.closing(Database(url)) as database:
        prepare_database(database, build_schema(load_catalogue()), PREPARED_AT)
    provision(Settings(database_url=url), WORLD)


@pytest.fixture(scope="session", autouse=True)
def no_settings_from_outside() -> Iterator[None]:
    """Tests mean the same whatever the shell that starts them has set."""
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith("PACKETSERVER_")]:
            environment.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def opened_databases() -> Iterator[weakref.WeakSet[Any]]:
    """All databases that the product has opened in this process."""
    from packetserver.store.database import Database  # noqa: PLC0415

    opened: weakref.WeakSet[Any] = weakref.WeakSet()
    original = Database.__init__

    def note(self: Any, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        opened.add(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "__init__", note)
        yield opened


@pytest.fixture(autouse=True)
def no_connection_leaks(opened_databases: weakref.WeakSet[Any]) -> Iterator[None]:
    """A test leaves no more connections in use than it has found."""
    before = in_use(opened_databases)
    yield
    leaked = {url: n for url, n in in_use(opened_databases).items() if n > before.get(url, 0)}
    assert not leaked, f"connections that were not given back: {leaked}"


def in_use(opened: Iterable[Any]) -> dict[str, int]:
    """How many connections of each database are checked out."""
    found: dict[str, int] = {}
    for each in opened:
        if isinstance(each.engine.pool, QueuePool):
            url = str(each.url)
            found[url] = found.get(url, 0) + each.engine.pool.checkedout()
    return found


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    with contextlib.closing(Databases(tmp_path_factory.mktemp("databases"), prepare)) as made:
        yield made


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    """The URL of a fresh database without a table, of each kind."""
    with databases.empty(request.param) as url:
        yield url


@pytest.fixture(params=KINDS)
def prepared_database_url(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    """The URL of a fresh database with default data and the identities of world.toml."""
    with databases.prepared(request.param) as url:
        yield url


@pytest.fixture
def gunicorn_server() -> Iterator[Callable[..., str]]:
    """A function that starts gunicorn on a database and returns its address."""
    with contextlib.ExitStack() as running:

        def start(url: str, **settings: str) -> str:
            return running.enter_context(running_server(url, **settings))

        yield start


@pytest.fixture(scope="module")
def shared_server(databases: Databases) -> Iterator[Callable[[str], str]]:
    """A function that returns the address of the one server on a kind of database."""
    addresses: dict[str, str] = {}
    with contextlib.ExitStack() as running:

        def address(kind: str) -> str:
            if kind not in addresses:
                url = running.enter_context(databases.prepared(kind))
                addresses[kind] = running.enter_context(running_server(url))
            return addresses[kind]

        yield address
