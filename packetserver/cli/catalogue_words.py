"""Says what the catalogue knows of an object in sentences, by the names that travel on the wire.

For each named function of the catalogue there is a phrase, with its arguments in braces; `what` is
the field that a filter compares. What a phrase does not mention and can go with many functions has
a phrase among the qualifiers.
"""

from __future__ import annotations

import inspect
import string
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from packetserver.catalogue.model import Catalogue, Filter, Named, ObjectType
from packetserver.errors import CatalogueError
from packetserver.records.rules.values import NO_ADDRESS
from packetserver.records.writing import LENGTH_EXCEEDED

Phrases = Mapping[str, str]

COMPARED: Phrases = {
    "equals": "is it",
    "equals_ignoring_case": "is it, in any letter case",
    "not_equals": "is another, or empty",
    "like": "fits it as a pattern of % and _",
    "like_ignoring_case": "fits it as a pattern of % and _, in any letter case",
    "like_if_percent": "is it in any letter case, or fits it where it holds a %",
    "in_list": "is one of them",
    "not_in_list": "is none of them, or empty",
    "gt": "is above it",
    "gte": "is it or above",
    "lt": "is below it",
    "lte": "is it or below",
    "is_empty": "is empty",
}
"""How a filter's value, `it`, is compared."""

FILTERS_BY_TIME: Phrases = {
    "gt": "whose {what} is after it",
    "gte": "whose {what} is it or later",
    "lt": "whose {what} is before it",
    "lte": "whose {what} is it or earlier",
}
"""The same where the values are times."""

FILTERS: Phrases = {
    **{name: f"whose {{what}} {phrase}" for name, phrase in COMPARED.items()},
    "above_zero": "whose {what} is above 0",
    "active_product": "that are active and on sale now, at a price that holds now",
    "all_equal": "of which all of {columns} are it",
    "also_used_by": "that one {table} names whose {compares} is it, besides all others listed",
    "any_equal": "of which one of {columns} is it",
    "any_of": "that one of the filters {filters} lists; without any, those of the user who asks",
    "asker_or_below": "whose {what} is the user who asks, or somebody below",
    "approved": "that were never imported, or whose import was approved",
    "before_or_after": "1: whose {what} is before the time in {moment}; 0: after it;"
    " without that, 1: before the present, 0: all others",
    "controlled_access": "1: whose {access} is one controlled by hierarchy",
    "code_not_negative": "whose key is not negative",
    "differs_from": "whose {what} is not {value}",
    "document_store_at": "that have roles or departments of that site for members",
    "document_store_of": "that have that {kind} for a member, at the site in {site} where it is sent",
    "document_store_of_user": "that have the user as a member, or the role in {role} or the"
    " department in {department} at the site in {site}",
    "either_side": "that have the category in {category} and the object in {object} on one side",
    "enabled_contact": "whose {what} is empty or names an enabled contact that is not trashed",
    "enabled_or_started": "that are enabled or whose {start} has come",
    "enabled_user": "whose {what} is an enabled user",
    "ends_in_future": "whose {what} is less than {terms} ago, counted in {units}",
    "ends_with": "whose {what} ends with one of {endings}",
    "equals_or_beside": "whose {what} is it; before it while {side} is 1, after it while that is 0",
    "equals_or_empty": "whose {what} is it, or empty while {or_empty} is in force",
    "equals_value": "whose {what} is {value}",
    "exists_in": "with one {table} whose {compares} {how}",
    "guid_reads": "that the sync client which asks calls so",
    "field_reads": "whose field of that name reads as it",
    "filled": "whose {what} is filled",
    "filled_and_empty": "of which {filled} are filled and {empty_columns} empty",
    "first_of": "whose first {table}, {first} before others, has a {compares} that {how}",
    "has_rows": "with some {table}",
    "is_past": "1: whose {what} has passed; 0: whose {what} is empty",
    "is_set": "whose {what} is filled",
    "is_true": "whose {what} is true",
    "lead_owner_or_reader": "that are leads which the user in {user}, or who asks, owns or has"
    " read, and has not skipped",
    "lead_read_by": "that are leads which the user has read and not skipped",
    "lead_status": "that are leads in that state; 0 while {leads} is 1: that nobody but the user"
    " in {reader} has read; -1 while it is 1: in any state",
    "like_any": "of which one of {columns} fits it as a pattern, in any letter case",
    "linked_project_of_member": "of a project in whose team the user is active",
    "mapped_to_category": "of a category of that table ({tables}): the first sent of {categories},"
    " or any; none while {or_nothing} is in force",
    "member_or_entered_by": "that one of the users entered, or with one {table} whose {compares} is"
    " one of them",
    "news_state": "in the state {state}",
    "no_rows": "without any {table}",
    "none": "that do not exist",
    "not_among": "whose {what} is none of {values}",
    "not_own_company": "that are not the installation's own company",
    "not_trashed": "that are not trashed",
    "nothing": "",
    "older_than": "whose {what} is at least so many {unit} ago",
    "order": "",
    "own_company_staff": "that are employees, or of another company than the own",
    "owned_component": "with a component whose owner {how}",
    "plan_of_opportunity": "with a step that the opportunity or a component of it is attached to",
    "project_open_to_user": "of a project in whose team the user is active, or an approved one"
    " for guests",
    "refuse": "is an error: this filter is not offered",
    "role_has_permission": "whose {what} is a role that holds one of the permissions, full names"
    " between commas",
    "running_step_of_user": "with a step under way that the user owns, or that is for the user's"
    " role, department or group",
    "secret": "whose {what} it is",
    "shared_with_user": "shared with a group of the user, or entered by one of {or_entered_by}",
    "site": "whose {what} is it or empty; -1: is empty",
    "truth": "whose {what} is true",
    "user_or_below": "whose {what} is the user or somebody whom the user manages",
    "valid_at": "whose time from {start} to {end} comprises {moment}, or now",
}
"""Which records a filter lists, and what every list of an object is restricted to."""

TWO_SIDED = frozenset(
    {
        *("above_zero", "active_product", "enabled_contact", "enabled_or_started", "has_rows"),
        *("is_empty", "is_set", "truth", "valid_at"),
    }
)
"""Filters whose 0 lists all other records."""

RULES: Phrases = {
    "accounts_at_same_site": "accounts in {of} must be of the same site",
    "all_required": "each of {of} must have a value",
    "at_least": "{of} must be {value} or above",
    "at_most": "{of} must be {value} or below",
    "chosen_alone": "while {type} is {value}, {of} must have a value and {others} none",
    "email": "{of} must be an e-mail address, or several between commas",
    "fits_field_type": "{of} must be of the type that {type} says",
    "longest": "{of} must have at most {length} characters",
    "not_above": "{of} must not be above {other}",
    "not_before": "{of} must not be before {start}",
    "not_equal": "{of} must be another than {other}",
    "not_past": "{of} must not have passed",
    "nothing_owned": "{when_changed} may only change while nothing belongs to the record: {owners}",
    "one_of_required": "one of {of} must have a value",
    "personal_access_is_own": "with a personal {access}, {owner} must be {user}",
    "personal_task_is_own": "while {sharing} is 1, {owner} must be {user}",
    "required": "{of} must have a value",
    "same_site": "{of} must be the site of {account}",
    "single_records": "{of} must be true while an item has several records",
    "site_matches": "the site of {of}, where it has one, must be that of {site}{site_of}",
    "together": "all of {of} must have a value, or none",
    "unique": "no other record may have the same {of}",
}

COMPLAINTS: Phrases = {
    "at_most": LENGTH_EXCEEDED,
    "email": NO_ADDRESS,
    "longest": LENGTH_EXCEEDED,
    "fits_field_type": "what is wrong with it",
}
"""What a rule complains of by itself, where that is not `Required Field`."""

FIELDS: Phrases = {
    "age": "days and hours from {of} to now",
    "any_rows": "whether there is one of {tables}",
    "code_text": "what {of} means: {texts}",
    "constant": "always `{value}`",
    "contact_name": "name of the contact in {of}{table}",
    "count_rows": "number of {table}",
    "cut_text": "{of}, cut after {length} characters",
    "days_since": "whole days from {of} to now",
    "decimals": "{of} with {digits} decimals",
    "disabled_mark": "reads with (X) behind it while the record is not enabled",
    "effort_hours": "{of} in hours, by {unit}",
    "file_extension": "ending of {of}",
    "first_filled": "the first of {columns} that is filled",
    "first_of": "{reads} of the first {table}",
    "highest_of_rows": "greatest {reads} of its {table}",
    "hundredfold": "{of} times 100",
    "is_among": "whether {of} is one of {values}",
    "is_current": "whether {enabled} is true and {end} is empty or to come",
    "is_filled": "whether {of} is filled",
    "joined_column": "{path}",
    "joined_rows": "{reads} of every {table}, ordered by {sorted}",
    "joined_text": "{of}{columns}, joined",
    "label": "{reads}",
    "linked_label": "name of the record in {of}: {texts}",
    "lowest_of_rows": "least {reads} of its {table}",
    "next_version": "the version after {of}, by {step}",
    "percent_of_rows": "percentage of its {table}",
    "person_name": "name of the person, as {form}",
    "phone_number": "number and extension",
    "phone_part": "group {part} of a number written 999-999-9999",
    "referenced": "{reads}",
    "same": "what {of} reads",
    "sum_rows": "sum of {reads} of its {table}",
    "terms_in_months": "{of} in months, by {units}",
    "thousands": "{of} in whole thousands",
    "url_with_scheme": "{of} with http:// in front",
    "user_name": "`Last, First` of the user in {of}",
    "whole_number": "whole part of {of}",
    "with_suffix": "{of}",
    "yes_or_no": "{of} as Yes or No",
}
"""What a field reads that is worked out, or shown in another way than it is stored."""

EFFECTS: Phrases = {
    "add_to_outline": "The record is the last one of the outline of its requirement",
    "close_gap": "Whoever names the record in {column} names the one before it instead",
    "date_follows_control": "{control} that is true sets {field} to now unless it has a time, and"
    " one that is false empties it",
    "detach": "{columns} that name the record become empty",
    "detach_steps": "Steps of action plans that are linked to the record lose the link",
    "disable_when_used": "While {by} names the record, it is disabled and stays",
    "keep_needed": "What the server needs of the first records cannot be deleted: {because}",
    "keep_untrashed": "Nor can it be trashed by an update: {because}",
    "next_level": "Without a level the record comes last among those with the same {within}",
    "percent_to_fraction": "{fields} are sent as percentages, with or without their sign",
    "refuse_when_used": "While {by} names the record, it can only stay",
}
"""What effects with arguments do; the others say it themselves."""

QUALIFIERS: Phrases = {
    "above": "and above {}",
    "current": "current by {}",
    "empty": "and whose {} is empty",
    "exclusive": "not the empty ones while {} is in force",
    "finished": "those with {} do not count",
    "first": "{} before others",
    "form": "as {}",
    "known": "those with {}",
    "known_as": "by its {}",
    "known_by": "known by {}",
    "hierarchy": "public ones only while {} is 0",
    "inverted": "all others while {} is in force",
    "not_past": "{} not passed",
    "not_set": "{} empty",
    "on": "by {}",
    "or_empty": "or empty while {} is in force",
    "or_public": "or whose {} is public",
    "or_key": "or that has the key in {}",
    "order": "ordered by {}",
    "order_otherwise": "else by {}",
    "past": "{} passed",
    "plus": "and of {}",
    "same": "where {}",
    "separator": "with `{}` between",
    "set": "{} filled",
    "table": "by {}",
    "suffix": "with `{}` behind",
    "type": "type {}",
    "unless": "not while {} is in force",
    "until": "or to {}",
    "user": "{} says who",
    "unless_rows": "or there must be one of {}",
    "when": "only while {} is true",
    "when_type": "for the types {}",
    "where": "where {}",
    "where_not": "except where {}",
    "with": "by itself only while {} is in force",
    "zero_is_empty": "0: empty",
    "zero_is_missing": "0 is no value",
}
"""What an argument adds to the phrase of any function that does not mention it."""

MOMENTS: Phrases = {
    "insert": "insert only, with validation off too",
    "update": "update only",
}
"""When a rule is checked that is not checked always."""

RULE_CONDITIONS: Phrases = {
    "when": "while {} is true",
    "unless": "unless {} is true",
    "when_set": "when {} has a value",
    "unless_set": "unless {} has a value",
    "when_sent": "when {} is sent",
    "unless_sent": "unless {} is sent",
    "at": "on {}",
}
"""When a rule applies."""


ORDERS = frozenset({"order", "order_otherwise"})
TIMES = frozenset({"timestamp", "date", "local-date"})
LABELS = frozenset({"label", "referenced"})
LABEL = "description"

ALL_OF_THEM = frozenset(
    {
        *("accounts_at_same_site", "all_equal", "all_required", "chosen_alone", "detach"),
        *("filled_and_empty", "joined_text", "percent_to_fraction", "together"),
    }
)
"""Functions that mean all that a list has; the others mean one of it."""

OF_ROWS = frozenset(
    {
        *("compares", "current", "empty", "first", "not_past", "not_set", "past", "reads"),
        *("same", "set", "sorted", "where", "where_not"),
    }
)
"""Arguments that are columns of the rows of `table`, where there is one."""


def code(text: object) -> str:
    """A name or a value as Markdown shows it."""
    return f"`{str(text).lower() if isinstance(text, bool) else text}`"


def listing(words: Iterable[str], last: str = "or") -> str:
    """`a, b or c`."""
    *head, tail = [*words] or [""]
    return f"{', '.join(head)} {last} {tail}" if head else tail


def meaning(function: Callable[..., Any]) -> str:
    """What a function says of itself, in its first paragraph."""
    text = " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
    return text.partition(" Raises ")[0].replace("``", "`")


@dataclass(frozen=True, slots=True)
class Wording:
    """Words for one object."""

    catalogue: Catalogue
    object: ObjectType

    def element(self, table: str) -> str:
        """The element whose records a table has, or the table itself."""
        if table == self.object.table:
            return self.object.element
        objects = self.catalogue.objects.values()
        return next((each.element for each in objects if each.table == table), table)

    def path(self, table: str, path: str) -> str:
        """`column.column` of a table by wire names: `contactId.orgId`."""
        names = []
        for column in path.split("."):
            names.append(self._field_name(table, column))
            found = self.catalogue.tables[table].columns.get(column)
            table = found.references or table if found is not None else table
        return code(".".join(names))

    def own(self, name: str) -> str:
        """A field, an input, a column or a path of the object; any other text stays as it is."""
        name = name.removeprefix("path:").removeprefix("field:")
        described, table = self.object, self.object.table or ""
        if self._is_place(name):
            place, _, column = name.partition(":")[0].partition(".")
            return code(f"{self.element(place)}.{self._field_name(place, column)}")
        if "." in name:
            return self.path(table, name)
        known = described.field(name) or described.filter(name) or described.controls.get(name)
        if known is not None:
            return code(known.name)
        if table and name in self.catalogue.tables[table].columns:
            return self.path(table, name)
        return name.replace("_", " ")

    def order(self, names: Iterable[str]) -> str:
        """Columns to order by, one after the other."""
        return ", then ".join(
            f"{self.own(each.removeprefix('-'))} from the last"
            if each.startswith("-")
            else self.own(each)
            for each in names
        )

    def _is_place(self, name: str) -> bool:
        """Whether a name is `table.column`, and not a path from an own column."""
        first, separator, _ = name.partition(".")
        own = self.catalogue.tables[self.object.table].columns if self.object.table else ()
        return bool(separator) and first in self.catalogue.tables and first not in own

    def _field_name(self, table: str, column: str) -> str:
        objects = (self.object, *self.catalogue.objects.values())
        fields = (field for each in objects if each.table == table for field in each.stored_fields)
        return next((each.name for each in fields if each.column == column), column)

    def words(self, named: Named) -> dict[str, str]:
        """The arguments of a function, each in words."""
        found = {key: self._word(named, key, value) for key, value in named.arguments.items()}
        if named.name in LABELS:
            found["reads"] = self._label(named)
            del found["of"]
        return {"how": COMPARED["equals"], **found} if "compares" in found else found

    def _label(self, named: Named) -> str:
        """A field of the record that a reference points to, as a path from that reference."""
        reads, found = named.text("reads", LABEL), self.object.field(named.text("of"))
        if found is None or found.column is None or "." in reads:
            return code(f"{named.text('of')}.{reads}")
        target = self.catalogue.table_of(found)
        name = reads if target is None else self._field_name(target, reads)
        return code(f"{found.name}.{name}")

    def _word(self, named: Named, key: str, value: Any) -> str:
        if key == "how":
            return COMPARED[value]
        if key == "at":
            return MOMENTS[value]
        if key in ORDERS:
            return self.order(value)
        if key == "table":
            return code(self.element(value))
        if key == "tables":
            return listing(code(self.element(each)) for each in value)
        table = named.arguments.get("table") if key in OF_ROWS else None
        return self._value(value, table, "and" if named.name in ALL_OF_THEM else "or")

    def _value(self, value: Any, table: str | None, last: str = "or") -> str:
        if isinstance(value, Mapping):
            return self._pairs(value, table)
        if isinstance(value, list | tuple):
            return listing((self._value(each, table) for each in value), last)
        if isinstance(value, str):
            return self.path(table, value) if table else self.own(value)
        return code(value)

    def _pairs(self, pairs: Mapping[str, Any], table: str | None) -> str:
        """`where` and the like by column, texts by their code."""
        if all(key.isdecimal() for key in pairs):
            return ", ".join(f"{code(key)} {text}" for key, text in pairs.items())
        words = (
            f"{self._value(key, table)} is {value if isinstance(value, str) else code(value)}"
            for key, value in pairs.items()
        )
        return listing(words, "and")

    def sentence(self, phrases: Phrases, named: Named, others: Phrases, **more: str) -> str:
        """The phrase of a function, and behind it what the ``others`` say of its arguments.

        Raises CatalogueError for a function that nobody has written a phrase for.
        """
        words = self.words(named) | more
        if named.name not in phrases:
            problem = f"{named.name} needs a phrase in packetserver/cli/catalogue_words.py"
            raise CatalogueError(self.object.file, self.object.element, problem)
        phrase = phrases[named.name]
        said = {name for _, name, _, _ in string.Formatter().parse(phrase) if name is not None}
        rest = [
            others[key].format(word)
            for key, word in words.items()
            if key in others and key not in said
        ]
        text = phrase.format_map({name: words.get(name, "") for name in said})
        return ", ".join(filter(None, (text, *rest)))

    def field(self, named: Named) -> str:
        """What a field reads that is worked out."""
        return self.sentence(FIELDS, named, QUALIFIERS)

    def effect(self, named: Named, function: Callable[..., Any]) -> str:
        """What an effect does, in a sentence; one without arguments says it itself."""
        if named.name not in EFFECTS:
            return meaning(function)
        return f"{self.sentence(EFFECTS, named, QUALIFIERS)}."

    def rule(self, field: str, named: Named) -> str:
        """What a rule demands, and when."""
        of = {} if "of" in named.arguments else {"of": code(field)}
        return self.sentence(RULES, named, {**QUALIFIERS, **RULE_CONDITIONS}, **of)

    def restriction(self, named: Named, one: Filter | None = None) -> str:
        """Which records a filter lists, or a condition that every list has."""
        column = one.column if one is not None else None
        compared = named.text("path") or column or named.text("column")
        what = self.path(self.object.table or "", compared) if compared else ""
        text = self.sentence(_phrases(one), named, QUALIFIERS, what=what)
        if one is None or one.type.name != "tristate":
            return text
        if named.name == "equals":
            return f"1: {text}; 0: false"
        return f"1: {text}; 0: all others" if named.name in TWO_SIDED else text


def _phrases(one: Filter | None) -> Phrases:
    """The phrases for the type of a filter."""
    if one is None:
        return FILTERS
    if one.type.name in TIMES:
        return {**FILTERS, **FILTERS_BY_TIME}
    is_flag = one.type.name == "tristate" or one.none == "false"
    return {**FILTERS, "equals": "whose {what} is true"} if is_flag else FILTERS
