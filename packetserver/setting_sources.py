"""Where the values of settings come from: the environment, a TOML file, what a database holds."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from packetserver.errors import SettingsError
from packetserver.setting_kinds import Kind

PREFIX = "PACKETSERVER_"
CONFIG_VARIABLE = PREFIX + "CONFIG"


@dataclass(frozen=True, slots=True)
class SettingLine:
    """A line of the table of settings, as the help and the README show it."""

    name: str
    kind: Kind[Any]
    default: Any
    description: str

    @property
    def variable(self) -> str:
        """The name in the environment."""
        return PREFIX + self.name.upper()

    @property
    def default_text(self) -> str:
        """The default as it would be written in the environment; empty when there is none."""
        return "" if self.default is None else self.kind.write(self.default)


Lines = Mapping[str, SettingLine]
"""The table of settings, by their names."""


def read_environment(environment: Mapping[str, str], lines: Lines) -> dict[str, Any]:
    """The values that the environment sets, and before them those of the file that it names.

    Raises SettingsError. A variable that is empty counts as not set.
    """
    variables = {
        name.removeprefix(PREFIX).lower(): text
        for name, text in environment.items()
        if name.startswith(PREFIX) and name != CONFIG_VARIABLE and text.strip()
    }
    return {
        **_read_file(environment.get(CONFIG_VARIABLE, ""), lines),
        **read_values(variables, "the environment", lines, lambda name: PREFIX + name.upper()),
    }


def _read_file(path: str, lines: Lines) -> dict[str, Any]:
    if not path.strip():
        return {}
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{CONFIG_VARIABLE} must name a TOML file: {path}: {error}") from error
    return read_values(content, path, lines)


def read_values(
    found: Mapping[str, object],
    source: str,
    lines: Lines,
    spelled: Callable[[str], str] = str,
) -> dict[str, Any]:
    """Read what a source holds; ``spelled`` gives a setting's name as that source spells it.

    Raises SettingsError, which names the setting, its source and what is allowed.
    """
    return {name: _read_value(name, value, source, lines, spelled) for name, value in found.items()}


def _read_value(
    name: str, value: object, source: str, lines: Lines, spelled: Callable[[str], str]
) -> Any:
    line = lines.get(name)
    if line is None:
        close = get_close_matches(name.lower(), lines, n=1)
        advice = f"did you mean {spelled(close[0])}?" if close else "the README lists them"
        raise SettingsError(f"{spelled(name)} in {source} is no setting: {advice}")
    try:
        return line.kind.read(value)
    except ValueError as error:
        # The value itself is not told: it may hold a password.
        raise SettingsError(f"{spelled(name)} in {source} must be {line.kind.allowed}") from error
