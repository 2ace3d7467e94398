"""How many clients are heard, how long, and for how much: what the settings say of that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from packetserver.protocols.front.application import Application
from packetserver.protocols.front.hosts import HEALTH
from packetserver.protocols.front.outcomes import Outcome, OutcomeKind, told
from packetserver.protocols.front.spools import Spools
from packetserver.settings import Settings


@dataclass(frozen=True, slots=True)
class Reception:
    """What holds for one process. Times are in seconds, sizes in bytes."""

    connections: int
    patience: float
    places: int
    most_waiting: int
    longest_wait: float
    spools: Spools
    room_bytes: int
    longest_body: Callable[[str], int]
    is_probe: Callable[[str], bool]
    overload: bytes
    """A whole answer of HTTP for whoever finds no room at all."""
    too_long: Callable[[str], bytes]
    """That for the line of a request which is too long, by its path."""

    @classmethod
    def of(cls, settings: Settings, connections: int, application: Application) -> Reception:
        """What the settings say, and the application of its addresses.

        ``connections`` is how many clients there are files for.
        """
        sizes = (settings.max_body_bytes, settings.max_file_bytes, settings.max_webservice_bytes)
        longest = max(sizes)
        return cls(
            connections=connections,
            patience=settings.slow_client_seconds,
            places=settings.threads,
            most_waiting=settings.max_waiting,
            longest_wait=settings.wait_seconds,
            spools=Spools.of(settings),
            # A single packet of the length that is allowed must always find room, drained or not.
            room_bytes=max(settings.max_arriving_bytes, 2 * longest + 1024**2),
            longest_body=application.longest_body,
            is_probe=HEALTH.__contains__,
            overload=_whole(application, "", OutcomeKind.BUSY),
            too_long=lambda path: _whole(application, path, OutcomeKind.ADDRESS_TOO_LONG),
        )


def _whole(application: Application, path: str, kind: OutcomeKind) -> bytes:
    """The answer to who has not come so far as to have a request."""
    answer = told(application.words_at(path), Outcome.of(kind))
    lines = [f"{name}: {value}\r\n" for name, value in answer.headers.items()]
    head = f"HTTP/1.1 {answer.status}\r\nConnection: close\r\n{''.join(lines)}\r\n"
    return head.encode("latin-1") + answer.get_data()
