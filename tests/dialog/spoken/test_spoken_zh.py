"""Mandarin words for values and free text."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.dialog.spoken import verbalise
from ivr.dialog.spoken.zh import MandarinVerbaliser

SAY = MandarinVerbaliser()
TODAY = dt.date(2026, 11, 22)

FIGURES = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"两": 2}
PLACES = {"十": 10, "百": 100, "千": 1000}


def read_back(words: str) -> int:
    """Reference reader, written from the grammar of Chinese numerals and independent of the writer."""
    for name, size in (("亿", 10**8), ("万", 10**4)):
        if name in words:
            head, _, tail = words.rpartition(name)
            return read_back(head) * size + read_back(tail)
    total, digit = 0, 0
    for char in words:
        if char in PLACES:
            total, digit = total + (digit or 1) * PLACES[char], 0
        else:
            digit = FIGURES[char]
    return total + digit


@given(st.integers(0, 10**15 - 1))
def test_a_number_in_words_reads_back_as_the_same_number(value: int) -> None:
    assert read_back(SAY.number(value)) == value


def test_all_numbers_to_twelve_thousand_read_back() -> None:
    for value in range(12_001):
        assert read_back(SAY.number(value)) == value


def test_cn2an_reads_the_same_number() -> None:
    cn2an = pytest.importorskip("cn2an", reason="cn2an comes with the kokoro extra")
    for value in [*range(1, 2_000), *range(2_000, 99_999_999, 1_000_003)]:
        assert cn2an.cn2an(SAY.number(value).replace("两", "二"), "smart") == value


@given(st.integers(0, 10**15 - 1))
def test_no_double_zero_and_none_at_the_end(value: int) -> None:
    words = SAY.number(value)
    assert "零零" not in words
    assert words == "零" or not words.endswith("零")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "零"),
        (2, "二"),
        (10, "十"),
        (12, "十二"),
        (110, "一百一十"),
        (200, "两百"),
        (1200, "一千二百"),
        (2002, "两千零二"),
        (10010, "一万零一十"),
        (12000, "一万二千"),
        (20000, "两万"),
        (102_000, "十万二千"),
        (200_000_000, "两亿"),
        (12_0003_0000_0000, "十二万零三亿"),
        (-3, "负三"),
        (15.05, "十五点零五"),
        (Decimal("3.50"), "三点五零"),
        (10**15, "一零零零零零零零零零零零零零零零"),
    ],
)
def test_number(value: int | float | Decimal, words: str) -> None:
    assert SAY.number(value) == words


def test_digits_say_yao_for_one() -> None:
    assert SAY.digits("4412") == "四四幺二"
    assert SAY.digits("A1-2") == "A幺杠二"


@pytest.mark.parametrize(
    ("value", "currency", "words", "shop"),
    [
        (15.5, "CNY", "十五元五角", "十五块五"),
        (15.05, "CNY", "十五元零五分", "十五块零五分"),
        (15.52, "CNY", "十五元五角二分", "十五块五毛二"),
        (2.2, "CNY", "两元两角", "两块二"),
        (0.2, "CNY", "两角", "两毛"),
        (0.02, "CNY", "两分", "两分"),
        (0, "CNY", "零元", "零块"),
        (150, "CNY", "一百五十元", "一百五十块"),
        (-15, "CNY", "负十五元", "负十五块"),
    ],
)
def test_yuan(value: float, currency: str, words: str, shop: str) -> None:
    assert SAY.money(value, currency) == words
    assert SAY.colloquial_money(value) == shop


@pytest.mark.parametrize(
    ("value", "currency", "words"),
    [(150.2, "USD", "一百五十美元二十美分"), (2, "EUR", "两欧元"), (0.02, "GBP", "两便士"), (1000, "JPY", "一千日元"),
     (2, "BRL", "两巴西雷亚尔")],
)  # fmt: skip
def test_foreign_money(value: float, currency: str, words: str) -> None:
    assert SAY.money(value, currency) == words


@given(st.integers(0, 10**9))
def test_yuan_and_fen_read_back(fen: int) -> None:
    words = SAY.money(Decimal(fen) / 100, "CNY")
    yuan, _, rest = words.rpartition("元") if "元" in words else ("零", "", words)
    jiao, _, tail = rest.rpartition("角") if "角" in rest else ("零", "", rest)
    assert read_back(yuan) * 100 + read_back(jiao) * 10 + read_back(tail.removesuffix("分") or "零") == fen


@pytest.mark.parametrize(
    ("date", "words"),
    [
        (TODAY, "今天"),
        (dt.date(2026, 11, 21), "昨天"),
        (dt.date(2026, 11, 20), "前天"),
        (dt.date(2026, 11, 23), "明天"),
        (dt.date(2026, 11, 24), "后天"),
        (dt.date(2026, 2, 2), "二月二号"),
        (dt.date(2025, 12, 31), "二零二五年十二月三十一号"),
    ],
)
def test_date(date: dt.date, words: str) -> None:
    assert SAY.date(date, TODAY) == words


@pytest.mark.parametrize(
    ("time", "words"),
    [
        ((0, 0), "凌晨零点"),
        ((2, 5), "凌晨两点零五分"),
        ((8, 15), "早上八点十五分"),
        ((9, 0), "上午九点"),
        ((12, 30), "中午十二点半"),
        ((14, 0), "下午两点"),
        ((18, 0), "下午六点"),
        ((22, 30), "晚上十点半"),
    ],
)
def test_time(time: tuple[int, int], words: str) -> None:
    assert SAY.time(dt.time(*time)) == words
    assert SAY.datetime(dt.datetime(2026, 11, 21, *time), TODAY) == "昨天" + words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("13800138000", "幺三八，零零幺三，八零零零"),
        ("+86 138-0013-8000", "幺三八，零零幺三，八零零零"),
        ("010-12345678", "零幺零，幺二三四，五六七八"),
        ("057112345678", "零五七幺，幺二三四，五六七八"),
        ("400-800-1234", "四零零，八零零，幺二三四"),
        ("95188", "九五幺八八"),
        ("+442079460958", "加四四，二零，七九四六，零九五八"),
    ],
)
def test_phone(number: str, words: str) -> None:
    assert SAY.phone(number) == words


def test_mask_percent_ordinal() -> None:
    assert SAY.mask("6222 0212 3456 4412") == "尾号四四幺二"
    assert SAY.percent(3.5) == "百分之三点五"
    assert SAY.percent(-2) == "负百分之二"
    assert SAY.ordinal(2) == "第二"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("营业时间9:00-18:00。", "营业时间上午九点到下午六点。"),
        ("2026-11-22 22:30截止", "二零二六年十一月二十二号晚上十点半截止"),
        ("2026年11月22日，2月2日2点", "二零二六年十一月二十二日，二月二日两点"),
        ("晚上22:30", "晚上十点半"),
        ("手续费3.5%-5%，最低¥15.5", "手续费百分之三点五到百分之五，最低十五元五角"),
        ("前20,000元免费，2.50元，$3.5", "前两万元免费，两元五角，三美元五十美分"),
        ("1.5万元，￥2亿", "一点五万元，两亿元"),
        ("2个工作日，3-5个工作日", "两个工作日，三到五个工作日"),
        ("尾号4412，编号是8842，验证码：0123", "尾号四四幺二，编号是八八四二，验证码：零幺二三"),
        ("请拨打95188或400-800-1234", "请拨打九五幺八八或四零零，八零零，幺二三四"),
        ("手机号是13800138000", "手机号是幺三八，零零幺三，八零零零"),
        ("满意请按1，按#键结束", "满意请按一，按井号键结束"),
        ("第2步，第3-5条，1/2", "第二步，第三到五条，二分之一"),
        ("-5℃，60km/h，2公里，3kg", "零下五摄氏度，每小时六十公里，两公里，三公斤"),
        ("５Ｇ 5G 4S店 2楼 2年内", "五Ｇ 五G 四S店 二楼 两年内"),
        ("13:75", "十三:七十五"),
        ("您好，没有数字。", "您好，没有数字。"),
        ("", ""),
    ],
)
def test_free_text(text: str, words: str) -> None:
    assert verbalise(text, "zh-CN") == words


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_any_text_is_taken_and_loses_its_ascii_figures(text: str) -> None:
    assert not any(char in "0123456789$%&" for char in verbalise(text, "zh"))
