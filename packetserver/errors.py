"""Every error that this server raises on purpose; each carries its facts.

The protocol layer alone turns them into the wire's text, so nothing here knows XML or HTTP.
"""

from __future__ import annotations

from collections.abc import Sequence


class PacketServerError(Exception):
    """Root of all errors raised on purpose; its text is safe to show to an operator."""


class SettingsError(PacketServerError):
    """A setting is unknown, or its value is not what the setting allows."""


class CatalogueError(PacketServerError):
    """The catalogue contradicts itself.

    Attributes: ``file`` and ``subject`` (an object or table) say where, ``problem`` says what.
    """

    def __init__(self, file: str, subject: str, problem: str) -> None:
        super().__init__(f"{file}: {subject}: {problem}")
        self.file = file
        self.subject = subject
        self.problem = problem


class ProvisionError(PacketServerError):
    """A provision file, or an operator's command, asks for what cannot be done."""


class BackupError(PacketServerError):
    """A backup cannot be made or restored, or is not whole."""


class TryAgainLater(PacketServerError):
    """The packet cannot be carried out now; it may be sent again later, as it is."""


class StoreUnavailable(TryAgainLater):
    """The database does not answer, or cannot store what it is given."""


class StoreBusy(StoreUnavailable):
    """The database answers, but others keep it from doing the work in time."""


class WorkUndone(StoreBusy):
    """The database undid the work for the sake of another's; it may be done again at once."""


class RefusalUnexplained(WorkUndone):
    """The database refused a statement, and ended the transaction before it could be asked why.

    Done again, the work keeps what it needs to ask.
    """


class StatementTooLong(StoreBusy):
    """A statement took longer than it may, and was broken off."""


class CommitUnknown(StoreUnavailable):
    """The database was lost while it committed: the work is stored as a whole, or not at all."""


class SpoolRefused(StoreUnavailable):
    """The disk does not take the answer."""


class ServerBusy(TryAgainLater):
    """The server has more to do than it takes on at a time."""


class RecordRefused(PacketServerError):
    """The database refuses a record; ``reasons`` name fields and elements, never constraints.

    ``origin`` is what a row that waited to be stored was told to come from, None for any other.
    """

    def __init__(self, *reasons: str) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons
        self.origin: object = None


class KeyTaken(RecordRefused):
    """A key that the database gave to a row of ``table`` is another row's, or is none."""

    def __init__(self, table: str) -> None:
        super().__init__("A record with the same key exists already")
        self.table = table


class PacketError(PacketServerError):
    """The packet as a whole is refused and nothing of it has run (PROTOCOL.md 2.6).

    ``text`` follows ``Error: `` on the wire.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class PacketTooLarge(PacketError):
    """The body is longer than the configured limit."""


class PacketPackedTooTightly(PacketError):
    """The body becomes far longer when it is unpacked than any packet does."""


class PacketCodingUnknown(PacketError):
    """The body is packed in a way that this server does not unpack."""


class PacketTooSlow(PacketError):
    """The body does not arrive within the configured time."""


class NotAuthorized(PacketServerError):
    """The credentials are refused; every reason has this one error (DECISIONS.md, Users)."""


class LoginThrottled(NotAuthorized):
    """Too many logins have failed: this one is refused unseen, and its sender cannot tell."""


class ItemMessage(PacketServerError):
    """An item cannot be done; the later items of its transaction are still tried.

    ``text`` is the wire's text (PROTOCOL.md appendix A). The transaction is undone all the same.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class TransactionFailure(PacketServerError):
    """The transaction ends here and is undone.

    ``fixed`` are lines that clients know letter by letter, ``reasons`` are sentences of ours.
    """

    def __init__(self, *fixed: str, reasons: Sequence[str] = ()) -> None:
        super().__init__("; ".join((*fixed, *reasons)))
        self.fixed = fixed
        self.reasons = tuple(reasons)

    @classmethod
    def because(cls, *reasons: str) -> TransactionFailure:
        """The fixed text `Transaction failed`, followed by the reasons."""
        return cls("Transaction failed", reasons=reasons)

    @property
    def lines(self) -> tuple[str, ...]:
        """The wire's lines: the fixed ones come first."""
        return (*self.fixed, *self.reasons)


class ValueNotOfType(PacketServerError):
    """A wire text is not a value of its field's type; ``reason`` says why in a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
