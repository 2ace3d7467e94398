"""What an examination finds: how it stands, in a sentence, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Health(Enum):
    """How something stands."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


class Check(Enum):
    """What is looked at."""

    SETTINGS = "settings"
    CATALOGUE = "catalogue"
    TRANSPORT = "transport"
    ADDRESS = "address"
    SYSTEM_XML = "system.xml"
    METRICS = "metrics"
    PERMISSIONS = "permissions"
    FILES = "file library"
    AUDIT = "audit log"
    DISK = "disk"
    DATABASE = "database"
    RIGHTS = "database file"
    GRANTS = "database user"
    REVISION = "revision"
    TABLES = "tables"
    NAMES = "names"
    LETTERS = "letters"
    ZONE = "time zone"
    CLOCK = "clock"
    CONNECTIONS = "connections"
    REPLICA = "replica"
    ROWS = "default rows"
    ADMINISTRATOR = "administrator"
    SECRETS = "secrets"
    ACCESS_KEYS = "access keys"
    SYNC = "sync clients"
    PACKAGES = "packages"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; ``advice`` says what to do, and is empty where nothing is."""

    check: Check
    health: Health
    text: str
    advice: str = ""


def ok(check: Check, text: str) -> Finding:
    """All is well."""
    return Finding(check, Health.OK, text)


def warning(check: Check, text: str, advice: str) -> Finding:
    """It works, with a risk or a difference that somebody should know of."""
    return Finding(check, Health.WARNING, text, advice)


def wrong(check: Check, text: str, advice: str) -> Finding:
    """The server does not work, or not as it should."""
    return Finding(check, Health.WRONG, text, advice)
