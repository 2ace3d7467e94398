"""Files and packages that attack by their names, their sizes, or the forms that they come in."""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
import zlib
from pathlib import Path

import pytest
from hostile.arenas import Arena
from hostile.attacking import CLIENT, CREDENTIALS, check_page, check_text, item, packet, tried
from hostile.forms import BOUNDARY, CLOSING, MULTIPART, OPENING, form, part

from packetserver.errors import PacketServerError
from packetserver.protocols.packet.package_zip import unpacked
from packetserver.store.files import NAME

# One process for them all: what they share takes longer to make than most of them take.
pytestmark = pytest.mark.xdist_group("hostile files")

DOCUMENT, UPLOAD = "/ProcessDocument.do", "/ProcessClientSyncPackage.do"
PACKET, DOWNLOAD = "/ProcessPacket.do", "/ProcessSyncPackageDownload.do"
PACKAGE = "clientSyncPackage"
WITNESS = b"nobody writes here"

FILENAMES: list[str | bytes] = [
    *("../../../etc/passwd", "..", ".", "/", "/etc/passwd", "/dev/null", "/proc/self/mem"),
    *("..\\..\\boot.ini", "C:\\x\\..\\a", "\\\\server\\share\\a", "C:a.txt", "file:///etc/passwd"),
    *("CON", "nul.txt", "aux", "COM1", "a:b", "a.txt::$DATA", "a.txt.", " ", "...", "~", "~root"),
    *(
        "incoming",
        "incoming/x",
        "witness",
        "../witness",
        ".htaccess",
        "-rf",
        "$(id)",
        "`id`",
        "|id",
    ),
    *(
        "a" * 255,
        "a" * 5000,
        "\U0001f4a3" * 300,
        "e\u0301.txt",
        "\ufb01le",
        "a\u202etxt.exe",
        "\ufeffa",
    ),
    *(
        "\uff0e\uff0e\uff0fetc",
        "%2e%2e%2fpasswd",
        "..%c0%afa",
        "a\tb",
        "<script>",
        "';--",
        "{0}",
        "%s",
    ),
    *(
        b"a\0.txt",
        b"a\x1bb",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b'a\\".txt',
        b"a; x=y",
        b"=?utf-8?b?Li4v?=",
    ),
]
"""What files are said to be called."""


def files_below(folder: Path) -> list[Path]:
    return sorted(each for each in folder.rglob("*") if not each.is_dir())


@pytest.fixture
def ticket(arena: Arena) -> str:
    return arena.maker.known("ticket")


def test_no_name_leads_a_file_out_of_the_library(arena: Arena, ticket: str) -> None:
    library = arena.settings.file_library
    library.mkdir(parents=True, exist_ok=True)
    outside = library.parent / "witness"
    outside.write_bytes(WITNESS)
    for name in ("witness", "passwd", "a"):
        link = library / name
        link.unlink(missing_ok=True)
        link.symlink_to(outside)
    around = set(library.parent.iterdir())

    fields = {**dict(CREDENTIALS), "type": "ticket", "tid": ticket, "subject": "s"}
    for name in FILENAMES:
        answer = arena.target.send(form(fields, b"evil", name), DOCUMENT, MULTIPART)
        check_page(answer)

    assert outside.read_bytes() == WITNESS
    assert set(library.parent.iterdir()) == around
    stored = [each for each in files_below(library) if not each.is_symlink()]
    assert stored
    assert all(NAME.fullmatch(each.name) for each in stored)
    assert {each.read_bytes() for each in stored} == {b"evil"}
    check_names(arena)
    assert arena.target.is_well()


def check_names(arena: Arena) -> None:
    body = packet(([item("fileItemList", "select")], ["clientFilename"]))
    names = [each.text or "" for each in arena.target.play(body).iterfind(".//clientFilename")]
    assert names
    for name in names:
        assert not set(name) & set("/\\\0\x1b\u202e"), name
        assert name not in {"", ".", ".."}
        assert len(name) <= 255


HOSTILE_FIELDS = [
    *(b"a\0b", b"\0", b"\xed\xa0\x80", b"\xff\xff", b"9" * 5000, b"-1", b"2147483648", b"1e309"),
    *(
        "\u0664".encode(),
        b"'; DROP TABLE access; --",
        b"$C{a.b}",
        b"<b>&amp;",
        b" " * 5000,
        b"\x85",
    ),
]


@pytest.mark.parametrize(("address", "file"), [(DOCUMENT, "file1"), (UPLOAD, PACKAGE)])
def test_no_field_of_a_form_does_harm(arena: Arena, ticket: str, address: str, file: str) -> None:
    names = ("username", "code", "id", "clientId", "systemId")
    more = ("subject", "type", "tid", "linkModuleId", "linkItemId", "folderId", "enteredBy")
    more = more if address == DOCUMENT else ()
    good = {**dict(CREDENTIALS), "type": "ticket", "tid": ticket, "subject": "s"}
    for name in (*names, *more):
        for value in HOSTILE_FIELDS:
            body = form({**good, name: value}, b"x", name=file)
            check_page(arena.target.send(body, address, MULTIPART))
    assert arena.target.is_well()


def many_parts() -> bytes:
    return part("x", b"y") * 5000 + CLOSING


FORMS = {
    "thousands of parts": many_parts,
    "endless header": lambda: OPENING + b"X: " + b"a" * 3_000_000,
    "endless headers": lambda: OPENING + b"X: a\r\n" * 500_000,
    "no end of headers": lambda: OPENING + b"Content-Disposition: form-data; name=data",
    "no name": lambda: OPENING + b"Content-Disposition: form-data\r\n\r\nx\r\n" + CLOSING,
    "no disposition": lambda: OPENING + b"\r\nx\r\n" + CLOSING,
    "parameters without end": lambda: (
        OPENING
        + b"Content-Disposition: form-data"
        + b'; a="\\"' * 90_000
        + b"\r\n\r\nx\r\n"
        + CLOSING
    ),
    "numbered names": lambda: (
        OPENING
        + b"Content-Disposition: form-data; "
        + b"; ".join(b"name*%d=a" % number for number in range(20_000))
        + b"\r\n\r\nx\r\n"
        + CLOSING
    ),
    "not closed": lambda: part("x", b"y"),
    "only the end": lambda: CLOSING,
    "nothing": lambda: b"",
    "no boundary anywhere": lambda: b"x" * 3_000_000,
    "line breaks": lambda: OPENING + b"\r\n" * 1_500_000,
    "almost boundaries": lambda: part("data", f"\r\n--{BOUNDARY[:-1]}".encode() * 90_000) + CLOSING,
    "dashes": lambda: part("data", b"\r\n-" * 900_000) + CLOSING,
    "form in a form": lambda: part("data", part("data", b"<app/>") + CLOSING, "x") + CLOSING,
    "field data twice": lambda: (
        part("data", b"<app/>") + part("data", b"<app><a/></app>") + CLOSING
    ),
    "file and field data": lambda: part("data", b"<app/>", "x") + part("data", b"<x/>") + CLOSING,
    "file in many fields": lambda: part("file1", b"x") * 900 + part("file1", b"y", "z") + CLOSING,
    "field of megabytes": lambda: part("username", b"x" * 3_000_000) + CLOSING,
    "lying length": lambda: (
        OPENING
        + b'Content-Disposition: form-data; name="data"; filename="a"\r\nContent-Length: 99999\r\n'
        + b"Content-Transfer-Encoding: base64\r\nContent-Encoding: gzip\r\n\r\nPGFwcC8+\r\n"
        + CLOSING
    ),
}
TYPES = (
    MULTIPART,
    "multipart/form-data",
    "multipart/form-data; boundary=" + "b" * 5000,
    "multipart/form-data; boundary=\xff",
    "multipart/mixed; boundary=" + BOUNDARY,
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=utf-7",
    "application/x-www-form-urlencoded; charset=utf-16",
)


@pytest.mark.parametrize("name", FORMS)
def test_no_form_does_harm_anywhere(sqlite_arena: Arena, name: str) -> None:
    body = FORMS[name]()
    for content_type in TYPES if len(body) < 100_000 else TYPES[:1]:
        for address in (PACKET, DOCUMENT, UPLOAD, DOWNLOAD):
            check_page(sqlite_arena.target.send(body, address, content_type))
    assert sqlite_arena.target.is_well()


def test_of_two_fields_the_first_is_the_packet(sqlite_arena: Arena) -> None:
    good = packet(credentials=CREDENTIALS)
    body = part("data", good) + part("data", b"<no packet") + CLOSING
    assert "No transactions found" in sqlite_arena.target.send(body, PACKET, MULTIPART).text
    other = part("data", b"<no packet") + part("data", good) + CLOSING
    assert "Error: " in sqlite_arena.target.send(other, PACKET, MULTIPART).text


def zipped(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return content.getvalue()


def with_size(archive: bytes, size: int) -> bytes:
    """The archive, which says in its directory that its file is so long when it is unpacked."""
    place = archive.rindex(b"PK\1\2") + 24
    return archive[:place] + struct.pack("<L", size) + archive[place + 4 :]


def directory_of(count: int) -> bytes:
    return zipped(*((f"{number}.xml", b"") for number in range(count)))


def listed_twice(archive: bytes) -> bytes:
    """The archive, whose list of files names its only file once more."""
    start, end = archive.index(b"PK\1\2"), archive.rindex(b"PK\5\6")
    listed = archive[start:end]
    numbers = struct.pack("<HHL", 2, 2, 2 * len(listed))
    return archive[:end] + listed + archive[end : end + 8] + numbers + archive[end + 16 :]


def package_of(content: bytes) -> bytes:
    return b"<aspcfs>" + content + b"</aspcfs>"


BAD = b"<cfsdata><dataRecord"
ARCHIVES = {
    "path upwards": lambda: zipped(("../../../../tmp/hostile.xml", BAD)),
    "absolute path": lambda: zipped(("/tmp/hostile.xml", BAD)),  # noqa: S108 (it is never written)
    "path of Windows": lambda: zipped(("..\\..\\hostile.xml", BAD)),
    "two files": lambda: zipped(("a.xml", BAD), ("../b.xml", BAD)),
    "a thousand files": lambda: directory_of(1000),
    "ten thousand files": lambda: directory_of(10_000),
    "bomb": lambda: zipped(("a.xml", b"\0" * 100_000_000)),
    "bomb of blanks": lambda: zipped(("a.xml", b" " * 100_000_000)),
    "archive in an archive": lambda: zipped(("a.zip", zipped(("a.xml", b"\0" * 50_000_000)))),
    "says it is empty": lambda: with_size(zipped(("a.xml", BAD * 9)), 0),
    "says it is small": lambda: with_size(zipped(("a.xml", BAD * 9)), 10),
    "says it is huge": lambda: with_size(zipped(("a.xml", BAD * 9)), 2**32 - 2),
    "one file, listed twice": lambda: listed_twice(zipped(("a.xml", BAD * 9))),
    "folder with something in it": lambda: zipped(("a/", BAD), ("b.xml", BAD)),
    "empty folders": lambda: zipped(("a/", b""), ("b/", b"")),
    "end in a comment": lambda: zipped(("a.xml", BAD)) + b"PK\5\6" + b"\0" * 18,
    "something before it": lambda: b"x" * 100_000 + zipped(("a.xml", BAD)),
    "thousands of empty lists": lambda: zipped(("a.xml", package_of(b"<cfsdata/>" * 100_000))),
    "blanks between empty lists": lambda: zipped(
        ("a.xml", package_of(b"<cfsdata/>\n\t " * 90_000))
    ),
    "deep in a record": lambda: zipped(
        ("a.xml", package_of(b"<dataRecord><dataField>" + b"<a>" * 9000))
    ),
    "records in records": lambda: zipped(("a.xml", package_of(b"<dataRecord>" * 9000))),
    "endless name": lambda: zipped(("a.xml", package_of(b"<" + b"n" * 900_000 + b"/>"))),
    "no record": lambda: zipped(("a.xml", package_of(b""))),
    "bzip2": lambda: zipped(("a.xml", BAD), method=zipfile.ZIP_BZIP2),
    "lzma": lambda: zipped(("a.xml", BAD), method=zipfile.ZIP_LZMA),
    "only an end": lambda: b"PK\5\6" + b"\0" * 18,
    "not a ZIP": lambda: b"<cfsdata/>",
    "document type": lambda: zipped(
        ("a.xml", b'<!DOCTYPE a [<!ENTITY b "c">]><cfsdata>&b;</cfsdata>')
    ),
    "deep": lambda: zipped(("a.xml", b"<cfsdata>" * 5000)),
    "endless field": lambda: zipped(
        (
            "a.xml",
            b"<a><cfsdata><dataRecord><dataField>"
            + random.Random(1).randbytes(12).hex().encode() * 500_000,
        )
    ),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_no_archive_does_harm(sqlite_arena: Arena, name: str) -> None:
    library = sqlite_arena.settings.file_library
    around = set(library.parent.iterdir())
    body = form(dict(CLIENT), ARCHIVES[name](), "p.zip", PACKAGE)
    answer = sqlite_arena.target.send(body, UPLOAD, MULTIPART)
    assert check_page(answer).startswith("Error: ")
    assert files_below(library) == []
    assert set(library.parent.iterdir()) | {library} == around | {library}
    assert not Path("/tmp/hostile.xml").exists()  # noqa: S108 (it is never written)
    assert sqlite_arena.target.is_well()


PACKED_ADDRESSES = (PACKET, DOCUMENT, UPLOAD, DOWNLOAD)


def test_no_packed_body_does_harm_anywhere(sqlite_arena: Arena) -> None:
    for name, make in (*FORMS.items(), *ARCHIVES.items()):
        content = make()
        body = content if name in FORMS else form(dict(CLIENT), content, "p.zip", PACKAGE)
        for coding, packed in (
            ("gzip", gzip.compress(body, 1)),
            ("deflate", zlib.compress(body, 1)),
        ):
            # The long ones are for the parsers, which see no more of them when they are packed.
            for address in PACKED_ADDRESSES if len(body) < 100_000 else ():
                headers = {"Content-Encoding": coding}
                answer = sqlite_arena.target.send(packed, address, MULTIPART, headers=headers)
                check_page(answer)
    assert sqlite_arena.target.is_well()


def test_no_damage_of_a_packed_body_is_our_failure(sqlite_arena: Arena) -> None:
    """Headers that lie, and bytes that are no packing, wherever they stand."""
    body = packet(([item("accountList", "select", {"id": "0"})], ["id"]))
    chance = random.Random(21)
    for number in range(1000):
        coding, packed = (
            ("gzip", gzip.compress(body)) if number % 2 else ("deflate", zlib.compress(body))
        )
        content = bytearray(packed)
        for _ in range(chance.randint(1, 4)):
            # Most of what is believed stands at the beginning, or at the end.
            place = chance.choice(
                [chance.randrange(len(content)), chance.randrange(12), -chance.randrange(1, 9)]
            )
            content[place] = chance.choice([0, 1, 127, 128, 255, chance.randrange(256)])
        del content[chance.choice([len(content), chance.randrange(1, len(content))]) :]
        sqlite_arena.target.play(bytes(content), headers={"Content-Encoding": coding})
    assert sqlite_arena.target.is_well()


def test_no_damage_of_an_archive_is_our_failure(tmp_path: Path) -> None:
    good = [zipped(("a.xml", BAD)), zipped(("a.xml", BAD * 9)), zipped(("a", BAD), method=0)]
    chance, path = random.Random(20), tmp_path / "damaged.zip"
    for _ in range(2000):
        tried.inputs += 1
        path.write_bytes(damaged(chance, chance.choice(good)))
        try:
            for _ in unpacked(path, 1_000_000):
                pass
        except PacketServerError as error:
            check_text(str(error))


def damaged(chance: random.Random, archive: bytes) -> bytes:
    content = bytearray(archive)
    for _ in range(chance.randint(1, 4)):
        # Most of what is believed stands at the end.
        place = chance.choice([chance.randrange(len(content)), -chance.randrange(1, 90)])
        content[place] = chance.choice([0, 1, 127, 128, 255, chance.randrange(256)])
    return bytes(content)
