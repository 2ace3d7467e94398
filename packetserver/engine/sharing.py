"""`shareKey="true"`: an item's key for the later items of its transaction."""

from __future__ import annotations

from typing import Any

from packetserver.engine.context import Call


def shares_key(call: Call) -> bool:
    """Whether an item's key is for others, too."""
    return call.item.attributes.get("shareKey") == "true"


def share_key(call: Call, key: Any) -> None:
    """Remember the key under the element's `id`, and under the key's own name."""
    if not shares_key(call) or key is None:
        return
    names = {"id"} | ({call.object.key.name} if call.object.key is not None else set())
    for name in names:
        call.transaction.shared_keys[f"{call.item.element}.{name}"] = str(key)
