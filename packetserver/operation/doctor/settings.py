"""The settings: what is misspelt or not allowed, where, and what was probably meant."""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

from packetserver.errors import SettingsError
from packetserver.operation.findings import Check, Finding, ok, warning, wrong
from packetserver.settings import CONFIG_VARIABLE, PREFIX, SETTINGS, Settings, load_settings

Environment = Mapping[str, str]

NAMES = [line.name for line in SETTINGS]
DATABASE_URL = PREFIX + "DATABASE_URL"


def examine_settings(environment: Environment) -> tuple[list[Finding], Settings | None]:
    """What is found, and the settings without those that are wrong.

    There are no settings when it is not known which database they mean.
    """
    given = {name: text for name, text in environment.items() if name.startswith(PREFIX)}
    path = given.pop(CONFIG_VARIABLE, "").strip()
    problems = {name: _problem(name, text) for name, text in given.items()}
    found = [each for each in problems.values() if each is not None]
    in_file = list(_problems_of_file(path)) if path else []
    if found or in_file:
        findings = [*found, *in_file]
    else:
        findings = [ok(Check.SETTINGS, _summary(load_settings(environment)))]
    if in_file or problems.get(DATABASE_URL) is not None:
        return findings, None
    fine = {name: text for name, text in given.items() if problems[name] is None}
    settings = load_settings({**fine, CONFIG_VARIABLE: path})
    return [*findings, *_exposed_file(path, settings)], settings


def _summary(settings: Settings) -> str:
    return f"Set, and as they may be: {', '.join(sorted(settings.given)) or 'none'}"


def _problem(variable: str, text: str) -> Finding | None:
    """What is wrong with a variable of the environment."""
    name = variable.removeprefix(PREFIX).lower()
    if name not in NAMES:
        if not text.strip():
            return None
        advice = _meant(name, (PREFIX + each.upper() for each in _close(name)))
        return wrong(Check.SETTINGS, f"{variable} in the environment is no setting", advice)
    try:
        load_settings({variable: text})
    except SettingsError as error:
        return wrong(Check.SETTINGS, str(error), f"Set {variable} to such a value, or unset it.")
    return None


def _problems_of_file(path: str) -> Iterator[Finding]:
    try:
        load_settings({CONFIG_VARIABLE: path})
    except SettingsError as error:
        unknown = [name for name in _keys(path) if name not in NAMES]
        for name in unknown:
            text = f"{name} in {path} is no setting"
            yield wrong(Check.SETTINGS, text, _meant(name, _close(name)))
        if not unknown:
            yield wrong(Check.SETTINGS, str(error), f"Mend the file, or unset {CONFIG_VARIABLE}.")


def _keys(path: str) -> list[str]:
    try:
        return list(tomllib.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return []


def _close(name: str) -> list[str]:
    return get_close_matches(name.lower(), NAMES, n=1)


def _meant(name: str, found: Iterable[str]) -> str:
    likely = "".join(found)
    return f"Did you mean {likely}?" if likely else "Remove it: packetserver settings lists them."


def _exposed_file(path: str, settings: Settings) -> Iterator[Finding]:
    """A file that holds a password is nobody else's to read."""
    if not path or "database_url" not in tomllib.loads(Path(path).read_text(encoding="utf-8")):
        return
    has_password = urlsplit(settings.database_url).password is not None
    if has_password and Path(path).stat().st_mode & stat.S_IROTH:
        yield warning(
            Check.SETTINGS,
            f"{path} holds the database's password, and everybody on this machine may read it",
            f"chmod o= {path}",
        )
