"""Rules about sites, and about records that one user may not hand to another (PROTOCOL.md 8)."""

from __future__ import annotations

from typing import Any

from packetserver.catalogue.model import Named
from packetserver.records.effects.beside import column_of
from packetserver.records.rules import acting_user, broken_when, looked_at
from packetserver.records.writing import Writing

SITE_COLUMN = "site_id"

PERSONAL_ACCESS = 626030333
"""The rule of access types that keep a record to its owner."""

ACCOUNTS = 42420034
"""The category of accounts in relationships."""

PERSONAL_SHARING = 1
"""The sharing of tasks that keeps them to their owner."""


@broken_when("same_site")
def same_site(writing: Writing, field: str, named: Named) -> bool:
    """The record belongs to an account (the field ``account``) of another site."""
    account = writing.value(named.text("account"))
    if account is None or account <= 0:
        return False
    site = site_of(writing, named.text("account"))
    return bool(site != writing.value(looked_at(field, named)))


@broken_when("site_matches")
def site_matches(writing: Writing, field: str, named: Named) -> bool:
    """The record in ``of`` is not there, or has a site other than that of ``site`` or ``site_of``.

    ``site`` is a field of this record, ``site_of`` one that names the record with the site.
    """
    name = looked_at(field, named)
    value = writing.value(name)
    if value is None or value <= 0:
        return False
    site = site_of(writing, name)
    if site is None:
        return not _is_there(writing, name)
    if named.text("site_of"):
        return bool(site != site_of(writing, named.text("site_of")))
    return bool(site != writing.value(named.text("site")))


@broken_when("accounts_at_same_site")
def accounts_at_same_site(writing: Writing, field: str, named: Named) -> bool:
    """Both of ``of`` are accounts, and their sites differ."""
    kinds = {writing.value("categoryIdMapsFrom"), writing.value("categoryIdMapsTo")}
    if kinds != {ACCOUNTS}:
        return False
    accounts = [writing.value(each) for each in named.texts("of")]
    rows = writing.rows
    return len({column_of(rows, "organization", SITE_COLUMN, each) for each in accounts}) > 1


@broken_when("personal_access_is_own")
def personal_access_is_own(writing: Writing, field: str, named: Named) -> bool:
    """A personal access type in ``access``, but ``owner`` is not ``user``."""
    kind = related(writing, named.text("access"), "rule_id")
    return kind == PERSONAL_ACCESS and not _is_own(writing, named)


@broken_when("personal_task_is_own")
def personal_task_is_own(writing: Writing, field: str, named: Named) -> bool:
    """Personal ``sharing``, but ``owner`` is not ``user``."""
    is_personal = writing.value(named.text("sharing")) == PERSONAL_SHARING
    return is_personal and not _is_own(writing, named)


def _is_own(writing: Writing, named: Named) -> bool:
    return bool(writing.value(named.text("owner")) == acting_user(writing, named.text("user")))


def site_of(writing: Writing, name: str) -> Any:
    """The site of the record that a reference field names, None without one."""
    return related(writing, name, SITE_COLUMN)


def _is_there(writing: Writing, name: str) -> bool:
    rows = writing.rows
    found = writing.object.field(name)
    table = rows.schema.catalogue.table_of(found) if found is not None else None
    key = rows.schema.catalogue.tables[table or ""].key or ""
    return rows.exists(table or "", {key: writing.value(name)})


def related(writing: Writing, name: str, column: str) -> Any:
    """A column of the record that a reference field names, None without one."""
    found = writing.object.field(name)
    rows = writing.rows
    table = rows.schema.catalogue.table_of(found) if found is not None else None
    if table is None:
        raise KeyError(f"{writing.object.element}.{name} is no reference")
    return column_of(rows, table, column, writing.value(name))
