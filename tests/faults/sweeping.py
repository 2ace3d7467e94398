"""Lets a packet fail at each of its steps in turn, and looks at what is there afterwards."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from faults.contents import Content, Store, differing, open_store
from faults.injection import COMMIT, Kind, Step, watched
from faults.scenarios import Outcome, Scenario
from sync.office import START, Office, open_office

from packetserver.errors import CommitUnknown, StoreUnavailable
from packetserver.protocols.packet import stored_documents as documents
from packetserver.protocols.packet.failures import TOO_LONG
from packetserver.store.schema import Schema

LOGS = {"sync_log", "sync_transaction_log"}
BESIDE = {*LOGS, "sync_conflict_log", "sqlite_sequence"}
"""What grows with every packet, whether it was sent before or not."""

FILE_NAME = "20350305100000-" + "0" * 32


@dataclass
class Stage:
    """A server on a database of one kind, what is in its folder of files, and what it began with."""

    office: Office
    store: Store
    folder: Path
    pristine: Content
    sequences: object
    tally: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def kind(self) -> str:
        return "sqlite" if self.office.engine.database.is_sqlite else "postgresql"

    def files(self) -> set[str]:
        return {each.name for each in self.folder.rglob("*") if each.is_file()}


@contextlib.contextmanager
def open_stage(url: str, schema: Schema, folder: Path) -> Iterator[Stage]:
    with (
        open_office(url, schema, file_library=folder) as office,
        contextlib.closing(open_store(url)) as store,
    ):
        yield Stage(office, store, folder, store.content(), store.sequences())


@dataclass
class Reference:
    """What happens without a fault: the steps, what is there after each commit, what is answered."""

    outcome: Outcome
    steps: list[Step]
    contents: list[Content]
    sequences: object
    files: set[str]

    @property
    def before(self) -> Content:
        return self.contents[0]

    @property
    def after(self) -> Content:
        return self.contents[-1]


@dataclass(frozen=True)
class Fault:
    """What goes wrong at which step; ``always`` at all that follow as well."""

    place: int
    kind: Kind
    always: bool = False


def all_faults(reference: Reference) -> Iterator[Fault]:
    """Every fault at every step."""
    for place, step in enumerate(reference.steps, 1):
        for kind in step.faults:
            yield Fault(place, kind)
            if kind is Kind.UNDONE:
                yield Fault(place, kind, always=True)


def some_faults(reference: Reference) -> Iterator[Fault]:
    """One fault at every step, in turn; a lost answer at every commit."""
    for place, step in enumerate(reference.steps, 1):
        yield Fault(place, step.faults[place % len(step.faults)], always=place % 2 == 0)
        if step.kind == COMMIT:
            yield Fault(place, Kind.UNANSWERED)


class Sweep:
    """One scenario on one stage."""

    def __init__(self, stage: Stage, scenario: Scenario, patch: pytest.MonkeyPatch) -> None:
        # What is random would differ between two runs.
        patch.setattr(documents, "new_name", lambda now: FILE_NAME)
        patch.setattr("packetserver.store.unit_of_work.PAUSES", (0, 0, 0))
        self.stage, self.scenario = stage, scenario
        self.office, self.store = stage.office, stage.store
        self.office.clock.set_to(START)
        self.store.restore(stage.pristine)
        self.store.set_sequences(stage.sequences)
        scenario.prepare(self.office)
        self.now = self.office.clock.time
        self.reference = self._reference()

    def _reference(self) -> Reference:
        contents, files = [self.store.content()], self.stage.files()
        sequences = self.store.sequences()
        engine = self.office.engine.database.engine
        # The first time statements are made and credentials verified, which takes other steps.
        for _ in range(2):
            del contents[1:]
            with watched(
                engine, after_commit=lambda: contents.append(self.store.content())
            ) as seen:
                outcome = self.scenario.act(self.office)
            reference = Reference(outcome, seen.steps, contents, sequences, files)
            self._restore(reference)
        return reference

    def _restore(self, reference: Reference) -> None:
        self.office.clock.set_to(self.now)
        self.store.restore(reference.before)
        self.store.set_sequences(reference.sequences)
        for name in self.stage.files() - reference.files:
            for path in self.stage.folder.rglob(name):
                path.unlink()

    def inject(self, fault: Fault, *, again: bool) -> None:
        """Let a fault happen and check what is there; ``again``: send the packet once more."""
        happen = self._killed if fault.kind is Kind.KILLED else self._failed
        commits = happen(fault)
        self.stage.tally[self.stage.kind, fault.kind.value] += 1
        assert self.office.engine.database.engine.pool.checkedout() == 0, fault
        if again:
            self._again(fault, commits)
        if again or commits or self.stage.files() != self.reference.files:
            self._restore(self.reference)
        else:
            # No rollback takes back the keys that were given.
            self.store.set_sequences(self.reference.sequences)

    def _killed(self, fault: Fault) -> int:
        """A process of its own is killed at the step; returns how often it had committed."""
        # A connection must not be shared by processes.
        self.office.engine.database.close()
        child = os.fork()
        if not child:
            with watched(self.office.engine.database.engine, **_how(fault)):
                self.scenario.act(self.office)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), (fault, status)
        assert os.WTERMSIG(status) == signal.SIGKILL
        commits = sum(step.commits for step in self.reference.steps[: fault.place - 1])
        self._check(fault, commits)
        return commits

    def _failed(self, fault: Fault) -> int:
        """The engine sees a fault; returns how often it committed all the same."""
        positions = [self.store.sequences()]
        outcome: Outcome = None
        # After a deadlock packets take other steps for a while.
        self.office.engine.collisions.forget()
        with watched(
            self.office.engine.database.engine,
            **_how(fault),
            after_commit=lambda: positions.append(self.store.sequences()),
            # What is tried again is to be given the same keys.
            on_fault=lambda: self._take_back_keys(fault, positions[-1]),
        ) as seen:
            try:
                outcome = self.scenario.act(self.office)
            except StoreUnavailable as failure:
                outcome = failure
            self._settle()
        assert seen.fired, (fault, seen.steps)
        self._check_outcome(fault, outcome, seen.commits)
        return seen.commits

    def _settle(self) -> None:
        """Wait for what is logged late; what could not be logged would disturb what follows."""
        late_log = self.office.engine.runner.late_log
        late_log.settle()
        late_log._waiting.clear()

    def _take_back_keys(self, fault: Fault, positions: object) -> None:
        if fault.kind is Kind.UNDONE:
            self.store.set_sequences(positions)

    def _check_outcome(self, fault: Fault, outcome: Outcome, commits: int) -> None:
        if isinstance(outcome, StoreUnavailable):
            last = self.reference.steps[fault.place - 1]
            is_commit = last.kind == COMMIT and fault.kind in {Kind.LOST, Kind.UNANSWERED}
            assert isinstance(outcome, CommitUnknown) is is_commit, (fault, outcome)
            is_overcome = fault.kind is Kind.UNDONE and last.kind != COMMIT and not fault.always
            assert not (is_overcome and self.scenario.repeated), (fault, outcome)
            self._check(fault, commits)
        elif TOO_LONG in repr(outcome):
            # A transaction that failed is answered, and logged.
            assert fault.kind is Kind.TOO_LONG, fault
            found = self.store.content()
            assert any(differing(found, each) <= LOGS for each in self.reference.contents), (
                fault,
                outcome,
            )
        else:
            assert outcome == self.reference.outcome, (fault, outcome)
            late = BESIDE if fault.always and self.stage.kind == "sqlite" else set()
            self._check(fault, len(self.reference.contents) - 1, late)

    def _check(self, fault: Fault, commits: int, late: Collection[str] = ()) -> None:
        """Look at what is there; ``late`` are the tables that are not written yet."""
        wanted, found = self.reference.contents[commits], self.store.content()
        step = self.reference.steps[fault.place - 1]
        assert differing(wanted, found) <= set(late), (fault, step)
        rows = {row["filename"] for row in self.office.rows("packetserver_file")}
        stray = self.stage.files() - rows
        assert rows <= self.stage.files(), fault
        # What is never undone may leave bytes without a row, but nothing leaves a row without bytes.
        lasts = fault.always or fault.kind in {Kind.KILLED, Kind.LOST, Kind.UNANSWERED}
        assert not stray or lasts, (fault, stray)

    def _again(self, fault: Fault, commits: int) -> None:
        """The same packet sent again does what it would have done at first."""
        if differing(self.store.content(), self.reference.before) <= LOGS:
            self._restore(self.reference)
            outcome = self.scenario.act(self.office)
            assert outcome == self.reference.outcome, (fault, outcome)
            assert differing(self.store.content(), self.reference.after) == set(), fault
        elif self.scenario.sent_again:
            outcome = self.scenario.act(self.office)
            assert outcome == self.reference.outcome, (fault, outcome)
            assert self._counts(self.store.content()) == self._counts(self.reference.after), fault

    def _counts(self, content: Content) -> dict[str, int]:
        return {table: len(rows) for table, rows in content.items() if table not in BESIDE}


def _how(fault: Fault) -> dict[str, object]:
    return dataclasses.asdict(fault)
