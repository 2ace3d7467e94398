"""What gunicorn is given so that it logs as we do, and its processes count together.

`packetserver serve` uses all of it. A configuration file of gunicorn can import the same names.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from packetserver.operation.readiness import STOP

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 - what is made there has an unguessable name
PREFIX = "packetserver-metrics-"


class PlainLogger(Logger):  # type: ignore[misc]
    """Gunicorn's logger without handlers of its own: its lines go where all others go."""

    def setup(self, cfg: Any) -> None:
        """Set up what gunicorn does, and leave the writing to whoever set up the log."""
        super().setup(cfg)
        for logger in (self.error_log, self.access_log):
            logger.handlers.clear()
            logger.propagate = True


def make_metrics_folder() -> Path | None:
    """Make the folder that processes count in, before any of them starts.

    Returns what is to be removed in the end: None when the operator has named a folder of his own.
    """
    if os.environ.get(FOLDER_VARIABLE):
        return None
    parent = MEMORY_FOLDER if os.access(MEMORY_FOLDER, os.W_OK | os.X_OK) else None
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    os.environ[FOLDER_VARIABLE] = str(folder)
    return folder


def remove_metrics_folder(folder: Path | None) -> None:
    """Remove what `make_metrics_folder` has made."""
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def post_worker_init(worker: Any) -> None:
    """A worker begins: /readyz goes by whether it is being stopped."""
    STOP.follow(worker)


def child_exit(server: Any, worker: Any) -> None:
    """A worker is gone: what it was doing counts no longer, what it has done still does."""
    if not os.environ.get(FOLDER_VARIABLE):
        return
    # prometheus_client reads the variable when it is imported, so not before it is set.
    from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415

    try:
        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
    except OSError:
        logging.getLogger(__name__).exception("The metrics of process %s remain", worker.pid)
