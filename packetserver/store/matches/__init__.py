"""The named conditions of lists; importing this package registers them all."""

from packetserver.store.matches import columns, relations, standing

__all__ = ["columns", "relations", "standing"]
