"""How far a connection is, and what it needs next."""

from __future__ import annotations

import enum


class State(enum.Enum):
    """How far a connection is."""

    HANDSHAKE = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()
    WORKING = enum.auto()
    SENDING = enum.auto()
    CLOSING = enum.auto()


class Step(enum.Enum):
    """What a connection needs next."""

    MORE = enum.auto()
    """More bytes from the client."""
    SPACE = enum.auto()
    """Space for bytes to the client: TLS has something to say."""
    REQUEST = enum.auto()
    """Somebody who answers its request."""
    REFUSAL = enum.auto()
    """Somebody who says that this is no HTTP: ``error`` tells why."""
    END = enum.auto()
    """Nothing: the client is gone."""
