"""What a client says of itself in a packet's `authentication` element."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credentials:
    """The children of `authentication` that mean something (PROTOCOL.md 2.1).

    A text that is missing or empty is None; so is a number that is none, and a negative
    ``client_id``. Anchors stay as the client wrote them: whoever reads them knows the time zone. The
    code is not shown.
    """

    id: str | None = None
    code: str | None = field(default=None, repr=False)
    system_id: int | None = None
    client_id: int | None = None
    username: str | None = None
    last_anchor: str | None = None
    next_anchor: str | None = None
    encoding: str | None = None
