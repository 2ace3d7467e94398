"""Custom actions: `compileSyncData` asks for a package and for how far it is (PROTOCOL.md 6.7)."""

from __future__ import annotations

from collections.abc import Callable

from packetserver.catalogue.types import TYPES
from packetserver.errors import ValueNotOfType
from packetserver.protocols.packet.context import Call
from packetserver.protocols.packet.failures import (
    FAILED,
    NO_CLIENT,
    NO_HANDLER,
    NOT_DONE,
    ItemMessage,
    TransactionFailure,
)
from packetserver.protocols.packet.names import IDENTITY
from packetserver.protocols.packet.package_content import package_lists
from packetserver.records.permissions import demand_any
from packetserver.records.ways import VIEW
from packetserver.sync.packages import (
    Anchors,
    Package,
    Status,
    add_package,
    confirm_package,
    doubt_package,
    find_package,
    remove_package,
    set_status,
)
from packetserver.sync.sessions import has_client

NO_ANCHOR = "nextAnchor: Required Field"
LARGEST = 2**31 - 1


def run(call: Call) -> None:
    """Carry out a custom action, where the object has one of that name (schemas: `actions`)."""
    handler = HANDLERS.get(call.object.actions.get(call.item.action or "", ""))
    if handler is None:
        raise ItemMessage(NO_HANDLER)
    demand_any(call.records, call.object, VIEW)
    handler(call)


def compile_package(call: Call) -> None:
    """Ask for a package; one for the same anchors that is there already will do.

    One for other anchors can be of no use any more, and gives way.
    """
    client_id, anchors = _client(call), _anchors(call)
    found = find_package(call.rows, client_id)
    if found is not None and found.anchors == anchors and _is_usable(call, found):
        if found.status is Status.DOWNLOADED:
            # The client asks again, so it lost what it was sent.
            set_status(call.rows, found.id, Status.COMPLETE, call.transaction.now())
        return
    if found is not None:
        doubt_package(call.rows, found)
        _remove(call, found)
    catalogue = call.records.schema.catalogue
    lists = package_lists(catalogue, is_first=anchors.last is None, identities=_identities(call))
    add_package(call.rows, client_id, anchors, lists, call.transaction.now())


def package_status(call: Call) -> None:
    """Tell whether the package for these anchors can be downloaded; no is an error, as ever."""
    found = find_package(call.rows, _client(call))
    is_complete = found is not None and found.status is Status.COMPLETE
    if found is None or not is_complete or found.anchors != _sent_anchors(call):
        raise ItemMessage(NOT_DONE)


def drop_processed(call: Call, client_id: int) -> None:
    """The client has taken over the package for these anchors: it goes (syncProcessed)."""
    found = find_package(call.rows, client_id)
    if found is not None and found.anchors == _sent_anchors(call):
        confirm_package(call.rows, found)
        _remove(call, found)


def doubt_undelivered(call: Call, client_id: int) -> None:
    """A session that ends confirms no package that was never downloaded (syncEnd)."""
    found = find_package(call.rows, client_id)
    if found is not None and found.status is not Status.DOWNLOADED:
        doubt_package(call.rows, found)


Handler = Callable[[Call], None]
HANDLERS: dict[str, Handler] = {
    "compile_package": compile_package,
    "package_status": package_status,
}
"""By the names that schemas use."""


def _client(call: Call) -> int:
    client_id = call.principal.client_id
    if client_id is None or not has_client(call.rows, client_id):
        raise TransactionFailure(FAILED, NO_CLIENT)
    return client_id


def _anchors(call: Call) -> Anchors:
    found = _sent_anchors(call)
    if found is None:
        raise TransactionFailure.because(NO_ANCHOR)
    return found


def _sent_anchors(call: Call) -> Anchors | None:
    last, following = call.transaction.packet.anchors
    return None if following is None else Anchors(last, following)


def _is_usable(call: Call, package: Package) -> bool:
    """Whether a package is being made, or its file is where it should be."""
    if not package.is_ours:
        return False
    if package.status in {Status.WAITING, Status.STARTED}:
        return True
    library = call.preferences.library
    return package.file is not None and library.path_of(package.file.name).is_file()


def _remove(call: Call, package: Package) -> None:
    remove_package(call.rows, package)
    call.records.work.after_commit(call.preferences.library.remove_released)


def _identities(call: Call) -> dict[str, int]:
    """The first numbers that the client asks for, by list element."""
    found: dict[str, int] = {}
    for each in call.item.properties:
        element = each.name.removesuffix(IDENTITY)
        if element != each.name and each.text is not None:
            number = _number(call, each.text)
            if number is not None:
                found[element] = number
    return found


def _number(call: Call, text: str) -> int | None:
    try:
        number = TYPES["integer"].read(text, call.preferences.zone)
    except ValueNotOfType:
        return None
    return number if isinstance(number, int) and 0 <= number <= LARGEST else None
