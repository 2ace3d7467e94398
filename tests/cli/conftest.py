"""Commands as an operator gives them, on a database of their own."""

import functools
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from packetserver import cli
from packetserver.provision import installation
from packetserver.records.opening import load_schema

loaded_schema = functools.cache(load_schema)

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def schema_loaded_once(monkeypatch):
    monkeypatch.setattr(installation, "load_schema", loaded_schema)


@pytest.fixture
def run() -> Run:
    """A function that gives a command; what is no error of the operator raises."""

    def run(*arguments: str, stdin: str | bytes | None = None) -> Result:
        result = CliRunner().invoke(cli.main, arguments, input=stdin, prog_name="packetserver")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def url(databases, monkeypatch) -> Iterator[str]:
    """A SQLite database with the identities of world.toml, which the commands work on."""
    with databases.prepared("sqlite") as url:
        monkeypatch.setenv("PACKETSERVER_DATABASE_URL", url)
        yield url
