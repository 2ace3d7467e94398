"""What new or changed opportunities, products and quotes change."""

from __future__ import annotations

from typing import Any

from packetserver.catalogue.model import Named
from packetserver.records.effects import after, before
from packetserver.records.effects.beside import add_record, add_row, column_of
from packetserver.records.writing import Writing

PERCENT = 100

LOGGED = (
    "headerId",
    "description",
    "closeProb",
    "closeDate",
    "closeDateTimeZone",
    "terms",
    "units",
    "low",
    "guess",
    "high",
    "stage",
    "owner",
    "closed",
)
"""Fields that a component and its log have in common."""


@before("account_of_opportunity_contact")
def account_of_opportunity_contact(writing: Writing, named: Named) -> None:
    """An opportunity of a contact remembers the contact's account."""
    is_meant = writing.is_new or writing.was_sent("contactLink")
    if is_meant and not writing.was_sent("contactOrgId"):
        person = writing.value("contactLink")
        writing.set("contactOrgId", column_of(writing.rows, "contact", "org_id", person))


@before("percent_to_fraction")
def percent_to_fraction(writing: Writing, named: Named) -> None:
    """Percentages travel as such, with or without their sign, and are stored as fractions."""
    for name in named.texts("fields"):
        percentage = writing.given.values.get(name)
        if percentage is not None:
            writing.set(name, percentage / PERCENT)


@before("close_component")
def close_component(writing: Writing, named: Named) -> None:
    """`closeNow` closes a component, `openIt` opens it again; a time that is sent counts more."""
    if writing.given.values.get("closed") is not None:
        return
    if writing.control("closeNow"):
        writing.set("closed", writing.now())
    elif writing.control("openIt"):
        writing.set("closed", None)


@before("stage_date")
def stage_date(writing: Writing, named: Named) -> None:
    """A component is at its stage since that changed, or since it was closed."""
    stored = writing.stored
    if writing.was_sent("stageDate"):
        return
    is_new_stage = stored is not None and writing.value("stage") != stored["stage"]
    if is_new_stage or writing.control("closeNow"):
        writing.set("stageDate", writing.now())


@after("log_component")
def log_component(writing: Writing, named: Named, key: Any) -> None:
    """Every state of a component is kept in its log, unless `insertLog` says no."""
    if not writing.control("insertLog"):
        return
    user = writing.value("modifiedBy")
    values = {name: writing.value(name) for name in LOGGED}
    values |= {"componentId": key, "enteredBy": user}
    add_record(writing.records, "opportunityComponentLog", values)


@after("touch_opportunity")
def touch_opportunity(writing: Writing, named: Named, key: Any) -> None:
    """An opportunity has changed when one of its components has."""
    values = {"modified": writing.now()}
    header = {"opp_id": writing.value("headerId")}
    writing.rows.update_rows("opportunity_header", header, values)


NEW_QUOTE = "New quote created"

QUOTE_LOGGED = {
    "sourceId": "sourceId",
    "statusId": "statusId",
    "termsId": "quoteTermsId",
    "typeId": "quoteTypeId",
    "deliveryId": "deliveryId",
    "notes": "notes",
    "grandTotal": "grandTotal",
    "issuedDate": "issuedDate",
    "submitAction": "submitAction",
    "closed": "closed",
}
"""Fields of a quote's log, each with the field of the quote that it keeps."""

VALUES = {
    "booleanValue": "quote_product_option_boolean",
    "integerValue": "quote_product_option_integer",
    "textValue": "quote_product_option_text",
    "timestampValue": "quote_product_option_timestamp",
    "floatValue": "quote_product_option_float",
}
"""The controls that bring the value of a chosen option, with the tables that keep it."""


@after("add_product_to_category")
def add_product_to_category(writing: Writing, named: Named, key: Any) -> None:
    """A new product may be put into a category at once."""
    category = writing.control("categoryId")
    if category is not None and category > 0:
        values = {"product_id": key, "category_id": category}
        add_row(writing.records, "product_catalog_category_map", values)


@after("map_option_to_product")
def map_option_to_product(writing: Writing, named: Named, key: Any) -> None:
    """A new option may be offered for a product at once."""
    offer_option(writing, key)


def offer_option(writing: Writing, option: Any) -> None:
    """Offer an option for the product of `productId`, where there is one."""
    product = writing.control("productId")
    if product is not None and product > 0:
        values = {"product_id": product, "option_id": option}
        add_row(writing.records, "product_option_map", values)


@before("close_quote")
def close_quote(writing: Writing, named: Named) -> None:
    """`closeIt` closes a quote now, unless the time of closing is sent."""
    if writing.control("closeIt") and writing.given.values.get("closed") is None:
        writing.set("closed", writing.now())


@after("log_quote")
def log_quote(writing: Writing, named: Named, key: Any) -> None:
    """Every state of a quote is kept; a new one whose past is sent along has no log row."""
    if writing.is_new and writing.was_sent("entered"):
        return
    user = writing.value("modifiedBy")
    values = {name: writing.value(of) for name, of in QUOTE_LOGGED.items()}
    values |= {"quoteId": key, "enteredBy": user, "modifiedBy": user}
    add_record(writing.records, "quoteLog", values)


@after("note_new_quote")
def note_new_quote(writing: Writing, named: Named, key: Any) -> None:
    """The notes of a quote begin with its beginning."""
    user = writing.value("enteredBy")
    values = {"quoteId": key, "notes": NEW_QUOTE, "enteredBy": user, "modifiedBy": user}
    add_record(writing.records, "quoteNote", values)


@after("store_option_values")
def store_option_values(writing: Writing, named: Named, key: Any) -> None:
    """The value of a chosen option lies in the table of its type; what is sent replaces it."""
    rows, option = writing.rows, {"quote_product_option_id": key}
    for control, table in VALUES.items():
        value = writing.given.controls.get(control)
        if value is not None:
            rows.delete_rows(table, option)
            add_row(writing.records, table, {**option, "value": value})
