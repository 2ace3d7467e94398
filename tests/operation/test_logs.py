"""How a line of the log looks, and that everything logged becomes one."""

from __future__ import annotations

import json
import logging

import pytest
import structlog
from gunicorn.config import Config

from packetserver.http.gunicorn import PlainLogger
from packetserver.operation.logs import event_logger
from packetserver.security import audit

logger = logging.getLogger("somebody.else")

ESCAPE = "\x1b[2J"
FORGED = f'done\n{{"event": "forged"}}{ESCAPE}'


@pytest.mark.parametrize(
    ("form", "terminal", "is_json"),
    [
        ("auto", False, True),
        ("auto", True, False),
        ("json", True, True),
        ("text", False, False),
        ("text", True, False),
    ],
)
def test_the_form_is_chosen_by_the_setting_or_by_who_looks(configured, form, terminal, is_json):
    log = configured(terminal=terminal, log_format=form)
    logger.info("hello")
    assert log.text.startswith("{") is is_json
    assert ("\x1b[" in log.text) is (terminal and not is_json)


def test_every_line_says_who_logged_it_when_and_how_grave_it_is(log):
    logger.warning("%s is %d", "it", 3)
    (line,) = log.lines
    assert line.pop("timestamp").endswith("Z")
    assert isinstance(line.pop("pid"), int)
    assert line == {"event": "it is 3", "level": "warning", "logger": "somebody.else"}


def test_an_event_keeps_its_facts(log):
    event_logger("packetserver.requests").info("request", status=200, errors={"packet": 1})
    (line,) = log.lines
    assert (line["event"], line["status"], line["errors"]) == ("request", 200, {"packet": 1})


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_what_is_less_severe_than_the_setting_is_left_out(configured, level):
    log = configured(log_level=level)
    levels = ["debug", "info", "warning", "error"]
    for each in levels:
        getattr(logger, each)("event")
        getattr(event_logger("packetserver.requests"), each)("event")
        getattr(event_logger(audit.NAME), each)("event")
    wanted = [each for each in levels[levels.index(level) :] for _ in range(3)]
    assert [line["level"] for line in log.lines] == wanted


@pytest.mark.parametrize("terminal", [False, True])
def test_a_text_of_a_client_forges_no_line_and_steers_no_terminal(configured, terminal):
    log = configured(terminal=terminal)
    logger.info("said: %s", FORGED)
    event_logger("packetserver.requests").info("request", user=FORGED)
    assert len(log.text.splitlines()) == 2
    assert ESCAPE not in log.text


def refuse(text: str) -> None:
    raise ValueError(text)


def fail(text: str) -> None:
    """Log an error that carries a text."""
    try:
        refuse(text)
    except ValueError:
        logger.exception("It failed")


def test_a_traceback_is_one_line_of_json(log):
    fail(FORGED)
    (line,) = log.lines
    assert line["exception"].startswith("Traceback (most recent call last):\n")


def test_a_traceback_is_readable_on_a_terminal(configured):
    log = configured(terminal=True)
    fail(ESCAPE)
    assert "\nTraceback (most recent call last):\n" in log.text
    assert "\nValueError: \\x1b[2J\n" in log.text
    assert ESCAPE not in log.text


def test_what_is_bound_stands_in_every_line(log):
    structlog.contextvars.bind_contextvars(request_id="r-1")
    logger.info("one")
    event_logger("packetserver.requests").info("two")
    assert [line["request_id"] for line in log.lines] == ["r-1", "r-1"]


@pytest.mark.parametrize("own_handlers", [False, True])
def test_gunicorn_logs_as_everybody(configured, own_handlers):
    kind = PlainLogger if not own_handlers else PlainLogger.__base__
    made = kind(Config())
    # Gunicorn's own logger has its handlers before the application configures the log.
    log = configured()
    if not own_handlers:
        made.setup(Config())
    made.info("Listening at: %s", "here")
    (line,) = log.lines
    assert (line["logger"], line["event"]) == ("gunicorn.error", "Listening at: here")


def test_to_configure_twice_writes_no_line_twice(configured):
    first, second = configured(), configured()
    logger.info("once")
    assert (len(first.lines), len(second.lines)) == (0, 1)


def test_a_migration_that_is_looked_at_says_nothing(log):
    logging.getLogger("alembic.runtime.migration").info("Context impl SQLiteImpl.")
    assert log.text == ""


def test_what_json_does_not_know_is_written_all_the_same(log):
    event_logger("packetserver.requests").info("request", found={1, 2})
    assert json.loads(log.text)["found"] == "{1, 2}"
