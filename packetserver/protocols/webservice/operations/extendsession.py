"""extendsession: the session is as if it had been used just now, and is told like a new one."""

from __future__ import annotations

from typing import Any

from packetserver.protocols.webservice.calls import Call, Method, Operation
from packetserver.protocols.webservice.errors import AUTHENTICATION_FAILURE
from packetserver.protocols.webservice.operations.login import told
from packetserver.security.sessions import note_use


def run(call: Call) -> dict[str, Any]:
    """Note at once that the session is used."""
    session, at = call.session, call.web.seconds()
    call.attempt(lambda work: note_use(work.connection, session, at), writes=True)
    return told(session)


OPERATION = Operation(
    "extendsession",
    run,
    Method.POST,
    also_by_get=True,
    without_session=AUTHENTICATION_FAILURE,
)
