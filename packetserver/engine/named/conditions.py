"""What every rule of the catalogue may say beside its own arguments: when it applies, and its text.

``at`` is `insert` or `update`; ``when`` and ``unless`` name a boolean control or field; ``when_set``
and ``unless_set`` name fields of which one has a value, ``when_sent`` and ``unless_sent`` fields of
which one was sent; ``message`` is the complaint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from packetserver.catalogue.model import Named
from packetserver.engine.stamps import CHANGE, CREATION
from packetserver.engine.validation import REQUIRED, Writing, rule

AT_INSERT, AT_UPDATE = "insert", "update"

Broken = Callable[[Writing, str, Named], bool | str]
"""Whether a rule is broken: it gets the record, the field complained about and the arguments.

The answer may be the complaint itself, where it depends on the record.
"""


def broken_when(name: str, default: str = REQUIRED) -> Callable[[Broken], Broken]:
    """Registers a rule by the question whether it is broken; when it applies is asked before.

    ``default`` is the complaint where the catalogue has none.
    """

    def register(function: Broken) -> Broken:
        def complaints(writing: Writing, field: str, named: Named) -> tuple[str, ...]:
            broken = applies(writing, named) and function(writing, field, named)
            if not broken:
                return ()
            return (broken if isinstance(broken, str) else named.text("message", default),)

        rule(name)(complaints)
        return function

    return register


def applies(writing: Writing, named: Named) -> bool:
    """Whether the generic arguments let a rule apply to this record."""
    arguments = named.arguments
    if arguments.get("at", "") not in {"", AT_INSERT if writing.is_new else AT_UPDATE}:
        return False
    # Most rules have none of these arguments, and every record is asked about every rule.
    if arguments.keys().isdisjoint(GENERIC):
        return True
    for argument, wanted, holds in ARGUMENTS:
        names = named.texts(argument) if argument in arguments else ()
        if names and any(holds(writing, each) for each in names) is not wanted:
            return False
    return True


def looked_at(field: str, named: Named) -> str:
    """The field that a rule looks at: ``of``, or the one that the complaint is shown under."""
    return named.text("of", field)


def input_value(writing: Writing, name: str) -> Any:
    """The value of a control or a field; a control hides a field of the same name."""
    if name in writing.draft.object.controls:
        return writing.control(name)
    value = writing.value(name)
    found = writing.draft.object.field(name)
    if value is None and writing.stored is not None and found is not None and found.secret:
        # A secret reads as empty, and an empty one leaves what is stored (engine/actions/update).
        return writing.stored[found.name]
    return value


def is_on(writing: Writing, name: str) -> bool:
    """Whether a boolean control or field is true."""
    return input_value(writing, name) is True


def is_given(value: Any) -> bool:
    """Whether a value counts as given: blank texts, false and negative numbers do not."""
    if value is None or isinstance(value, bool):
        return value is True
    if isinstance(value, str):
        return bool(value.strip())
    return not (isinstance(value, int) and value < 0)


def given_value(writing: Writing, name: str) -> Any:
    """The value, but None for what the server alone puts into a column that nobody filled."""
    found = writing.draft.object.field(name)
    if found is None or name in writing.draft.object.controls:
        return input_value(writing, name)
    if writing.is_new and found.initial is not None and not writing.was_sent(name):
        return None
    return input_value(writing, name)


def has_value(writing: Writing, name: str) -> bool:
    """Whether a control or field has a value; one that could not be read has its complaint."""
    if is_given(given_value(writing, name)) or _is_complained_about(writing, name):
        return True
    return name in CREATION and is_given(acting_user(writing, name))


def any_given(writing: Writing, names: Iterable[str]) -> bool:
    """Whether one of these controls or fields has a value."""
    return any(has_value(writing, each) for each in names)


def acting_user(writing: Writing, name: str) -> Any:
    """The user that a field will name: who asks is put there when nobody else was named."""
    found = writing.draft.object.field(name)
    sent = writing.draft.values.get(found.name) if found is not None else None
    if sent is not None:
        return sent
    is_stamped = writing.is_new or (found is not None and found.name in CHANGE)
    return writing.call.principal.entered_by if is_stamped else writing.value(name)


def _is_complained_about(writing: Writing, name: str) -> bool:
    described = writing.draft.object
    found = described.field(name)
    return any(
        each == name or (found is not None and described.field(each) is found)
        for each, _ in writing.draft.complaints
    )


Condition = Callable[[Writing, str], bool]
CONDITIONS: dict[str, Condition] = {"": is_on, "_set": has_value, "_sent": Writing.was_sent}
"""What `when…` and `unless…` ask, by how they end."""

ARGUMENTS = tuple(
    (f"{word}{ending}", wanted, holds)
    for ending, holds in CONDITIONS.items()
    for word, wanted in (("when", True), ("unless", False))
)
"""Each such argument, with the answer that lets the rule apply, and what it asks of its names."""

GENERIC = frozenset(argument for argument, _, _ in ARGUMENTS)
