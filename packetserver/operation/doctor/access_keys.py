"""Whether access keys can be opened, and who else could."""

from __future__ import annotations

import stat

from sqlalchemy import Connection, select

from packetserver.errors import SettingsError
from packetserver.operation.findings import Check, Finding, ok, warning, wrong
from packetserver.security.access_keys import KEYS, Seals, key_file
from packetserver.settings import Settings

OTHERS = stat.S_IRWXG | stat.S_IRWXO


def examine_access_keys(connection: Connection, settings: Settings) -> Finding:
    """The file of keys, and what is stored with them."""
    file, check = key_file(settings), Check.ACCESS_KEYS
    stored = connection.execute(select(KEYS.c.user_id, KEYS.c.sealed)).all()
    if not (stored or file.exists()):
        return ok(check, f"None is stored; {file} will be made with the first one")
    seals = Seals(file)
    try:
        for row in stored:
            seals.open(row.user_id, row.sealed)
        if not stored:
            seals.seal(0, "")
        mode = file.stat().st_mode
    except SettingsError as error:
        advice = (
            "Bring the file back from a backup, or let PACKETSERVER_ACCESS_KEY_FILE name it; without it,"
            " users need new keys: packetserver user access-key NAME --new."
        )
        return wrong(check, str(error), advice)
    if mode & OTHERS:
        text = f"Others on this machine may read {file}, which opens access keys"
        return warning(check, text, f"chmod 600 {file}")
    return ok(check, f"{len(stored)} can be opened with {file}, which is nobody else's")
