"""`backup` and `restore`: an SQLite database with its files, while the server runs."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import click
from sqlalchemy.engine import make_url

from packetserver.cli.identities import audit_command
from packetserver.cli.program import current_settings, examples
from packetserver.errors import BackupError
from packetserver.provision.backup import (
    NamedFile,
    copy_database,
    is_in_use,
    named_files,
    pack_files,
    publish,
    replace,
    require_free,
    staged,
    unpack_files,
)
from packetserver.provision.installation import Condition, condition_of, is_in_memory
from packetserver.settings import Settings
from packetserver.store.database import Database

FILES = ".files.tar"
"""The end of the name of the archive that lies beside the copy of a database."""

NAMED = 3
"""How many missing files an error names."""

RESTORABLE = frozenset({Condition.CURRENT, Condition.OLDER})
WITHOUT_FILES = click.option(
    "--without-files", is_flag=True, help="Leave the file library alone: it is kept elsewhere."
)


@click.command(
    epilog=examples("packetserver backup /srv/backup/monday.db"),
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@WITHOUT_FILES
def backup(file: Path, *, without_files: bool) -> None:
    """Copy the SQLite database to FILE, and the file library to FILE.files.tar.

    Servers may go on meanwhile: FILE holds all that was acknowledged before the copy began, and
    nothing half. It is an ordinary SQLite database, and is checked whole. Nothing is overwritten;
    both files can be read by their owner alone, for they hold whatever the database holds.
    """
    settings = current_settings()
    database = _existing_database(settings)
    archive = _archive_of(file)
    for each in (file, archive):
        require_free(each)
    with contextlib.ExitStack() as stack:
        copy = stack.enter_context(staged(file))
        copy_database(database, copy)
        _require_ours(copy, str(database))
        files = named_files(copy)
        lacking: list[str] = []
        if files and not without_files:
            packed = stack.enter_context(staged(archive))
            lacking = pack_files(files, settings.file_library, packed, database)
            publish(packed, archive)
        # The database last: where it is, its files are.
        publish(copy, file)
    click.echo(f"Copied the database {database} to {file}.")
    _tell_files(files, f"are in {archive}", without_files=without_files)
    _require_all(lacking, "the backup is made, but the file library lacks")


@click.command(
    epilog=examples(
        "packetserver restore /srv/backup/monday.db",
        "packetserver restore --replace /srv/backup/monday.db",
    ),
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--replace", "replaces", is_flag=True, help="Put it in the place of the database that is there."
)
@WITHOUT_FILES
def restore(file: Path, *, replaces: bool, without_files: bool) -> None:
    """Make FILE, which packetserver backup has made, the database of the settings.

    The files of FILE.files.tar come into the file library; what is there already stays. A database
    that is there is replaced only with --replace, and only while no server uses it. Until the last
    step nothing of it is touched.
    """
    settings = current_settings()
    database = _database_path(settings)
    with staged_beside(database) as copy:
        copy_database(file, copy)
        condition = _require_ours(copy, str(file))
        files = named_files(copy)
        _require_replaceable(database, replaces=replaces)
        lacking = [] if without_files else _unpack(files, _archive_of(file), settings.file_library)
        # Files take their time: a server may have been started meanwhile.
        _require_replaceable(database, replaces=replaces)
        replace(copy, database)
    audit_command(settings)
    click.echo(f"The database {database} is that of {file}.")
    _tell_files(files, f"are in {settings.file_library}", without_files=without_files)
    if condition is Condition.OLDER:
        click.echo("An earlier version made it: run packetserver init-db before the server.")
    _require_all(lacking, "the database is restored, but its archive lacks")


def staged_beside(database: Path) -> contextlib.AbstractContextManager[Path]:
    """A place for a database before it has its name; the folder is made when it is not there."""
    database.parent.mkdir(parents=True, exist_ok=True)
    return staged(database)


def _archive_of(file: Path) -> Path:
    return file.with_name(file.name + FILES)


def _database_path(settings: Settings) -> Path:
    """The file of the settings' database; raises BackupError for every other kind."""
    url = make_url(settings.database_url)
    if url.get_backend_name() != "sqlite":
        raise BackupError(
            "PACKETSERVER_DATABASE_URL names a PostgreSQL database: pg_dump and pg_restore copy"
            " those, as the README tells"
        )
    name = url.database or ""
    if is_in_memory(settings) or name.startswith("file:"):
        raise BackupError("PACKETSERVER_DATABASE_URL must name an SQLite file by its path")
    return Path(name)


def _existing_database(settings: Settings) -> Path:
    database = _database_path(settings)
    if not database.is_file():
        raise BackupError(f"the database {database} does not exist")
    return database


def _require_ours(copy: Path, name: str) -> Condition:
    """How a copied database stands to this version; raises BackupError when it is of no use."""
    with (
        contextlib.closing(Database(f"sqlite:///{copy}")) as database,
        database.connect() as connection,
    ):
        condition = condition_of(connection)
    if condition not in RESTORABLE:
        raise BackupError(f"the database {name} {condition.value}")
    # Opened, it has a write-ahead log again, which would not come along.
    if is_in_use(copy):
        raise BackupError(f"the copy of the database {name} is in use")
    return condition


def _require_replaceable(database: Path, *, replaces: bool) -> None:
    if not database.exists():
        return
    if not replaces:
        raise BackupError(f"the database {database} exists already: --replace replaces it")
    if is_in_use(database):
        raise BackupError(f"the database {database} is in use: stop the servers first")


def _unpack(files: Sequence[NamedFile], archive: Path, library: Path) -> list[str]:
    if not files:
        return []
    if not archive.is_file():
        raise BackupError(
            f"{archive} is missing, with the {len(files)} files that the database has records of:"
            " --without-files restores the database alone"
        )
    return unpack_files(files, archive, library)


def _tell_files(files: Sequence[NamedFile], where: str, *, without_files: bool) -> None:
    if without_files:
        click.echo(f"Its files ({len(files)}) were left alone.")
    elif files:
        click.echo(f"Its files ({len(files)}) {where}.")


def _require_all(lacking: Sequence[str], words: str) -> None:
    """Raises BackupError when there are files without bytes."""
    if lacking:
        more = ", …" if len(lacking) > NAMED else ""
        names = ", ".join(lacking[:NAMED])
        raise BackupError(f"{words} {len(lacking)} of its files: {names}{more}")
