"""What the roles of a database may do, worked out without the engine.

From what schemas/ says of an object, DECISIONS.md (Permissions), and the rows of `role_permission`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy
from generic.who_sees_what import ACCOUNT_TICKETS, ANY_OF, FILES, FOLDERS, REPORTS

OBJECTS = Path(__file__).parents[2] / "schemas" / "objects"

VERBS = {
    "insert": "add",
    "select": "view",
    "select list": "view",
    "sync": "view",
    "syncDelete": "view",
    "update": "edit",
    "delete": "delete",
}
"""The ending that an action takes of its object's permission."""

LIST_ACTIONS = frozenset({"select list", "sync", "syncDelete"})

RIGHTS = sqlalchemy.text(
    "SELECT p.permission, rp.role_view, rp.role_add, rp.role_edit, rp.role_delete"
    " FROM role_permission rp JOIN permission p ON p.permission_id = rp.permission_id"
    " JOIN role r ON r.role_id = rp.role_id WHERE r.role = :role AND p.enabled"
)

CONTACT = "contacts-external_contacts"
RECORDS: Mapping[str, str] = {
    "contact": CONTACT,
    "call": f"{CONTACT}-calls",
    "history": f"{CONTACT}-history",
}
"""Rules that decide by the record: what they ask for one that belongs to no account and no module.

Of all others that is the permission of the object itself.
"""


def of_some_record(rule: str, element: str = "") -> set[str]:
    """The base permissions of which each opens some records of a list."""
    if rule == "ticket":
        return set() if element == "projectTicketCount" else {ACCOUNT_TICKETS}
    if rule == "report":
        return set(REPORTS.values())
    return {"folder": {*FOLDERS.values()}, "file": {*FILES.values()}}.get(
        rule, ANY_OF.get(rule, set())
    )


ALL_REPORTS = "reports"
USERS = "admin-users"
LISTS_EDITED = "admin-sysconfig-lists-edit"


@dataclass(frozen=True)
class Described:
    """What a schema says of who may handle an object."""

    permission: str | None
    rule: str


@cache
def described_objects() -> dict[str, Described]:
    """Every element with what it inherits, read from the files."""
    found = {}
    for path in sorted(OBJECTS.glob("*.toml")):
        parsed = tomllib.loads(path.read_text(encoding="utf-8"))
        for element in parsed:
            if not element.startswith("_"):
                found[element] = Described(
                    _inherited(parsed, element, "permission"),
                    _inherited(parsed, element, "permission_rule") or "plain",
                )
    return found


def _inherited(parsed: Mapping[str, Any], element: str, key: str) -> Any:
    definition = parsed[element]
    if key in definition or "like" not in definition:
        return definition.get(key)
    return _inherited(parsed, definition["like"], key)


def _lookup(base: str, verb: str, *, is_list: bool) -> set[str]:
    return set() if verb == "view" else {LISTS_EDITED}


def _view_only(base: str, verb: str, *, is_list: bool) -> set[str]:
    return {f"{base}-view"}


def _usage(base: str, verb: str, *, is_list: bool) -> set[str]:
    return {f"{base if verb == 'view' else USERS}-{verb}"}


def _sync_client(base: str, verb: str, *, is_list: bool) -> set[str]:
    return {f"{USERS}-{verb}"}


def _report(base: str, verb: str, *, is_list: bool) -> set[str]:
    # Who may add a report may change it; all reports can be viewed by a permission of their own.
    more = {"edit": {f"{base}-add"}, "view": {f"{ALL_REPORTS}-view"}}
    names = (
        {f"{each}-{verb}" for each in of_some_record("report")} if is_list else {f"{base}-{verb}"}
    )
    return names | more.get(verb, set())


RULES: Mapping[str, Callable[..., set[str]]] = {
    "lookup": _lookup,
    "view_only": _view_only,
    "usage": _usage,
    "sync_client": _sync_client,
    "report": _report,
}
"""Rules that do not just add the action's ending to a permission."""


def sufficient(element: str, action: str) -> frozenset[str]:
    """The full permission names of which one must be held for a record as tests/making.py makes it.

    Of a list: those of which each opens some records. None at all: everybody may.
    """
    described, verb = described_objects()[element], VERBS[action]
    base = described.permission or ""
    rule = RULES.get(described.rule)
    if rule is None and action in LIST_ACTIONS:
        bases = of_some_record(described.rule, element) | {base}
        return frozenset(f"{each}-{verb}" for each in bases)
    if rule is None:
        return frozenset({f"{RECORDS.get(described.rule, base)}-{verb}"})
    return frozenset(rule(base, verb, is_list=action in LIST_ACTIONS))


def held_by(connection: sqlalchemy.Connection, role: str) -> frozenset[str]:
    """The full permission names that a role holds."""
    endings = ("view", "add", "edit", "delete")
    return frozenset(
        f"{base}-{ending}"
        for base, *flags in connection.execute(RIGHTS, {"role": role})
        for ending, is_held in zip(endings, flags, strict=True)
        if is_held
    )
