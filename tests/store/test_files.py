"""The folder of files: what arrives, where it is put, what its names may be."""

from __future__ import annotations

import contextlib
import hashlib
import re
import resource
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packetserver.errors import PacketTooLarge, StoreUnavailable
from packetserver.store.files import FileLibrary, fitted_name, new_name, place_of, safe_name

NOON = datetime(2026, 11, 3, 12, 30, 45, 678000)


@pytest.fixture
def library(tmp_path: Path) -> FileLibrary:
    return FileLibrary(tmp_path / "a" / "b", 10)


def files_of(library: FileLibrary) -> list[Path]:
    return [path for path in library.folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("chunks", [[], [b""], [b"1234567890"], [b"1"] * 10])
def test_bytes_arrive_whole(library: FileLibrary, chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    with library.received(chunks) as received:
        assert received.path.read_bytes() == whole
        assert received.path.is_relative_to(library.folder)
        assert (received.size, received.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())
    assert files_of(library) == []


def test_placed_bytes_stay(library: FileLibrary) -> None:
    name = new_name(NOON)
    with library.received([b"bytes"]) as received:
        library.place(received, name)
    assert files_of(library) == [library.folder / "2026" / "1103" / name]
    assert library.path_of(name).read_bytes() == b"bytes"
    library.remove(name)
    library.remove(name)
    assert files_of(library) == []


def test_no_byte_more_than_the_limit_is_taken(library: FileLibrary) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(11):
            yield b"x"
        pytest.fail("the limit is passed, and yet more is asked for")

    with pytest.raises(PacketTooLarge, match="10 bytes"), library.received(endless()):
        pytest.fail("it is too large")
    assert files_of(library) == []


def test_a_body_that_breaks_off_leaves_nothing(library: FileLibrary) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError), library.received(broken()):
        pytest.fail("it never arrived")
    assert files_of(library) == []


def test_a_file_in_the_place_of_the_folder_makes_it_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    library = FileLibrary(tmp_path / "file", 10)
    with pytest.raises(StoreUnavailable), library.received([b"x"]):
        pytest.fail("there is no folder")


@pytest.mark.parametrize("chunks", [[b"1234567890"], [b"12345"] * 2], ids=len)
def test_a_disk_that_is_full_makes_it_unavailable(
    library: FileLibrary, chunks: list[bytes]
) -> None:
    with limited_files(3), pytest.raises(StoreUnavailable), library.received(chunks):
        pytest.fail("there is no room")
    assert files_of(library) == []


@contextlib.contextmanager
def limited_files(size: int) -> Iterator[None]:
    """No file may grow beyond so many bytes: the system refuses as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_limit_of_the_column_goes_before_a_higher_one(tmp_path: Path) -> None:
    library = FileLibrary(tmp_path, 2**40)
    assert library.largest == 2**31 - 1


def test_names_are_new(library: FileLibrary) -> None:
    names = {new_name(NOON) for _ in range(1000)}
    assert len(names) == 1000
    assert all(re.fullmatch(r"20261103123045-[0-9a-f]{32}", name) for name in names)


@pytest.mark.parametrize(
    "name",
    ["", "x", "../../etc/passwd", "20261103123045", "20261103123045-" + "0" * 31 + "/",
     "20261103123045-" + "0" * 32 + "\n", "٢٠261103123045-" + "0" * 32],
)  # fmt: skip
def test_only_names_of_this_server_have_a_place(name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        place_of(name)


@given(st.text())
def test_a_safe_name_is_one_visible_name(sent: str) -> None:
    name = safe_name(sent)
    assert not set(name) & set("/\\\0\r\n\x7f\u202e\u2066\ufffe")
    assert name not in {".", ".."}
    assert name == name.strip(" .")
    assert safe_name(name) == name
    assert safe_name(f"C:\\x\\{name}") == safe_name(f"/x/{name}") == name


@given(st.text(), st.integers(1, 40))
def test_a_fitted_name_is_no_longer_than_it_may_be(sent: str, length: int) -> None:
    fitted = fitted_name(sent, length)
    assert len(fitted) <= length
    assert fitted == sent or len(fitted) == length


@pytest.mark.parametrize(
    ("name", "length", "fitted"),
    [
        ("fire.txt", 8, "fire.txt"),
        ("fire.txt", 7, "fir.txt"),
        ("fire.txt", 4, ".txt"),
        ("fire.txt", 3, ".tx"),
        (".htaccess", 4, ".hta"),
        ("fire", 2, "fi"),
        ("a." + "b" * 30, 10, "a." + "b" * 8),
    ],
)
def test_a_fitted_name_keeps_its_extension(name: str, length: int, fitted: str) -> None:
    assert fitted_name(name, length) == fitted
