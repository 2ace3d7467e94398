from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packetserver.catalogue.timestamps import (
    ZONE_OFFSETS,
    Moment,
    read_moment,
    read_timestamp,
    write_timestamp,
)
from packetserver.errors import ValueNotOfType

NEW_YORK = ZoneInfo("America/New_York")
BERLIN = ZoneInfo("Europe/Berlin")
TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 22, 15, 0, 0)

ZONES = st.sampled_from(
    [
        ZoneInfo(name)
        for name in (
            "America/New_York",
            "America/St_Johns",
            "Asia/Kathmandu",
            "Australia/Lord_Howe",
            "Europe/Berlin",
            "Europe/Dublin",
            "Pacific/Apia",
            "UTC",
        )
    ]
)


def whole_milliseconds(value: datetime) -> datetime:
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


def whole_seconds(value: datetime) -> datetime:
    return value.replace(microsecond=0)


EVERY_MILLISECOND = st.datetimes().map(whole_milliseconds)
EVERY_SECOND = st.datetimes().map(whole_seconds)
# A day's margin, for NOW is a wall clock of any zone.
AROUND_NOW = st.datetimes(datetime(1946, 11, 24), datetime(2046, 11, 20)).map(whole_seconds)
# Zone names of the present day are not those of every year.
MODERN_INSTANT = st.datetimes(datetime(1976, 1, 1), datetime(2046, 11, 20)).map(
    lambda value: value.replace(microsecond=0, tzinfo=UTC)
)


def read(text: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    return read_timestamp(text, zone, NOW)


def refusal(text: str, zone: ZoneInfo = NEW_YORK) -> str:
    with pytest.raises(ValueNotOfType) as raised:
        read(text, zone)
    return raised.value.reason


def read_or_reason(text: str, zone: ZoneInfo) -> datetime | str:
    try:
        return read(text, zone)
    except ValueNotOfType as error:
        return error.reason


def american(value: datetime) -> tuple[str, str]:
    """Date and time as the shipped client writes them, built without the code under test."""
    half = "AM" if value.hour < 12 else "PM"
    clock = f"{value.hour % 12 or 12}:{value.minute:02}:{value.second:02} {half}"
    return f"{value.month}/{value.day}/{value.year % 100:02}", clock


class TestWriting:
    @pytest.mark.parametrize(
        ("microsecond", "fraction"),
        [
            (0, ".0"),
            (1_000, ".001"),
            (20_000, ".02"),
            (123_000, ".123"),
            (500_000, ".5"),
            (999, ".0"),
            (120_999, ".12"),
        ],
    )
    def test_the_fraction_has_one_to_three_digits(self, microsecond, fraction):
        value = datetime(2026, 11, 22, 9, 5, 8, microsecond)
        assert write_timestamp(value) == "2026-11-22 09:05:08" + fraction

    def test_the_year_has_four_digits(self):
        assert write_timestamp(datetime(7, 1, 2)) == "0007-01-02 00:00:00.0"

    @given(EVERY_MILLISECOND, ZONES)
    def test_what_is_written_is_read_back_in_every_zone(self, value, zone):
        assert read_timestamp(write_timestamp(value), zone) == value


class TestAmericanForm:
    EXPECTED = datetime(2006, 11, 22, 13, 6, 33)

    @pytest.mark.parametrize(
        "text",
        [
            "11/22/06 1:06:33 PM EST",
            "11/22/2006 1:06:33 PM EST",
            "11/22/06, 1:06:33 PM EST",
            "11/22/06, 1:06:33\u202fPM EST",
            "11/22/06\u00a01:06:33\u00a0PM\u00a0EST",
            "11/22/06 1:06:33 pm est",
            "11/22/06 01:06:33 Pm",
            "11/22/06 1:06:33PM",
            "\n  11/22/06 \t 1:06:33   PM   EST ",
            "11/22/06 10:06:33 AM PST",
            "11/22/06 6:06:33 PM GMT",
            "11/22/06 7:06:33 PM GMT+1",
            "11/22/06 7:06:33 PM GMT+01:00",
            "11/22/06 3:06:33 PM UTC\u221203:00",
            "11/22/06 7:06:33 PM MEZ",
        ],
    )
    def test_spellings(self, text):
        assert read(text) == self.EXPECTED

    def test_noon_and_midnight(self):
        assert read("1/2/26 12:00:00 AM EST") == datetime(2026, 1, 2)
        assert read("1/2/26 12:00:00 PM EST") == datetime(2026, 1, 2, 12)

    @given(AROUND_NOW)
    def test_every_time_round_trips(self, value):
        assert read(" ".join(american(value))) == value

    @given(MODERN_INSTANT, ZONES)
    def test_every_time_with_its_zone_becomes_the_wall_clock_of_the_server(self, instant, server):
        # Every hour of both seasons comes up, the skipped and the repeated ones among them.
        client = instant.astimezone(NEW_YORK)
        text = f"{', '.join(american(client))} {client.tzname()}"
        assert read(text, server) == instant.astimezone(server).replace(tzinfo=None)

    # Seen on Java 17, en_US, in New York.
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("13/1/26 1:06:33 PM EST", datetime(2027, 1, 1, 13, 6, 33)),
            ("13/40/2026 1:06:33 PM EST", datetime(2027, 2, 9, 13, 6, 33)),
            ("2/30/26 1:00:00 AM EST", datetime(2026, 3, 2, 1)),
            ("7/1/26 10:00:00 AM EST", datetime(2026, 7, 1, 11)),
            ("1/1/26 10:00:00 AM EDT", datetime(2026, 1, 1, 9)),
            ("3/8/26 2:30:00 AM EST", datetime(2026, 3, 8, 3, 30)),
            ("11/1/26 1:30:00 AM EDT", datetime(2026, 11, 1, 1, 30)),
            ("11/1/26 1:30:00 AM EST", datetime(2026, 11, 1, 1, 30)),
            ("11/22/06 1:06:33 PM EST and more", datetime(2006, 11, 22, 13, 6, 33)),
        ],
    )
    def test_lenient_like_java(self, text, expected):
        assert read(text) == expected

    @pytest.mark.parametrize(
        "text",
        [
            "11/22/26 1:00:00 PM and more",
            "11/22/26 1:00:00 PM ESTATE",
            "11/22/26 1:00:00 PM IST",
            "11/22/26 1:00:00 PM EST5EDT",
            "11/22/26 1:00:00 PM GMT+19",
            "11/22/26 1:00:00 PM GMT+1:60",
            "11/22/26 13:00:00 PM EST",
            "11/22/26 1:60:00 PM EST",
            "11/22/26 1:00:60 PM EST",
            "11/22/26 1:00 PM",
            "11/22/6 1:00:00 PM EST",
            "11/22/126 1:00:00 PM EST",
            "0/22/26 1:00:00 PM EST",
            "11/0/26 1:00:00 PM EST",
            "11/22-26 1:00:00 PM EST",
        ],
    )
    def test_what_could_be_misread_is_refused(self, text):
        assert refusal(text) == "not a time"


class TestTwoDigitYears:
    # Seen on Java 17 with the clock at NOW: from 80 years before to 20 years after.
    @pytest.mark.parametrize(
        ("text", "year"),
        [
            ("12/1/46 1:00:00 AM", 1946),
            ("11/22/46 2:59:59 PM", 2046),
            ("11/22/46 3:00:00 PM", 1946),
            ("11/21/46", 2046),
            ("11/23/46", 1946),
            ("1/1/47", 1947),
            ("12/31/45", 2045),
            ("12/31/99", 1999),
            ("1/1/00", 2000),
        ],
    )
    def test_lie_around_now(self, text, year):
        assert read(text).year == year

    def test_the_present_is_the_default(self):
        this_year = datetime.now(UTC).year
        assert read_timestamp(f"6/15/{this_year % 100:02}", NEW_YORK).year == this_year

    def test_a_leap_day_that_the_century_does_not_have_is_no_time(self):
        late = datetime(2085, 1, 1)
        assert read_timestamp("29.2.08", NEW_YORK, late) == datetime(2008, 2, 29)
        assert refusal("29.2.07") == "not a time"


class TestPreciseForms:
    @given(EVERY_MILLISECOND, st.integers(0, 6))
    def test_more_digits_of_the_fraction_are_cut(self, value, more):
        text = value.strftime("%m-%d %H:%M:%S") + f".{value.microsecond:06}"[:4] + "9" * more
        assert read(f"{value.year:04}-{text}") == value

    @given(EVERY_SECOND)
    def test_figures_may_lack_their_zero(self, value):
        date = f"{value.year:04}-{value.month}-{value.day}"
        assert read(f"{date} {value.hour}:{value.minute}:{value.second}") == value

    @given(
        EVERY_MILLISECOND.filter(lambda value: 2 < value.year < 9998),
        st.integers(-14 * 60, 14 * 60),
        ZONES,
    )
    def test_iso_8601_with_an_offset_is_converted(self, value, minutes, server):
        aware = value.replace(tzinfo=timezone(timedelta(minutes=minutes)))
        expected = aware.astimezone(server).replace(tzinfo=None)
        assert read(aware.isoformat(), server) == expected

    @pytest.mark.parametrize(
        "text",
        [
            "2026-11-22T14:15:08Z",
            "2026-11-22t14:15:08z",
            "2026-11-22T14:15:08.000000000Z",
            "2026-11-22T14:15:08,0Z",
            "2026-11-22T15:15:08+01",
            "2026-11-22T15:15:08+0100",
            "2026-11-22T15:15:08+01:00",
            "2026-11-22T09:15:08",
            "20261122T141508Z",
            "20261122T091508",
            "2026-11-22 15:15:08 CET",
            "2026-11-22 15:15:08.0 CET",
            "2026-11-22 15:15:08+01:00",
            "2026-11-22 09:15:08",
        ],
    )
    def test_spellings(self, text):
        assert read(text) == datetime(2026, 11, 22, 9, 15, 8)

    def test_the_second_may_be_left_out(self):
        assert read("2026-11-22T09:15") == datetime(2026, 11, 22, 9, 15)

    @pytest.mark.parametrize(
        "text",
        [
            "2026-13-01 00:00:00",
            "2026-02-29 00:00:00",
            "2026-00-01 00:00:00",
            "2026-01-01 24:00:00",
            "2026-01-01 00:60:00",
            "2026-01-01 00:00:60",
            "2026-01-01 00:00:00.",
            "2026-01-01 00:00:00.1234567890",
            "2026-01-01 00:00:00 and more",
            "2026-01-01 00:00:00 EST and more",
            "2026-01-01T",
            "2026-01-01T00:00:00+19:00",
            "2026-02-30",
            "٢٠٢٦-01-01",
        ],
    )
    def test_ranges_are_strict(self, text):
        assert refusal(text) == "not a time"


class TestMereDates:
    @given(AROUND_NOW, st.booleans())
    def test_american_and_iso_dates_are_midnights(self, value, short):
        year = f"{value.year % 100:02}" if short else f"{value.year:04}"
        midnight = datetime(value.year, value.month, value.day)
        assert read(f"{value.month}/{value.day}/{year}") == midnight
        assert read(f"{value.year}-{value.month:02}-{value.day:02}") == midnight

    @pytest.mark.parametrize("text", ["13/40/2026", "2/30/26", "22/11/26", "22-11-26", "1/2/3"])
    def test_are_not_lenient(self, text):
        assert refusal(text) == "not a time"


class TestPlatforms:
    """What Java writes, in its old and its new locale data, for one instant in winter."""

    @pytest.mark.parametrize(
        "text",
        [
            "02.01.26 15:04:05 MEZ",  # Germany
            "02.01.26, 15:04:05 MEZ",
            "02/01/26 15:04:05 CET",  # France
            "02/01/2026 15:04:05 CET",
            "02/01/26 14:04:05 GMT",  # Britain
            "02/01/2026, 14:04:05 GMT",
            "2-1-26 15:04:05 CET",  # the Netherlands
            "02-01-2026, 15:04:05 CET",
            "02/01/26 15.04.05 CET",  # Italy
            "2026-01-02 15:04:05 CET",  # Sweden
            "02.01.2026 15.04.05 CET",  # Denmark
            "2.1.2026 klo 15.04.05",  # Finland
            "2.1.2026 16.04.05 EET",
            "2. 1. 2026 15:04:05 SEČ",  # Slovakia
            "02.01.26. 15:04:05 CET",  # Croatia
            "2026.01.02. 15:04:05 CET",  # Hungary
            "2026. 01. 02. 15:04:05 CET",
            "02/01/26 12h4min5s BRST",  # Brazil, while it had summer time
            "26/01/02 23:04:05 JST",  # Japan
            "2026/01/02 23:04:05 JST",
            "02/01/26 9:04:05 EST AM",  # Canada
            "2026-01-02, 9:04:05 a.m. EST",
            "26-01-02 09:04:05 EST",  # Quebec
            "2026-01-02 09 h 04 min 05 s HNE",
            "2026/01/02 3:04:05 PM",  # South Africa
            "1/2/26 9:04:05 AM EST",  # the United States
        ],
    )
    def test_are_understood_in_berlin(self, text):
        assert read(text, BERLIN) == datetime(2026, 1, 2, 15, 4, 5)

    @given(AROUND_NOW)
    def test_the_day_comes_first_with_24_hours(self, value):
        clock = f"{value.hour}:{value.minute:02}:{value.second:02}"
        for separator in "./-":
            date = separator.join((str(value.day), str(value.month), f"{value.year % 100:02}"))
            assert read(f"{date} {clock}") == value

    def test_dashes_in_american_zones_put_a_short_year_first(self):
        july = datetime(2026, 7, 2, 9, 4, 5)
        assert read("26-07-02 09:04:05 EDT") == july
        assert read("02-07-2026 09:04:05 EDT") == july

    @given(AROUND_NOW)
    def test_the_year_comes_first_in_japan(self, value):
        text = f"{value.year % 100:02}/{value.month:02}/{value.day:02} {value:%H:%M:%S} JST"
        # A fixed offset, not the zone: Japan itself had summer time until 1951.
        expected = value.replace(tzinfo=timezone(timedelta(hours=9))).astimezone(TOKYO)
        assert read(text, TOKYO) == expected.replace(tzinfo=None)

    @pytest.mark.parametrize(
        "text",
        [
            "11/22/26 09:15:08 CET",
            "31.02.26 09:15:08 MEZ",
            "22.13.26 09:15:08 MEZ",
            "22.11.26 09:15:08 MEZ and more",
            "22.11.26 9:15:08 AM CET PM",
            "6-11-22 09:15:08 EST",
            "22-11-26 3:04:05 PM CET",
            "22/11/26 3:04:05 p.m. CST",
            "26. 11. 22 오후 3시 04분 05초",
            "2026/11/2022 09:15:08",
        ],
    )
    def test_what_is_ambiguous_or_foreign_is_refused(self, text):
        assert refusal(text) == "not a time"


class TestZones:
    def test_the_configured_zone_s_own_names_win(self):
        text = "2026-01-02 12:00:00 "
        shanghai, kolkata = ZoneInfo("Asia/Shanghai"), ZoneInfo("Asia/Kolkata")
        noon = datetime(2026, 1, 2, 12)
        assert read(text + "CST", shanghai) == noon
        assert read(text + "IST", kolkata) == noon
        assert read(text + "CST", NEW_YORK) == noon + timedelta(hours=1)
        assert read("2026-07-02 12:00 IST", ZoneInfo("Europe/Dublin")) == datetime(2026, 7, 2, 12)
        assert refusal(text + "IST", NEW_YORK) == "not a time"

    @pytest.mark.parametrize(
        ("name", "zone", "month"),
        [
            ("EST", "America/New_York", 1),
            ("EDT", "America/New_York", 7),
            ("CST", "America/Chicago", 1),
            ("CDT", "America/Chicago", 7),
            ("MST", "America/Denver", 1),
            ("MDT", "America/Denver", 7),
            ("PST", "America/Los_Angeles", 1),
            ("PDT", "America/Los_Angeles", 7),
            ("AKST", "America/Anchorage", 1),
            ("HST", "Pacific/Honolulu", 1),
            ("NST", "America/St_Johns", 1),
            ("NDT", "America/St_Johns", 7),
            ("GMT", "Europe/London", 1),
            ("BST", "Europe/London", 7),
            ("WET", "Europe/Lisbon", 1),
            ("WEST", "Europe/Lisbon", 7),
            ("CET", "Europe/Paris", 1),
            ("CEST", "Europe/Paris", 7),
            ("EET", "Europe/Helsinki", 1),
            ("EEST", "Europe/Helsinki", 7),
            ("MSK", "Europe/Moscow", 1),
            ("SAST", "Africa/Johannesburg", 1),
            ("JST", "Asia/Tokyo", 1),
            ("KST", "Asia/Seoul", 1),
            ("HKT", "Asia/Hong_Kong", 1),
            ("ACDT", "Australia/Adelaide", 1),
            ("AEST", "Australia/Sydney", 7),
            ("NZDT", "Pacific/Auckland", 1),
        ],
    )
    def test_the_table_agrees_with_the_time_zone_database(self, name, zone, month):
        local = datetime(2026, month, 2, tzinfo=ZoneInfo(zone))
        assert local.tzname() == name
        assert local.utcoffset() == ZONE_OFFSETS[name]

    @pytest.mark.parametrize(
        ("local", "english"), [("MEZ", "CET"), ("MESZ", "CEST"), ("SEČ", "CET"), ("HNE", "EST")]
    )
    def test_other_languages_mean_the_same(self, local, english):
        assert ZONE_OFFSETS[local] == ZONE_OFFSETS[english]
        assert read(f"2026-01-02 12:00:00 {local.lower()}") == read(f"2026-01-02 12:00 {english}")

    @given(EVERY_MILLISECOND, ZONES, st.sampled_from(["", " UTC", " EST", " +14:00", " -18:00"]))
    def test_skipped_and_repeated_hours_and_the_ends_of_time_never_fail_otherwise(
        self, value, zone, mark
    ):
        result = read_or_reason(write_timestamp(value) + mark, zone)
        if isinstance(result, str):
            assert (result, value.year in {1, 9999}) == ("out of range", True)
        else:
            assert (result.tzinfo, result.fold) == (None, 0)

    @pytest.mark.parametrize(
        ("zone", "skipped"),
        [(NEW_YORK, "2026-03-08 02:30:00.0"), (BERLIN, "2026-03-29 02:30:00.0")],
    )
    def test_a_skipped_hour_without_a_zone_stays_as_it_is(self, zone, skipped):
        assert write_timestamp(read(skipped, zone)) == skipped

    def test_the_repeated_hour_is_one_wall_clock(self):
        first, second = read("11/1/26 5:30:00 AM UTC"), read("11/1/26 6:30:00 AM UTC")
        assert first == second == datetime(2026, 11, 1, 1, 30)
        assert second.fold == 0


class TestRefusals:
    @pytest.mark.parametrize(
        "text",
        ["", " ", "many", "0", "1234567890", "now", "2026", "11:22:33", "2026-11-22 09:15:08\x00"],
    )
    def test_what_is_no_time(self, text):
        assert refusal(text) == "not a time"

    @pytest.mark.parametrize(
        ("text", "zone"),
        [
            ("0000-01-01 00:00:00", NEW_YORK),
            ("1/1/0000", NEW_YORK),
            ("13/1/9999 1:00:00 AM", NEW_YORK),
            ("12/99/9999 1:00:00 AM", NEW_YORK),
            ("0001-01-01T00:00:00Z", NEW_YORK),
            ("9999-12-31T23:59:59Z", TOKYO),
            ("9999-12-31T23:59:59-01:00", ZoneInfo("UTC")),
        ],
    )
    def test_years_beyond_1_to_9999(self, text, zone):
        assert refusal(text, zone) == "out of range"

    def test_a_text_longer_than_any_form(self):
        assert refusal("11/22/06 1:06:33 PM EST " + "x" * 100) == "not a time"

    @given(st.text(alphabet="0123456789/.-:, APMTZESCh+\u202f", max_size=40), ZONES)
    def test_any_other_text_is_read_or_refused(self, text, zone):
        result = read_or_reason(text, zone)
        if isinstance(result, str):
            assert result in {"not a time", "out of range"}
        else:
            assert (result.tzinfo, result.microsecond % 1000) == (None, 0)


def test_a_moment_says_what_was_written():
    assert read_moment("22.11.26 09:15:08 MEZ", NEW_YORK, NOW) == Moment(
        datetime(2026, 11, 22, 9, 15, 8), timedelta(hours=1), has_clock=True
    )
    assert read_moment("2026-11-22", NEW_YORK) == Moment(
        datetime(2026, 11, 22), None, has_clock=False
    )
