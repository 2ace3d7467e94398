"""Stored secrets: salted slow hashes of what travels on the wire (DECISIONS.md, Stored secrets).

What travels is, for a user, the MD5 of the password in lower-case hex digits and, for a sync client,
its code as it is. A database of the original holds just that, bare; it is verified too.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from enum import Enum

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

LONGEST_STORED = 80
"""Characters that the column of a user's secret holds in a database of the original."""

HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1, hash_len=16, salt_len=16)
"""Memory is in KiB. With salt and hash of 16 bytes a stored secret is 76 characters long."""

# 16 bytes are 22 digits of Base64, of which the last one carries two bits.
_SIXTEEN_BYTES = r"[A-Za-z0-9+/]{21}[AQgw]"
_HASHED = re.compile(
    rf"\$argon2id\$v=19\$m=[1-9]\d{{0,6}},t=[1-9]\d?,p=[1-9]\d?\${_SIXTEEN_BYTES}\${_SIXTEEN_BYTES}",
    re.ASCII,
)
_HASH_MARK = "$argon2"
_MD5 = re.compile(r"[0-9a-fA-F]{32}")


class SecretKind(Enum):
    """Whose secret it is, which decides what a bare one looks like."""

    USER = "user"
    SYNC_CLIENT = "sync client"


def md5_of_password(password: str) -> str:
    """What a user's client sends for a password: the MD5 of its UTF-8 bytes, in lower-case hex."""
    # The protocol fixes MD5; the safety of the stored secret comes from hash_secret.
    return hashlib.md5(_bytes(password), usedforsecurity=False).hexdigest()


def user_code(text: str) -> str | None:
    """A user's code in lower case, or None where it is not 32 hex digits (DECISIONS.md, Users)."""
    return text.lower() if _MD5.fullmatch(text) else None


def hash_secret(wire: str, hasher: PasswordHasher = HASHER) -> str:
    """What is stored for a secret of the wire; for a user that is what `user_code` gives."""
    return hasher.hash(_bytes(wire))


def verify_secret(
    stored: str | None,
    wire: str,
    kind: SecretKind = SecretKind.USER,
    hasher: PasswordHasher = HASHER,
) -> bool:
    """Whether what travelled on the wire is the stored secret, hashed or bare.

    A stored value that is neither matches nothing. For a user `wire` is what `user_code` gives.
    Whatever is stored, and be it nothing, costs one slow hash: so the time of a refusal does not
    tell what it was for.
    """
    if stored is not None and _HASHED.fullmatch(stored):
        return _verify_hash(stored, wire, hasher)
    hasher.hash(_bytes(wire))
    return stored is not None and _equals_bare(stored, wire, kind)


def needs_upgrade(stored: str | None, hasher: PasswordHasher = HASHER) -> bool:
    """Whether a stored secret that has been verified is still bare, or was hashed in another way."""
    if stored is None:
        return False
    return not stored.startswith(_HASH_MARK) or hasher.check_needs_rehash(stored)


def _verify_hash(stored: str, wire: str, hasher: PasswordHasher) -> bool:
    try:
        return hasher.verify(stored, _bytes(wire))
    except VerifyMismatchError:
        return False


def _equals_bare(stored: str, wire: str, kind: SecretKind) -> bool:
    bare = user_code(stored) if kind is SecretKind.USER else _bare_client_code(stored)
    return bare is not None and hmac.compare_digest(_bytes(bare), _bytes(wire))


def _bare_client_code(stored: str) -> str | None:
    # A damaged hash must not turn into a code that somebody could send.
    if not stored.strip() or stored.startswith(_HASH_MARK):
        return None
    return stored


def _bytes(text: str) -> bytes:
    # Total on purpose: no text whatever may end in an encoding error here.
    return text.encode("utf-8", "surrogatepass")
