"""Who may do what to which record, worked out one row at a time and without the server.

From what docs/security.md says of rights and of access types, from `permission`, `permission_rule`,
`owned` and `belongs_to` of the files in schemas/, and from the rows of a database as they are.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy

OBJECTS = Path(__file__).parents[2] / "schemas" / "objects"

Row = Mapping[str, Any]
"""A row by its columns."""

PERSONAL, CONTROLLED = 626030333, 626030335
"""The rules of access types, as the default rows of `lookup_access_types` have them."""

ACCOUNT_CONTACTS = "accounts-accounts-contacts"
STAFF = "contacts-internal_contacts"
OTHER_CONTACTS = "contacts-external_contacts"
ACCOUNT_TICKETS = "accounts-accounts-tickets"
USERS = "admin-users"

FOLDERS = {
    1: "accounts-accounts-folders",
    2: "contacts-external_contacts-folders",
    11072003: "accounts-accounts-tickets-folders",
    120200513: "contacts-internal_contacts-folders",
    120200514: "pipeline-folders",
}
FILES = {
    1: "accounts-accounts-documents",
    2: "contacts-external_contacts-documents",
    3: "pipeline-opportunities-documents",
    4: "projects-projects",
    5: "campaign-campaigns",
    6: "accounts-accounts-tickets-documents",
    1202041528: "documents_documentstore",
    330041409: "product-catalog-product",
}
REPORTS = {
    1: "accounts-accounts-reports",
    2: "contacts-external_contacts-reports",
    4: "pipeline-reports",
    8: "tickets-reports",
    228051100: "sales-reports",
}


@cache
def described(element: str) -> dict[str, Any]:
    """What a schema says of an object, with what it inherits."""
    for path in OBJECTS.glob("*.toml"):
        parsed = tomllib.loads(path.read_text(encoding="utf-8"))
        if element in parsed:
            return inherited(parsed, element)
    raise KeyError(element)


def inherited(parsed: Mapping[str, Any], element: str) -> dict[str, Any]:
    definition = parsed[element]
    if "like" not in definition:
        return dict(definition)
    base = inherited(parsed, definition["like"])
    fields = {**base.get("fields", {}), **definition.get("fields", {})}
    return {**base, **definition, "fields": fields}


def column(element: str, name: str) -> str:
    """The column of a field."""
    line = described(element)["fields"][name]
    return str(line["column"]) if "alias" not in line else column(element, line["alias"])


def references(element: str, target: str) -> str:
    """The column of the first field that refers to an object."""
    fields = described(element)["fields"].values()
    return next(str(each["column"]) for each in fields if each.get("references") == target)


class Contents:
    """The rows of a database, read once."""

    def __init__(self, connection: sqlalchemy.Connection, tables: Iterable[str]) -> None:
        self._rows: dict[str, list[Row]] = {}
        for table in tables:
            found = connection.execute(sqlalchemy.text(f"SELECT * FROM {table}"))  # noqa: S608
            self._rows[table] = [dict(each) for each in found.mappings()]

    def rows(self, table: str) -> list[Row]:
        return self._rows[table]

    def row(self, element: str, key: Any) -> Row | None:
        """The record of an object by its key."""
        definition = described(element)
        keys = [each["column"] for each in definition["fields"].values() if each.get("key")]
        if key is None:
            return None
        return next((row for row in self.rows(definition["table"]) if row[keys[0]] == key), None)


@dataclass(frozen=True)
class Party:
    """Who asks: a user, what his role holds, and perhaps his sync client."""

    user: int
    held: frozenset[str]
    client: int | None = None
    superior_of: frozenset[int] | None = None
    """Those below the user; None where access types by hierarchy are not enforced."""


Rule = Callable[["Rights", str, Row, str], set[str]]


class Rights:
    """Answers for one row after the other."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents

    def may(self, party: Party, element: str, row: Row, verb: str) -> bool:
        """Whether somebody may do it to a record with these columns."""
        if self.is_hidden(party, element, row):
            return False
        definition = described(element)
        rule = definition.get("permission_rule", "plain")
        if rule == "sync_client" and row["user_id"] == party.user:
            return True
        wanted = RULES[rule](self, element, row, verb)
        return "" in wanted or bool(wanted & party.held)

    def is_hidden(self, party: Party, element: str, row: Row) -> bool:
        """Whether an access type keeps a record from somebody, or what the record belongs to."""
        definition = described(element)
        owned = definition.get("owned")
        if owned is not None:
            owner = row[column(element, owned["owner"])]
            access = self.contents.row("lookupAccessTypes", row[column(element, owned["access"])])
            rule = None if access is None else access["rule_id"]
            if rule == PERSONAL and owner != party.user:
                return True
            below = party.superior_of
            if rule == CONTROLLED and below is not None and owner not in below | {party.user}:
                return True
        return any(
            self.is_hidden(party, other, found)
            for name in definition.get("belongs_to", ())
            for other, found in self.named_by(element, row, name)
        )

    def named_by(self, element: str, row: Row, name: str) -> Iterator[tuple[str, Row]]:
        """The record that a reference names, with its object."""
        line = described(element)["fields"][name]
        target = line.get("references")
        if target is None:
            choice = dict(line["references_by"])
            decision = row[column(element, choice.pop("field"))]
            target = choice.get(str(decision))
        found = None if target is None else self.contents.row(target, row[line["column"]])
        if found is not None and target is not None:
            yield target, found

    def step(self, element: str, row: Row | None, target: str) -> Row | None:
        """The record of an object that another one refers to."""
        if row is None:
            return None
        return self.contents.row(target, row[references(element, target)])

    def account_of(self, contact: Row | None) -> Any:
        return None if contact is None else contact["org_id"]


def base_of(element: str) -> str:
    return str(described(element).get("permission") or "")


def plain(rights: Rights, element: str, row: Row, verb: str) -> set[str]:
    base = base_of(element)
    return {f"{base}-{verb}"} if base else {""}


def contact(rights: Rights, element: str, row: Row, verb: str) -> set[str]:
    person: Row | None = row if element == "contact" else rights.step(element, row, "contact")
    account = rights.account_of(person)
    bases = {ACCOUNT_CONTACTS} if account is not None else set()
    if person is not None and person["employee"] and account in {None, 0}:
        bases.add(STAFF)
    return {f"{each}-{verb}" for each in bases or {OTHER_CONTACTS}}


def call(rights: Rights, element: str, row: Row, verb: str) -> set[str]:
    found: Row | None = row if element == "call" else rights.step(element, row, "call")
    if found is None:
        return {f"{OTHER_CONTACTS}-calls-{verb}"}
    person = rights.contents.row("contact", found["contact_id"])
    has_account = found["org_id"] is not None or rights.account_of(person) is not None
    wanted = {f"{ACCOUNT_CONTACTS if has_account else OTHER_CONTACTS}-calls-{verb}"}
    if found["opp_id"] is not None:
        wanted.add(f"pipeline-opportunities-calls-{verb}")
    return wanted


def history(rights: Rights, element: str, row: Row, verb: str) -> set[str]:
    if row["contact_id"] is None and row["org_id"] is not None:
        return {f"accounts-accounts-history-{verb}"}
    person = rights.contents.row("contact", row["contact_id"])
    base = OTHER_CONTACTS if rights.account_of(person) is None else ACCOUNT_CONTACTS
    return {f"{base}-history-{verb}"}


def ticket(rights: Rights, element: str, row: Row, verb: str) -> set[str]:
    wanted = plain(rights, element, row, verb)
    fields = described(element)["fields"].values()
    if element == "ticket":
        found: Row | None = row
    elif any(each.get("references") == "ticket" for each in fields):
        found = rights.step(element, row, "ticket")
    else:
        found = None
    if found is not None and found["org_id"] is not None:
        wanted.add(f"{ACCOUNT_TICKETS}-{verb}")
    return wanted


def folder(rights: Rights, element: str, row: Row, verb: str) -> set[str]:
    record: Row | None = row
    if element != "customFieldRecord":
        record = rights.step(element, row, "customFieldRecord")
    found = rights.step("customFieldRecord", record, "customFieldCategory")
    module = None if found is None else found["module_id"]
    return {f"{FOLDERS.get(module, base_of(element))}-{verb}"}


def file(rights: Rights, element: str, row: Row, verb: str) -> set[str]:
    found: Row | None = row
    if "linkModuleId" not in described(element)["fields"]:
        found = rights.step(element, row, "fileItem")
    module = None if found is None else found["link_module_id"]
    return {f"{FILES.get(module, base_of(element))}-{verb}"}


REPORT_OF = {
    "report": (),
    "criteria": ("report",),
    "reportQueue": ("report",),
    "parameter": ("criteria", "report"),
    "queueCriteria": ("reportQueue", "report"),
}
"""By element: from where to where one goes to find the report."""


def report(rights: Rights, element: str, row: Row, verb: str) -> set[str]:
    found, at = row, element
    for target in REPORT_OF[element]:
        stepped = rights.step(at, found, target)
        found, at = stepped or {"category_id": None}, target
    category = rights.contents.row("permissionCategory", found["category_id"])
    base = REPORTS.get(category["constant"] if category else None, base_of(element))
    wanted = {f"{base}-{verb}"}
    if verb == "view":
        wanted.add("reports-view")
    if verb == "edit":
        wanted.add(f"{base}-add")
    return wanted


def lookup(rights: Rights, element: str, row: Row, verb: str) -> set[str]:
    return {""} if verb == "view" else {f"{base_of(element)}-edit"}


def view_only(rights: Rights, element: str, row: Row, verb: str) -> set[str]:
    return {f"{base_of(element)}-view"}


def usage(rights: Rights, element: str, row: Row, verb: str) -> set[str]:
    return {f"{base_of(element) if verb == 'view' else USERS}-{verb}"}


def sync_client(rights: Rights, element: str, row: Row, verb: str) -> set[str]:
    return {f"{USERS}-{verb}"}


RULES: Mapping[str, Rule] = {
    "plain": plain,
    "contact": contact,
    "call": call,
    "history": history,
    "ticket": ticket,
    "folder": folder,
    "file": file,
    "report": report,
    "lookup": lookup,
    "view_only": view_only,
    "usage": usage,
    "sync_client": sync_client,
}
"""By the name of `permission_rule`: the full permission names of which one is enough; "": free."""

ANY_OF: Mapping[str, set[str]] = {
    "contact": {ACCOUNT_CONTACTS, STAFF, OTHER_CONTACTS},
    "call": {
        *(f"{ACCOUNT_CONTACTS}-calls", f"{OTHER_CONTACTS}-calls"),
        "pipeline-opportunities-calls",
    },
    "history": {
        *("accounts-accounts-history", f"{ACCOUNT_CONTACTS}-history"),
        f"{OTHER_CONTACTS}-history",
    },
    "folder": {*FOLDERS.values()},
    "file": {*FILES.values()},
}


def opening(element: str, verb: str) -> set[str]:
    """The permissions that open records of an object, whichever they are; "": everybody may."""
    rule = described(element).get("permission_rule", "plain")
    if rule == "sync_client":
        return {""}
    if rule == "ticket" and element != "projectTicketCount":
        return {f"{base_of(element)}-{verb}", f"{ACCOUNT_TICKETS}-{verb}"}
    if rule == "report":
        bases = {*REPORTS.values(), base_of(element)}
        more = {"view": {"reports-view"}, "edit": {f"{each}-add" for each in bases}}
        return {f"{each}-{verb}" for each in bases} | more.get(verb, set())
    if rule in ANY_OF:
        bases = ANY_OF[rule] | ({base_of(element)} if rule in {"folder", "file"} else set())
        return {f"{each}-{verb}" for each in bases}
    return RULES[rule](None, element, {}, verb)  # type: ignore[arg-type]


def is_denied(party: Party, element: str, verb: str) -> bool:
    """Whether a list is denied as a whole: the role opens nothing of it.

    One's own sync clients are listed to who asks for the clients of his own user alone.
    """
    wanted = opening(element, verb)
    if element == "syncClient":
        wanted = {f"{USERS}-{verb}"}
    return "" not in wanted and not wanted & party.held
