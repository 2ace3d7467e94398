"""Gunicorn, set up for packets: threads, time to finish, and no more trust than needed.

`packetserver serve` uses all of it. A configuration file of gunicorn can import the same names.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from packetserver.errors import PacketServerError
from packetserver.http.files import allow_files, possible_connections
from packetserver.operation.logs import configure_logging
from packetserver.operation.readiness import STOP
from packetserver.operation.start_checks import FOLDER_VARIABLE
from packetserver.setting_kinds import UNIX
from packetserver.settings import Settings

logger = logging.getLogger(__name__)

WORKER = "packetserver.http.worker.PacketWorker"

SILENT_WORKER_SECONDS = 60
"""A worker that gives no sign of life for so long is replaced; a long packet is no silence."""

FINISHING_SECONDS = 60
"""What packets that are being carried out have when the server is stopped."""

KEEP_ALIVE_SECONDS = 5
LONGEST_REQUEST_LINE = 8190
MOST_HEADERS = 100
LONGEST_HEADER = 8190
"""Bytes; the bodies of packets have a limit of their own (max_body_bytes)."""

MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 - what is made there has an unguessable name
PREFIX = "packetserver-metrics-"


class PacketApplication(BaseApplication):  # type: ignore[misc]
    """Gunicorn with our options and no others: it reads no file and no arguments."""

    def __init__(
        self,
        settings: Settings,
        metrics_folder: Path | None = None,
        read_again: Callable[[], Settings] | None = None,
    ) -> None:
        """``metrics_folder`` is removed in the end.

        ``read_again`` gives the settings anew when the server is told to reload (SIGHUP).
        """
        self._settings = settings
        self._read_again = read_again
        self._metrics_folder = metrics_folder
        super().__init__()

    def load_config(self) -> None:
        """Set the options."""
        for name, value in gunicorn_options(self._settings).items():
            self.cfg.set(name, value)
        # By gunicorn, and not after it has run: its workers come by there too.
        self.cfg.set("on_exit", lambda server: remove_metrics_folder(self._metrics_folder))

    def load(self) -> Callable[..., Any]:
        """The application, made in each worker after the fork."""
        # They may have been read again since the log was configured.
        configure_logging(self._settings)
        # Not before the folder of the metrics is there: prometheus_client looks for it on import.
        from packetserver.app import create_app  # noqa: PLC0415

        return create_app(self._settings)

    def reload(self) -> None:
        """Take the settings as they are now; when they are wrong, those that are in force stay."""
        try:
            if self._read_again is not None:
                self._settings = self._read_again()
        except PacketServerError as error:
            logger.error("The settings stay as they were: %s", error)  # noqa: TRY400
        super().reload()


def serve_forever(settings: Settings, read_again: Callable[[], Settings]) -> None:
    """Serve until a signal ends the process."""
    configure_logging(settings)
    PacketApplication(settings, make_metrics_folder(), read_again).run()


def gunicorn_options(settings: Settings) -> Mapping[str, Any]:
    """Gunicorn's options by their names.

    The worker (packetserver.http) takes what it needs to know of clients from the settings. The
    headers of proxies are not gunicorn's business either (packetserver.protocols.front.hosts).
    """
    return {
        "bind": settings.bind,
        "workers": settings.workers,
        "worker_class": WORKER,
        "threads": settings.threads,
        "worker_connections": settings.connections,
        "timeout": SILENT_WORKER_SECONDS,
        "graceful_timeout": FINISHING_SECONDS,
        "keepalive": KEEP_ALIVE_SECONDS,
        "limit_request_line": LONGEST_REQUEST_LINE,
        "limit_request_fields": MOST_HEADERS,
        "limit_request_field_size": LONGEST_HEADER,
        # On a slow disk, a worker's signs of life would look like silence.
        "worker_tmp_dir": _text(_memory_folder()),
        "loglevel": settings.log_level,
        "accesslog": None,
        "logger_class": PlainLogger,
        # It would let whoever can open it stop the server, and nothing here needs it.
        "control_socket_disable": True,
        "forwarded_allow_ips": ",".join(
            str(each) for each in settings.trusted_proxies if each != UNIX
        ),
        "secure_scheme_headers": {},
        "forwarder_headers": "",
        "certfile": _text(settings.tls_certificate),
        "keyfile": _text(settings.tls_key),
        "post_fork": lambda _server, worker: _set_up(worker, settings),
        "proc_name": "packetserver",
        "when_ready": lambda server: _announce(server, settings),
        "post_worker_init": post_worker_init,
        "child_exit": child_exit,
    }


def _memory_folder() -> Path | None:
    """A folder in memory, where there is one that can be written."""
    return MEMORY_FOLDER if os.access(MEMORY_FOLDER, os.W_OK | os.X_OK) else None


def _set_up(worker: Any, settings: Settings) -> None:
    worker.settings = settings


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _announce(server: Any, settings: Settings) -> None:
    for listener in server.LISTENERS:
        click.echo(
            f"Serving packets at {listener}{'' if _is_local(listener) else '/ProcessPacket.do'}"
        )
    files, connections = allow_files(settings), possible_connections(settings)
    if connections < settings.connections:
        logger.warning(
            "Only %s clients can be heard at a time, and not %s as PACKETSERVER_CONNECTIONS says: the"
            " limit of open files is %s. Raise it (ulimit -n, or LimitNOFILE of the service).",
            *(connections, settings.connections, files),
        )
    click.echo(
        f"Each process hears {connections:,} clients at a time, and may open {files:,} files."
    )


def _is_local(listener: Any) -> bool:
    """Whether it is a socket in the file system, which has no paths of HTTP."""
    return str(listener).startswith("unix:")


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
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=_memory_folder()))
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
