"""Metrics and logs of a server with several processes, as an operator starts it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest
from driving import ADMIN

from packetserver.http import gunicorn
from packetserver.http.gunicorn import make_metrics_folder, remove_metrics_folder
from packetserver.operation.start_checks import FOLDER_VARIABLE
from packetserver.settings import Settings

COMMAND = "from packetserver.cli import main; main(prog_name='packetserver')"
PACKET = f"""<app><authentication><systemId>4</systemId><username>admin</username>
<code>{ADMIN.code}</code><encoding>UTF-8</encoding></authentication><transaction id="1"><account action="insert">
<name>A</name></account></transaction></app>"""
WORKERS = 2
MOST_PACKETS = 10_000
LIMIT = WORKERS * 2 * Settings().threads
"""Connections that the pools of all processes may open."""


@dataclass
class Served:
    """A server in processes of its own."""

    process: subprocess.Popen[str]
    address: str
    log: IO[str]

    def ask(self, method: str, path: str, body: str = "") -> str:
        """The answer to a request on a connection of its own."""
        connection = http.client.HTTPConnection(self.address, timeout=60)
        try:
            connection.request(method, path, body, {"Content-Type": "text/xml"})
            return connection.getresponse().read().decode("utf-8", "replace")
        finally:
            connection.close()

    def metric(self, name: str) -> float:
        found = re.search(
            rf"^packetserver_{re.escape(name)} (\S+)$", self.ask("GET", "/metrics"), re.MULTILINE
        )
        return float(found[1]) if found else 0

    def post_until(self, workers: set[int]) -> int:
        """Post packets until each of these workers has answered one; how many that took."""
        for number in range(1, MOST_PACKETS):
            assert "<status>0</status>" in self.ask("POST", "/ProcessPacket.do", PACKET)
            workers = workers - {self.next_line("request")["pid"]}
            if not workers:
                return number
        raise AssertionError(f"the workers {workers} do not begin")

    def next_line(self, event: str) -> dict[str, Any]:
        """The next line of the log whose event begins so."""
        while line := self.log.readline():
            found: dict[str, Any] = json.loads(line)
            if found["event"].startswith(event):
                return found
        raise AssertionError(f"the log ends without {event}")


@contextmanager
def serving(url: str, folder: Path) -> Iterator[Served]:
    environment = {
        **{name: text for name, text in os.environ.items() if name != FOLDER_VARIABLE},
        "PACKETSERVER_DATABASE_URL": url,
        "PACKETSERVER_FILE_LIBRARY": str(folder / "files"),
    }
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            COMMAND,
            "serve",
            "--bind",
            "127.0.0.1:0",
            "--workers",
            str(WORKERS),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process, process.stdout, process.stderr:
        try:
            found = re.search(r"http://([^/]+)/", process.stdout.readline())
            assert found is not None
            yield Served(process, found[1], process.stderr)
        finally:
            process.kill()


def test_all_processes_count_together_and_a_dead_one_is_forgotten(databases, tmp_path):
    with databases.prepared("postgresql") as url, serving(url, tmp_path) as served:
        booted = {served.next_line("Booting worker")["pid"] for _ in range(WORKERS)}
        sent = served.post_until(booted)
        assert served.metric('packets_total{outcome="done"}') == sent
        assert served.metric("requests_in_progress") == 0
        assert served.metric("pool_connections_limit") == LIMIT

        os.kill(booted.pop(), signal.SIGKILL)
        sent += served.post_until({served.next_line("Booting worker")["pid"]})
        assert served.metric('packets_total{outcome="done"}') == sent
        assert served.metric("pool_connections_limit") == LIMIT, "that of the dead one is gone"

        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(60) == 0


def test_the_folder_is_made_before_workers_and_removed_in_the_end(monkeypatch, tmp_path):
    monkeypatch.setenv(FOLDER_VARIABLE, "")
    monkeypatch.setattr(gunicorn, "MEMORY_FOLDER", tmp_path)
    folder = make_metrics_folder()
    assert folder is not None
    assert folder.parent == tmp_path
    assert os.environ[FOLDER_VARIABLE] == str(folder)
    assert folder.stat().st_mode & 0o077 == 0
    remove_metrics_folder(folder)
    assert not folder.exists()


def test_a_folder_of_the_operator_is_used_and_kept(monkeypatch, tmp_path):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    remove_metrics_folder(make_metrics_folder())
    assert tmp_path.exists()
    assert os.environ[FOLDER_VARIABLE] == str(tmp_path)


def test_without_a_folder_in_memory_the_temporary_one_is_taken(monkeypatch, tmp_path):
    monkeypatch.setenv(FOLDER_VARIABLE, "")
    monkeypatch.setattr(gunicorn, "MEMORY_FOLDER", tmp_path / "none")
    folder = make_metrics_folder()
    assert folder is not None
    assert folder.parent == Path(tempfile.gettempdir())
    remove_metrics_folder(folder)


@pytest.mark.parametrize("module", ["packetserver.cli", "packetserver.http.gunicorn"])
def test_what_runs_before_the_folder_is_there_does_not_import_the_metrics(module):
    script = f"import sys, {module}; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


SCRIPT = """
import shutil, sys
from protocols.packet.exchanges import UTF_8_PACKET, EchoEngine, client_of, post
client = client_of(EchoEngine())
post(client, UTF_8_PACKET).close()
shutil.rmtree(sys.argv[1])
print(client.get("/metrics").status_code)
client = client_of(EchoEngine())
post(client, UTF_8_PACKET).close()
print(client.get("/metrics").status_code)
"""


def test_a_folder_that_somebody_tidies_away_stops_nothing(tmp_path):
    folder = tmp_path / "metrics"
    folder.mkdir()
    environment = {
        **os.environ,
        FOLDER_VARIABLE: str(folder),
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.split() == ["200", "200"]
    assert folder.is_dir()
