from __future__ import annotations

import dataclasses
import math
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from packetserver.catalogue.types import (
    FALSE_TEXTS,
    TRUE_TEXTS,
    TYPES,
    odd_boolean,
    read_date,
    read_local_date,
)
from packetserver.errors import ValueNotOfType

ZONE = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 22, 15, 0, 0)


def read(name: str, text: str) -> object:
    return TYPES[name].read(text, ZONE)


def refusal(name: str, text: str) -> str:
    with pytest.raises(ValueNotOfType) as raised:
        read(name, text)
    return raised.value.reason


def test_every_type_is_found_by_its_name_and_cannot_be_changed():
    assert {name: known.unset for name, known in TYPES.items()} == {
        "integer": "-1",
        "double": "0.0",
        "boolean": "false",
        "text": "",
        "timestamp": "",
        "date": "",
        "tristate": "-1",
        "local-date": "",
        "id-list": "",
        "percent": "0.0",
        "mark": "-1",
    }
    others = {name: known.name for name, known in TYPES.items() if known.name != name}
    assert others == {"percent": "double", "mark": "integer"}, "stored as what they are"
    with pytest.raises(dataclasses.FrozenInstanceError):
        TYPES["text"].unset = "x"
    with pytest.raises(TypeError):
        TYPES["text"] = TYPES["date"]


@pytest.mark.parametrize("name", ["integer", "double", "boolean"])
def test_what_an_empty_column_reads_as_is_a_value_of_the_type(name):
    assert TYPES[name].write(read(name, TYPES[name].unset)) == TYPES[name].unset


@pytest.mark.parametrize("name", sorted(TYPES.keys() - {"text", "tristate"}))
def test_an_empty_text_is_no_value(name):
    assert refusal(name, "") == refusal(name, " ")


class TestInteger:
    @given(st.integers(-(2**31), 2**31 - 1))
    def test_what_is_written_is_read_back(self, value):
        assert read("integer", TYPES["integer"].write(value)) == value

    @pytest.mark.parametrize(
        ("text", "value"),
        [(" 5", 5), ("5\n", 5), ("+5", 5), ("-5", -5), ("-0", 0), ("0" * 5000 + "7", 7)],
    )
    def test_spellings(self, text, value):
        assert read("integer", text) == value

    @pytest.mark.parametrize("text", ["many", "1.0", "1e3", "1 2", "--1", "- 1", "0x1", "1_0", "٣"])
    def test_what_is_none(self, text):
        assert refusal("integer", text) == "not an integer"

    @pytest.mark.parametrize("text", ["2147483648", "-2147483649", "9" * 5000])
    def test_what_does_not_fit(self, text):
        assert refusal("integer", text) == "out of range"


class TestBoolean:
    @pytest.mark.parametrize("text", ["on", "TRUE", "Y", "Yes", "1", " true "])
    def test_true(self, text):
        assert read("boolean", text) is True

    @pytest.mark.parametrize("text", ["off", "FALSE", "N", "No", "f", "0", " false "])
    def test_false(self, text):
        assert read("boolean", text) is False

    @pytest.mark.parametrize("text", ["t", "maybe", "2", "-1", "true false"])
    def test_neither(self, text):
        assert refusal("boolean", text) == "not a boolean"

    @pytest.mark.parametrize(("value", "text"), [(True, "true"), (False, "false"), (1, "true")])
    def test_written(self, value, text):
        assert TYPES["boolean"].write(value) == text

    def test_odd_ones_know_only_their_own_texts(self):
        odd = odd_boolean(["yes", "on"])
        assert [odd.read(text, ZONE) for text in ("yes", " on ", "true", "1", "ON", "")] == [
            True,
            True,
            False,
            False,
            False,
            False,
        ]
        assert (odd.name, odd.unset, odd.write(value=True)) == ("boolean", "false", "true")


class TestDouble:
    @given(st.floats(allow_nan=False))
    def test_what_is_written_is_read_back(self, value):
        again = read("double", TYPES["double"].write(value))
        assert again == value
        assert math.copysign(1, again) == math.copysign(1, value)

    # Seen on Java 25.
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (1250.0, "1250.0"),
            (1250000.5, "1250000.5"),
            (9999999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (12345678.0, "1.2345678E7"),
            (-12345678.9, "-1.23456789E7"),
            (0.001, "0.001"),
            (0.0001, "1.0E-4"),
            (0.00012345, "1.2345E-4"),
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (2e23, "2.0E23"),
            (1e16, "1.0E16"),
            (1.7976931348623157e308, "1.7976931348623157E308"),
            (5e-324, "4.9E-324"),
            (1e-323, "9.9E-324"),
            (math.inf, "Infinity"),
            (-math.inf, "-Infinity"),
            (3, "3.0"),
        ],
    )
    def test_written_as_java_does(self, value, text):
        assert TYPES["double"].write(value) == text

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("1", 1.0),
            ("1.5", 1.5),
            ("1e3", 1000.0),
            ("1E+3", 1000.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("-5.e-1", -0.5),
            ("+1.5d", 1.5),
            ("1.5F", 1.5),
            (" 1.5 ", 1.5),
            ("Infinity", math.inf),
            ("-Infinity", -math.inf),
        ],
    )
    def test_spellings(self, text, value):
        assert read("double", text) == value

    @pytest.mark.parametrize(
        "text",
        ["NaN", "nan", "inf", "infinity", "Infinityd", ".", "e3", "1,250.0", "1_0", "1dd", "0x1p3"],
    )
    def test_what_is_none(self, text):
        assert refusal("double", text) == "not a number"

    @pytest.mark.parametrize("text", ["1e309", "-1e309", "9" * 400])
    def test_overflow_is_not_infinity(self, text):
        assert refusal("double", text) == "out of range"


class TestText:
    @given(st.text())
    def test_is_accepted_exactly_when_xml_carries_it(self, text):
        element = etree.Element("x")
        try:
            element.text = text
        except (ValueError, UnicodeEncodeError):
            assert refusal("text", text) == "a character that XML cannot carry"
        else:
            assert TYPES["text"].write(read("text", text)) == text

    @pytest.mark.parametrize(
        "character", ["\x00", "\x08", "\x0b", "\x0c", "\x1f", "\ufffe", "\uffff"]
    )
    def test_what_xml_cannot_carry(self, character):
        assert refusal("text", f"a{character}b") == "a character that XML cannot carry"

    @pytest.mark.parametrize(
        "text", ["", "  kept  ", "a\tb\r\nc", "\x7f\x85\ud7ff\ue000\ufffd", "😀"]
    )
    def test_everything_else_stays_as_it_is(self, text):
        assert read("text", text) == text


def test_timestamps_are_read_in_the_given_zone():
    assert TYPES["timestamp"].read("2026-11-22T09:15:08.1239Z", ZONE) == datetime(
        2026, 11, 22, 4, 15, 8, 123000
    )
    assert TYPES["timestamp"].write(datetime(2026, 11, 22, 4, 15)) == "2026-11-22 04:15:00.0"


class TestDate:
    @given(st.dates())
    def test_what_is_written_is_read_back(self, value):
        assert read("date", TYPES["date"].write(value)) == value

    @pytest.mark.parametrize(
        "text",
        [
            "11/2/26",
            "11/02/2026",
            "2026-11-02",
            "02.11.26",
            "2026-11-02 23:59:59.9",
            "11/2/26 1:00:00 AM CET",
            "02.11.26 00:00:00 MEZ",
        ],
    )
    def test_is_the_date_as_it_is_written(self, text):
        value = read_date(text, ZONE, NOW)
        assert value == date(2026, 11, 2)
        assert not isinstance(value, datetime)

    @pytest.mark.parametrize("text", ["2/30/26", "2026-02-30", "soon", "2026-11-02 00:00:00 XYZ"])
    def test_what_is_none(self, text):
        assert refusal("date", text) == "not a time"

    def test_a_timestamp_is_written_as_its_date(self):
        assert TYPES["date"].write(datetime(26, 1, 2, 3, 4)) == "0026-01-02"


class TestTristate:
    def test_everything_is_read(self):
        assert {read("tristate", text) for text in (*TRUE_TEXTS, "YES", " 1 ")} == {1}
        assert {read("tristate", text) for text in (*FALSE_TEXTS, "OFF", " 0 ")} == {0}
        assert {read("tristate", text) for text in ("-1", "%a%", "2", "", "t")} == {-1}

    @pytest.mark.parametrize("value", [-1, 0, 1])
    def test_what_is_written_is_read_back(self, value):
        assert read("tristate", TYPES["tristate"].write(value)) == value


class TestLocalDate:
    @pytest.mark.parametrize("text", ["1/2/26", "01/02/2026", "2026-01-02"])
    def test_a_mere_date_is_its_midnight(self, text):
        assert read_local_date(text, ZONE, NOW) == datetime(2026, 1, 2)

    @pytest.mark.parametrize(
        "text", ["2000-01-01 00:00:00.0", "1/2/26 12:00:00 AM EST", "2026-01-02T00:00:00Z"]
    )
    def test_a_timestamp_is_no_restriction(self, text):
        assert read("local-date", text) is None

    @pytest.mark.parametrize("text", ["13/40/2026", "soon", "2026-13-01 00:00:00.0"])
    def test_anything_else_is_an_error(self, text):
        assert refusal("local-date", text) == "not a time"


class TestIdList:
    @given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1).map(tuple))
    def test_what_is_written_is_read_back(self, value):
        assert read("id-list", TYPES["id-list"].write(value)) == value

    def test_blanks_do_not_matter(self):
        assert read("id-list", " 1 ,2,\n-3 ") == (1, 2, -3)

    @pytest.mark.parametrize("text", [",", "1,", ",1", "1,,2", "1;2", "1 2", "1,many"])
    def test_what_is_none(self, text):
        assert refusal("id-list", text) == "not an integer"

    def test_what_does_not_fit(self):
        assert refusal("id-list", "1,2147483648") == "out of range"
