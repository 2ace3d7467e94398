"""What a client may ask of the server itself (PROTOCOL.md 5.7 to 5.9)."""

from __future__ import annotations

import base64
import pathlib

from packetserver.catalogue.types import TYPES
from packetserver.engine.context import Call
from packetserver.errors import ItemMessage

NO_FILE = 'File "system.xml" not found!'


def date_time(call: Call) -> None:
    """`getDateTime`: the server's time, which sync clients send back as their next anchor."""
    now = TYPES["timestamp"].write(call.transaction.now())
    call.output.write("info", ["dateTime"], [now])


def preferences(call: Call) -> None:
    """`getSystemPreferences`: language, country, currency and time zone."""
    known = call.preferences
    texts = [known.language, known.country, known.currency, known.zone.key]
    call.output.write("system", ["language", "country", "currency", "timezone"], texts)


def system_file(call: Call) -> None:
    """`getSystemXMLFile`: the configured file in Base64, without line breaks."""
    path = call.preferences.system_xml
    if path is None or not pathlib.Path(path).is_file():
        raise ItemMessage(NO_FILE)
    content = base64.b64encode(pathlib.Path(path).read_bytes()).decode("ascii")
    call.output.write("system", ["file"], [content])
