"""What an installation may set, where each value comes from, and what it may be.

The class ``Settings`` is the one table: a line there is a setting's name, type, default and
description, and with it a variable of the environment, a key of the TOML file, a row of the help
and of the README.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

from packetserver import setting_kinds as kinds
from packetserver.errors import SettingsError
from packetserver.setting_kinds import Kind, Value

PREFIX = "PACKETSERVER_"
CONFIG_VARIABLE = PREFIX + "CONFIG"


@dataclass(frozen=True, slots=True)
class SettingLine:
    """A line of the table of settings, as the help and the README show it."""

    name: str
    kind: Kind[Any]
    default: Any
    description: str

    @property
    def variable(self) -> str:
        """The name in the environment."""
        return PREFIX + self.name.upper()

    @property
    def default_text(self) -> str:
        """The default as it would be written in the environment; empty when there is none."""
        return "" if self.default is None else self.kind.write(self.default)


def _setting(kind: Kind[Any], default: Value, description: str, *, shown: bool = True) -> Value:
    """Declare a line of the table; ``shown`` is off where a value may hold a password."""
    metadata = {"kind": kind, "description": description}
    return field(default=default, metadata=metadata, repr=shown)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a server; ``load_settings`` reads them, a test may make them.

    Sizes are in bytes. ``given`` names what the environment or the TOML file set, which is what
    ``completed_by`` leaves alone.
    """

    database_url: str = _setting(
        kinds.DATABASE_URL,
        "sqlite:///var/packetserver.db",
        "The database, as a SQLAlchemy URL.",
        shown=False,
    )
    replica_url: str | None = _setting(
        kinds.DATABASE_URL,
        None,
        "A replica of the PostgreSQL database, which answers packets that only read, as long as it"
        " keeps up.",
        shown=False,
    )
    pool_size: int = _setting(
        kinds.count(0, 1024),
        0,
        "Connections to the database that one process keeps; 0 means one for each thread.",
    )
    connect_timeout_seconds: int = _setting(
        kinds.count(1), 5, "How long PostgreSQL may take to accept a connection."
    )
    lock_timeout_seconds: int = _setting(
        kinds.count(1),
        30,
        "How long a packet waits for records, or an SQLite file, that another one is changing; then it"
        " is answered with 503.",
    )
    statement_timeout_seconds: int = _setting(
        kinds.count(0),
        120,
        "How long PostgreSQL may take for one statement of a packet; then its transaction fails. 0"
        " means without limit.",
    )
    timezone: str | None = _setting(
        kinds.ZONE,
        None,
        "The time zone of every stored and written time; when not set, the one that the database"
        " was provisioned with, else the machine's, else UTC.",
    )
    server_names: tuple[str, ...] = _setting(
        kinds.HOST_NAMES, (), "Host names that a sync client may name beside the one that it used."
    )
    language: str = _setting(kinds.TEXT, "en_US", "The language that getSystemPreferences answers.")
    country: str = _setting(
        kinds.TEXT, "UNITED STATES", "The country that getSystemPreferences answers."
    )
    currency: str = _setting(kinds.TEXT, "USD", "The currency that getSystemPreferences answers.")
    system_xml: Path | None = _setting(
        kinds.PATH,
        None,
        "The file that getSystemXMLFile answers with; without one it answers an error.",
    )
    max_body_bytes: int = _setting(
        kinds.SIZE, 64 * 1024**2, "The longest request body; a longer one is answered with 413."
    )
    max_package_bytes: int = _setting(
        kinds.SIZE, 1024**3, "The longest package of a sync client's own, unpacked."
    )
    max_packet_elements: int = _setting(
        kinds.count(1), 1_000_000, "The most XML elements that one packet may have."
    )
    max_packet_depth: int = _setting(
        kinds.count(5), 64, "The deepest that elements of a packet may be nested."
    )
    spool_memory_bytes: int = _setting(
        kinds.SIZE, 1024**2, "How much of an answer is kept in memory before it goes to disk."
    )
    spool_folder: Path | None = _setting(
        kinds.PATH,
        None,
        "The folder of what goes to disk of long bodies and answers; when not set, one of this user's"
        " own among the temporary files of the machine (TMPDIR).",
    )
    max_answer_bytes: int = _setting(
        kinds.SIZE,
        4 * 1024**3,
        "The longest answer to a packet; one that would be longer is an error of its transaction.",
    )
    max_spool_bytes: int = _setting(
        kinds.SIZE,
        16 * 1024**3,
        "The bytes of long bodies and answers that all processes together keep on disk; while there"
        " is no room, packets that need more are answered with 503.",
    )
    default_response_encoding: str = _setting(
        kinds.ENCODING, "UTF-16", "The encoding of an answer when the request names none."
    )
    permissions: str = _setting(
        kinds.choice("all", "contacts"),
        "all",
        "Which permissions are checked: those of all objects, or of contacts alone, as the"
        " original server did.",
    )
    hierarchy: bool = _setting(
        kinds.BOOLEAN,
        default=False,
        description="Whether records whose access type is controlled by hierarchy are kept to their owner"
        " and those above him; clients of the original may live on it that they are not.",
    )
    upgrade_secrets: bool = _setting(
        kinds.BOOLEAN,
        default=False,
        description="Whether bare MD5 codes of an original database, and hashes made in an older way, are"
        " replaced by today's salted hashes when they are first used.",
    )
    remember_credentials_seconds: int = _setting(
        kinds.count(0), 300, "How long a verified credential is remembered; 0 means not at all."
    )
    login_failures: int = _setting(
        kinds.count(0, 1000),
        10,
        "How many logins of one name from one address may fail within login_failure_minutes before"
        " more have to wait; 0 means any number.",
    )
    login_failure_minutes: int = _setting(
        kinds.count(1, 1440),
        15,
        "How long failed logins count, and the longest that more have to wait.",
    )
    access_key_file: Path | None = _setting(
        kinds.PATH,
        None,
        "The file of the keys that access keys are stored with, which is in no database; when not set, it"
        " lies beside the database of SQLite, and is var/packetserver.keys with PostgreSQL.",
    )
    session_seconds: int = _setting(
        kinds.count(1), 86_400, "How long a session of the web service lasts at most."
    )
    session_idle_seconds: int = _setting(
        kinds.count(1),
        1800,
        "How long a session of the web service may be idle; up to a minute more is possible.",
    )
    webservice_origins: tuple[str, ...] = _setting(
        kinds.ORIGINS,
        (),
        "The origins, such as https://app.example.com, whose pages browsers let use the web service"
        " (CORS); without any, none.",
    )
    max_webservice_bytes: int = _setting(
        kinds.SIZE,
        70 * 1024**2,
        "The longest body of a request to the web service; a longer one is answered with 413.",
    )
    audit_log: Path | None = _setting(
        kinds.PATH,
        None,
        "A file to which the events of the audit log are appended, one line of JSON each; the log has"
        " them in any case.",
    )
    sync_overlap_seconds: int = _setting(
        kinds.count(0),
        86_400,
        "How far before its last anchor a sync looks for records that were committed late: more than"
        " the longest transaction, and than a clock can be set back.",
    )
    strict: bool = _setting(
        kinds.BOOLEAN,
        default=False,
        description="Whether what a packet sends and nothing heeds is an error, as with the header"
        " `strict`: names that are unknown, and values that would be dropped.",
    )
    allow_client_registration: bool = _setting(
        kinds.BOOLEAN,
        default=True,
        description="Whether a user may register a sync client by inserting a syncClient.",
    )
    file_library: Path = _setting(
        kinds.PATH,
        Path("var/files"),
        "The folder of the files that ProcessDocument.do takes; all servers of a database share it.",
    )
    max_file_bytes: int = _setting(
        kinds.SIZE,
        64 * 1024**2,
        "The longest file that ProcessDocument.do takes; a longer one is answered with 413.",
    )
    bind: str = _setting(kinds.ADDRESS, "127.0.0.1:8080", "The address that the server listens on.")
    workers: int = _setting(
        kinds.count(1, 256), 1, "Processes that serve; with PostgreSQL, one for each core is good."
    )
    threads: int = _setting(kinds.count(1, 1024), 8, "Packets that one process works on at a time.")
    connections: int = _setting(
        kinds.count(1, 100_000),
        5_000,
        "Clients that one process sends to or hears at a time, each of which may have two files open; a"
        " slow one takes none of the threads. More are answered with 503.",
    )
    max_waiting: int = _setting(
        kinds.count(0),
        100,
        "Packets that may wait for one of the threads; more are answered with 503.",
    )
    wait_seconds: int = _setting(
        kinds.count(0), 30, "How long a packet waits before it is answered with 503."
    )
    slow_client_seconds: int = _setting(
        kinds.count(1),
        60,
        "How long a client may take for its headers, and to send or read 64 KiB; a slower one is cut"
        " off.",
    )
    max_arriving_bytes: int = _setting(
        kinds.SIZE,
        1024**3,
        "The bytes of long bodies that one process keeps on disk while they arrive; more are"
        " answered with 503.",
    )
    tls_certificate: Path | None = _setting(
        kinds.PATH,
        None,
        "The certificate, with its chain, if the server itself is to speak TLS; better is a proxy.",
    )
    tls_key: Path | None = _setting(kinds.PATH, None, "The certificate's private key.")
    require_https: bool = _setting(
        kinds.BOOLEAN,
        default=False,
        description="Whether a request that did not come by https is refused.",
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network | str, ...] = _setting(
        kinds.PROXIES,
        (),
        "Proxies whose X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host are believed:"
        " addresses, networks, or unix for a socket in the file system.",
    )
    allowed_hosts: tuple[str, ...] = _setting(
        kinds.SERVED_HOSTS,
        (),
        "The host names that are served; a request for another is refused. Without any, all are.",
    )
    log_level: str = _setting(
        kinds.choice("debug", "info", "warning", "error"),
        "info",
        "The least severe messages logged.",
    )
    log_format: str = _setting(
        kinds.choice("auto", "json", "text"),
        "auto",
        "How a line of the log looks: JSON for programs, text for people, or, with auto, text on a"
        " terminal and JSON elsewhere.",
    )
    metrics: str = _setting(
        kinds.choice("off", "local", "all"),
        "local",
        "Who may read /metrics: nobody, programs on the same machine that ask the server directly,"
        " or everybody. Behind a proxy everybody would seem to be on the same machine, so with local"
        " nothing that a proxy has forwarded is answered.",
    )
    given: frozenset[str] = field(default=frozenset(), repr=False, compare=False)

    def completed_by(self, stored: Mapping[str, object]) -> Settings:
        """Return these settings with what the database holds, where nothing else set it.

        Raises SettingsError, as for any other source.
        """
        values = _read_values(stored, "the database")
        open_names = {line.name for line in SETTINGS if not self._is_set(line)}
        return dataclasses.replace(
            self, **{name: value for name, value in values.items() if name in open_names}
        )

    def _is_set(self, line: SettingLine) -> bool:
        return line.name in self.given or getattr(self, line.name) != line.default


SETTINGS: tuple[SettingLine, ...] = tuple(
    SettingLine(entry.name, entry.metadata["kind"], entry.default, entry.metadata["description"])
    for entry in dataclasses.fields(Settings)
    if "kind" in entry.metadata
)
_BY_NAME = {line.name: line for line in SETTINGS}


def load_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings: the environment over the file named by PACKETSERVER_CONFIG.

    Raises SettingsError, which names the setting, its source and what is allowed. A variable that
    is empty counts as not set.
    """
    variables = {
        name.removeprefix(PREFIX).lower(): text
        for name, text in environment.items()
        if name.startswith(PREFIX) and name != CONFIG_VARIABLE and text.strip()
    }
    values = {
        **_read_file(environment.get(CONFIG_VARIABLE, "")),
        **_read_values(variables, "the environment", lambda name: PREFIX + name.upper()),
    }
    return Settings(**values, given=frozenset(values))


def _read_file(path: str) -> dict[str, Any]:
    if not path.strip():
        return {}
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{CONFIG_VARIABLE} must name a TOML file: {path}: {error}") from error
    return _read_values(content, path)


def _read_values(
    found: Mapping[str, object], source: str, spelled: Callable[[str], str] = str
) -> dict[str, Any]:
    """Read what a source holds; ``spelled`` gives a setting's name as that source spells it."""
    return {name: _read_value(name, value, source, spelled) for name, value in found.items()}


def _read_value(name: str, value: object, source: str, spelled: Callable[[str], str]) -> Any:
    line = _BY_NAME.get(name)
    if line is None:
        close = get_close_matches(name.lower(), _BY_NAME, n=1)
        advice = f"did you mean {spelled(close[0])}?" if close else "the README lists them"
        raise SettingsError(f"{spelled(name)} in {source} is no setting: {advice}")
    try:
        return line.kind.read(value)
    except ValueError as error:
        # The value itself is not told: it may hold a password.
        raise SettingsError(f"{spelled(name)} in {source} must be {line.kind.allowed}") from error
