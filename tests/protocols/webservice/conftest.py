"""The web service on a database of each kind, whose clock is set by hand, and calls of it."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from flask.testing import FlaskClient
from sqlalchemy import Executable
from sync.office import Clock
from werkzeug.test import TestResponse

from databases import KINDS, Databases
from packetserver.app import create_app
from packetserver.protocols.packet.process import Engine
from packetserver.provision import provision
from packetserver.records.opening import load_schema, preferences_of
from packetserver.records.service import Service
from packetserver.security.authentication import Authenticator
from packetserver.security.remembered import RememberedCredentials
from packetserver.settings import Settings
from packetserver.store.database import Database

ZONE = "America/New_York"
PATH = "/webservice.php"
START = datetime(2035, 3, 5, 15, 0, tzinfo=UTC)
HOME, ELSEWHERE = "192.0.2.1", "198.51.100.7"
KEYS = {
    "admin": "AdminAccessKey01",
    "rep1": "Rep1AccessKey001",
    "noapi": "NoapiAccessKey01",
    "expired1": "Expired1AccessK1",
}
"""The access keys of people; csr1 has none."""

PEOPLE = "\n".join(
    f'[[user]]\nusername = "{name}"\naccess_key = "{key}"\n' for name, key in KEYS.items()
)

Error = tuple[str, str]


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@dataclass
class Site:
    """A process that serves, as its clients see it."""

    url: str
    client: FlaskClient
    clock: Clock
    service: Service
    settings: Settings
    address: str = HOME

    def send(self, method: str, query: str = "", **more: Any) -> TestResponse:
        """Send a request whose query string is just that; a character stands for a byte."""
        return self.client.open(
            PATH,
            method=method,
            buffered=True,
            environ_overrides={"QUERY_STRING": query, "REMOTE_ADDR": self.address},
            **more,
        )

    def get(self, operation: str, **parameters: str) -> Any:
        answer = self.client.get(
            PATH,
            query_string={"operation": operation, **parameters},
            environ_base={"REMOTE_ADDR": self.address},
            buffered=True,
        )
        return told(answer)

    def post(self, operation: str, **parameters: str) -> Any:
        answer = self.client.post(
            PATH,
            data={"operation": operation, **parameters},
            content_type="application/x-www-form-urlencoded",
            environ_base={"REMOTE_ADDR": self.address},
            buffered=True,
        )
        return told(answer)

    def token(self, name: str) -> str:
        return str(self.get("getchallenge", username=name)["token"])

    def answer(self, name: str, token: str, key: str | None = None) -> Any:
        """Answer a challenge with a key, by default the right one."""
        digest = md5(token + (KEYS[name] if key is None else key))
        return self.post("login", username=name, accessKey=digest)

    def log_in(self, name: str = "admin", key: str | None = None) -> Any:
        return self.answer(name, self.token(name), key)

    def session(self, name: str = "admin") -> str:
        return str(self.log_in(name)["sessionName"])

    def is_alive(self, session: str) -> bool:
        return bool("sessionName" in self.get("extendsession", sessionName=session))

    def execute(self, statement: str | Executable) -> list[tuple[Any, ...]]:
        told = sqlalchemy.text(statement) if isinstance(statement, str) else statement
        with self.service.database.connect(writes=True) as connection:
            result = connection.execute(told)
            rows = [tuple(row) for row in result] if result.returns_rows else []
            connection.commit()
            return rows


def told(answer: TestResponse) -> Any:
    """The result; for an error its code and message, as a tuple."""
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    content = answer.json
    assert isinstance(content, dict)
    if content["success"] is True:
        assert list(content) == ["success", "result"]
        return content["result"]
    assert list(content) == ["success", "error"]
    assert list(content["error"]) == ["message", "code"]
    return (content["error"]["code"], content["error"]["message"])


@contextlib.contextmanager
def open_site(url: str, clock: Clock, keys: Path, **settings: Any) -> Iterator[Site]:
    """A process that serves a database."""
    given = Settings(database_url=url, timezone=ZONE, access_key_file=keys, **settings)
    preferences = dataclasses.replace(preferences_of(given), clock=clock)
    authenticator = Authenticator(given, RememberedCredentials(0))
    with contextlib.closing(Database(url, ZONE)) as database:
        service = Service(database, load_schema(), authenticator, preferences)
        client = create_app(given, Engine(service)).test_client(use_cookies=False)
        yield Site(url, client, clock, service, given)


@pytest.fixture(scope="module", params=KINDS)
def people_url(
    request: pytest.FixtureRequest, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """A database whose people have access keys, and the file of keys."""
    folder = tmp_path_factory.mktemp("keys")
    file = folder / "people.toml"
    file.write_text(PEOPLE)
    with databases.prepared(request.param) as url:
        provision(Settings(database_url=url, access_key_file=folder / "keys"), file)
        yield url, folder / "keys"


@pytest.fixture
def site(people_url: tuple[str, Path]) -> Iterator[Site]:
    """A process on the database of the module, without sessions, challenges and failures."""
    url, keys = people_url
    with open_site(url, Clock(START), keys) as opened:
        for name in ("packetserver_session", "packetserver_challenge", "packetserver_login"):
            opened.execute(sqlalchemy.delete(sqlalchemy.table(name)))
        yield opened
