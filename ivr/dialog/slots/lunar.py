"""Days of the Chinese lunar calendar, from 2000 to 2050.

The calendar follows moon and sun as they are seen from Beijing; no short rule gives it, so its years are a table.
"""

from __future__ import annotations

from datetime import date, timedelta

FIRST, LAST = 2000, 2050
_YEARS = (
    0x460693, 0x2E952B, 0x54052B, 0x3E0A5B, 0x2A555A, 0x4E056A, 0x38FB55, 0x600BA4, 0x4A0B49, 0x32BA93,
    0x580A95, 0x42052D, 0x2C8AAD, 0x500AB5, 0x3D35AA, 0x6205D2, 0x4C0DA5, 0x36DD4A, 0x5C0D4A, 0x460C95,
    0x30952E, 0x540556, 0x3E0AB5, 0x2A55B2, 0x5006D2, 0x38CEA5, 0x5E0725, 0x48064B, 0x32AC97, 0x560CAB,
    0x42055A, 0x2C6AD6, 0x520B69, 0x3D7752, 0x620B52, 0x4C0B25, 0x36DA4B, 0x5A0A4B, 0x4404AB, 0x2EA55B,
    0x5405AD, 0x3E0B6A, 0x2A5B52, 0x500D92, 0x3AFD25, 0x5E0D25, 0x480A55, 0x32B4AD, 0x5804B6, 0x4005B5,
    0x2C6DAA,
)  # fmt: skip
"""A year each: days from 1 January to its first day << 17 | the month that has a leap month behind it << 13 | one bit a
month in order, the leap month among them, lowest first: set = 30 days, else 29."""


def solar(year: int, month: int, day: int) -> list[date]:
    """The date of a lunar day (of the month itself where a leap month follows it), as a list of one; of none for a year
    outside the table and for a day that the month does not have."""
    if not (FIRST <= year <= LAST and 1 <= month <= 12):
        return []
    code = _YEARS[year - FIRST]
    leap = code >> 13 & 0xF
    place = month - 1 + (1 if leap and month > leap else 0)
    if not 1 <= day <= _length(code, place):
        return []
    before = sum(_length(code, earlier) for earlier in range(place))
    return [date(year, 1, 1) + timedelta(days=(code >> 17) + before + day - 1)]


def new_years_eve(year: int) -> list[date]:
    """The last day of a lunar year: it lies in the next year of ours."""
    return [day - timedelta(days=1) for day in solar(year + 1, 1, 1)]


def _length(code: int, place: int) -> int:
    return 29 + (code >> place & 1)
