"""One page of the reference for everybody who writes a client: an object, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from packetserver.catalogue.model import NOW, Control, Field, Filter, ObjectType, Rule, Scalar
from packetserver.cli.catalogue_words import COMPLAINTS, Wording, code, listing, meaning
from packetserver.cli.examples import example_packets
from packetserver.protocols.packet.actions import NAMED_INSERTS
from packetserver.records.effects import AFTER, BEFORE, INSTEAD
from packetserver.records.filters import mentions
from packetserver.records.rules import CREATION, REQUIRED
from packetserver.records.ways import PERMISSION_RULES
from packetserver.store.field_filters import uncompared_fields
from packetserver.store.schema import Schema

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


INDEX = "README.md"
PLAIN_RULE = "plain"
VERBS = "`-view` to select and sync, `-add` to insert, `-edit` to update, `-delete` to delete"


def object_page(schema: Schema, described: ObjectType) -> Iterator[str]:
    """The lines of an object's page."""
    words = Wording(schema.catalogue, described)
    yield f"# {described.element}"
    yield from ("", *_head(words))
    yield from _section("Fields", _fields(words))
    yield from _section("Inputs that are not stored", _controls(described))
    if described.list_element is not None:
        yield from _section(f"Filters of `{described.list_element}`", _filters(words))
        yield from _section("The list", list_facts(words))
    yield from _section("Rules", rule_lines(words))
    yield from _section("What else is stored", effect_lines(words))
    if described.table is not None:
        yield from _section("Delete", removal_lines(words))
    for title, packet in example_packets(described):
        yield from _section(f"Example: {title}", ["```xml", *packet, "```"])


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        yield from ("", f"## {title}", "", *found)


def markdown_table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table whose columns, but for the last, are as wide as their widest cell."""
    if not rows:
        return
    *widths, _ = (max(map(len, column)) for column in zip(heading, *rows, strict=True))
    for cells in (heading, ["-" * width for width in (*widths, 3)], *rows):
        *padded, last = cells
        padded = [cell.ljust(width) for cell, width in zip(padded, widths, strict=True)]
        yield f"| {' | '.join((*padded, last.replace('|', '&#124;')))} |"


def _head(words: Wording) -> Iterator[str]:
    described = words.object
    area = described.file.removesuffix(".toml")
    yield f"Area [{area}]({INDEX}#{area})" + (
        f", table {code(described.table)}." if described.table else "."
    )
    yield ""
    yield f"* Actions: {_actions(described)}."
    yield f"* Permission: {_permission(described)}"
    if described.forced_to_user:
        forced = listing(map(code, described.forced_to_user), "and")
        yield f"* Set to the user who asks, whatever is sent: {forced}."
    for (element, name), function in NAMED_INSERTS.items():
        if element == described.element:
            yield f"* {code(name)}: {meaning(function)}"


def _actions(described: ObjectType) -> str:
    if described.table is None:
        return listing(map(code, described.actions), "and")
    listed = described.list_element
    single = "insert, select, update and delete"
    return f"{single}; select, sync and syncDelete of {code(listed)}" if listed else single


def _permission(described: ObjectType) -> str:
    base = code(described.permission) if described.permission else ""
    if described.permission_rule == PLAIN_RULE:
        return f"{base}, {VERBS}." if base else "none needed."
    rule = meaning(PERMISSION_RULES[described.permission_rule])
    return f"{base}. {rule}" if base else rule


def _fields(words: Wording) -> Iterator[str]:
    described = words.object
    rows = [
        (code(each.name), _type_text(each), _empty_text(each), "; ".join(_field_notes(words, each)))
        for each in described.fields.values()
    ]
    rows += [
        (code(alias), "", "", f"another name of {code(name)}")
        for alias, name in described.aliases.items()
    ]
    yield from markdown_table(("name", "type", "empty", "notes"), rows)


def _type_text(each: Field) -> str:
    return f"{each.type.name} {each.max_length}" if each.max_length else each.type.name


def _empty_text(each: Field) -> str:
    """What an empty field reads as; nothing to say of one that reads as an empty element."""
    is_never_empty = each.column is not None and not each.nullable
    return "" if is_never_empty or each.unset == "" else code(each.unset)


def _field_notes(words: Wording, each: Field) -> Iterator[str]:
    described = words.object
    if each.derived is not None:
        yield f"read only: {words.field(each.derived)}"
        return
    if each.key:
        is_chosen = described.key_may_be_sent or each.type.name != "integer"
        yield "key, may be chosen" if is_chosen else "key, given by the server"
        return
    if each.name in CREATION:
        yield "the user when not sent"
    elif each.required:
        yield "required"
    yield from _reference_notes(words, each)
    yield from _default_notes(each)
    yield from _storing_notes(each)
    if each.shown is not None:
        yield words.field(each.shown)


def _reference_notes(words: Wording, each: Field) -> Iterator[str]:
    if each.references is not None:
        yield f"id of [{each.references}]({each.references}.md)"
    elif each.references_table is not None:
        yield f"id in the table {code(each.references_table)}"
    if each.references_by is not None:
        choices = (
            f"{number} [{element}]({element}.md)"
            for number, element in each.references_by.elements.items()
        )
        yield f"id of what {code(each.references_by.field)} says: {', '.join(choices)}"
    if each.empty:
        yield f"{each.empty} means none"


def _default_notes(each: Field) -> Iterator[str]:
    value: Scalar = each.default if each.initial is None else each.initial
    if value == NOW:
        yield "the present time when not sent"
    elif value not in {None, ""}:
        yield f"{code(value)} when not sent"


def _storing_notes(each: Field) -> Iterator[str]:
    if each.secret:
        yield "stored hashed, reads as empty"
    if each.unique:
        yield "one record's alone, in any letter case and with any blanks around it"
    if each.cut:
        yield f"cut after {each.cut} characters"
    if not each.insert and not each.update:
        yield "not stored when sent"
    elif not each.insert:
        yield "not stored on insert"
    elif not each.update:
        yield "never changed by an update"


def _filters(words: Wording) -> Iterator[str]:
    yield from markdown_table(("name", "type", "lists the records"), list(filter_rows(words)))
    yield from field_filter_lines(words.object)


def _controls(described: ObjectType) -> Iterator[str]:
    rows = [_control_row(each) for each in described.controls.values()]
    yield from markdown_table(("name", "type", "when not sent"), rows)


def _control_row(each: Control) -> tuple[str, ...]:
    return code(each.name), each.type.name, "" if each.initial in {None, ""} else code(each.initial)
