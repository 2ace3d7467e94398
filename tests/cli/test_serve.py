import http.client
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from packetserver.cli import serve
from packetserver.http.gunicorn import PacketApplication, gunicorn_options
from packetserver.http.worker import PacketWorker
from packetserver.settings import Settings, load_settings

COMMAND = "from packetserver.cli import main; main(prog_name='packetserver')"
PACKET = b"""<app>
  <authentication><systemId>4</systemId><username>admin</username>
    <code>21232f297a57a5a743894a0e4a801fc3</code><encoding>UTF-8</encoding></authentication>
  <transaction id="1"><meta><property>name</property></meta>
    <account action="insert"><name>Dark Horse Ventures</name></account></transaction>
</app>"""


@contextmanager
def serving(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command in a process of its own, and the address that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "serve", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=dict(os.environ),
    )
    assert process.stdout is not None
    with process, process.stdout:
        try:
            yield process, process.stdout.readline()
        finally:
            process.kill()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_packets_are_served_at_the_printed_address(databases, kind, monkeypatch):
    with databases.prepared(kind) as url:
        monkeypatch.setenv("PACKETSERVER_DATABASE_URL", url)
        with serving("--bind", "127.0.0.1:0", "--workers", "2") as (process, line):
            printed = re.fullmatch(r"Serving packets at (http://\S+/ProcessPacket\.do)\n", line)
            assert printed is not None
            address = urlsplit(printed[1])
            for _ in range(3):
                connection = http.client.HTTPConnection(address.netloc, timeout=60)
                connection.request("POST", address.path, PACKET)
                assert b"<name>Dark Horse Ventures</name>" in connection.getresponse().read()
                connection.close()
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0


def test_options_win_over_settings(run, url, monkeypatch):
    served: list[Settings] = []
    monkeypatch.setattr(serve, "serve_forever", lambda found, _again: served.append(found))
    monkeypatch.setenv("PACKETSERVER_WORKERS", "3")
    monkeypatch.setenv("PACKETSERVER_THREADS", "5")
    assert run("serve").exit_code == 0
    assert run("serve", "--bind", "[::1]:80", "--workers", "2", "--threads", "9").exit_code == 0
    found = [(each.bind, each.workers, each.threads) for each in served]
    assert found == [("127.0.0.1:8080", 3, 5), ("[::1]:80", 2, 9)]


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--bind", "8080", "must be HOST:PORT"),
        ("--workers", "0", "must be an integer of at least 1"),
        ("--threads", "many", "must be an integer of at least 1"),
    ],
)
def test_a_wrong_option_says_what_it_may_be(run, url, option, value, message):
    result = run("serve", option, value)
    assert result.exit_code == 2
    assert message in result.output


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_database_in_memory_cannot_be_served(run, monkeypatch, workers):
    monkeypatch.setenv("PACKETSERVER_DATABASE_URL", "sqlite:///:memory:")
    result = run("serve", "--workers", workers)
    assert result.exit_code == 1
    assert "a database in memory cannot be served" in result.stderr


def test_gunicorn_takes_every_option():
    settings = Settings(bind="127.0.0.1:1234", workers=2, threads=3, log_level="warning")
    configuration = PacketApplication(settings).cfg
    for name, value in gunicorn_options(settings).items():
        assert name in configuration.settings
        if name not in {"bind", "worker_class", "when_ready", "post_fork"}:
            # A list that is empty is written as an empty text.
            assert (getattr(configuration, name) or "") == (value or "")
    assert configuration.address == [("127.0.0.1", 1234)]
    assert issubclass(configuration.worker_class, PacketWorker)
    assert configuration.accesslog is None


@pytest.mark.parametrize(
    ("trusted", "addresses"),
    [("", []), ("unix", []), ("10.0.0.0/8, ::1, unix", ["10.0.0.0/8", "::1/128"])],
)
def test_gunicorn_trusts_whom_the_settings_name(monkeypatch, trusted, addresses):
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    settings = load_settings({"PACKETSERVER_TRUSTED_PROXIES": trusted})
    configuration = PacketApplication(settings).cfg
    assert configuration.forwarded_allow_ips == addresses
    assert configuration.secure_scheme_headers == {}
    assert configuration.forwarder_headers == []
    assert configuration.proxy_protocol == "off"
    assert configuration.control_socket_disable is True
