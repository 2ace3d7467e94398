"""Brings a database to what a provision file asks for: users, sync clients, kept settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from sqlalchemy import Connection, inspect

from packetserver.errors import ProvisionError
from packetserver.failures import Refused
from packetserver.provision.access_keys import AccessKeys
from packetserver.provision.file import UNSERVED, Entry, ProvisionFile, read_provision_file
from packetserver.provision.installation import Installation, open_installation
from packetserver.provision.people import StampedRows, SyncClients, Users
from packetserver.records.opening import preferences_of
from packetserver.security.access_keys import Seals, key_file
from packetserver.settings import Settings
from packetserver.store.setup import SETTINGS_TABLE, keep, read_kept
from packetserver.store.unit_of_work import unit_of_work

FOREIGN = (
    "the database was not made by packetserver and keeps no settings:"
    " set the time zone and the host names with PACKETSERVER_TIMEZONE and PACKETSERVER_SERVER_NAMES"
)


class Outcome(Enum):
    """What became of an entry of the file."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Summary:
    """How many entries of a file were added, changed, or already as the file wants them.

    ``unserved`` is how many were left out, since this version cannot apply them.
    """

    users: Counter[Outcome]
    sync_clients: Counter[Outcome]
    settings: Counter[Outcome]
    unserved: int = 0

    @property
    def changes(self) -> int:
        """How many entries were not yet as the file wants them."""
        kinds = (self.users, self.sync_clients, self.settings)
        return sum(kind.total() - kind[Outcome.UNCHANGED] for kind in kinds)

    def lines(self) -> tuple[str, ...]:
        """The summary for people, a line for each kind of entry."""
        named = {
            "users": self.users,
            "sync clients": self.sync_clients,
            "settings": self.settings,
        }
        told = [f"{name}: {_counted(counts)}" for name, counts in named.items()]
        if self.unserved:
            told.append(f"{UNSERVED}: {self.unserved} left out, this version does not serve them")
        return tuple(told)


def provision(settings: Settings, path: Path) -> Summary:
    """Apply a provision file in one database transaction; doing it again changes nothing.

    A key that an entry leaves out keeps its value; a new record gets the default. Raises
    ProvisionError, which names the file and the key but never a secret, when the file is wrong
    or the database is not prepared; StoreUnavailable when it is away.
    """
    wanted = read_provision_file(path)
    with (
        open_installation(settings) as installation,
        unit_of_work(installation.database, writes=True) as work,
    ):
        kept = _keep(installation, work.connection, wanted)
        summary = _apply(settings, installation, work.connection, wanted, kept)
        work.commit()
    return summary


def _keep(
    installation: Installation, connection: Connection, wanted: ProvisionFile
) -> Counter[Outcome]:
    if not wanted.kept:
        return Counter()
    if not inspect(connection).has_table(SETTINGS_TABLE):
        raise ProvisionError(FOREIGN)
    table = installation.schema.metadata.tables[SETTINGS_TABLE]
    stored = read_kept(connection, table)
    outcomes = {name: _outcome(stored.get(name), text) for name, text in wanted.kept.items()}
    for name, outcome in outcomes.items():
        if outcome is not Outcome.UNCHANGED:
            keep(connection, table, name, wanted.kept[name])
    return Counter(outcomes.values())


def _outcome(stored: str | None, wanted: str) -> Outcome:
    if stored is None:
        return Outcome.ADDED
    return Outcome.UNCHANGED if stored == wanted else Outcome.CHANGED


def _apply(
    settings: Settings,
    installation: Installation,
    connection: Connection,
    wanted: ProvisionFile,
    kept: Counter[Outcome],
) -> Summary:
    table = installation.schema.metadata.tables[SETTINGS_TABLE]
    # The zone may be one that this very file has just set.
    preferences = preferences_of(settings.completed_by(read_kept(connection, table)))
    rows = StampedRows(installation.schema, connection, preferences.now())
    access_keys = AccessKeys(connection, Seals(key_file(settings)))
    users = Users(rows, preferences.zone.key, access_keys)
    return Summary(
        users=_apply_users(users, wanted.users),
        sync_clients=_apply_sync_clients(SyncClients(rows, users), wanted.sync_clients),
        settings=kept,
        unserved=wanted.unserved,
    )


def _apply_users(users: Users, entries: tuple[Entry, ...]) -> Counter[Outcome]:
    # All of them first: a manager may stand below those who are managed.
    added: list[bool] = []
    for entry in entries:
        with _told(entry):
            added.append(users.ensure(entry.given))
    outcomes: Counter[Outcome] = Counter()
    for entry, is_new in zip(entries, added, strict=True):
        with _told(entry):
            address = {"email": f"{entry.given['username']}@example.com"} if is_new else {}
            changed = users.apply({**address, **entry.given})
        outcomes[_outcome_of(is_new=is_new, changed=changed)] += 1
    return outcomes


def _apply_sync_clients(clients: SyncClients, entries: tuple[Entry, ...]) -> Counter[Outcome]:
    outcomes: Counter[Outcome] = Counter()
    for entry in entries:
        with _told(entry):
            is_new = clients.ensure(entry.given)
            changed = clients.apply(entry.given)
        outcomes[_outcome_of(is_new=is_new, changed=changed)] += 1
    return outcomes


def _outcome_of(*, is_new: bool, changed: bool) -> Outcome:
    if is_new:
        return Outcome.ADDED
    return Outcome.CHANGED if changed else Outcome.UNCHANGED


@contextmanager
def _told(entry: Entry) -> Iterator[None]:
    """An error of an entry says which one it was."""
    try:
        yield
    except (ProvisionError, Refused) as error:
        raise ProvisionError(f"{entry.where}: {error}") from error


def _counted(counts: Counter[Outcome]) -> str:
    return ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome)
