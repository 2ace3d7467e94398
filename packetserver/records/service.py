"""What all protocols of an installation share: its database, who may come in, and what runs requests."""

from __future__ import annotations

import logging
import time

from packetserver.records.opening import (
    CONTACTS_ONLY,
    load_schema,
    open_database,
    preferences_of,
    replica_of,
)
from packetserver.records.preferences import Preferences
from packetserver.records.runner import Runner
from packetserver.security.authentication import Authenticator
from packetserver.security.entrance import Entrance
from packetserver.security.remembered import RememberedCredentials
from packetserver.settings import Settings
from packetserver.store.database import Database
from packetserver.store.replica import Replica
from packetserver.store.schema import Schema

logger = logging.getLogger(__name__)


class Service:
    """The records of one installation, as protocols are given them; safe to use from many threads."""

    def __init__(
        self,
        database: Database,
        schema: Schema,
        authenticator: Authenticator,
        preferences: Preferences,
        replica: Replica | None = None,
    ) -> None:
        """``replica`` is what requests that only read are answered by, as far as it can."""
        self.database = database
        self.schema = schema
        self.authenticator = authenticator
        self.preferences = preferences
        self.runner = Runner(database, replica)
        self.entrance = Entrance(
            database, authenticator.limits, preferences.audit, preferences.clock
        )


def open_service(settings: Settings) -> Service:
    """The service of an installation.

    Raises CatalogueError, SettingsError or StoreUnavailable, whose texts say what to do.
    """
    schema = load_schema()
    if settings.permissions == CONTACTS_ONLY:
        logger.warning(
            "PACKETSERVER_PERMISSIONS=%s: only contacts are protected; every user may read and"
            " change everything else, users and roles included",
            CONTACTS_ONLY,
        )
    database, complete = open_database(settings, schema)
    remembered = RememberedCredentials(complete.remember_credentials_seconds)
    authenticator = Authenticator(complete, remembered, time.monotonic)
    return Service(database, schema, authenticator, preferences_of(complete), replica_of(complete))
