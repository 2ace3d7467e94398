"""Where in its transaction an error lies: errors of ours say so (docs/errors.md)."""

from __future__ import annotations

from dataclasses import dataclass

from packetserver.errors import TransactionFailure

LONGEST_ELEMENT = 60
"""Characters of an element's name that are shown: anybody may send any name."""


@dataclass(frozen=True, slots=True)
class Place:
    """An item of a transaction, which has ``number`` 1 when it is the first."""

    number: int
    element: str
    is_only: bool
    """Whether the transaction has no other item."""

    def __str__(self) -> str:
        return f"item {self.number} ({self.element[:LONGEST_ELEMENT]})"

    def behind(self, message: str) -> list[str]:
        """A message of the protocol, which clients expect alone, and its place for those who ask."""
        return [message] if self.is_only else [message, str(self)]

    def told(self, failure: TransactionFailure) -> TransactionFailure:
        """The failure with the place in its sentences of ours.

        Lines that clients know stay what they are: where there is no other line, and more than one
        item, the place follows them.
        """
        reasons = [f"{self}: {reason}" for reason in failure.reasons]
        if not reasons and not self.is_only:
            reasons = [str(self)]
        return TransactionFailure(*failure.fixed, reasons=reasons)
