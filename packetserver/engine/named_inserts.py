"""`insertXxx`: inserts with a name of their own, by element and name (PROTOCOL.md 5.1)."""

from __future__ import annotations

from collections.abc import Callable

from packetserver.engine.context import Call

NamedInsert = Callable[[Call], None]
NAMED_INSERTS: dict[tuple[str, str], NamedInsert] = {}


def named_insert(element: str, name: str) -> Callable[[NamedInsert], NamedInsert]:
    """Registers a function as the named insert of an element."""

    def register(function: NamedInsert) -> NamedInsert:
        NAMED_INSERTS[element, name] = function
        return function

    return register
