"""The named conditions of lists; importing this package registers them all."""

from packetserver.store.matches import (
    columns,
    combining,
    fields,
    leads,
    memberships,
    news,
    opportunities,
    plans,
    products,
    relations,
    secrets,
    standing,
    times,
    users,
)
from packetserver.store.matches.qualifying import qualify_all

__all__ = [
    "columns",
    "combining",
    "fields",
    "leads",
    "memberships",
    "news",
    "opportunities",
    "plans",
    "products",
    "relations",
    "secrets",
    "standing",
    "times",
    "users",
]

qualify_all()
