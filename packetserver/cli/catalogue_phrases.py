"""What the named functions of the catalogue mean to somebody who writes a client.

A phrase has its function's arguments in braces; `what` is the field that a filter compares. What
a phrase does not mention and can go with many functions has a phrase among the qualifiers.
"""

from __future__ import annotations

from collections.abc import Mapping

from packetserver.engine.draft import LENGTH_EXCEEDED
from packetserver.engine.named.rules_form import NO_ADDRESS

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
