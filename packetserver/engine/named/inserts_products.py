"""`insertClone` of a product option: the option with its values, once more (PROTOCOL.md 5.1)."""

from __future__ import annotations

from typing import Any

from packetserver.catalogue.model import NOW
from packetserver.engine.actions import insert
from packetserver.engine.actions.answering import answer_stored
from packetserver.engine.context import Call
from packetserver.engine.named.effects_products import offer_option
from packetserver.engine.named.inserts_existing import existing
from packetserver.engine.named.records_beside import add_row, rows_of
from packetserver.engine.named_inserts import named_insert
from packetserver.engine.sharing import share_key

OPTION, KEY = "product_option", "option_id"
VALUES = (
    ("product_option_values", "option_id"),
    ("product_option_boolean", "product_option_id"),
    ("product_option_float", "product_option_id"),
    ("product_option_integer", "product_option_id"),
    ("product_option_text", "product_option_id"),
    ("product_option_timestamp", "product_option_id"),
)
"""Tables with the values of an option, each with the column that names it."""


@named_insert("productOption", "insertClone")
def insert_clone(call: Call) -> None:
    """A copy of the option, offered for the product of `productId` where there is one."""
    writing, identity = existing(call)
    clone = _copy(call, OPTION, identity, {})[0]
    for table, column in VALUES:
        _copy(call, table, {column: identity[KEY]}, {column: clone})
    offer_option(writing, clone)
    share_key(call, clone)
    answer_stored(call, insert.PROCESSED, {KEY: clone}, writing.draft)


def _copy(call: Call, table: str, identity: dict[str, Any], changed: dict[str, Any]) -> list[Any]:
    """Copies of the rows with equal columns, some columns changed; returns their keys."""
    described = call.records.schema.catalogue.tables[table]
    columns = [
        each.name
        for each in described.columns.values()
        if each.name != described.key and each.default != NOW
    ]
    rows = rows_of(call.records, table, columns, identity)
    return [add_row(call, table, {**row, **changed}) for row in rows]
