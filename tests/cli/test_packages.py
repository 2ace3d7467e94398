"""The worker as an operator runs it."""

import contextlib
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from driving import HOST, Driver

from packetserver.cli import packages
from packetserver.cli.packages import Display, watch_packages
from packetserver.errors import StoreUnavailable
from packetserver.protocols.packet.process import build_engine
from packetserver.security.credentials import Credentials
from packetserver.settings import Settings

FOLLOWING = "2035-01-01 00:00:00.0"
CLIENT = Credentials(HOST, "secret1", 4, 1, next_anchor=FOLLOWING)


@pytest.fixture
def library(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("PACKETSERVER_FILE_LIBRARY", str(tmp_path / "files"))
    return tmp_path / "files"


def ask(url: str, credentials: Credentials = CLIENT) -> None:
    """Ask for a package, and leave no connection open."""
    engine = build_engine(Settings(database_url=url))
    with contextlib.closing(engine.database):
        answer = Driver(engine, credentials).one("compileSyncData", "execute")
    assert answer.errors == ()


def files(library: Path) -> list[Path]:
    return [each for each in library.rglob("*") if each.is_file()]


def test_nothing_to_do(run, url, library):
    assert run("compile-packages").output == ""
    assert files(library) == []


def test_what_was_asked_for_is_compiled(run, url, library):
    ask(url)
    lines = run("compile-packages").output.splitlines()
    assert lines[0] == "Package 1 of client 1: 0 %, 0 records"
    assert "Package 1 of client 1: 100 %, " in lines[-2]
    assert lines[-1].startswith("Package 1 of client 1: ready, ")
    assert len(files(library)) == 1
    assert run("compile-packages").output == ""


def test_a_failure_is_told_and_kept(run, url, library):
    ask(url)
    run("client", "disable", "1")
    result = run("compile-packages")
    assert result.exit_code == 1
    assert "failed: The sync client may no longer use this server" in result.stderr
    shown = run("client", "show", "1").output
    assert "package error  The sync client may no longer use this server" in shown
    assert "1 attempts" in shown
    # Asked again by hand, it is tried again at once.
    assert run("compile-packages").exit_code == 1
    assert "2 attempts" in run("client", "show", "1").output


class Worker:
    """Has something to do the second time, and no database the first."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        self.rounds: list[bool] = []

    def work_off(self, report, *, patient):
        self.rounds.append(patient)
        if len(self.rounds) == 1:
            raise StoreUnavailable("the database does not answer")
        if len(self.rounds) == 3:
            self.stop.set()
        yield from ()


def test_watching_goes_on_when_the_database_is_away(capsys):
    stop = threading.Event()
    worker = Worker(stop)
    watch_packages(worker, Display(), stop, seconds=0)
    assert worker.rounds == [True, True, True]
    assert capsys.readouterr().err == "Waiting: the database does not answer\n"


def test_a_watching_worker_sees_what_is_asked_for_and_ends_in_order(url, library):
    command = [sys.executable, "-c", "from packetserver.cli import main; main()"]
    with subprocess.Popen(
        [*command, "compile-packages", "--watch"], stdout=subprocess.PIPE, text=True
    ) as process:
        ask(url)
        for line in process.stdout:
            if ": ready, " in line:
                break
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert len(files(library)) == 1


def test_signals_are_as_before_afterwards(run, url, library):
    before = signal.getsignal(signal.SIGTERM)
    run("compile-packages")
    assert signal.getsignal(signal.SIGTERM) is before
    assert packages.POLL_SECONDS > 0
