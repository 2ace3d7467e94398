"""The named derivations of fields; importing this package registers them all."""

from packetserver.store.derivations import (
    flags,
    numbers,
    people,
    references,
    rows,
    texts,
    times,
    versions,
)

__all__ = ["flags", "numbers", "people", "references", "rows", "texts", "times", "versions"]
