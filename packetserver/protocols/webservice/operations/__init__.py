"""The table of operations: one file each."""

from __future__ import annotations

from collections.abc import Mapping

from packetserver.protocols.webservice.calls import Operation
from packetserver.protocols.webservice.operations import (
    extendsession,
    getchallenge,
    login,
    logout,
)

OPERATIONS: Mapping[str, Operation] = {
    each.name.lower(): each
    for each in (
        *(getchallenge.OPERATION, login.OPERATION, extendsession.OPERATION, logout.OPERATION),
    )
}
"""By their names in small letters: clients write them in any letter case."""
