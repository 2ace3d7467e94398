"""How settings are shown to people: their values, without passwords."""

from __future__ import annotations

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from packetserver.setting_kinds import DATABASE_URL
from packetserver.settings import SettingLine, Settings

MASK = "***"
HIDDEN = "hidden"
"""Stands for a parameter of the URL, in which stars would be escaped."""

SECRET_PARAMETERS = frozenset({"password", "sslpassword"})


def shown_url(url: str) -> str:
    """A database URL without its password, wherever that stands."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # What cannot be taken apart may have a password anywhere.
        return MASK
    if "@" in (parsed.host or "") + (parsed.database or ""):
        # One in the password that is not written as %40 has moved a part of it here.
        return MASK
    hidden = {name: HIDDEN for name in parsed.query if name in SECRET_PARAMETERS}
    return parsed.update_query_dict(hidden).render_as_string(hide_password=True)


def shown_value(settings: Settings, line: SettingLine) -> str:
    """A setting's value as it would be written in the environment."""
    value = getattr(settings, line.name)
    if value is not None and line.kind is DATABASE_URL:
        return shown_url(value)
    return "(not set)" if value in {None, ()} else line.kind.write(value)
