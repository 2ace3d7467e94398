"""The ZIP that a client's package comes in: one XML file, unpacked in pieces and within bounds.

Nothing is ever written under a name that stands in it.
"""

from __future__ import annotations

import errno
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from packetserver.errors import PacketError, PacketTooLarge

CHUNK_BYTES = 64 * 1024
LARGEST_DIRECTORY = 64 * 1024
"""How long the list of files in a ZIP may be, in bytes."""

LARGEST_RATIO = 250
"""How many times longer a file may be than what it is packed in; beyond a first piece."""

END = struct.Struct("<4s4H2LH")
END_MARK, LONG_MARK = b"PK\5\6", b"PK\6\7"
LONG_LOCATOR_BYTES = 20
LONGEST_COMMENT = 2**16 - 1
IS_ENCRYPTED = 1
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}

DAMAGES = (zipfile.BadZipFile, zlib.error, EOFError, IndexError, ValueError, OverflowError)
"""What a damaged file leads to: for lack of a name, for one, there is no last letter of it."""

NO_ZIP = "The package is no ZIP file, or a damaged one"
NOT_ONE = "The package must hold one file"
UNREADABLE = "The file in the package is packed in a way that this server does not read"


def unpacked(path: Path, largest: int) -> Iterator[bytes]:
    """The pieces of the only file in a ZIP.

    Raises PacketError for what is no ZIP of one file, PacketTooLarge when the file is longer than
    ``largest`` bytes, or far longer than what it is packed in.
    """
    try:
        with path.open("rb") as file:
            _check_directory(file)
            with zipfile.ZipFile(file) as archive:
                yield from _pieces(archive, _only_file(archive), largest)
    except DAMAGES as error:
        raise PacketError(NO_ZIP) from error
    except OSError as error:
        # Damaged places lead before the beginning of the file; other errors are the disk's.
        if error.errno != errno.EINVAL:
            raise
        raise PacketError(NO_ZIP) from error
    except (NotImplementedError, RuntimeError) as error:
        raise PacketError(UNREADABLE) from error


def _check_directory(file: IO[bytes]) -> None:
    """The list of files is read into memory, so its length is looked at before."""
    size = file.seek(0, 2)
    start = max(size - LONGEST_COMMENT - END.size - LONG_LOCATOR_BYTES, 0)
    file.seek(start)
    tail = file.read()
    found = tail.rfind(END_MARK)
    if found < 0 or len(tail) - found < END.size:
        raise PacketError(NO_ZIP)
    if tail[: found + END.size].rfind(LONG_MARK, max(found - LONG_LOCATOR_BYTES, 0)) >= 0:
        raise PacketError(UNREADABLE)
    directory_bytes = END.unpack_from(tail, found)[5]
    if directory_bytes > LARGEST_DIRECTORY:
        raise PacketError(NOT_ONE)


def _only_file(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    # A folder holds nothing; what calls itself one and holds something is a file.
    files = [each for each in archive.infolist() if not each.is_dir() or each.file_size]
    if len(files) != 1:
        raise PacketError(f"{NOT_ONE}, and holds {len(files) or 'none: no record was found in it'}")
    (only,) = files
    if only.flag_bits & IS_ENCRYPTED or only.compress_type not in METHODS:
        raise PacketError(UNREADABLE)
    return only


def _pieces(archive: zipfile.ZipFile, only: zipfile.ZipInfo, largest: int) -> Iterator[bytes]:
    taken = 0
    most = min(largest, LARGEST_RATIO * max(only.compress_size, CHUNK_BYTES))
    with archive.open(only) as file:
        while piece := file.read(CHUNK_BYTES):
            taken += len(piece)
            if taken > most:
                raise PacketTooLarge(f"The package is longer than {most} bytes when it is unpacked")
            yield piece
