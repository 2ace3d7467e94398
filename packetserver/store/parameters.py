"""What statements leave open, so that one serves whoever asks, and whenever."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BindParameter, DateTime, Integer, bindparam

PRESENT: Final = "present"
"""The time of the reading, as it is stored."""

READER: Final = "reader"
"""The user whose rights count; None where nobody's do."""

CLIENT: Final = "sync_client"
"""The sync client whose ids are meant."""

NO_CLIENT: Final = -1


def present() -> BindParameter[Any]:
    """The time of the reading, for fields that depend on it; plans outlive any one time."""
    return bindparam(PRESENT, type_=DateTime())


def reader() -> BindParameter[Any]:
    """The user whose rights count."""
    return bindparam(READER, None, type_=Integer())


def client() -> BindParameter[Any]:
    """The sync client that asks."""
    return bindparam(CLIENT, NO_CLIENT, type_=Integer())
