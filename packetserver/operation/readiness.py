"""Whether packets should be sent here: a load balancer asks, and an operator reads why not.

Whether the disks take what is written to them is tried: a small file is written, and is gone again.
"""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from packetserver.errors import ProvisionError, StoreUnavailable
from packetserver.protocols.front.spools import Spools
from packetserver.provision.installation import require_ready
from packetserver.records.service import Service
from packetserver.store.database import Database
from packetserver.store.files import MOST_LEFT_ALONE, existing, room_for

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""How long a look counts: whoever asks each moment shall not have the disks written each moment."""

PROBE = bytes(64 * 1024)

FULL = "The disk of {} is full, or nearly so."
REFUSED = "Nothing can be written to the disk of {}: {}."


class Disks:
    """The disks that a server writes to; safe to use from many threads."""

    def __init__(
        self, places: Mapping[str, tuple[Path, int]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``places`` are folders and how many bytes of their disk are left alone, by what they hold.

        The ``clock`` tells seconds.
        """
        self._places = places
        self._clock = clock
        self._lock = threading.Lock()
        self._told: str | None = None
        self._looks_again = clock()

    def why_not_writable(self) -> str | None:
        """What is wrong with the first disk that takes nothing more, in a sentence; None if none."""
        with self._lock:
            if self._clock() >= self._looks_again:
                self._told = self._look()
                self._looks_again = self._clock() + LOOK_SECONDS
            return self._told

    def _look(self) -> str | None:
        for what, (folder, left_alone) in self._places.items():
            place = existing(folder)
            try:
                if not room_for(place, len(PROBE), left_alone):
                    logger.warning("The disk of %s has no room for %s", place, what)
                    return FULL.format(what)
                _write(place)
            except OSError as error:
                logger.warning("%s takes nothing for %s: %s", place, what, error)
                return REFUSED.format(what, error.strerror or "it is refused")
        return None


def _write(folder: Path) -> None:
    """Write what has no name, and so never reaches the disk itself; raises OSError."""
    with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:
        if probe.write(PROBE) < len(PROBE):
            raise OSError("it takes only a part")


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


def why_not_ready(service: Service | None, disks: Disks) -> str | None:
    """What keeps packets from being carried out, in a sentence; None when nothing does.

    The catalogue is loaded and whole, or there would be no engine.
    """
    if STOP:
        return STOPPING
    if service is None:
        return None
    try:
        with service.database.connect() as connection:
            require_ready(connection, service.schema)
            reason = why_not_writable(service.database, connection)
    except StoreUnavailable as failure:
        return failure.sentence
    except SQLAlchemyError:
        logger.exception("The database cannot be asked whether it is ready")
        return ASKED_IN_VAIN
    except ProvisionError as error:
        sentence = str(error)
        return f"{sentence[0].upper()}{sentence[1:]}."
    return disks.why_not_writable() if reason is None else reason


def disks_of(service: Service | None, spools: Spools) -> Disks:
    """The disks that packets need: of the database's file, of spools, and of files."""
    places = {"long bodies and answers": (spools.folder, MOST_LEFT_ALONE)}
    if service is not None:
        places["files"] = (service.preferences.library.folder, LITTLE_BYTES)
        if (file := service.database.file) is not None:
            places["the database"] = (file.absolute().parent, LITTLE_BYTES)
    return Disks(places)


def why_not_writable(database: Database, connection: Connection) -> str | None:
    """What keeps a database from being written, in a sentence; None when nothing does."""
    if database.can_be_written(connection):
        return None
    return NO_FILE_WRITING if database.is_sqlite else NO_WRITING
