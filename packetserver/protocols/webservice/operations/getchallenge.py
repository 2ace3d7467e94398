"""getchallenge: a token, to be answered by login with a digest over it and the access key."""

from __future__ import annotations

from typing import Any

from packetserver.protocols.webservice.calls import Call, Operation, Parameter
from packetserver.security.challenges import SECONDS, new_challenge
from packetserver.store.unit_of_work import UnitOfWork


def run(call: Call) -> dict[str, Any]:
    """A token for whatever name, so that none tells which users there are."""
    at = call.web.seconds()

    def store(work: UnitOfWork) -> str:
        return new_challenge(work.connection, call["username"], call.address, at)

    with call.service.runner.request(writes=True) as request:
        token = request.attempt(store, writes=True, keep=lambda _: True)
    return {"token": token, "serverTime": int(at), "expireTime": int(at) + SECONDS}


OPERATION = Operation("getchallenge", run, parameters=(Parameter("username"),), needs_session=False)
