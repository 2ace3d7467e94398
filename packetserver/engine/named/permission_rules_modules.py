"""Permissions that depend on the module a record belongs to (PROTOCOL.md 10.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from packetserver.engine.named.records_beside import column_of
from packetserver.engine.permissions import ADD, EDIT, VIEW, Question, full_names, permission_rule

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
"""Under which reports of every module are listed; it can only be viewed."""

BELONGING = {"criteriaId": "report_criteria", "queueId": "report_queue"}
"""Fields that name something with a report, each with its table."""


@permission_rule("ticket")
def ticket(question: Question) -> Sequence[str]:
    """A ticket with an account may be handled by those who handle the account's tickets, too."""
    account = question.value("orgId")
    if account is None:
        account = column_of(question.records, "ticket", "org_id", _named_ticket(question))
    return full_names(
        question.verb,
        question.object.permission,
        None if account is None else "accounts-accounts-tickets",
    )


@permission_rule("folder")
def folder(question: Question) -> Sequence[str]:
    """By the module of the folder that a record, or one of its values, lies in."""
    records = question.records
    category = question.value("categoryId")
    if category is None:
        record = question.value("recordId")
        category = column_of(records, "custom_field_record", "category_id", record)
    module = column_of(records, "custom_field_category", "module_id", category)
    return full_names(question.verb, FOLDERS.get(module) or question.object.permission)


@permission_rule("file")
def file(question: Question) -> Sequence[str]:
    """By the module that the file is linked to."""
    module = question.value("linkModuleId")
    if module is None:
        item = _named_file(question)
        module = column_of(question.records, "project_files", "link_module_id", item)
    return full_names(question.verb, FILES.get(module) or question.object.permission)


@permission_rule("report")
def report(question: Question) -> Sequence[str]:
    """By the module of the report; a list across the modules asks for all reports."""
    category = _report_category(question)
    constant = column_of(question.records, "permission_category", "constant", category)
    if category is None and question.verb == VIEW:
        return full_names(question.verb, ALL_REPORTS)
    base = REPORTS.get(constant) or question.object.permission
    # Most of these permissions have no `-edit`: what one may add one may change.
    more = full_names(ADD, base) if question.verb == EDIT else []
    return [*full_names(question.verb, base), *more]


def _named_ticket(question: Question) -> Any:
    """The ticket that a record of another object belongs to."""
    fields = question.object.stored_fields
    names = (each.name for each in fields if each.references == "ticket")
    return next((question.value(name) for name in names), None)


def _named_file(question: Question) -> Any:
    """The file that a version, a download or a thumbnail is of."""
    fields = question.object.stored_fields
    names = (each.name for each in fields if each.references == "fileItem")
    return next((question.value(name) for name in names), None)


def _report_category(question: Question) -> Any:
    """The permission category of the report that a record is or belongs to, None without one."""
    if question.object.element == "report":
        return question.value("categoryId")
    return column_of(question.records, "report", "category_id", _named_report(question))


def _named_report(question: Question) -> Any:
    if question.value("reportId") is not None:
        return question.value("reportId")
    named = ((table, question.value(field)) for field, table in BELONGING.items())
    found = (column_of(question.records, table, "report_id", key) for table, key in named)
    return next((each for each in found if each is not None), None)
