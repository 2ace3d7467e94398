"""What an installation is configured to, as far as what it does with records depends on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from packetserver.records.rights import EVERYTHING_PROTECTED, Policy
from packetserver.security.audit import Audit
from packetserver.store.files import FileLibrary


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the settings say of the installation itself, and how it is protected (docs/operation.md)."""

    zone: ZoneInfo
    language: str
    country: str
    currency: str
    library: FileLibrary
    system_xml: str | None = None
    policy: Policy = EVERYTHING_PROTECTED
    sync_overlap: timedelta = timedelta(days=1)
    allow_client_registration: bool = True
    strict: bool = False
    audit_log: Path | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def now(self) -> datetime:
        """The present as it is stored: wall clock of the configured zone, whole milliseconds."""
        present = self.clock().astimezone(self.zone).replace(tzinfo=None)
        return present.replace(microsecond=present.microsecond // 1000 * 1000)

    @property
    def audit(self) -> Audit:
        """The audit log, whose times are those of the configured zone."""
        return Audit(lambda: self.clock().astimezone(self.zone), self.audit_log)
