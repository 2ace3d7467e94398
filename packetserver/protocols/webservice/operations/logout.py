"""logout: ends the session. Document 004 prints it as GET, the others as POST."""

from __future__ import annotations

from packetserver.protocols.webservice.calls import Call, Method, Operation
from packetserver.security.sessions import end_sessions


def run(call: Call) -> dict[str, str]:
    """The word is that of the original, with its slip."""
    call.attempt(
        lambda work: end_sessions(work.connection, session_id=call.session.id), writes=True
    )
    return {"message": "successfull"}


OPERATION = Operation("logout", run, Method.POST, also_by_get=True)
