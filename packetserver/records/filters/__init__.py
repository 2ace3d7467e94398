"""The filters of lists: each named match builds a condition, and this package registers them all."""

from packetserver.records.filters import comparing, related
from packetserver.records.filters.matching import (
    MATCHES,
    MOST_VERIFIED,
    WIDENING,
    Asked,
    Filtering,
    SecretKeys,
    chosen_order,
    demanded,
    is_idle,
    mentions,
    secret_keys,
    switched_off_by,
)

__all__ = [
    "MATCHES",
    "MOST_VERIFIED",
    "WIDENING",
    "Asked",
    "Filtering",
    "SecretKeys",
    "chosen_order",
    "comparing",
    "demanded",
    "is_idle",
    "mentions",
    "related",
    "secret_keys",
    "switched_off_by",
]
