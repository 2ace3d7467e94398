"""Object validation: every complaint about a record, with its reason (PROTOCOL.md 8)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from packetserver.catalogue.model import Field, Named
from packetserver.engine.context import Call
from packetserver.engine.draft import Draft
from packetserver.engine.unheeded import dropped
from packetserver.errors import TransactionFailure
from packetserver.store.folding import is_same_name
from packetserver.store.names import NameColumn, Row, holder

AT_INSERT = "insert"
"""The rules that an insert keeps even while validation is off (schemas: `at`)."""

FIXED_LINES = ("Object validation error", "Transaction failed", "Object Validation Failed")
REQUIRED = "Required Field"


@dataclass(slots=True)
class Writing:
    """A record about to be stored: what was sent over what is stored.

    ``stored`` holds the stored values by field name, None for a new record.
    """

    call: Call
    draft: Draft
    stored: dict[str, Any] | None

    def value(self, name: str) -> Any:
        """A field's value as it will be stored: sent, else stored, else what a new one has."""
        found = self.draft.object.field(name)
        if found is None:
            return None
        if found.name in self.draft.values:
            value = self.draft.values[found.name]
            return value if value is not None or self.stored is not None else initial(found)
        return self.stored.get(found.name) if self.stored is not None else initial(found)

    def control(self, name: str) -> Any:
        """A control's value, or what it is when it was not sent."""
        return self.draft.control(name)

    def was_sent(self, name: str) -> bool:
        """Whether the client sent the field, empty or not."""
        found = self.draft.object.field(name)
        return found is not None and found.name in self.draft.values

    def set(self, name: str, value: Any) -> None:
        """Store another value than the one that was sent."""
        self.draft.values[name] = value

    @property
    def is_new(self) -> bool:
        """Whether the record is being inserted."""
        return self.stored is None


def initial(found: Field) -> Any:
    """What a field of a new record has when nothing was sent for it, times left out."""
    if found.initial is not None:
        return found.initial
    return None if found.default == "now" else found.default


RuleFunction = Callable[[Writing, str, Named], Sequence[str]]
RULES: dict[str, RuleFunction] = {}
"""By name: a message for everything that is wrong with a field."""


def rule(name: str) -> Callable[[RuleFunction], RuleFunction]:
    """Registers a function under the name that `rule` of a schema uses."""

    def register(function: RuleFunction) -> RuleFunction:
        RULES[name] = function
        return function

    return register


def validate(writing: Writing) -> None:
    """Raises TransactionFailure with one line for each complaint, in the catalogue's order."""
    complaints = [f"{name}: {reason}" for name, reason in writing.draft.complaints]
    for each in writing.draft.object.rules:
        messages = RULES[each.rule.name](writing, each.field, each.rule)
        if messages:
            complaints.extend(f"{each.field}: {message}" for message in messages)
    # Where a rule has told it already it is not told twice.
    complaints.extend(
        f"{name}: {message}"
        for name, message in taken_names(writing)
        if not any(each.startswith(f"{name}: ") for each in complaints)
    )
    if complaints:
        raise TransactionFailure(*FIXED_LINES, *dict.fromkeys(complaints))


def drop_complaints(writing: Writing) -> None:
    """Note that values which are not of their type are not stored: nobody validates."""
    for name, reason in writing.draft.complaints:
        dropped(writing.call, name, reason)


def check_insert(writing: Writing) -> None:
    """Raises TransactionFailure, with a line for each complaint, for what may never be stored.

    In the original the insert itself refused such a record (catalogue, `at` insert).
    """
    drop_complaints(writing)
    check_names(writing)
    complaints = [
        f"{each.field}: {message}"
        for each in writing.draft.object.rules
        if each.rule.text("at") == AT_INSERT
        for message in RULES[each.rule.name](writing, each.field, each.rule)
    ]
    if complaints:
        raise TransactionFailure.because(*dict.fromkeys(complaints))


def check_names(writing: Writing) -> None:
    """Raises TransactionFailure, with a line for each, for names that are another record's."""
    complaints = [f"{name}: {message}" for name, message in taken_names(writing)]
    if complaints:
        raise TransactionFailure.because(*complaints)


def taken_names(writing: Writing) -> Iterator[tuple[str, str]]:
    """The fields whose new name is another record's (docs/catalogue.md, `unique`), and whose.

    A record may be stored again under the name that it has, even where others have it too.
    """
    for field in writing.draft.object.names:
        name = writing.draft.values.get(field.name)
        before = writing.stored[field.name] if writing.stored is not None else None
        if not isinstance(name, str) or (before is not None and is_same_name(name, before)):
            continue
        found = holder_of_name(writing, field, name)
        if found is not None:
            state = "" if found.enabled else ", and is disabled"
            kind = writing.draft.object.element
            yield field.name, f"The {kind} {found.key} has this name already{state}"


def holder_of_name(writing: Writing, field: Field, name: str) -> Row | None:
    """Another record that has a name, in any letter case and with any blanks around it."""
    described = writing.draft.object
    key = described.key
    own = writing.stored[key.name] if writing.stored is not None and key is not None else None
    key_column = key.column if key is not None else None
    names = NameColumn(described.table or "", key_column or "", field.column or "")
    return holder(writing.call.records.connection, names, name, but=own)
