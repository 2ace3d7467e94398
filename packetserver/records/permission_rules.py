"""Who may do what to which objects: the rules that schemas name (docs/security.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from packetserver.catalogue.conditions import (
    CLIENT,
    READER,
    All,
    Any,
    Compare,
    Condition,
    Empty,
    Exists,
    Field,
    Not,
    Rows,
    equals,
    filled,
)
from packetserver.records.ways import (
    ADD,
    BY_CLIENT,
    EDIT,
    FREE,
    THROUGH_CLIENT,
    VIEW,
    Asked,
    Way,
    permission_rule,
)

FOLDERS = {
    1: "accounts-accounts-folders",
    2: "contacts-external_contacts-folders",
    11072003: "accounts-accounts-tickets-folders",
    120200513: "contacts-internal_contacts-folders",
    120200514: "pipeline-folders",
}
"""Modules of folders; all others are under the object's own permission, global_folders."""

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
"""Modules that files and their folders are linked to."""

REPORTS = {
    1: "accounts-accounts-reports",
    2: "contacts-external_contacts-reports",
    4: "pipeline-reports",
    8: "tickets-reports",
    228051100: "sales-reports",
}
"""Constants of the permission categories that have reports of their own."""

ALL_REPORTS = "reports"
"""Which opens the reports of every module; they can only be viewed by it."""

ACCOUNT_TICKETS = "accounts-accounts-tickets"
TICKET, FILE, FOLDER_RECORD = "ticket", "fileItem", "customFieldRecord"
REPORT, CRITERIA, QUEUE = "report", "criteria", "reportQueue"

Place = Callable[[Condition], Condition]
"""Turns a condition on the record that has a module into one on the record asked about."""


@permission_rule("ticket")
def ticket(asked: Asked) -> Sequence[Way]:
    """A ticket with an account may be handled by those who handle the account's tickets, too."""
    ways = [asked.way(asked.object.permission)]
    with_account = filled("orgId")
    if asked.object.element == TICKET:
        return [*ways, asked.way(ACCOUNT_TICKETS, with_account)]
    of_tickets = (Exists(Rows(TICKET, each), with_account) for each in asked.references_to(TICKET))
    return [*ways, *(asked.way(ACCOUNT_TICKETS, each) for each in of_tickets)]


@permission_rule("folder")
def folder(asked: Asked) -> Sequence[Way]:
    """By the module of the folder that a record, or one of its values, lies in."""

    def of_folder(where: Condition) -> Condition:
        in_folder = Exists(Rows("customFieldCategory", "categoryId"), where)
        if asked.object.element == FOLDER_RECORD:
            return in_folder
        return Exists(Rows(FOLDER_RECORD, "recordId"), in_folder)

    return list(_by_module(asked, FOLDERS, "moduleId", of_folder))


@permission_rule("file")
def file(asked: Asked) -> Sequence[Way]:
    """By the module that the file is linked to."""

    def of_file(where: Condition) -> Condition:
        if asked.object.field("linkModuleId") is not None:
            return where
        return Exists(Rows(FILE, next(asked.references_to(FILE))), where)

    return list(_by_module(asked, FILES, "linkModuleId", of_file))


@permission_rule("report")
def report(asked: Asked) -> Sequence[Way]:
    """By the module of the report; all reports may be viewed by a permission of their own."""

    def of_report(where: Condition) -> Condition:
        of_category = Exists(Rows("permissionCategory", "categoryId"), where)
        return _of_report(asked.object.element, of_category)

    ways = list(_by_module(asked, REPORTS, "constant", of_report))
    if asked.verb == VIEW:
        ways.append(asked.way(ALL_REPORTS))
    if asked.verb == EDIT:
        # Most of these permissions have no `-edit`: what one may add one may change.
        ways += _by_module(asked, REPORTS, "constant", of_report, ADD)
    return ways


def _of_report(element: str, where: Condition) -> Condition:
    """A condition on the report that a record is, or that it belongs to."""
    if element == REPORT:
        return where
    of_report = Exists(Rows(REPORT, "reportId"), where)
    if element == "parameter":
        return Exists(Rows(CRITERIA, "criteriaId"), of_report)
    if element == "queueCriteria":
        return Exists(Rows(QUEUE, "queueId"), of_report)
    return of_report


def _by_module(
    asked: Asked, permissions: Mapping[int, str], field: str, of: Place, verb: str = ""
) -> Iterator[Way]:
    """A way for the permission of each module; the object's own is for all other modules."""
    own, others = asked.object.permission, list[Condition]()
    for module, base in permissions.items():
        if base != own:
            of_module = of(equals(field, module))
            others.append(of_module)
            yield asked.way(base, of_module, verb)
    yield asked.way(own, Not(Any(tuple(others))), verb)


CONTACT, CALL = "contact", "call"
OWN_COMPANY = 0
ACCOUNT_CONTACTS = "accounts-accounts-contacts"
INTERNAL_CONTACTS = "contacts-internal_contacts"
EXTERNAL_CONTACTS = "contacts-external_contacts"

OF_ACCOUNT = filled("orgId")
OF_STAFF = All(
    (equals("employee", value=True), Any((Empty(Field("orgId")), equals("orgId", OWN_COMPANY))))
)


@permission_rule(CONTACT)
def contact(asked: Asked) -> Sequence[Way]:
    """A contact of an account, one of the staff, or any other; decided from the contact itself."""
    of_account, of_staff = (_of_contact(asked, each) for each in (OF_ACCOUNT, OF_STAFF))
    return [
        asked.way(ACCOUNT_CONTACTS, of_account),
        asked.way(INTERNAL_CONTACTS, of_staff),
        asked.way(EXTERNAL_CONTACTS, Not(Any((of_account, of_staff)))),
    ]


@permission_rule(CALL)
def call(asked: Asked) -> Sequence[Way]:
    """By the account of the call or of its contact; a linked opportunity opens a second way."""
    of_account = _of_call(asked, Any((filled("orgId"), _through("contactId", OF_ACCOUNT))))
    return [
        asked.way(f"{ACCOUNT_CONTACTS}-calls", of_account),
        asked.way(f"{EXTERNAL_CONTACTS}-calls", Not(of_account)),
        asked.way("pipeline-opportunities-calls", _of_call(asked, filled("oppHeaderId"))),
    ]


@permission_rule("history")
def history(asked: Asked) -> Sequence[Way]:
    """By the contact that it is about; without one, by the account."""
    of_account = All((Empty(Field("contactId")), filled("orgId")))
    of_its_contact = _through("contactId", OF_ACCOUNT)
    return [
        asked.way("accounts-accounts-history", of_account),
        asked.way(f"{ACCOUNT_CONTACTS}-history", of_its_contact),
        asked.way(f"{EXTERNAL_CONTACTS}-history", Not(Any((of_account, of_its_contact)))),
    ]


def _of_contact(asked: Asked, where: Condition) -> Condition:
    """A condition on the contact itself, or on the one that a record belongs to."""
    if asked.object.element == CONTACT:
        return where
    return _through(next(asked.references_to(CONTACT)), where)


def _of_call(asked: Asked, where: Condition) -> Condition:
    """A condition on the call itself, or on the one that a participant takes part in."""
    if asked.object.element == CALL:
        return where
    return Exists(Rows(CALL, next(asked.references_to(CALL))), where)


def _through(reference: str, where: Condition) -> Condition:
    return Exists(Rows(CONTACT, reference), where)


USERS = "admin-users"


@permission_rule("lookup")
def lookup(asked: Asked) -> Sequence[Way]:
    """Everybody may read a lookup; whoever may edit lists may change its rows in every way."""
    return [Way(FREE) if asked.verb == VIEW else asked.way(asked.object.permission, verb=EDIT)]


@permission_rule("view_only")
def view_only(asked: Asked) -> Sequence[Way]:
    """The permission exists with `-view` alone, which stands for all that its holder may do."""
    return [asked.way(asked.object.permission, verb=VIEW)]


@permission_rule("usage")
def usage(asked: Asked) -> Sequence[Way]:
    """The usage log can be viewed; who writes in it must be allowed to do the same to users."""
    return [asked.way(asked.object.permission if asked.verb == VIEW else USERS)]


@permission_rule("sync_client")
def sync_client(asked: Asked) -> Sequence[Way]:
    """Everybody has a free hand with his own clients; those of others belong to user management.

    Somebody who logs in by way of a user's client may handle that client and no other.
    """
    return [
        Way(FREE, Compare(Field("userId"), "=", READER)),
        Way(THROUGH_CLIENT, Compare(Field("id"), "=", CLIENT)),
        asked.way(USERS),
    ]


@permission_rule("own_client")
def own_client(asked: Asked) -> Sequence[Way]:
    """What concerns the authenticated client itself: whoever has logged in with one."""
    return [Way(BY_CLIENT)]
