"""The last step before a column: what must not be stored as it travels."""

from __future__ import annotations

from typing import Any

from packetserver.catalogue.model import Field
from packetserver.security.secrets import hash_secret


def column_value(field: Field, value: Any) -> Any:
    """The value that a column gets; a secret is stored as a salted slow hash of itself."""
    if field.secret and isinstance(value, str) and value:
        return hash_secret(value)
    return value
