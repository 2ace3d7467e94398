"""How long the way of a packet is: no more modules, calls and depth than a newcomer can follow.

Counted are the functions in files of packetserver alone, once all that is kept is kept.
`pytest -s` shows what there is to count, by room.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from faults.serving_app import App, open_app

import packetserver
from databases import Databases

FOLDER = Path(packetserver.__file__).parent
PROCESS = "packetserver.protocols.packet.process"
STORE = "packetserver.store"
INSIDE_ANOTHER = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})
"""What newer Pythons call no function, or what has no name that one could look for."""

WARM = 3
"""So often a packet is sent before it is counted."""


@dataclass
class Way:
    """The functions that one packet passes: ``calls`` by module, and the deepest nesting of them.

    ``between`` are the modules that are met while the packet is carried out, without the store.
    """

    calls: Counter[str] = field(default_factory=Counter)
    deepest: list[str] = field(default_factory=list)
    between: set[str] = field(default_factory=set)
    _nested: list[tuple[str, str]] = field(default_factory=list)

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """Modules, those between process and store, calls, depth."""
        return len(self.calls), len(self.between), self.calls.total(), len(self.deepest)

    def note(self, frame: FrameType, event: str, _: Any) -> None:
        """What `sys.setprofile` calls."""
        if event not in {"call", "return"} or not is_counted(frame):
            return
        if event == "return":
            # What was entered before the counting began is left uncounted.
            if self._nested:
                self._nested.pop()
            return
        module = frame.f_globals["__name__"]
        self._nested.append((module, frame.f_code.co_name))
        self.calls[module] += 1
        if len(self._nested) > len(self.deepest):
            self.deepest = [f"{where} {name}" for where, name in self._nested]
        is_inside = any(each == (PROCESS, "process") for each in self._nested)
        if is_inside and not module.startswith(STORE):
            self.between.add(module)

    def lines(self) -> Iterator[str]:
        """What there is to read of it."""
        modules, between, calls, depth = self.sizes
        yield f"{modules} modules, {between} between process and store, {calls} calls, {depth} deep"
        rooms = Counter(room(each) for each in self.calls)
        entered = Counter[str]()
        for module, count in self.calls.items():
            entered[room(module)] += count
        for name, count in entered.most_common():
            yield f"    {name:18} {rooms[name]:3} modules {count:4} calls"
        yield from (f"    {number:2} {each}" for number, each in enumerate(self.deepest, 1))


def is_counted(frame: FrameType) -> bool:
    """Whether it is a function that stands in a file of packetserver."""
    if frame.f_code.co_name in INSIDE_ANOTHER:
        return False
    return frame.f_code.co_filename.startswith(str(FOLDER))


def room(module: str) -> str:
    """The room that a module is in; each protocol has its own."""
    parts = module.split(".")[:-1]
    return (
        ".".join(parts[1 : 3 if parts[1:2] == ["protocols"] else 2])
        or module.split(".", maxsplit=1)[0]
    )


def counted(send: Callable[[], object]) -> Way:
    """The way of what is sent."""
    for _ in range(WARM):
        send()
    way, before = Way(), sys.getprofile()
    sys.setprofile(way.note)
    try:
        send()
    finally:
        sys.setprofile(before)
    return way


@pytest.fixture(scope="module")
def app(databases: Databases) -> Iterator[App]:
    with databases.prepared("sqlite") as url, open_app(url) as opened:
        yield opened


@pytest.mark.parametrize(
    ("items", "ceilings"),
    [
        pytest.param(
            '<account action="insert"><name>Dark Horse</name></account>',
            (73, 41, 680, 26),
            id="insert",
        ),
        pytest.param(
            '<accountList action="select"><id>0</id></accountList>',
            (69, 35, 720, 28),
            id="list by key",
        ),
    ],
)
def test_the_way_of_a_packet_is_short(
    app: App, items: str, ceilings: tuple[int, int, int, int], request: pytest.FixtureRequest
) -> None:
    answer = app.send(items)
    assert answer.packet_status == "0", answer.text
    way = counted(lambda: app.send(items))
    print(request.node.callspec.id, *way.lines(), sep="\n")  # noqa: T201 - for `pytest -s`
    assert all(size <= most for size, most in zip(way.sizes, ceilings, strict=True)), way.sizes
