"""What happens to the records of an object, in Markdown: lists, rules, effects, removal."""

from __future__ import annotations

from collections.abc import Iterator

from packetserver.catalogue.model import Filter, ObjectType, Rule
from packetserver.cli.catalogue_phrases import COMPLAINTS
from packetserver.cli.catalogue_wording import Wording, code, listing
from packetserver.engine.effects import AFTER, BEFORE, INSTEAD
from packetserver.engine.validation import REQUIRED
from packetserver.store.field_filters import uncompared_fields
from packetserver.store.filters import mentions

Row = tuple[str, ...]


def filter_rows(words: Wording) -> Iterator[Row]:
    """The filters that the schema declares: name, type, and which records each lists."""
    described = words.object
    for each in described.filters.values():
        if each.field is not None:
            continue
        yield code(each.name), each.type.name, "; ".join(_filter_notes(words, each))
    for alias, name in described.filter_aliases.items():
        yield code(alias), "", f"another name of {code(name)}"


def field_filter_lines(described: ObjectType) -> Iterator[str]:
    """That the other fields are filters too, and which of them are not."""
    if not any(each.field is not None for each in described.filters.values()):
        return
    page = "[by what it reads as](../filters.md)"
    shaped = [code(each.name) for each in uncompared_fields(described)]
    but = f", but for {listing(shaped, 'and')}" if shaped else ""
    yield from ("", f"Every other field filters the list {page}{but}.")


def _filter_notes(words: Wording, each: Filter) -> Iterator[str]:
    yield words.restriction(each.match, each) or _without_condition(words.object, each)
    if each.none is not None and each.type.name != "boolean":
        yield f"{listing(each.none.split(' or '))}: no filter"
    elif each.none == "true":
        yield "in force while `false` is sent"
    if each.default is not None:
        yield f"{code(each.default)} when not sent"


def _without_condition(described: ObjectType, each: Filter) -> str:
    """What a filter is for that lists no records by itself."""
    users = [
        code(other.name)
        for other in described.filters.values()
        if other.name != each.name and mentions(other.match, each.name)
    ]
    if any(mentions(condition, each.name) for condition in described.always):
        users.append("what every list leaves out")
    return f"changes {listing(users, 'and')}" if users else "accepted without effect"


def list_facts(words: Wording) -> Iterator[str]:
    """What every list is restricted to, and how it is ordered."""
    described = words.object
    for each in described.always:
        yield f"* Only records {words.restriction(each)}."
    if described.own_records is not None:
        own = code(described.own_records)
        yield f"* A user's list holds only records whose {own} is the user."
    yield f"* Ordered by {_order(words, described.order)}."
    if described.order_paged:
        yield f"* In pages ordered by {_order(words, described.order_paged)}."
    if described.sync_inserted is None and described.sync_updated is None:
        yield "* Records have no time of entry: a sync sends all that the client does not have."
    if described.ignored_filters:
        ignored = listing(map(code, sorted(described.ignored_filters)), "and")
        yield f"* Accepted without effect: {ignored}."


def _order(words: Wording, names: tuple[str, ...]) -> str:
    key = words.object.key
    whole = names if key is None or key.column in names else (*names, key.name)
    return words.order(whole) or "nothing in particular"


def rule_lines(words: Wording) -> Iterator[str]:
    """The rules of validation, each with its complaint."""
    for each in words.object.rules:
        yield f"* {code(f'{each.field}: {_complaint(each)}')}: {words.rule(each.field, each.rule)}."


def _complaint(each: Rule) -> str:
    return each.rule.text("message", COMPLAINTS.get(each.rule.name, REQUIRED))


def effect_lines(words: Wording) -> Iterator[str]:
    """What an insert and an update change besides the fields that were sent."""
    described = words.object
    for title, effects in (("insert", described.on_insert), ("update", described.on_update)):
        for each in effects:
            function = BEFORE.get(each.name) or AFTER[each.name]
            yield f"* On {title}: {words.effect(each, function)}"


def removal_lines(words: Wording) -> Iterator[str]:
    """What a delete does."""
    described = words.object
    for each in described.on_delete:
        yield f"* {words.effect(each, INSTEAD[each.name])}"
    if described.trashed_column is not None:
        yield "* The record stays with the present time as its `trashedDate`, and is gone from lists."
        return
    yield "* The record is removed, unless others refer to it."
    if described.removes:
        gone = listing(
            (words.own(f"{table}.{column}") for table, column in described.removes), "and"
        )
        yield f"* With it go the records that name it in {gone}, and what belongs to them."
