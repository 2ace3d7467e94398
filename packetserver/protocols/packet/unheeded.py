"""What a client sends and nothing heeds: noted for the log, or an error where it asks for that.

See docs/filters.md, Strictness.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packetserver.protocols.packet.failures import TransactionFailure

if TYPE_CHECKING:
    from packetserver.protocols.packet.context import Call

FIELD, FILTER, META, ATTRIBUTE, VALUE = "field", "filter", "meta", "attribute", "value"
KINDS: Mapping[str, str] = {
    FIELD: "a property of a record that its object does not have",
    FILTER: "a filter that the list does not have, or that has no effect",
    META: "a meta property that the object does not have",
    ATTRIBUTE: "an attribute that items do not have, or whose value means nothing",
    VALUE: "a value that is dropped: not of its type, not the client's to set, or not looked at",
}
"""By what was sent: the label of the metric."""

WORDS = {META: "meta property"}

MOST_NAMED = 20
"""How many of a transaction are named; the others are only counted."""

LONGEST_NAME = 64


@dataclass(slots=True)
class Unheeded:
    """What nothing heeded: how often each kind, and the first as (kind, element, name)."""

    counts: Counter[str] = field(default_factory=Counter)
    names: dict[tuple[str, str, str], None] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)

    def note(self, kind: str, element: str, name: str) -> None:
        """Note one thing."""
        self.counts[kind] += 1
        if len(self.names) < MOST_NAMED:
            self.names[kind, element, name[:LONGEST_NAME]] = None

    def add(self, other: Unheeded | None) -> None:
        """Note what nothing heeded elsewhere, too."""
        if other is not None:
            self.counts.update(other.counts)
            for each in other.names:
                if len(self.names) < MOST_NAMED:
                    self.names[each] = None

    def complain(self, text: str) -> None:
        """Say in a sentence what was noted; the first of many are enough."""
        if len(self.complaints) < MOST_NAMED:
            self.complaints.append(text)

    def check(self) -> None:
        """Raises TransactionFailure when there was anything to complain about."""
        if not self.complaints:
            return
        more = self.counts.total() - len(self.complaints)
        rest = [f"and {more} more"] if more > 0 else []
        raise TransactionFailure.because(*self.complaints, *rest)


def unknown(call: Call, kind: str, name: str, known: Collection[str]) -> None:
    """Note a name that means nothing here; whoever asks for it is told the nearest of the known."""
    found = call.transaction.packet.unheeded
    found.note(kind, call.item.element, name)
    if call.transaction.packet.strict:
        word, shown = WORDS.get(kind, kind), name[:LONGEST_NAME]
        nearest = _nearest(call, shown, known)
        found.complain(f"the {word} {shown} is unknown{nearest}")


def dropped(call: Call, name: str, reason: str, kind: str = VALUE) -> None:
    """Note a value that is not heeded, for a reason that follows its name in a sentence."""
    found = call.transaction.packet.unheeded
    found.note(kind, call.item.element, name)
    if call.transaction.packet.strict:
        found.complain(f"{name}: {reason}")


def _nearest(call: Call, name: str, known: Collection[str]) -> str:
    """The known name that is most like a name; nothing where none is at all."""
    packet = call.transaction.packet
    if packet.hints < 1 or len(packet.unheeded.complaints) >= MOST_NAMED:
        return ""
    packet.hints -= 1
    by_letters = {each.lower(): each for each in sorted(known)}
    found = difflib.get_close_matches(name.lower(), by_letters, n=1, cutoff=0.5)
    return f", the nearest is {by_letters[found[0]]}" if found else ""
