"""The last step before a column: what must not be stored as it travels."""

from __future__ import annotations

from typing import Any

from packetserver.catalogue.model import USER_CODE, Field
from packetserver.errors import TransactionFailure
from packetserver.security.secrets import hash_secret, user_code


def column_value(field: Field, value: Any) -> Any:
    """The value that a column gets; a secret is stored as a salted slow hash of itself.

    Raises TransactionFailure for a user's code that is none: nobody could log in with it.
    """
    if field.secret is None or not isinstance(value, str):
        return value
    if field.secret == USER_CODE:
        code = user_code(value)
        if code is None:
            raise TransactionFailure.because(f"{field.name}: not an MD5 in 32 hex digits")
        return hash_secret(code)
    return hash_secret(value)
