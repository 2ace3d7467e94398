"""Whether packets should be sent here: a load balancer asks, and an operator reads why not."""

from __future__ import annotations

import logging

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from packetserver.errors import ProvisionError, StoreUnavailable
from packetserver.operation.disks import Disks
from packetserver.protocols.front.spools import Spools
from packetserver.protocols.packet.process import Engine
from packetserver.provision.installation import require_ready
from packetserver.store.database import Database
from packetserver.store.files import MOST_LEFT_ALONE

logger = logging.getLogger(__name__)


STOPPING = "The server is being stopped."
ASKED_IN_VAIN = "The database refuses what it is asked; the log of this server tells why."
NO_WRITING = (
    "The database can be read but not written: it is a standby, or its user or the database is set"
    " to read only."
)
LITTLE_BYTES = 16 * 1024**2
"""With less than that free a disk is as good as full, for what is short as well."""

NO_FILE_WRITING = "The file of the database, or its folder, may not be written."


class Stopping:
    """Whether this process is being stopped: it finishes what it has begun, and takes no more."""

    def __init__(self) -> None:
        self._worker: object | None = None

    def follow(self, worker: object) -> None:
        """Follow a worker of gunicorn, whose ``alive`` says whether it takes requests."""
        self._worker = worker

    def __bool__(self) -> bool:
        """Whether it is."""
        return not getattr(self._worker, "alive", True)


STOP = Stopping()
"""Of this process; gunicorn's hook `post_worker_init` has it follow the worker."""


def why_not_ready(engine: object, disks: Disks) -> str | None:
    """What keeps packets from being carried out, in a sentence; None when nothing does.

    The catalogue is loaded and whole, or there would be no engine.
    """
    if STOP:
        return STOPPING
    if not isinstance(engine, Engine):
        return None
    try:
        with engine.database.connect() as connection:
            require_ready(connection, engine.schema)
            reason = why_not_writable(engine.database, connection)
    except StoreUnavailable as failure:
        return failure.sentence
    except SQLAlchemyError:
        logger.exception("The database cannot be asked whether it is ready")
        return ASKED_IN_VAIN
    except ProvisionError as error:
        sentence = str(error)
        return f"{sentence[0].upper()}{sentence[1:]}."
    return disks.why_not_writable() if reason is None else reason


def disks_of(engine: object, spools: Spools) -> Disks:
    """The disks that packets need: of the database's file, of spools, and of files."""
    places = {"long bodies and answers": (spools.folder, MOST_LEFT_ALONE)}
    if isinstance(engine, Engine):
        places["files"] = (engine.preferences.library.folder, LITTLE_BYTES)
        if (file := engine.database.file) is not None:
            places["the database"] = (file.absolute().parent, LITTLE_BYTES)
    return Disks(places)


def why_not_writable(database: Database, connection: Connection) -> str | None:
    """What keeps a database from being written, in a sentence; None when nothing does."""
    if database.can_be_written(connection):
        return None
    return NO_FILE_WRITING if database.is_sqlite else NO_WRITING
