"""`syncDelete`: the records of a list that the client has and the server no longer."""

from __future__ import annotations

from packetserver.engine.context import Call
from packetserver.engine.paging import read_page
from packetserver.engine.permissions import demand_list
from packetserver.errors import TransactionFailure
from packetserver.store.guid_columns import GUID, is_guid, is_mappable, map_element
from packetserver.sync.lists import WHOLE
from packetserver.sync.tracking import GoneRecords

GONE = "delete"


def run(call: Call) -> None:
    """Carry out a syncDelete (PROTOCOL.md 6.6): the guid is all that a record shows.

    What the client may no longer see is gone for it, too. What is gone is named until the client's next syncEnd; nothing is gone for whoever has no map.
    """
    if not call.target.is_list or call.object.table is None:
        raise TransactionFailure.because(f"{call.item.element} cannot be synchronised")
    rights = demand_list(call, {})
    client_id = call.principal.client_id
    if client_id is None or not is_mappable(call.object) or not call.output.wanted:
        return
    scope = call.records.schema.scope(call.object)
    element_id = call.guids.element_id(map_element(call.object))
    gone = GoneRecords(call.records, scope, rights, client_id, element_id)
    page = read_page(call.item)
    if page is not None:
        call.output.total = gone.count()
    name = next(filter(is_guid, call.transaction.meta), GUID)
    for guid in gone.name(WHOLE if page is None else page.range):
        call.output.write(GONE, [name], [str(guid)])
