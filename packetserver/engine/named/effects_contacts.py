"""What a new or changed contact changes (catalogue, contacts)."""

from __future__ import annotations

from typing import Any

from packetserver.catalogue.model import Named
from packetserver.engine.effects import after, before
from packetserver.engine.named.effects_accounts import NAMES
from packetserver.engine.validation import Writing

OWN_COMPANY = 0


@before("contact_organization_name")
def contact_organization_name(writing: Writing, named: Named) -> None:
    """``orgName`` is what was sent for a contact of an account, and the company for any other."""
    if not any(writing.was_sent(name) for name in ("orgId", "orgName", "company")):
        return
    account = writing.value("orgId")
    if account is None or account <= OWN_COMPANY:
        writing.set("orgName", writing.value("company"))


@before("staff_of_own_company")
def staff_of_own_company(writing: Writing, named: Named) -> None:
    """Who belongs to the installation's own company is an employee."""
    if writing.value("orgId") == OWN_COMPANY:
        writing.set("employee", value=True)


@before("lead_status_of_leads")
def lead_status_of_leads(writing: Writing, named: Named) -> None:
    """A new contact that is no lead has no lead status."""
    if not writing.value("isLead"):
        writing.set("leadStatus", None)


@after("rename_account_of_primary_contact")
def rename_account_of_primary_contact(writing: Writing, named: Named, key: Any) -> None:
    """An account carries the name of the person who is its primary contact."""
    is_other = writing.value("isLead") or writing.value("employee")
    account = writing.value("orgId")
    if not writing.value("primaryContact") or is_other or account is None:
        return
    catalogue = writing.call.records.schema.catalogue
    columns = {name: catalogue.objects["account"].fields[name].column or "" for name in NAMES}
    values = {columns[name]: writing.value(name) for name in NAMES}
    writing.call.records.update_rows("organization", {"org_id": account}, values)
