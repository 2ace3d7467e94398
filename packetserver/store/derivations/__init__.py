"""The named derivations of fields; importing this package registers them all."""

from packetserver.store.derivations import people, rows, values

__all__ = ["people", "rows", "values"]
