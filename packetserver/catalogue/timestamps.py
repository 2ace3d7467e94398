"""Points in time on the wire: every form that a client may write, and the one that is written.

The forms come from PROTOCOL.md 11.3 and 13.1b and from DECISIONS.md, row Types. A shipped client
writes the short date and long time of its own platform; the date's separator, the clock and the
zone tell which of its numbers is the day:

====================================  ===============  =========================================
form                                  order            example
====================================  ===============  =========================================
four-digit year in front              year month day   ``2026-11-22 09:15:08.5``, ``2026/11/22``
slashes, no clock                     month day year   ``11/22/26``
slashes, AM or PM                     month day year   ``11/22/26, 1:06:33 PM EST``
slashes, AM or PM behind the zone     day month year   ``22/11/26 1:06:33 EST PM`` (Canada)
slashes, 24 hours                     day month year   ``22/11/26 09:15:08 CET``
slashes, 24 hours, JST                year month day   ``26/11/22 9:15:08 JST``
dots                                  day month year   ``22.11.26 09:15:08 MEZ``
dashes, 24 hours                      day month year   ``22-11-26 09:15:08``
dashes, 24 hours, EST or EDT          year month day   ``26-11-22 09:15:08 EST`` (Quebec)
====================================  ===============  =========================================

What remains ambiguous (dashes with AM or PM or without a clock, slashes with a.m. or p.m.) is
refused: a wrong time that is stored silently is worse than an error. One ambiguity is the original's
own and stays: slashes with AM or PM are American, though Australia and Mexico write them day first.

Only the form with slashes and AM or PM is as lenient as in the original: a month above 12 or a day
beyond the month's end rolls over, and what follows a known zone and a blank is ignored. Without a
zone nothing may follow, because it could be a zone that is not known. A clock never rolls over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

from packetserver.errors import ValueNotOfType

NOT_A_TIME = "not a time"
OUT_OF_RANGE = "out of range"

_NAMES_BY_HOURS_EAST = {
    -10: "HST",
    -9: "AKST",
    -8: "AKDT PST HNP",
    -7: "PDT MST HAP HNR",
    -6: "MDT CST HAR HNC",
    -5: "CDT EST HAC HNE COT",
    -4: "EDT HAE CLT",
    -3.5: "NST",
    -3: "BRT ART CLST",
    -2.5: "NDT",
    -2: "BRST",
    0: "UTC GMT UT Z WET WEZ",
    1: "CET MEZ SEČ WEST WESZ BST",
    2: "CEST MESZ SELČ EET OEZ SAST",
    3: "EEST OESZ MSK TRT",
    7: "WIB ICT",
    8: "AWST HKT SGT",
    9: "JST KST",
    9.5: "ACST",
    10: "AEST",
    10.5: "ACDT",
    11: "AEDT",
    12: "NZST",
    13: "NZDT",
}
# IST (India, Ireland, Israel) and AST (Atlantic, Arabia) are left out: they are understood only
# where the configured zone itself goes by that name.
ZONE_OFFSETS: Mapping[str, timedelta] = MappingProxyType(
    {
        name: timedelta(hours=hours)
        for hours, names in _NAMES_BY_HOURS_EAST.items()
        for name in names.split()
    }
)

# No form is longer; the bound keeps the patterns' worst case small.
_LONGEST = 100

_ZONE = r"(?P<zone>(?:GMT|UTC|UT)?[-+\u2212](?:[0-9]{4}|[0-9]{1,2}(?::[0-9]{2})?)|[^\W\d_]{1,5})"
_SECOND = r"(?P<second>[0-9]{1,2})(?:[.,](?P<fraction>[0-9]{1,9}))?"
_HALF = r"[AP]M\b|[AP]\.\s?M\."
_FORMS = tuple(
    re.compile(form, re.DOTALL | re.IGNORECASE | re.VERBOSE)
    for form in (
        # The JDBC form and ISO 8601, with or without a zone.
        rf"""(?P<year>[0-9]{{4}})-(?P<month>[0-9]{{1,2}})-(?P<day>[0-9]{{1,2}})
        (?:(?:T|,?\s+) (?P<hour>[0-9]{{1,2}}):(?P<minute>[0-9]{{1,2}}) (?::{_SECOND})?
           (?:\s*{_ZONE})?)?""",
        # ISO 8601 without its separators.
        rf"""(?P<year>[0-9]{{4}})(?P<month>[0-9]{{2}})(?P<day>[0-9]{{2}})
        T(?P<hour>[0-9]{{2}})(?P<minute>[0-9]{{2}}) (?:{_SECOND})? {_ZONE}?""",
        # The short date and long time of a platform, in the figures and words of Europe and
        # America: `klo` comes from Finland, `15h4min5s` from Brazil, `p.m.` from Canada.
        rf"""(?P<first>[0-9]{{4}}|[0-9]{{1,2}}) (?P<separator>[-/]|\.\s?) (?P<middle>[0-9]{{1,2}})
        (?P=separator) (?P<last>[0-9]{{4}}|[0-9]{{1,2}}) \.?
        (?:,?\s+ (?:klo\s+)?
           (?P<hour>[0-9]{{1,2}}) (?:[:.]|\s?h\s?) (?P<minute>[0-9]{{1,2}})
           (?:[:.]|\s?min\s?) (?P<second>[0-9]{{1,2}}) (?:\s?s\b)?
           (?:\s*(?P<half>{_HALF}))? (?:\s+{_ZONE})?
           (?(half)|(?:\s+(?P<late_half>{_HALF}))?) (?P<trailing>\s.*)?)?""",
    )
)
_NUMERIC_ZONE = re.compile(r"(?:GMT|UTC|UT)?([-+])([0-9]{1,2}):?([0-5][0-9])?")

_YEAR_FIRST = ("year", "month", "day")
_MONTH_FIRST = ("month", "day", "year")
_DAY_FIRST = ("day", "month", "year")
_ORDERS = {
    ("/", "no clock"): _MONTH_FIRST,
    ("/", "halves"): _MONTH_FIRST,
    ("/", "halves last"): _DAY_FIRST,
    ("/", "24 hours"): _DAY_FIRST,
    (".", "no clock"): _DAY_FIRST,
    (".", "halves"): _DAY_FIRST,
    (".", "24 hours"): _DAY_FIRST,
    ("-", "24 hours"): _DAY_FIRST,
}
# In these zones the platforms that write this separator with 24 hours put the year in front.
_YEAR_FIRST_ZONES = frozenset({("/", "JST"), ("-", "EST"), ("-", "EDT")})


@dataclass(frozen=True, slots=True)
class Moment:
    """What a text says: the wall clock as written, in whole milliseconds, and how far it is east.

    ``east`` is the offset of the text's own zone, None without one; ``has_clock`` is False for a
    mere date, whose ``wall`` is midnight.
    """

    wall: datetime
    east: timedelta | None
    has_clock: bool

    def in_zone(self, zone: ZoneInfo) -> datetime:
        """The naive wall clock of ``zone``; raises ValueNotOfType beyond the years 1 to 9999."""
        if self.east is None:
            return self.wall
        try:
            converted = (self.wall - self.east).replace(tzinfo=UTC).astimezone(zone)
        except OverflowError as error:
            raise ValueNotOfType(OUT_OF_RANGE) from error
        return converted.replace(tzinfo=None, fold=0)


def read_moment(text: str, zone: ZoneInfo, now: datetime | None = None) -> Moment:
    """What ``text`` says, before any conversion.

    ``now`` is the naive wall clock around which years of two digits lie, from 80 years before to
    20 years after it; by default it is the present one in ``zone``.

    Raises:
        ValueNotOfType: the text is none of the forms, or beyond the years 1 to 9999.
    """
    stripped = text.strip()
    candidates = (form.fullmatch(stripped) for form in _FORMS if len(stripped) <= _LONGEST)
    found = next(filter(None, candidates), None)
    if found is None:
        raise ValueNotOfType(NOT_A_TIME)
    parts = found.groupdict("")
    try:
        wall = _local_wall(parts, zone, now) if "first" in parts else _precise_wall(parts)
    except ValueError as error:
        raise ValueNotOfType(NOT_A_TIME) from error
    east = _hours_east(parts["zone"], zone, wall.year) if parts["zone"] else None
    return Moment(wall, east, has_clock=bool(parts["hour"]))


def read_timestamp(text: str, zone: ZoneInfo, now: datetime | None = None) -> datetime:
    """The naive wall clock in ``zone`` that ``text`` means, in whole milliseconds.

    A value with a zone of its own is converted; one without is taken as it is, even where the
    clock skips or repeats that hour. Parameters and errors are those of `read_moment`.
    """
    return read_moment(text, zone, now).in_zone(zone)


def write_timestamp(value: datetime) -> str:
    """`yyyy-MM-dd HH:mm:ss.f`, one to three digits of fraction (PROTOCOL.md 11.2)."""
    if not value.microsecond:
        return value.isoformat(" ") + ".0"
    text = value.isoformat(" ", "milliseconds").rstrip("0")
    return text + "0" if text.endswith(".") else text


def _precise_wall(parts: dict[str, str]) -> datetime:
    day = _calendar_day(int(parts["year"]), int(parts["month"]), int(parts["day"]))
    milliseconds = int(parts["fraction"].ljust(3, "0")[:3])
    return datetime.combine(day, _clock(parts)) + timedelta(milliseconds=milliseconds)


def _local_wall(parts: dict[str, str], zone: ZoneInfo, now: datetime | None) -> datetime:
    is_american = bool(parts["separator"] == "/" and parts["half"] and len(parts["first"]) < 4)
    if parts["trailing"] and not (is_american and parts["zone"]):
        raise ValueNotOfType(NOT_A_TIME)
    numbers = (parts["first"], parts["middle"], parts["last"])
    named = dict(zip(_order(parts), numbers, strict=True))
    if len(named["year"]) not in {2, 4}:
        raise ValueNotOfType(NOT_A_TIME)
    month, day, clock = int(named["month"]), int(named["day"]), _clock(parts)
    year = int(named["year"])
    if len(named["year"]) == 2:
        present = now or datetime.now(zone)
        year = _full_year(year, (month, day, clock.hour, clock.minute, clock.second), present)
    return datetime.combine(_calendar_day(year, month, day, rolling=is_american), clock)


def _order(parts: dict[str, str]) -> tuple[str, str, str]:
    """Which of the date's three numbers is the year, the month and the day."""
    separator = parts["separator"].strip()
    clock = "24 hours" if parts["hour"] else "no clock"
    if parts["late_half"]:
        clock = "halves last"
    elif parts["half"]:
        clock = "dotted halves" if "." in parts["half"] else "halves"
    if len(parts["first"]) == 4:
        return _YEAR_FIRST
    is_short = len(parts["last"]) < 4
    if is_short and clock == "24 hours" and (separator, parts["zone"].upper()) in _YEAR_FIRST_ZONES:
        return _YEAR_FIRST
    if (separator, clock) not in _ORDERS:
        raise ValueNotOfType(NOT_A_TIME)
    return _ORDERS[separator, clock]


def _full_year(digits: int, rest: tuple[int, ...], now: datetime) -> int:
    """The year that puts the time, whose month and smaller parts are ``rest``, around now."""
    first = now.year - 80
    year = first - first % 100 + digits
    earliest = (first, now.month, now.day, now.hour, now.minute, now.second)
    return year + 100 if (year, *rest) < earliest else year


def _calendar_day(year: int, month: int, day: int, *, rolling: bool = False) -> date:
    """The date; ``rolling`` carries surplus months and days over, ValueError without."""
    if year == 0:
        raise ValueNotOfType(OUT_OF_RANGE)
    if not rolling or month == 0 or day == 0:
        return date(year, month, day)
    try:
        first_of_month = date(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)
        return first_of_month + timedelta(days=day - 1)
    except (OverflowError, ValueError) as error:
        raise ValueNotOfType(OUT_OF_RANGE) from error


def _clock(parts: dict[str, str]) -> time:
    """The time of day, midnight where there is none; ValueError beyond a clock's face."""
    hour = int(parts["hour"] or 0)
    half = parts.get("half") or parts.get("late_half")
    if half and hour > 12:
        raise ValueNotOfType(NOT_A_TIME)
    if half:
        hour = hour % 12 + (12 if half[0] in "Pp" else 0)
    return time(hour, int(parts["minute"] or 0), int(parts["second"] or 0))


def _hours_east(mark: str, zone: ZoneInfo, year: int) -> timedelta:
    """How far the zone of that mark, found in a time of that year, lies east of Greenwich."""
    name = mark.upper().replace("\u2212", "-")
    known = _named_zones(zone, year)
    if name in known:
        return known[name]
    numeric = _NUMERIC_ZONE.fullmatch(name)
    if numeric is None:
        raise ValueNotOfType(NOT_A_TIME)
    sign, hours, minutes = numeric.groups("0")
    east = timedelta(hours=int(hours), minutes=int(minutes))
    if east > timedelta(hours=18):
        raise ValueNotOfType(NOT_A_TIME)
    return -east if sign == "-" else east


@lru_cache(maxsize=256)
def _named_zones(zone: ZoneInfo, year: int) -> Mapping[str, timedelta]:
    """The table, and over it what the configured zone calls itself in that year's two seasons.

    So CST means China where the server stands in Shanghai, and IST means something at all.
    """
    seasons = (datetime(year, 1, 1, tzinfo=zone), datetime(year, 7, 1, tzinfo=zone))
    own = {(season.tzname() or "").upper(): season.utcoffset() or timedelta() for season in seasons}
    return {**ZONE_OFFSETS, **own}
