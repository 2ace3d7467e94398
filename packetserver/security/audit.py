"""The audit log: who was refused, and who changed users, roles, permissions or sync clients.

An event goes to the logger `packetserver.audit`, and to the file of the setting audit_log where
there is one. It holds names, ids and addresses, and never a code.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import pwd
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from structlog.stdlib import BoundLogger, ProcessorFormatter, filter_by_level

from packetserver.security.credentials import Credentials
from packetserver.security.principal import Principal

logger = logging.getLogger(__name__)

NAME = "packetserver.audit"
EVENT = "audit"
MODE = 0o600
LONGEST_TEXT = 100
MOST_ITEMS = 20

DONE, FAILED = "done", "failed"
NOT_AUTHORIZED, THROTTLED, DENIED = "not authorized", "throttled", "denied"
TURNED_AWAY = "turned away"
REFUSALS = frozenset({NOT_AUTHORIZED, THROTTLED, DENIED, TURNED_AWAY})

UNPROVED = "unproved"
"""The kind of a principal that has not logged in."""

_EVENTS: BoundLogger = structlog.wrap_logger(
    logging.getLogger(NAME),
    processors=[filter_by_level, ProcessorFormatter.wrap_for_formatter],
    wrapper_class=BoundLogger,
)

What = tuple[str | None, str | None]
"""The element that an item names, and its action."""


@dataclass(frozen=True, slots=True)
class Audit:
    """Writes events; what goes wrong with that is logged, and never troubles a packet."""

    clock: Callable[[], datetime]
    file: Path | None = None

    def record(
        self,
        outcome: str,
        address: str,
        principal: Mapping[str, Any],
        items: Sequence[What],
        **facts: str,
    ) -> None:
        """Write the event of one packet.

        ``items`` are what it was about, of which the first ones are told; ``facts`` are any more.
        """
        event: dict[str, Any] = {
            "outcome": outcome,
            "address": printable(address),
            "principal": dict(principal),
            "items": [
                {"object": printable(element), "action": printable(action)}
                for element, action in items[:MOST_ITEMS]
            ],
            **{name: printable(fact) for name, fact in facts.items()},
        }
        if len(items) > MOST_ITEMS:
            event["more_items"] = True
        write = _EVENTS.warning if outcome in REFUSALS else _EVENTS.info
        write(EVENT, **event)
        if self.file is not None:
            self._append(self.file, event)

    def _append(self, file: Path, event: Mapping[str, Any]) -> None:
        line = (json.dumps({"time": self.clock().isoformat(), **event}) + "\n").encode("ascii")
        try:
            # Opened each time, so that the file may be moved away, and written at once, so that
            # lines of several processes stay whole.
            descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, MODE)
            try:
                if os.write(descriptor, line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            finally:
                os.close(descriptor)
        except OSError as error:
            logger.error("The audit log %s cannot be written: %s", file, error.strerror)  # noqa: TRY400 - says all


def operator() -> dict[str, Any]:
    """Who gives a command on the machine itself: the user of its operating system."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a user without a name, as containers have them
        name = str(os.getuid())
    return {"kind": "operator", "name": printable(name)}


def proved(principal: Principal) -> dict[str, Any]:
    """A principal as events show it."""
    facts = {
        "kind": principal.kind.value,
        "user_id": principal.user_id,
        "role_id": principal.role_id,
        "client_id": principal.client_id,
    }
    return {name: fact for name, fact in facts.items() if fact is not None}


def claimed(credentials: Credentials | None) -> dict[str, Any]:
    """Whom somebody says to be, of whom nothing is proved."""
    facts: dict[str, Any] = {"kind": UNPROVED}
    if credentials is not None and credentials.username is not None:
        facts["name"] = printable(credentials.username)
    if credentials is not None and credentials.client_id is not None:
        facts["client_id"] = credentials.client_id
    return facts


def printable(text: str | None) -> str | None:
    """A text of a client, shortened, on one line, and without what could steer a terminal."""
    if text is None:
        return None
    shown = text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in shown)
