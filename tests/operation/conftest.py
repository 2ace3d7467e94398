"""Logs to read, and applications on databases of both kinds."""

from __future__ import annotations

import contextlib
import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from protocols.packet.exchanges import EchoEngine

from packetserver.operation.logs import GUNICORN, TALKATIVE, configure_logging
from packetserver.protocols.packet.process import Engine, build_engine
from packetserver.security import audit
from packetserver.settings import Settings

CHANGED = ("", *GUNICORN, *TALKATIVE, audit.NAME)


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        return True


class Log:
    """What was logged since it was configured."""

    def __init__(self, stream: io.StringIO) -> None:
        self.stream = stream

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines of a log in JSON."""
        return [json.loads(line) for line in self.text.splitlines()]

    def requests(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == "request"]


@pytest.fixture
def configured() -> Iterator[Callable[..., Log]]:
    """A function that configures the log, on a terminal or not; in the end all is as it was."""
    before = {name: _state(logging.getLogger(name)) for name in CHANGED}

    def configure(*, terminal: bool = False, **settings: Any) -> Log:
        stream = Terminal() if terminal else io.StringIO()
        configure_logging(Settings(**settings), stream)
        return Log(stream)

    yield configure
    structlog.contextvars.clear_contextvars()
    for name, (handlers, level, propagate) in before.items():
        logger = logging.getLogger(name)
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate


def _state(logger: logging.Logger) -> tuple[list[logging.Handler], int, bool]:
    return list(logger.handlers), logger.level, logger.propagate


@pytest.fixture
def log(configured) -> Log:
    """A log in JSON, as it is by default where there is no terminal."""
    return configured()


@pytest.fixture
def echo() -> EchoEngine:
    return EchoEngine()


@pytest.fixture
def engine(prepared_database_url, tmp_path) -> Iterator[Engine]:
    made = build_engine(Settings(database_url=prepared_database_url, file_library=tmp_path))
    with contextlib.closing(made.database):
        yield made
