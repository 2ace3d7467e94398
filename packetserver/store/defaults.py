"""The rows of a new database, from the compact form of `schemas/defaults`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Row = dict[str, Any]
Content = Mapping[str, Any]

VERBS = {"v": "view", "a": "add", "e": "edit", "d": "delete"}
"""The letters of rights: a permission has these variants, a role holds these."""


def default_rows(content: Content) -> Iterator[tuple[str, list[Row]]]:
    """The tables of one file with their rows, in the order in which they can be inserted."""
    if "role_permissions" in content:
        yield from _role_rows(content)
        return
    for table, part in content.items():
        yield table, list(_rows(part))


def _rows(part: Content) -> Iterator[Row]:
    columns = part["columns"]
    for values in part["rows"]:
        pairs = zip(columns, values, strict=True)
        # An empty text stands for no value: TOML has no other word for it.
        yield {column: value for column, value in pairs if value != ""}


def _role_rows(content: Content) -> Iterator[tuple[str, list[Row]]]:
    permissions = [_permission(row, content) for row in _rows(content["permissions"])]
    roles = [_entered(row) for row in _rows(content["roles"])]
    yield "permission_category", [_category(row) for row in _rows(content["categories"])]
    yield "permission", permissions
    yield "role", roles
    by_name = {row["permission"]: row["permission_id"] for row in permissions}
    ids = {row["role"]: row["role_id"] for row in roles}
    held = content["role_permissions"]
    yield (
        "role_permission",
        [
            {"role_id": ids[role], "permission_id": by_name[name], **_flags("role", rights)}
            for role, rights_by_name in held.items()
            for name, rights in rights_by_name.items()
        ],
    )


def _category(row: Row) -> Row:
    flags = row.pop("flags", [])
    return {**row, "active": row.get("enabled", True), **dict.fromkeys(flags, True)}


def _permission(row: Row, content: Content) -> Row:
    rights = row.pop("rights")
    viewable = row["permission"] in content.get("viewpoints", {}).get("permissions", [])
    return {
        **row,
        "active": row.get("enabled", True),
        "viewpoints": viewable,
        **_flags("permission", rights),
    }


def _entered(row: Row) -> Row:
    return {"enteredby": 0, "modifiedby": 0, **row}


def _flags(prefix: str, rights: str) -> Row:
    return {f"{prefix}_{verb}": letter in rights for letter, verb in VERBS.items()}
