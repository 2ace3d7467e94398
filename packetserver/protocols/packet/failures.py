"""The words of the packet protocol for what fails: the only place that knows them (docs/errors.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from packetserver.errors import PacketServerError
from packetserver.failures import Kind, Refused

if TYPE_CHECKING:
    from packetserver.protocols.packet.packet import Place

DENIED = "User denied permission to perform action on the object"
FAILED = "Transaction failed"
FIXED_LINES = ("Object validation error", FAILED, "Object Validation Failed")
"""What stands before the complaints about a record."""

UNSUPPORTED = "Unsupported object specified"
NO_ACTION = "Action not specified"
NO_HANDLER = "Object does not implement CustomActionHandler and cannot be processed."
NOT_DONE = "There was an error while processing the requested action."
NO_FILE = 'File "system.xml" not found!'
NOT_IN_SYNC = "Client and server not in sync!"
NO_CLIENT = "Sync Client record not found."
NOT_MAPPED = (FAILED, "Sync reference does not exist, you must sync referenced tables first")

NOT_AUTHORIZED = "Not authorized"
NOT_FOR_THIS_USER = (
    "Transaction contained in the packet is not allowed for this User."
    " Packet was rejected by the server and was not processed"
)
NO_TRANSACTIONS = "No transactions found"
ROLLED_BACK = "Transaction rolled back: another transaction in this packet failed"
TOO_LONG = "The database took too long"


class ItemMessage(PacketServerError):
    """An item cannot be done; the later items of its transaction are still tried.

    ``text`` is what clients know letter by letter. The transaction is undone all the same.
    """

    def __init__(self, text: str, kind: Kind = Kind.UNKNOWN) -> None:
        super().__init__(text)
        self.text = text
        self.kind = kind


class TransactionFailure(PacketServerError):
    """The transaction ends here and is undone.

    ``fixed`` are lines that clients know letter by letter, ``reasons`` are sentences of ours;
    ``kinds`` are those of all that failed, in its order.
    """

    def __init__(
        self,
        *fixed: str,
        reasons: Sequence[str] = (),
        kind: Kind = Kind.VALUE,
        after: Sequence[Kind] = (),
    ) -> None:
        """``after`` are the kinds of what failed before it."""
        super().__init__("; ".join((*fixed, *reasons)))
        self.fixed = fixed
        self.reasons = tuple(reasons)
        self.kinds = (*after, kind)

    @classmethod
    def because(cls, *reasons: str, kind: Kind = Kind.VALUE) -> TransactionFailure:
        """The fixed text `Transaction failed`, followed by the reasons."""
        return cls(FAILED, reasons=reasons, kind=kind)

    @property
    def lines(self) -> tuple[str, ...]:
        """The wire's lines: the fixed ones come first."""
        return (*self.fixed, *self.reasons)

    def at(self, place: Place | None) -> TransactionFailure:
        """The failure with the place of its item in its sentences of ours.

        Lines that clients know stay what they are: where there is no other line, and more than one
        item, the place follows them.
        """
        if place is None:
            return self
        reasons = [f"{place}: {reason}" for reason in self.reasons]
        if not reasons and not place.is_only:
            reasons = [str(place)]
        return TransactionFailure(
            *self.fixed, reasons=reasons, kind=self.kinds[-1], after=self.kinds[:-1]
        )


def told(refused: Refused) -> ItemMessage | TransactionFailure:
    """What a refusal of the records is in this protocol."""
    kind = refused.kind
    if kind is Kind.DENIED:
        return ItemMessage(DENIED, kind)
    sentences = [each.sentence for each in refused.failures]
    if kind is Kind.INVALID:
        return TransactionFailure(*FIXED_LINES, *dict.fromkeys(sentences), kind=kind)
    return TransactionFailure.because(*dict.fromkeys(sentences), kind=kind)
