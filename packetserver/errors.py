"""Every error that this server raises on purpose; each carries its facts.

The protocol layer alone turns them into the wire's text, so nothing here knows XML or HTTP.
"""

from __future__ import annotations


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


class StoreUnavailable(PacketServerError):
    """The database does not answer; the packet may be sent again later."""


class RecordRefused(PacketServerError):
    """The database refuses a record; ``reason`` names fields and elements, never constraints."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PacketError(PacketServerError):
    """The packet as a whole is refused and nothing of it has run (PROTOCOL.md 2.6).

    ``text`` follows ``Error: `` on the wire.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class PacketTooLarge(PacketError):
    """The body is longer than the configured limit."""


class NotAuthorized(PacketServerError):
    """The credentials are refused; every reason has this one error (DECISIONS.md, Users)."""


class ItemMessage(PacketServerError):
    """An item cannot be done; the later items of its transaction are still tried.

    ``text`` is the wire's text (PROTOCOL.md appendix A). The transaction is undone all the same.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class TransactionFailure(PacketServerError):
    """The transaction ends here and is undone.

    ``lines`` are the wire's lines: the fixed text first, then a sentence of ours or nothing.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines

    @classmethod
    def because(cls, reason: str = "") -> TransactionFailure:
        """The fixed text `Transaction failed`, followed by the reason where there is one."""
        return cls("Transaction failed", reason) if reason else cls("Transaction failed")


class ValueNotOfType(PacketServerError):
    """A wire text is not a value of its field's type; ``reason`` says why in a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
