"""What is known of a request beside what it carries: its name in the log, and how it ended."""

from __future__ import annotations

import secrets
from collections.abc import MutableMapping
from typing import Any

REQUEST_ID = "packetserver.request_id"
"""Where the WSGI environment holds what a request is called in the log."""

FAULT = "packetserver.fault"
"""Is in the WSGI environment of a request that was answered with the number of its fault."""

UNHEEDED = "packetserver.unheeded"
"""Where the WSGI environment holds what nothing heeded of a request that is no packet."""

NUMBER_BYTES = 8


def new_request_id() -> str:
    """A name for a request that brings none, in hex digits."""
    return secrets.token_hex(NUMBER_BYTES)


def fault_number(environ: MutableMapping[str, Any]) -> str:
    """The number under which the log tells why a request has failed."""
    environ[FAULT] = True
    number: str = environ.setdefault(REQUEST_ID, new_request_id())
    return number
