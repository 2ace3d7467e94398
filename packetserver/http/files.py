"""How many files a process may have open, and how many clients it can hear with them."""

from __future__ import annotations

import resource

from packetserver.settings import Settings

FILES_FOR_CONNECTION = 2
"""A connection has a socket, and perhaps a long body or a long answer on the disk."""

OTHER_FILES = 456
"""The database, the log, what the application opens; and clients who are one too many."""


def allow_files(settings: Settings) -> int:
    """Raise the soft limit of open files as far as is needed and allowed; what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_FOR_CONNECTION * settings.connections + OTHER_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft == resource.RLIM_INFINITY:
        return wanted
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


def possible_connections(settings: Settings) -> int:
    """How many clients a process can hear at a time: as set, or as many as there are files for."""
    files = allow_files(settings)
    return max(1, min(settings.connections, (files - OTHER_FILES) // FILES_FOR_CONNECTION))
