"""Gunicorn's worker: it waits for the database, and speaks TLS to whoever wants it."""

from __future__ import annotations

import gc
import http.client
import resource
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from gunicorn.config import Config
from whole.served import PATH, account, answer_on, head, packet, read, served

from packetserver.errors import StoreUnavailable
from packetserver.http import worker as module
from packetserver.http.files import FILES_FOR_CONNECTION, OTHER_FILES, possible_connections
from packetserver.http.worker import PacketWorker
from packetserver.settings import Settings


class Application:
    """An application whose database comes after a while."""

    def __init__(self, failures: int) -> None:
        self.failures = failures

    def wsgi(self) -> str:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("away")
        return "application"


class Log:
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def warning(self, text: str, *values: object) -> None:
        self.lines.append(text % values)


@pytest.fixture
def settings_of_python() -> Iterator[None]:
    """What a worker changes in its process is as it was before."""
    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    yield
    gc.set_threshold(*threshold)
    gc.unfreeze()
    sys.setswitchinterval(interval)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[PacketWorker]:
    """A worker that does not run, and has no application yet."""
    monkeypatch.setattr(module, "RETRY_SECONDS", 0)
    made = PacketWorker(1, 1, [], None, 1, Config(), Log())
    yield made
    made.tmp.close()


@pytest.mark.usefixtures("settings_of_python")
def test_a_worker_waits_for_its_database(worker: PacketWorker) -> None:
    worker.app = Application(3)
    worker.load_wsgi()
    assert worker.wsgi == "application"
    assert worker.log.lines == ["A worker waits for the database: away"] * 3


def test_a_worker_that_waits_can_be_stopped(worker: PacketWorker) -> None:
    worker.app = Application(1000)
    worker.alive = False
    with pytest.raises(SystemExit) as ending:
        worker.load_wsgi()
    assert ending.value.code == 0


def test_files_may_be_open_for_all_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    least = FILES_FOR_CONNECTION + OTHER_FILES
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (least, hard))
        assert possible_connections(Settings(connections=1)) == 1
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == least
        assert possible_connections(Settings(connections=50)) == 50
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == least + 49 * FILES_FOR_CONNECTION
        # More than the machine allows are not heard.
        possible = possible_connections(Settings(connections=hard))
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == hard
        assert hard - FILES_FOR_CONNECTION < possible * FILES_FOR_CONNECTION + OTHER_FILES <= hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_it_is_said_at_the_start_how_many_clients_are_heard(databases) -> None:
    with databases.prepared("sqlite") as url, served(url, connections="77") as server:
        assert server.process.stdout is not None
        assert "77 clients at a time" in server.process.stdout.readline()
        assert "PACKETSERVER_CONNECTIONS" not in server.logged()
    few = ("import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (500, 500))",)
    with databases.prepared("sqlite") as url, served(url, before=few) as server:
        assert server.process.stdout is not None
        assert "22 clients at a time" in server.process.stdout.readline()
        assert "PACKETSERVER_CONNECTIONS" in server.logged()
        assert server.post(packet(account("One of few")))[0] == 200


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA, tmp_path: Path) -> dict[str, str]:
    """The settings of a server that speaks TLS itself."""
    certificate = authority.issue_cert("127.0.0.1")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    certificate.cert_chain_pems[0].write_to_path(chain)
    certificate.private_key_pem.write_to_path(key)
    return {"tls_certificate": str(chain), "tls_key": str(key), "require_https": "on"}


@pytest.fixture
def context(authority: trustme.CA) -> ssl.SSLContext:
    made = ssl.create_default_context()
    authority.configure_trust(made)
    return made


def test_the_server_speaks_tls_where_it_has_a_certificate(databases, tls, context) -> None:
    content = packet(account("Safe"))
    with (
        databases.prepared("sqlite") as url,
        served(url, slow_client_seconds="2", **tls) as server,
    ):
        connection = http.client.HTTPSConnection(server.host, server.port, context=context)
        connection.request("POST", PATH, content)
        status, document = read(connection.getresponse())
        connection.close()
        assert (status, document.findtext("response/status")) == (200, "0")
        # Who is too slow is told so, and cut off.
        with context.wrap_socket(server.connect(), server_hostname="127.0.0.1") as slow:
            slow.sendall(head(len(content)) + content[:100])
            assert answer_on(slow)[0] == 408
        with server.connect() as silent:
            silent.sendall(b"\x16\x03\x01")
            assert silent.recv(1) == b""
        assert "Traceback" not in server.logged()
