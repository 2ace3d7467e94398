"""`$C{element.key}`: a later item uses the key of an earlier one (PROTOCOL.md 4.5)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from packetserver.catalogue.names import other_case
from packetserver.errors import TransactionFailure

MARKER = re.compile(r"\$C\{([^{}]*)\}")


def substitute(text: str, keys: Mapping[str, str]) -> str:
    """The text with every marker replaced by the key that it names.

    Raises TransactionFailure for a key that no earlier item shares (DECISIONS.md, Shared keys).
    """
    return MARKER.sub(lambda found: _key(found.group(1), keys), text) if "$C{" in text else text


def _key(name: str, keys: Mapping[str, str]) -> str:
    element, _, key = name.rpartition(".")
    found = keys.get(name) or keys.get(f"{element}.{other_case(key)}")
    if found is None:
        raise TransactionFailure.because(f"No earlier item of the transaction shares {name}")
    return found
