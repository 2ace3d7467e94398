"""A server that is reloaded or stopped under load loses no packet, and refuses none before it ends."""

from __future__ import annotations

import contextlib
import http.client
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy
from defusedxml.ElementTree import fromstring
from whole.served import IN_TIME, PATH, Served, account, answer_on, head, packet, served

CLIENTS = 4
READ_NAMES = sqlalchemy.text("SELECT name FROM organization")


@dataclass
class Client:
    """Posts inserts until the server refuses its connection; every other one keeps connections."""

    server: Served
    number: int
    acknowledged: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    is_refused: bool = False
    gone: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Post packets one after the other."""
        connection = self._connection()
        try:
            while not self.is_refused:
                self._post(connection)
                if self.number % 2:
                    connection.close()
                    connection = self._connection()
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.server.host, self.server.port, timeout=IN_TIME)

    def _post(self, connection: http.client.HTTPConnection) -> None:
        count = len(self.acknowledged) + len(self.unknown) + len(self.failed)
        name = f"Client {self.number} account {count}"
        try:
            connection.request("POST", PATH, packet(account(name)))
            response = connection.getresponse()
            document = fromstring(response.read())
        except ConnectionRefusedError:
            self.is_refused = True
        except (OSError, http.client.HTTPException):
            # The connection was cut: nobody has told the client what became of its packet.
            self.unknown.append(name)
            connection.close()
            self.is_refused = self.gone.is_set()
        else:
            done = response.status == 200 and document.findtext("response/status") == "0"
            (self.acknowledged if done else self.failed).append(name)


@contextlib.contextmanager
def clients_of(server: Served) -> Iterator[list[Client]]:
    """Clients that post for as long as the server is there."""
    clients = [Client(server, number) for number in range(CLIENTS)]
    threads = [threading.Thread(target=each.run) for each in clients]
    for thread in threads:
        thread.start()
    try:
        yield clients
    finally:
        server.stop()
        for each in clients:
            each.gone.set()
        for thread in threads:
            thread.join(IN_TIME)


def until_more(clients: list[Client], number: int) -> None:
    """Wait until every client has so many more packets acknowledged."""
    goals = [(each, len(each.acknowledged) + number) for each in clients]
    until(lambda: all(len(each.acknowledged) >= goal for each, goal in goals))


def until(condition: Callable[[], bool]) -> None:
    """Wait for what the server and its clients are about to do."""
    pause = threading.Event()
    for _ in range(IN_TIME * 100):
        if condition():
            return
        pause.wait(0.01)
    pytest.fail("it did not happen")


def workers(server: Served) -> set[int]:
    """The processes that serve."""
    path = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    return {int(each) for each in path.read_text().split()}


def reload(server: Served) -> None:
    """Tell the server to reload, and wait until other processes serve."""
    before = workers(server)
    server.process.send_signal(signal.SIGHUP)
    until(lambda: not workers(server) & before)


def is_refused(server: Served) -> bool:
    """Whether new connections are refused."""
    try:
        server.connect().close()
    except ConnectionRefusedError:
        return True
    return False


def names(url: str) -> list[str]:
    """What is stored, by the names that clients gave it."""
    engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with contextlib.closing(engine.connect()) as connection:
        found = [row.name for row in connection.execute(READ_NAMES)]
    engine.dispose()
    return [each for each in found if each.startswith("Client ")]


def test_nothing_is_lost_while_the_server_is_reloaded_and_stopped(prepared_database_url) -> None:
    with served(prepared_database_url, "--workers", "2") as server:
        with clients_of(server) as clients:
            until_more(clients, 5)
            for _ in range(2):
                reload(server)
                until_more(clients, 3)
            cut_by_reload = [name for each in clients for name in each.unknown]
        assert server.process.returncode == 0
        assert "Traceback" not in server.logged()
    stored = names(prepared_database_url)
    acknowledged = {name for each in clients for name in each.acknowledged}
    unknown = {name for each in clients for name in each.unknown}
    assert cut_by_reload == []
    assert [name for each in clients for name in each.failed] == []
    assert len(stored) == len(set(stored))
    assert acknowledged <= set(stored) <= acknowledged | unknown


def test_a_packet_that_is_half_there_when_the_server_is_stopped_is_answered(databases) -> None:
    content = packet(account("Client half"))
    with databases.prepared("sqlite") as url:
        with served(url) as server, server.connect() as connection:
            connection.sendall(head(len(content)) + content[:100])
            # What is posted after it is answered: so the server is reading it.
            assert server.post(packet(account("Client whole")))[0] == 200
            server.process.send_signal(signal.SIGTERM)
            until(lambda: "Handling signal: term" in server.logged())
            # Nobody waits for a server that will not hear him any more.
            until(lambda: is_refused(server))
            connection.sendall(content[100:])
            status, document = answer_on(connection)
            assert (status, document.findtext("response/status")) == (200, "0")
            assert server.process.wait(IN_TIME) == 0
        assert sorted(names(url)) == ["Client half", "Client whole"]


def test_a_reload_takes_new_settings_and_keeps_the_old_ones_when_they_are_wrong(
    databases, tmp_path
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("")
    with databases.prepared("sqlite") as url, served(url, config=str(file)) as server:

        def reloaded(content: str) -> int:
            """The status of a packet's answer once the server has read another file."""
            file.write_text(content)
            reload(server)
            return server.post(packet(account("Client")))[0]

        assert reloaded("") == 200
        assert reloaded('allowed_hosts = ["crm.example"]') == 421
        assert reloaded('allowed_hosts = ["127.0.0.1"]\nno_setting = 1') == 421
        assert "The settings stay as they were" in server.logged()
        assert reloaded('allowed_hosts = ["127.0.0.1"]') == 200
