"""A sync client as its makers should write it, for a network that loses and repeats.

It keeps accounts under its own numbers. What its user does waits until it is sent; a session sends
that first, one record a packet, and then asks what is new, what has changed and what is gone. It may
do the same without ever telling the server that a session begins or ends.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest
from driving import Answer
from sync.office import Party

from packetserver.sync.packet_log import PacketLog

META = ("guid", "accountNumber", "name")


class Fault(enum.Enum):
    """What can happen to a request on its way."""

    NONE = "it arrives, and so does the answer"
    LOST_REQUEST = "it never arrives"
    LOST_ANSWER = "it is carried out, and the answer is lost"
    CRASH = "the server breaks down just before it commits"
    TWICE = "it is carried out twice in a row, and the second answer arrives"


class Crash(Exception):
    """The server breaks down."""


@contextmanager
def crash_before_commit() -> Iterator[None]:
    """Let the server break down when a packet has done all but the writing of its log."""

    def write(*_: object) -> None:
        raise Crash

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PacketLog, "write", write)
        yield


@dataclass
class Local:
    """A record at the client.

    ``token`` never changes and singles it out everywhere. ``base`` is what the client knows to
    be the server's name of it; ``sent`` are the names that the client itself has tried to store.
    """

    token: str
    name: str
    base: str | None = None
    sent: set[str] = field(default_factory=set)
    is_new: bool = False

    @property
    def is_changed(self) -> bool:
        return self.is_new or self.name != self.base


@dataclass
class ModelClient:
    """One client; ``lost`` are the names that it gave up because the server had another one."""

    party: Party
    page: int | None = None
    has_sessions: bool = True
    highest: int = 0
    records: dict[int, Local] = field(default_factory=dict)
    deleted: dict[int, Local] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    anchor: str | None = None
    following: str | None = None
    work: Iterator[Callable[[Fault], bool]] | None = None
    next_step: Callable[[Fault], bool] | None = None

    @property
    def next_number(self) -> int:
        """A number that the client has never used; what it was never told of it cannot know."""
        self.highest = max([self.highest, *self.records, *self.deleted])
        return self.highest + 1

    def create(self, token: str, name: str) -> None:
        self.records[self.next_number] = Local(token, name, is_new=True)

    def rename(self, number: int, name: str) -> None:
        self.records[number].name = name

    def delete(self, number: int) -> None:
        local = self.records.pop(number)
        self.highest = max(self.highest, number)
        if local.sent or not local.is_new:
            self.deleted[number] = local

    def step(self, fault: Fault) -> None:
        """Send the next request of a session; after a fault the session begins anew."""
        if self.next_step is None:
            self.work = self._session()
            self.next_step = next(self.work)
        assert self.work is not None
        if self.next_step(fault):
            self.next_step = next(self.work, None)
        else:
            # After a lost end, too: the server knows what the last session began with.
            self.next_step = None

    def whole_session(self) -> None:
        """Carry a session out, without any fault."""
        self.step(Fault.NONE)
        while self.next_step is not None:
            self.step(Fault.NONE)

    def _session(self) -> Iterator[Callable[[Fault], bool]]:
        if self.has_sessions:
            yield self._get_time
            yield self._start
        elif self.anchor is not None or self.following is None:
            # A first sync that was not answered is asked for once more as it was.
            yield self._get_time
        for number in sorted({*self.records, *self.deleted}):
            local = self.records.get(number) or self.deleted.get(number)
            if local is not None and local.is_changed:
                yield partial(self._send_change, number, local)
            if number in self.deleted:
                yield partial(self._send_delete, number)
        offset = 0
        count: list[int] = []
        while True:
            yield partial(self._sync, offset, count)
            if self.page is None or count.pop() == 0:
                break
            offset += self.page
        yield self._ask_for_gone
        yield self._end if self.has_sessions else self._remember

    def _ask(self, fault: Fault, element: str, action: str, **how: object) -> Answer | None:
        """What is answered; None when no answer comes."""
        if fault is Fault.LOST_REQUEST:
            return None
        arguments = {"last": self.anchor, "following": self.following, **how}
        if fault is Fault.CRASH:
            with crash_before_commit(), pytest.raises(Crash):
                self.party.send(element, action, **arguments)  # type: ignore[arg-type]
            return None
        answer = self.party.send(element, action, **arguments)  # type: ignore[arg-type]
        if fault is Fault.TWICE:
            answer = self.party.send(element, action, **arguments)  # type: ignore[arg-type]
        assert answer.errors == (), f"{action} {arguments}"
        return None if fault is Fault.LOST_ANSWER else answer

    def _get_time(self, fault: Fault) -> bool:
        answer = self._ask(fault, "syncClient", "getDateTime")
        if answer is not None:
            self.following = answer.records[0]["dateTime"]
        return answer is not None

    def _start(self, fault: Fault) -> bool:
        return self._ask(fault, "syncClient", "syncStart") is not None

    def _send_change(self, number: int, local: Local, fault: Fault) -> bool:
        if local not in (self.records.get(number), self.deleted.get(number)):
            # Its user has thought better of it before it was ever sent.
            return True
        local.sent.add(local.name)
        values = {"guid": str(number), "name": local.name}
        if local.is_new:
            values |= {"accountNumber": local.token, "insertPrimaryContact": "false"}
        action = "insert" if local.is_new else "update"
        answer = self._ask(fault, "account", action, values=values, meta=META)
        if answer is None:
            return False
        (record,) = answer.records
        local.is_new = False
        if record.action == "conflict":
            self._give_up(local)
        else:
            assert record.action == "processed"
            # An insert that is repeated is answered with what others have made of it since.
            self._learn(local, record["name"])
        return True

    def _learn(self, local: Local, name: str) -> None:
        """The server has this name; what the client's user wants is kept if he knew of it."""
        was_changed, was_known = local.is_changed, name == local.base or name in local.sent
        local.base = name
        if was_changed and local.name != name and not was_known:
            self._give_up(local)
        elif not was_changed:
            local.name = name

    def _give_up(self, local: Local) -> None:
        """The server has another name, which comes with the next sync if it is not known yet."""
        self.lost.add(local.name)
        assert local.base is not None
        local.name = local.base

    def _send_delete(self, number: int, fault: Fault) -> bool:
        answer = self._ask(fault, "account", "delete", values={"guid": str(number)}, meta=META)
        if answer is None:
            return False
        del self.deleted[number]
        return True

    def _sync(self, offset: int, count: list[int], fault: Fault) -> bool:
        page = {} if self.page is None else {"offset": str(offset), "items": str(self.page)}
        how = {"meta": META, "identity": str(self.next_number), **page}
        answer = self._ask(fault, "accountList", "sync", **how)
        if answer is None:
            return False
        for record in answer.records:
            self._take(record.action, int(record["guid"]), record["accountNumber"], record["name"])
        count.append(len(answer.records))
        return True

    def _take(self, action: str, number: int, token: str, name: str) -> None:
        local = self.records.get(number)
        if number in self.deleted:
            return
        if local is None:
            assert action == "insert", f"{action} of {number}, which is unknown"
            self.records[number] = Local(token, name, base=name)
            return
        if local.token != token:
            # The number is taken, by a record that was sent before and never came.
            assert action == "insert", f"{action} of {number}, which is another record"
            assert local.is_new, "one number for two records"
            self.records[self.next_number] = local
            self.records[number] = Local(token, name, base=name)
            return
        self._learn(local, name)

    def _ask_for_gone(self, fault: Fault) -> bool:
        answer = self._ask(fault, "accountList", "syncDelete")
        if answer is None:
            return False
        for record in answer.records:
            number = int(record["guid"])
            if number in self.records and not self.records[number].is_new:
                self.highest = max(self.highest, number)
                del self.records[number]
            self.deleted.pop(number, None)
        return True

    def _remember(self, _: Fault) -> bool:
        """Without a session nobody is told of its end."""
        self.anchor = self.following
        return True

    def _end(self, fault: Fault) -> bool:
        answer = self._ask(fault, "syncClient", "syncEnd")
        if answer is not None:
            self.anchor = self.following
        return answer is not None
