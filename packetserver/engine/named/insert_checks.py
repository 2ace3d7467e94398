"""Rules that hold for every insert, with validation off too (schemas: `at = "insert"`).

In the original the insert itself refused such a record (catalogue, `at` insert).
"""

from __future__ import annotations

from packetserver.engine.named.conditions import AT_INSERT
from packetserver.engine.validation import RULES, Writing
from packetserver.errors import TransactionFailure


def check_insert(writing: Writing) -> None:
    """Raises TransactionFailure, with a line for each complaint, for what may never be stored."""
    complaints = [
        f"{each.field}: {message}"
        for each in writing.draft.object.rules
        if each.rule.text("at") == AT_INSERT
        for message in RULES[each.rule.name](writing, each.field, each.rule)
    ]
    if complaints:
        raise TransactionFailure("Transaction failed", *dict.fromkeys(complaints))
