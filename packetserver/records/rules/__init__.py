"""What the values of a record have to be: the rules that schemas name, and unique names.

Every rule may say, beside its own arguments, when it applies: ``at`` is `insert` or `update`;
``when`` and ``unless`` name a boolean control or field; ``when_set`` and ``unless_set`` name fields
of which one has a value, ``when_sent`` and ``unless_sent`` fields of which one was given;
``message`` is the complaint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from packetserver.catalogue.model import Field, Named
from packetserver.failures import Failure, Kind, Refused, invalid
from packetserver.letters import is_same_name
from packetserver.records.writing import Rules, Writing
from packetserver.store.names import NameColumn, Row, holder

CREATION = ("enteredBy", "modifiedBy")
"""The fields that name who enters a record."""
CHANGE = ("modifiedBy",)
"""Those that name who changes one."""

AT_INSERT = "insert"
"""The rules that an insert keeps even while validation is off (schemas: `at`)."""

REQUIRED = "Required Field"


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
    """Hold a record to the rules that it is written by, and to names that are unique.

    Raises Refused, with a failure for each complaint, in the catalogue's order.
    """
    if writing.how.rules is Rules.ALL:
        complaints = [*writing.given.unread, *_broken(writing)]
        told = {name for name, _ in complaints}
        # Where a rule has told it already it is not told twice.
        complaints += [each for each in taken_names(writing) if each[0] not in told]
        complaints += _missing(writing)
        if complaints:
            raise invalid(writing.object.element, complaints)
        return
    writing.drop_unread()
    check_names(writing)
    complaints = list(_broken(writing, AT_INSERT)) if writing.is_new else []
    complaints += _missing(writing)
    if complaints:
        failures = dict.fromkeys(complaints)
        element = writing.object.element
        raise Refused(*(Failure(Kind.VALUE, element, None, *each) for each in failures))


def _broken(writing: Writing, at: str | None = None) -> Iterator[tuple[str, str]]:
    """The fields that break a rule, each with the complaint."""
    for each in writing.object.rules:
        if at is None or each.rule.text("at") == at:
            for message in RULES[each.rule.name](writing, each.field, each.rule):
                yield each.field, message


def _missing(writing: Writing) -> list[tuple[str, str]]:
    """The fields that have to have a value beyond what the rules say, and have none."""
    names = sorted(writing.how.mandatory)
    return [(name, REQUIRED) for name in names if not is_given(writing.value(name))]


def check_names(writing: Writing) -> None:
    """Raises Refused, with a failure for each, for names that are another record's."""
    element, taken = writing.object.element, list(taken_names(writing))
    if taken:
        raise Refused(*(Failure(Kind.TWIN, element, None, *each) for each in taken))


def taken_names(writing: Writing) -> Iterator[tuple[str, str]]:
    """The fields whose new name is another record's (docs/catalogue.md, `unique`), and whose.

    A record may be stored again under the name that it has, even where others have it too.
    """
    for field in writing.object.names:
        name = writing.given.values.get(field.name)
        before = writing.stored[field.name] if writing.stored is not None else None
        if not isinstance(name, str) or (before is not None and is_same_name(name, before)):
            continue
        found = holder_of_name(writing, field, name)
        if found is not None:
            state = "" if found.enabled else ", and is disabled"
            kind = writing.object.element
            yield field.name, f"The {kind} {found.key} has this name already{state}"


def holder_of_name(writing: Writing, field: Field, name: str) -> Row | None:
    """Another record that has a name, in any letter case and with any blanks around it."""
    described = writing.object
    key = described.key
    own = writing.stored[key.name] if writing.stored is not None and key is not None else None
    key_column = key.column if key is not None else None
    names = NameColumn(described.table or "", key_column or "", field.column or "")
    return holder(writing.rows.connection, names, name, but=own)


AT_UPDATE = "update"

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
    if name in writing.object.controls:
        return writing.control(name)
    value = writing.value(name)
    found = writing.object.field(name)
    if value is None and writing.stored is not None and found is not None and found.secret:
        # A secret reads as empty, and an empty one leaves what is stored (records/changing).
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
    found = writing.object.field(name)
    if found is None or name in writing.object.controls:
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
    found = writing.object.field(name)
    sent = writing.given.values.get(found.name) if found is not None else None
    if sent is not None:
        return sent
    is_stamped = writing.is_new or (found is not None and found.name in CHANGE)
    return writing.records.principal.entered_by if is_stamped else writing.value(name)


def _is_complained_about(writing: Writing, name: str) -> bool:
    described = writing.object
    found = described.field(name)
    return any(
        each == name or (found is not None and described.field(each) is found)
        for each, _ in writing.given.unread
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
