"""What products and quotes change (catalogue, products and quotes)."""

from __future__ import annotations

from typing import Any

from packetserver.catalogue.model import Named
from packetserver.engine.effects import after, before
from packetserver.engine.named.records_beside import add_record, add_row
from packetserver.engine.validation import Writing

NEW_QUOTE = "New quote created"

LOGGED = {
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
        add_row(writing.call, "product_catalog_category_map", values)


@after("map_option_to_product")
def map_option_to_product(writing: Writing, named: Named, key: Any) -> None:
    """A new option may be offered for a product at once."""
    offer_option(writing, key)


def offer_option(writing: Writing, option: Any) -> None:
    """Offer an option for the product of `productId`, where there is one."""
    product = writing.control("productId")
    if product is not None and product > 0:
        values = {"product_id": product, "option_id": option}
        add_row(writing.call, "product_option_map", values)


@before("close_quote")
def close_quote(writing: Writing, named: Named) -> None:
    """`closeIt` closes a quote now, unless the time of closing is sent."""
    if writing.control("closeIt") and writing.draft.values.get("closed") is None:
        writing.set("closed", writing.call.transaction.now())


@after("log_quote")
def log_quote(writing: Writing, named: Named, key: Any) -> None:
    """Every state of a quote is kept; a new one whose past is sent along has no log row."""
    if writing.is_new and writing.was_sent("entered"):
        return
    user = writing.value("modifiedBy")
    values = {name: writing.value(of) for name, of in LOGGED.items()}
    values |= {"quoteId": key, "enteredBy": user, "modifiedBy": user}
    add_record(writing.call, "quoteLog", values)


@after("note_new_quote")
def note_new_quote(writing: Writing, named: Named, key: Any) -> None:
    """The notes of a quote begin with its beginning."""
    user = writing.value("enteredBy")
    values = {"quoteId": key, "notes": NEW_QUOTE, "enteredBy": user, "modifiedBy": user}
    add_record(writing.call, "quoteNote", values)


@after("store_option_values")
def store_option_values(writing: Writing, named: Named, key: Any) -> None:
    """The value of a chosen option lies in the table of its type; what is sent replaces it."""
    records, option = writing.call.records, {"quote_product_option_id": key}
    for control, table in VALUES.items():
        value = writing.draft.controls.get(control)
        if value is not None:
            records.delete_rows(table, option)
            add_row(writing.call, table, {**option, "value": value})
