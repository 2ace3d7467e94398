"""The log: one line an event, in JSON for programs or in words for people, on standard error.

Everything that is logged goes this way, whoever logs it. A line in JSON is cheap to search and
cannot be broken up or forged by what a client sends.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TextIO

import structlog
from structlog.processors import JSONRenderer, TimeStamper, format_exc_info
from structlog.stdlib import (
    BoundLogger,
    ProcessorFormatter,
    add_log_level,
    add_logger_name,
    filter_by_level,
)
from structlog.typing import EventDict, Processor, WrappedLogger

from packetserver.security import audit
from packetserver.settings import Settings

AUTO, JSON = "auto", "json"
GUNICORN = ("gunicorn.error", "gunicorn.access")

TALKATIVE = ("alembic",)
"""Libraries that tell at level info what they do each time that they are asked something."""


def configure_logging(settings: Settings, stream: TextIO | None = None) -> None:
    """Send all that is logged to ``stream`` (standard error), as the settings say.

    Safe to repeat: the last one counts.
    """
    stream = stream if stream is not None else sys.stderr
    # What no line tells need not be found out for every line (Python's logging HOWTO, Optimization).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        ProcessorFormatter(processors=[*_COMPLETING, *_renderers(settings, stream)])
    )
    level = settings.log_level.upper()
    handler.setLevel(level)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Refusals are counted by what it is told, even where they are not to be seen.
    logging.getLogger(audit.NAME).setLevel(min(root.level, logging.WARNING))
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in GUNICORN:
        # Gunicorn has given them handlers of its own by now, if it is what runs us.
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True


def event_logger(name: str) -> BoundLogger:
    """A logger whose events carry facts, each under its own key."""
    logger: BoundLogger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[filter_by_level, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=BoundLogger,
    )
    return logger


def _renderers(settings: Settings, stream: TextIO) -> tuple[Processor, ...]:
    if settings.log_format == JSON or (settings.log_format == AUTO and not stream.isatty()):
        return (JSONRenderer(),)
    console = structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    return (_escape, console)


def _add_process(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    event["pid"] = os.getpid()
    return event


def _escape(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """Nothing that a client sends may begin a line, or steer a terminal."""
    for key, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[key] = "\n".join(map(_printable, _lines(key, value)))
    return event


def _lines(key: str, text: str) -> list[str]:
    """The lines that a text may have: those of a traceback are how one reads it."""
    return text.split("\n") if key == "exception" else [text]


def _printable(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


_COMPLETING: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    add_log_level,
    add_logger_name,
    _add_process,
    TimeStamper(fmt="iso", utc=True),
    format_exc_info,
    ProcessorFormatter.remove_processors_meta,
)
"""What every event gets, whoever logs it."""
