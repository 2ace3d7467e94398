"""Every error that this server raises on purpose; each carries its facts.

The protocol layer alone turns them into the wire's text, so nothing here knows XML or HTTP.
"""

from __future__ import annotations

from enum import Enum


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


class Outage(Enum):
    """Why the database cannot be used: a sentence for whoever waits, and what an operator may do.

    The sentence goes to clients, and so tells nothing of the database but that.
    """

    AWAY = ("the database does not answer", "is it running?")
    NOT_LISTENING = (
        "the database does not answer: nothing listens at its address",
        "start it, or mend the host and port in PACKETSERVER_DATABASE_URL",
    )
    HOST_UNKNOWN = (
        "the database does not answer: its host name is not known",
        "mend the host in PACKETSERVER_DATABASE_URL, or the machine's name service",
    )
    TOO_SLOW = (
        "the database does not answer in time",
        "is its machine up, and does a firewall let this one reach it?",
    )
    STARTING = (
        "the database does not answer yet: it is starting, recovering or stopping",
        "wait until it is ready",
    )
    STOPPED = ("the database does not answer: it was stopped", "start it")
    LOST = (
        "the connection to the database was lost",
        "the log of the database tells why",
    )
    NO_DATABASE = (
        "the database does not exist",
        "make it (CREATE DATABASE), or mend its name in PACKETSERVER_DATABASE_URL",
    )
    WRONG_PASSWORD = (
        "the database refuses the password of the server",
        "mend the password in PACKETSERVER_DATABASE_URL",
    )
    NO_PASSWORD = (
        "the database wants a password, which the server was not given",
        "put it into PACKETSERVER_DATABASE_URL, or into a file .pgpass",
    )
    NOT_LET_IN = (
        "the database does not let the server in",
        "mend the user in PACKETSERVER_DATABASE_URL, or let it in by pg_hba.conf",
    )
    NO_RIGHT = (
        "the database does not allow the server what it needs",
        "grant it to the user in PACKETSERVER_DATABASE_URL; packetserver doctor names what is lacking",
    )
    NO_CONNECTION_LEFT = (
        "the database has no connection left",
        "raise its max_connections, or lower PACKETSERVER_WORKERS or PACKETSERVER_POOL_SIZE",
    )
    DISK_FULL = ("the database cannot store: its disk is full", "make room on it")
    NO_MEMORY = ("the database has no memory left", "give its machine more, or less to do")
    READ_ONLY = (
        "the database cannot store: it can only be read",
        "let PACKETSERVER_DATABASE_URL name the primary, and unset default_transaction_read_only",
    )
    DISK_BROKEN = (
        "the database cannot use its disk",
        "look at the disk and at the log of its machine",
    )
    DAMAGED = ("the database is damaged", "restore a backup")
    NO_FILE = (
        "the file of the database cannot be opened",
        "let the user who runs the server read and write it, or mend PACKETSERVER_DATABASE_URL",
    )
    FILE_READ_ONLY = (
        "the database cannot store: its file, or the folder of it, may not be written",
        "let the user who runs the server write both",
    )
    NO_DATABASE_FILE = (
        "the file of the database is no database",
        "mend PACKETSERVER_DATABASE_URL, or restore a backup",
    )
    FILES = ("the server cannot store files", "look at the folder PACKETSERVER_FILE_LIBRARY")
    FILES_FULL = (
        "the server cannot store files: their disk is full",
        "make room for the folder PACKETSERVER_FILE_LIBRARY",
    )

    def __init__(self, sentence: str, advice: str) -> None:
        self.sentence = sentence
        self.advice = advice

    def told(self, words: str = "") -> str:
        """It all for an operator, with the database's own words where there are any."""
        return f"{self.sentence}: {self.advice}" + (f" ({words})" if words else "")


class StoreUnavailable(TryAgainLater):
    """The database does not answer, or cannot store what it is given; ``outage`` says why.

    The text is for an operator.
    """

    def __init__(self, text: str | None = None, outage: Outage = Outage.AWAY) -> None:
        super().__init__(outage.told() if text is None else text)
        self.outage = outage

    @property
    def sentence(self) -> str:
        """What anybody may be told of it, as a sentence of its own."""
        return f"{self.outage.sentence[0].upper()}{self.outage.sentence[1:]}."


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


class LogIn(Enum):
    """Why an access key lets nobody in."""

    NO_CHALLENGE = "no challenge"
    NO_KEY = "no access key"
    WRONG = "wrong key"
    INACTIVE = "inactive"
    """The key is right, but its user may not log in, or not by programs."""


class LogInRefused(NotAuthorized):
    """An answer to a challenge does not let in whom it is from; ``why`` says what it lacks."""

    def __init__(self, why: LogIn) -> None:
        super().__init__(f"not let in: {why.value}")
        self.why = why


class Over(Enum):
    """Why there is no session, or none any more."""

    UNKNOWN = "unknown"
    TOO_OLD = "too old"
    IDLE = "idle"
    USER = "user"
    """Its user may not log in any more, or has another access key."""

    @property
    def ends(self) -> bool:
        """Whether the session is to be gone for good."""
        return self is Over.USER


class NoSession(PacketServerError):
    """A request names no session that is alive; ``session_id`` is that of one which was."""

    def __init__(self, why: Over, session_id: int | None = None) -> None:
        super().__init__(f"no session: {why.value}")
        self.why = why
        self.session_id = session_id


class ValueNotOfType(PacketServerError):
    """A wire text is not a value of its field's type; ``reason`` says why in a few words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
