"""`compile-packages`: the worker that makes the packages that sync clients ask for."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import click

from packetserver.cli.program import current_settings, examples
from packetserver.errors import StoreUnavailable
from packetserver.protocols.packet.package_work import Outcome, PackageWorker, Progress
from packetserver.provision.installation import open_installation
from packetserver.records.opening import preferences_of
from packetserver.sync.packages import Job

POLL_SECONDS = 1.0
"""How soon a worker that watches sees what is asked for."""

STEP_PERCENT, STEP_RECORDS = 10, 10_000
"""How much must have been done for another line of progress."""


@dataclass(slots=True)
class Display:
    """What the operator sees of the work."""

    failures: int = 0
    _shown: dict[int, tuple[int, int]] = field(default_factory=dict)

    def progress(self, now: Progress) -> None:
        """A line, when enough has been done since the last one."""
        step = (now.percentage // STEP_PERCENT, now.records // STEP_RECORDS)
        if self._shown.get(now.job.package_id) != step:
            self._shown[now.job.package_id] = step
            click.echo(f"{_name(now.job)}: {now.percentage} %, {now.records} records")

    def outcome(self, one: Outcome) -> None:
        """How a package has ended."""
        self._shown.pop(one.job.package_id, None)
        if one.error is not None:
            self.failures += 1
            click.echo(f"{_name(one.job)}: failed: {one.error}", err=True)
            click.echo(f"{_name(one.job)}: due again at {one.due}", err=True)
        elif one.file is None:
            click.echo(f"{_name(one.job)}: done by another worker")
        else:
            click.echo(
                f"{_name(one.job)}: ready, {one.file.records} records, {one.file.size} bytes"
            )


def _name(job: Job) -> str:
    return f"Package {job.package_id} of client {job.client_id}"


@click.command(
    "compile-packages",
    epilog=examples("packetserver compile-packages", "packetserver compile-packages --watch"),
)
@click.option("--watch", is_flag=True, help="Go on until the command is stopped.")
def compile_packages(*, watch: bool) -> None:
    """Compile the packages that sync clients have asked for.

    Without --watch all that wait are compiled once, those that failed before included; the exit
    code is 1 when one of them fails. With it, what is asked for later is compiled as well, and
    what fails is tried again after a while. Several workers may run on one database. A package
    that is being compiled is finished before the command ends (Ctrl+C, or SIGTERM).
    """
    with open_installation(current_settings()) as opened, _stopped_by_signals() as stop:
        worker = PackageWorker(opened.database, opened.schema, preferences_of(opened.settings))
        display = Display()
        if watch:
            watch_packages(worker, display, stop)
        else:
            _work_off(worker, display, stop, patient=False)
    if display.failures and not watch:
        raise click.exceptions.Exit(1)


def watch_packages(
    worker: PackageWorker, display: Display, stop: threading.Event, seconds: float = POLL_SECONDS
) -> None:
    """Compile what is asked for, until ``stop``; a database that is away is waited for."""
    while not stop.is_set():
        try:
            _work_off(worker, display, stop, patient=True)
        except StoreUnavailable as error:
            click.echo(f"Waiting: {error}", err=True)
        stop.wait(seconds)


def _work_off(
    worker: PackageWorker, display: Display, stop: threading.Event, *, patient: bool
) -> None:
    for outcome in worker.work_off(display.progress, patient=patient):
        display.outcome(outcome)
        if stop.is_set():
            return


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """An event that the signals to end set, instead of ending what is being done."""
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
