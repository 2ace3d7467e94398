"""Files that clients send, while they come: on the disk of the library, and counted as spools."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from packetserver.protocols.front.spools import Spools
from packetserver.store.files import FileLibrary, ReceivedFile


@dataclass(frozen=True, slots=True)
class Incoming:
    """Where files come in; one may be as long as the library allows."""

    library: FileLibrary
    spools: Spools

    def limited(self, limit: int) -> Incoming:
        """The same for files of so many bytes."""
        return dataclasses.replace(self, library=FileLibrary(self.library.folder, limit))

    @contextmanager
    def received(self, chunks: Iterable[bytes]) -> Iterator[ReceivedFile]:
        """As FileLibrary.received; raises SpoolRefused too, when all spools have no more room."""
        with self.spools.counted(chunks) as counted, self.library.received(counted) as file:
            yield file
