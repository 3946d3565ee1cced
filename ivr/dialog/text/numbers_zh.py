# ruff: noqa: E501 - a rule or phrase table reads better with one entry a line
"""Chinese numerals to digits, colloquial forms included: 一万二 = 12000, 三百五 = 350, 幺三八 = 138, 3万5 = 35000."""

from __future__ import annotations

import re

DIGITS = {"零": 0, "〇": 0, "一": 1, "幺": 1, "二": 2, "两": 2, "俩": 2, "三": 3, "仨": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8,
          "九": 9, "壹": 1, "贰": 2, "叁": 3, "肆": 4, "伍": 5, "陆": 6, "柒": 7, "捌": 8, "玖": 9}  # fmt: skip
_FORMAL_UNITS = str.maketrans("拾佰仟萬億廿", "十百千万亿廿")
_UNITS = {"十": 10, "百": 100, "千": 1000}
_D = "[" + "".join(DIGITS) + "]"
_DIGIT_RUN = re.compile(f"{_D}+")
_N = "[" + "".join(char for char, value in DIGITS.items() if value) + "]"
_SECTION = f"(?:{_N}千)?[零〇]?(?:{_N}百)?[零〇]?(?:{_N}?十)?[零〇]?{_N}?"
_CARDINAL = re.compile(f"(?:(?P<yi>{_SECTION})亿)?[零〇]?(?:(?P<wan>{_SECTION})万)?(?P<rest>{_SECTION})")
_SHORT = re.compile(f"(?P<unit>[百千万亿])(?P<digit>{_N})$")
_APART = frozenset("天号月点年百千万")
"""What never follows the short form: 五百三天前 is an amount and a day, 五百六百 are two amounts."""
_ARABIC = re.compile(
    r"(?P<number>\d+(?:,\d{3})+|\d+)(?P<fraction>\.\d+)?(?:(?P<unit>[十百千万亿])(?P<short>\d)?(?![\d号年月日点]))?"
)
_DECIMAL = re.compile(rf"(?P<whole>{_D})点(?P<fraction>{_D}+)(?P<unit>[万亿千百])")
_RADIO = re.compile(f"(?:{_D}|[洞拐勾])+")
_RADIO_DIGITS = str.maketrans("洞拐勾", "零七九")
"""How digits are told apart on a bad line; beside plain digits only, for they are words of their own."""
_ABOUT = re.compile(rf"(?<![十百千万亿几数\d{''.join(DIGITS)}])([百千万])把(?=[块元])")
"""百把块: about a hundred."""
_START = re.compile(rf"[\d十廿{''.join(DIGITS)}]")
_UNIT_VALUES = {"十": 10, "百": 100, "千": 1000, "万": 10_000, "亿": 100_000_000}


def find_numbers(text: str) -> list[tuple[int, int, str]]:
    """All numbers in `text` as (start, end, digits), left to right. Strings of single digits keep their zeros."""
    text = _RADIO.sub(_plain_digits, text.translate(_FORMAL_UNITS))
    text = _ABOUT.sub(r"一\1", text)
    found: list[tuple[int, int, str]] = []
    at = last = 0
    while match := _START.search(text, at):
        at = match.start()
        end, digits = _read(text, at)
        if digits and not _some(text, last, at, end):
            found.append((at, end, digits))
            last = end
        at = max(end, at + 1)
    return found


def _some(text: str, last: int, at: int, end: int) -> bool:
    """几十, 数百, 十几, 百八十: some, and nobody knows how many. `last` is where the number before ends."""
    before = text[at - 1 : at] if at > last else ""
    return (before in ("几", "数", "百") and text[at:end].endswith("十")) or text[end - 1 : end + 1] == "十几"


def _plain_digits(match: re.Match[str]) -> str:
    run = match.group()
    return run.translate(_RADIO_DIGITS) if len(run) > 3 and any(char in DIGITS for char in run) else run


def _read(text: str, at: int) -> tuple[int, str]:
    if text[at].isdigit() and text[at].isascii():
        return _read_arabic(text, at)
    if text[at] not in DIGITS and text[at] not in "十廿":
        return at + 1, ""  # digits of other scripts
    decimal = _DECIMAL.match(text, at)
    if decimal:  # 三点五万
        digits = "".join(str(DIGITS[char]) for char in decimal["whole"] + decimal["fraction"])
        return decimal.end(), str(int(digits) * _UNIT_VALUES[decimal["unit"]] // 10 ** len(decimal["fraction"]))
    run = _DIGIT_RUN.match(text, at)
    if run and run.end() - at >= 2:
        end = run.end()
        if end < len(text) and text[end] in "十百千万亿":
            if _approximate(run.group()):
                return end, ""  # 两三百: about; no number can be read from it
            end -= 1
        if end - at >= 2 or end < run.end():
            return end, "".join(str(DIGITS[char]) for char in text[at:end])
    return _read_cardinal(text, at)


def _approximate(run: str) -> bool:
    return len(run) == 2 and DIGITS[run[1]] - DIGITS[run[0]] == 1


def _read_arabic(text: str, at: int) -> tuple[int, str]:
    match = _ARABIC.match(text, at)
    if match is None:
        return at + 1, ""
    number = match["number"].replace(",", "")
    unit = match["unit"]
    if not unit:
        return match.end(), number + (match["fraction"] or "")
    scale = _UNIT_VALUES[unit]
    fraction = match["fraction"] or ""
    value = int(number) * scale
    if fraction:
        value += int(fraction[1:]) * scale // 10 ** len(fraction[1:])
    if match["short"]:
        value += int(match["short"]) * scale // 10
    return match.end(), str(value)


def _read_cardinal(text: str, at: int) -> tuple[int, str]:
    if text[at] == "廿":
        unit = DIGITS.get(text[at + 1 : at + 2], 0)
        return at + 1 + bool(unit), str(20 + unit)
    match = _CARDINAL.match(text, at)
    if match is None or match.end() == at:
        return at + 1, str(DIGITS[text[at]]) if text[at] in DIGITS else ""
    whole = match.group()
    if whole in DIGITS:
        return match.end(), str(DIGITS[whole])
    total = _section(match["yi"]) * 100_000_000 + _section(match["wan"]) * 10_000 + _section(match["rest"])
    short = _SHORT.search(whole)
    if short and text[match.end() : match.end() + 1] in _APART:  # 五百 + 三天前, 五百 + 六百
        return match.end() - 1, str(total - DIGITS[short["digit"]])
    if short:  # 三百五: the last digit counts tenths of the unit before it
        digit = DIGITS[short["digit"]]
        total += digit * _UNIT_VALUES[short["unit"]] // 10 - digit
    return match.end(), str(total)


def _section(text: str | None) -> int:
    """Value of up to four places, e.g. 三千零五十."""
    total, digit = 0, 0
    for char in text or "":
        if char in _UNITS:
            total += (digit or 1) * _UNITS[char]
            digit = 0
        else:
            digit = DIGITS[char]
    return total + digit
