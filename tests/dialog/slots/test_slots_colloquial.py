"""Hundreds of ways to say a value, as callers do; `|` between readings that are both right, `none` = no value."""

from __future__ import annotations

from datetime import datetime

import pytest

from ivr.dialog.events import JsonValue
from ivr.dialog.slots import parse
from ivr.dialog.text.clean import script_language

NOW = datetime(2026, 11, 22, 10)  # a Sunday

TABLE = {
    "money": """
百把块 = 100
千把块钱 = 1000
几十块 = none
好几百块 = none
十几块 = none
三十几块 = none
百八十块 = none
一块零五 = 1.05
五十块钱零五毛 = 50.5
五百，不，六百 = 600
从五百改到六百 = 600
a dollar and a half = 1.5
a tenner = 10
a quarter of a million = 250000
change it from five hundred to six hundred = 600
三块五 = 3.5
三块五毛 = 3.5
三块五毛二 = 3.52
一百五十块二毛 = 150.2
五毛 = 0.5
五毛钱 = 0.5
一毛五 = 0.15
两块二 = 2.2
俩块钱 = 2
二十来块 = 20
两千五 = 2500
两千零五 = 2005
两千零五块 = 2005
一万二 = 12000
一万两千块 = 12000
一万二千五 = 12500
一万二千三百四十五块六毛七 = 12345.67
三千八 = 3800
十二万五 = 125000
一百零三块 = 103
一百块整 = 100
一百五 = 150
一百五十 = 150
一千一 = 1100
二百五 = 250
两百五十元 = 250
15块 = 15
15.5元 = 15.5
一百二十三点五元 = 123.5
五十八块八 = 58.8
九十九块九毛九 = 99.99
九块九 = 9.9
八毛八 = 0.88
三百来块钱 = 300
差不多三百块 = 300
大概五百 = 500
五百块左右 = 500
半块 = 0.5
三块半 = 3.5
三百六十五块 = 365
人民币两百 = 200
两百人民币 = 200
¥200 = 200
二十块零五毛 = 20.5
两千块零五毛 = 2000.5
一千零五十 = 1050
一千零五 = 1005
十块 = 10
不是十五是五十块 = 50
四十，不对，十四块 = 14
我说的是十五块不是五十块 = 15
一共是三百二十块五 = 320.5
三百二 = 320
一万 = 10000
五万零三百 = 50300
三点五 = 3.5
一块一 = 1.1
一块一毛一 = 1.11
二点五万 = 25000
两万五 = 25000
三千块钱 = 3000
一百多块 = 100
三四百块 = none
three fifty = 3.5
three fifty dollars = 350|3.5
two and a half thousand = 2500
two and a half grand = 2500
two point five k = 2500
a hundred and fifty = 150
a hundred fifty = 150
one fifty = 1.5|150
one hundred and fifty yuan = 150
a hundred = 100
a thousand = 1000
a couple of hundred = 200
a couple hundred dollars = 200
half a dollar = 0.5
fifteen bucks = 15
fifteen fifty = 15.5
nineteen ninety nine = 19.99
twelve hundred = 1200
fifteen hundred dollars = 1500
twenty five hundred = 2500
three thousand and five = 3005
three dollars fifty = 3.5
three dollars and five cents = 3.05
three and a half dollars = 3.5
fifty cents = 0.5
a buck fifty = 1.5
two grand = 2000
2k = 2000
1.5k = 1500
five hundred and twelve point two five = 512.25
ten pounds fifty = 10.5
ten pound fifty = 10.5
ninety-nine ninety-nine = 99.99
one hundred twenty three dollars and forty five cents = 123.45
about three hundred = 300
around 300 dollars = 300
it was like forty something dollars = 40
not fifteen fifty = 50
not fifteen, fifty = 50
fifty, not fifteen = 50
no, fifteen = 15
it's 15 yuan = 15
a hundred and one = 101
one oh five = 105|1.05
a million = 1000000
1,250.50 = 1250.5
$1,250 = 1250
thirty two thousand five hundred = 32500
five hundred thousand = 500000
half a million = 500000
zero = 0
nothing = none
two fifty a month = 2.5|250
one thousand two hundred and thirty four = 1234
three hundred and twenty yuan fifty = 320.5
twenty-one dollars = 21
eighty five euros = 85
seven fifty please = 7.5|750
a thousand and fifty = 1050
forty thousand = 40000
""",
    "date": """
前儿个 = 2026-11-20
双十二那天 = 2026-12-12
农历八月十五 = 2027-09-15
腊月二十三 = 2027-01-30
正月初五 = 2027-02-10
十二月底 = 2026-12-31
couple days ago = 2026-11-20
friday before last = 2026-11-13
first thing monday = 2026-11-23
今天 = 2026-11-22
昨天 = 2026-11-21
前天 = 2026-11-20
大前天 = 2026-11-19
明天 = 2026-11-23
明儿 = 2026-11-23
后天 = 2026-11-24
大后天 = 2026-11-25
下周三 = 2026-11-25
下星期三 = 2026-11-25
下礼拜三 = 2026-11-25
下礼拜天 = 2026-11-29
这周六 = 2026-11-21
本周五 = 2026-11-20
下下周一 = 2026-11-30
上上周五 = 2026-11-06
周日 = 2026-11-22|2026-11-29
月底 = 2026-11-30
这个月底 = 2026-11-30
下个月底 = 2026-12-31
月初 = 2026-11-01|2026-12-01
下个月初 = 2026-12-01
下个月十五号 = 2026-12-15
下月五号 = 2026-12-05
十五号 = 2026-12-15
十五日 = 2026-12-15
二十三号 = 2026-11-23
十二月一号 = 2026-12-01
十二月一日 = 2026-12-01
12月1号 = 2026-12-01
年底 = 2026-12-31
元旦 = 2027-01-01
国庆 = 2027-10-01
国庆节 = 2027-10-01
圣诞节 = 2026-12-25
除夕 = none|2027-02-05
一个星期后 = 2026-11-29
一周后 = 2026-11-29
两天后 = 2026-11-24
过两天 = 2026-11-24
三天之后 = 2026-11-25
十天以后 = 2026-12-02
一个月后 = 2026-12-22
半个月后 = 2026-12-07
上个月十号 = 2026-10-10
上月底 = 2026-10-31
去年三月五号 = 2025-03-05
明年一月十号 = 2027-01-10
二零二七年一月十号 = 2027-01-10
二七年一月十号 = 2027-01-10
十一月二十五 = 2026-11-25
十一月二十五号星期三 = 2026-11-25
这周末 = 2026-11-21|2026-11-28|2026-11-22
下周末 = 2026-11-28|2026-11-29
礼拜三 = 2026-11-25
星期天 = 2026-11-22|2026-11-29
后天下午 = 2026-11-24
不是周三是周四 = 2026-11-26
周三不对周四 = 2026-11-26
前两天 = 2026-11-20
上周 = none
二月二十九号 = 2028-02-29|none
下个星期一上午 = 2026-11-23
today = 2026-11-22
tomorrow = 2026-11-23
the day after tomorrow = 2026-11-24
day after tomorrow = 2026-11-24
yesterday = 2026-11-21
the other day = none
the fifteenth of next month = 2026-12-15
next month on the fifteenth = 2026-12-15
the fifteenth = 2026-12-15
a week from friday = 2026-12-04
a week from today = 2026-11-29
a week from tomorrow = 2026-11-30
friday week = 2026-12-04
a week on monday = 2026-11-30
two weeks from monday = 2026-12-07
last day of the month = 2026-11-30
the last day of the month = 2026-11-30
the last day of next month = 2026-12-31
end of the month = 2026-11-30
end of next month = 2026-12-31
the end of the year = 2026-12-31
the first of december = 2026-12-01
december the first = 2026-12-01
december 1st = 2026-12-01
dec 1 = 2026-12-01
first of the month = 2026-12-01
the first of next month = 2026-12-01
beginning of next month = 2026-12-01
this friday = 2026-11-27
next friday = 2026-11-27|2026-12-04
on friday = 2026-11-27
friday = 2026-11-27
this coming friday = 2026-11-27
last friday = 2026-11-20
the friday after next = 2026-12-04
a fortnight ago = 2026-11-08
in a fortnight = 2026-12-06
in three days = 2026-11-25
three days from now = 2026-11-25
in a week = 2026-11-29
in a month = 2026-12-22
a month ago = 2026-10-22
two months from now = 2027-01-22
a couple of days ago = 2026-11-20
twenty third of november = 2026-11-23
november twenty third = 2026-11-23
november twenty-third twenty twenty-six = 2026-11-23
november 23 2026 = 2026-11-23
the twenty third = 2026-11-23
christmas day = 2026-12-25
christmas = 2026-12-25
christmas eve = 2026-12-24
new year's day = 2027-01-01
new year's eve = 2026-12-31
the 3rd of january 2027 = 2027-01-03
january 3rd = 2027-01-03
11/25 = 2026-11-25
11/25/2026 = 2026-11-25
no i said tuesday = 2026-11-24
not wednesday, thursday = 2026-11-26
thursday not wednesday = 2026-11-26
wednesday i mean thursday = 2026-11-26
monday morning = 2026-11-23
wednesday the twenty fifth = 2026-11-25
the 25th of november two thousand twenty six = 2026-11-25
this weekend = 2026-11-22|2026-11-28|2026-11-21
tonight = 2026-11-22
day before yesterday = 2026-11-20
first monday of december = 2026-12-07
the second tuesday in january = 2027-01-12
last monday of the month = 2026-11-30
the eleventh = 2026-12-11
""",
    "time": """
半个小时后 = 10:30
两个半小时以后 = 12:30
一刻钟之后 = 10:15
十分钟后 = 10:10
in half an hour = 10:30
in an hour and a half = 11:30
twenty minutes from now = 10:20
twenty past = none
quarter past midnight = 00:15
ten of six = 05:50
半夜十二点 = 00:00
下午三点一刻 = 15:15
下午三点 = 15:00
三点半 = 03:30|15:30
早上八点 = 08:00
上午十点半 = 10:30
晚上九点 = 21:00
晚上十二点 = 00:00
凌晨两点 = 02:00
傍晚六点 = 18:00
中午 = 12:00
中午一点 = 13:00
正午 = 12:00
午夜 = 00:00
十二点半 = 12:30
差一刻九点 = 08:45
九点差一刻 = 08:45
差五分八点 = 07:55
八点差五分 = 07:55
三点过五分 = 03:05|15:05
三点零五 = 03:05|15:05
三点零五分 = 03:05|15:05
下午两点四十五 = 14:45
十四点三十 = 14:30
14:30 = 14:30
二十点 = 20:00
下午五点多 = 17:00
两点 = 02:00|14:00
两点钟 = 02:00|14:00
晚上七点三刻 = 19:45
半夜三点 = 03:00
清早六点 = 06:00
明天下午三点 = 15:00
quarter to nine = 08:45
a quarter to nine = 08:45
quarter past nine = 09:15
quarter after nine = 09:15
half past three = 03:30|15:30
half past = none
half nine = 09:30
half past nine in the morning = 09:30
ten to five = 04:50|16:50
ten past five = 05:10|17:10
twenty five to six = 05:35|17:35
five minutes to six = 05:55|17:55
three thirty = 03:30|15:30
three thirty pm = 15:30
three pm = 15:00
3 p.m. = 15:00
3pm = 15:00
3:30pm = 15:30
fifteen hundred hours = 15:00
fifteen thirty = 15:30
twelve noon = 12:00
noon = 12:00
midnight = 00:00
twelve midnight = 00:00
twelve thirty am = 00:30
nine o'clock = 09:00|21:00
nine o'clock at night = 21:00
nine in the evening = 21:00
eight in the morning = 08:00
six oh five = 06:05|18:05
oh eight hundred = 08:00
three in the afternoon = 15:00
at around four = 04:00|16:00
about four thirty = 04:30|16:30
four ish = 04:00|16:00
seven forty five in the evening = 19:45
eleven fifty nine pm = 23:59
not three, four = 04:00|16:00
three no four pm = 16:00
one thirty = 01:30|13:30
lunchtime = 12:00|none
tonight at eight = 20:00
8 tonight = 20:00
tomorrow at nine am = 09:00
""",
    "phone": """
幺三八零零一三八零零零 = 13800138000
一三八零零幺三八零零零 = 13800138000
138 0013 8000 = 13800138000
幺三八 零零幺三 八零零零 = 13800138000
零一零 六二三四 五六七八 = 01062345678
我的号码是幺三八零零一三八零零零 = 13800138000
四零零八幺零八八八八 = 4008108888
幺八六 三个八 一二三四五 = 18688812345
一三九 四个零 一二三四 = 13900001234
four one five five five five two six seven one = 4155552671
four one five, triple five, two six seven one = 4155552671
four one five five double five two six seven one = 4155552671
four one five triple five oh one two three = 4155550123
area code four one five five five five twenty six seventy one = 4155552671
(415) 555-2671 = 4155552671
plus one four one five five five five two six seven one = +14155552671
eight hundred five five five one two one two = 8005551212
one eight hundred five five five one two one two = 18005551212
oh two oh seven nine four six oh nine five eight = 02079460958
""",
    "number": """
the fifteenth = 15
twenty first = 21
on the 3rd = 3
半打 = 6
零下三度 = -3
四分之一 = 0.25
十几个 = none
twice = 2
两千零五 = 2005
两千零五十 = 2050
一万二 = 12000
一百零二 = 102
一百二 = 120
十来个 = 10
二十 = 20
廿三 = 23
三点一四 = 3.14
负三 = -3
零 = 0
两个 = 2
俩 = 2
三个 = 3
仨 = 3
一打 = 12
半个 = 0.5
一个半 = 1.5
一千万 = 10000000
一亿二 = 120000000
百分之二十五 = 25
二十五个百分点 = 25
一千零一 = 1001
一万零一十 = 10010
三万五千 = 35000
十二个 = 12
几个 = none
a hundred and fifty = 150
two hundred five = 205
one = 1
just one = 1
a dozen = 12
half a dozen = 6
two dozen = 24
a couple = 2
a pair = 2
minus seven = -7
twenty one = 21
twenty-one = 21
nineteen = 19
a thousand and one = 1001
one point five = 1.5
three and a half = 3.5
one and a half = 1.5
a half = 0.5
zero point five = 0.5
ten thousand = 10000
fifty percent = 50
none = 0|none
both = 2|none
six of them = 6
five thousand two = 5002
one hundred thousand and three = 100003
twelve hundred = 1200
two or three = none|2
""",
    "digits": """
quadruple five = 5555
oh two double seven = 0277
oh two, double seven = 0277
zero zero one two = 0012
triple zero one = 0001
double oh seven = 007
forty four twelve = 4412
four four twelve = 4412
four thousand four hundred and twelve = 4412
nineteen eighty four = 1984
one nine eight four = 1984
nine nine nine nine = 9999
it's one two three four = 1234
four four, one, two = 4412
the last four are four four one two = 4412
five thousand = 5000
fifty five hundred = 5500
twenty oh five = 2005
四四一二 = 4412
四四幺二 = 4412
四千四百一十二 = 4412
两个四一二 = 4412|44412
三个八九 = 8889
零零七八 = 0078
洞幺拐八 = 0178
四十四十二 = 4012|4042|4412
尾号是八八六六 = 8866
后四位八八六六 = 8866
八八 六六 = 8866
一二三四 = 1234
四个八 = 8888
四个零 = 0000
""",
}
CASES = [
    (type, *(part.strip() for part in line.rsplit("=", 1)))
    for type, lines in TABLE.items()
    for line in lines.strip().splitlines()
]


@pytest.mark.parametrize("type", TABLE)
def test_ways_to_say_it(type: str) -> None:
    wrong = {}
    for kind, text, wanted in CASES:
        if kind != type:
            continue
        said = _best(type, text)
        if said not in [_shown(float(way)) if _numeric(type, way) else way for way in wanted.split("|")]:
            wrong[text] = f"{said}, not {wanted}"
    assert wrong == {}


def _best(type: str, text: str) -> str:
    settings: dict[str, JsonValue] = {"length": [3, 8]} if type == "digits" else {}
    found = parse(type, text, script_language(text, ("en", "zh"), "zh" if "¥" in text else "en"), settings, NOW)
    return _shown(found[0].value) if found and not found[0].error else "none"


def _numeric(type: str, way: str) -> bool:
    return type in ("money", "number") and way != "none"


def _shown(value: JsonValue) -> str:
    return str(round(float(value), 4)) if isinstance(value, int | float) else str(value)


@pytest.mark.parametrize(
    ("type", "text", "asked_back"),
    [
        ("date", "周三或者周四", True), ("date", "wednesday or thursday", True), ("money", "五百还是六百", True),
        ("time", "at three or at four", True), ("money", "between three and five hundred", False),
        ("money", "三到五百", False), ("money", "three or four hundred", False), ("time", "三点到五点", False),
    ],
)  # fmt: skip
def test_two_values_are_none_yet(type: str, text: str, asked_back: bool) -> None:
    """`A or B?` where two are offered; nothing at all for a range."""
    values = parse(type, text, script_language(text, ("zh", "en"), "en"), {}, NOW)
    assert len(values) == 2
    assert all(value.p < 0.85 and (value.p >= 0.5) == asked_back for value in values)


@pytest.mark.parametrize("text", ["monday, no, tuesday", "not monday but tuesday", "周一，不对，周二"])
def test_a_correction_is_no_choice(text: str) -> None:
    values = parse("date", text, script_language(text, ("zh", "en"), "en"), {}, NOW)
    assert [value.value for value in values] == ["2026-11-24"] and values[0].p >= 0.85
