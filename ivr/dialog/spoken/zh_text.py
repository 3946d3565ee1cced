"""Mandarin free text: figures, dates, money, units and signs put into words."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import TYPE_CHECKING

from ivr.dialog.spoken.rules import Rule, rewrite, rule

if TYPE_CHECKING:
    from ivr.dialog.spoken.zh import MandarinVerbaliser

CODE_WORDS = (
    "尾号|卡号|账号|帐号|编号|单号|工单号?|订单号?|流水号|号码|手机号?|电话|热线|拨打|拨|致电|验证码|密码|口令|分机号?|"
    "代码|邮编|车牌号?|航班号?|房间号?|工号|身份证号?|后四位|末四位|尾数"
)
"""Words after which figures are a code, read digit by digit."""
SYMBOLS = {"¥": "CNY", "￥": "CNY", "$": "USD", "＄": "USD", "€": "EUR", "£": "GBP"}
MONEY_WORDS = {"元": "CNY", "块钱": "CNY", "块": "CNY", "美元": "USD", "欧元": "EUR", "英镑": "GBP", "港元": "HKD",
               "港币": "HKD", "日元": "JPY", "韩元": "KRW"}  # fmt: skip
UNITS = {
    "km/h": "公里每小时", "km": "公里", "kg": "公斤", "cm": "厘米", "mm": "毫米", "ml": "毫升", "mg": "毫克", "gb": "G",
    "mb": "兆", "kb": "K", "tb": "T", "℃": "摄氏度", "°c": "摄氏度", "㎡": "平方米", "m²": "平方米", "m2": "平方米",
    "min": "分钟", "h": "小时",
}  # fmt: skip
"""Lone letters such as g, m, s are left out: 5G, 4S and 10M mean other things in Chinese text."""
MEASURES = (
    "个|位|笔|次|天|张|条|项|种|点|小时|分钟|秒|周|星期|倍|名|台|件|套|份|家|间|块|元|年(?!级)|月内|步|遍|句|段|组|户|岁|"
    "米|公里|公斤|万|千|百|亿"
)
"""Words before which a lone 2 is 两."""
SCALES = "万亿|千万|百万|亿|万|千|百"
PERIODS = "凌晨|清晨|早上|早晨|上午|中午|下午|傍晚|晚上|夜里|深夜|晚|早"
SIGN_NAMES = {
    "#": "井号", "＃": "井号", "*": "星号", "＊": "星号", "&": "和", "＆": "和", "%": "百分号", "=": "等于",
    "@": "艾特", "+": "加", "¥": "元", "￥": "元", "$": "美元", "＄": "美元", "€": "欧元", "£": "英镑",
}  # fmt: skip
NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
DASH = r"[ ]?[-–—~～至到][ ]?"
NOT_IN_NUMBER = r"(?![\d.]*\d)"

TRIGGER = re.compile(
    rf"(?:{CODE_WORDS})(?=[是为：:\s]*\d)|(?:{PERIODS})(?=\d)|第(?=\d)|[-−+]?\d|[¥￥$＄€£#＃*＊&＆%=@]|\+"
)


def _ascii_digits(text: str) -> str:
    return text.translate({ord("０") + i: ord("0") + i for i in range(10)} | {ord("％"): ord("%")})


class Normaliser:
    """The rules of `verbalise`, bound to a speaker. Order matters: the most specific reading comes first."""

    def __init__(self, speaker: MandarinVerbaliser) -> None:
        self._say = speaker
        money = "|".join(sorted(MONEY_WORDS, key=len, reverse=True))
        units = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))
        date = r"(?P<y>\d{4})(?P<sep>[-/.])(?P<m>\d{1,2})(?P=sep)(?P<d>\d{1,2})"
        clock = r"(?P<h>\d{1,2})[:：](?P<min>\d{2})(?:[:：]\d{2})?"
        self.table: list[Rule] = [
            rule(rf"{date}{NOT_IN_NUMBER}(?:[T ]{clock}(?!\d))?", self._date),
            rule(r"(?P<y>\d{4})年(?!前|内|间|来)", lambda m: speaker.year(m["y"]) + "年"),
            rule(rf"(?P<period>{PERIODS})?{clock}(?![\d:])(?:{DASH}(?P<to>\d{{1,2}}[:：]\d{{2}})(?!\d))?", self._time),
            rule(
                rf"(?P<word>{CODE_WORDS})(?P<link>[是为：:\s]*)(?P<code>\d+(?:[- ]\d+)*)(?![.,]?\d|{money})",
                self._code,
            ),
            rule(
                r"\+?(?:86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?!\d)|0\d{2,3}-\d{7,8}(?!\d)"
                r"|[48]00-\d{3}-?\d{4}(?!\d)|[48]00\d{7}(?!\d)|\+\d[\d -]{6,}\d",
                self._phone,
            ),
            rule(rf"(?P<sign>[-−])?(?P<a>{NUMBER})%?{DASH}(?P<b>{NUMBER})%", self._percents),
            rule(rf"(?P<sign>[-−])?(?P<a>{NUMBER})[ ]?%", lambda m: speaker.percent(_signed(m))),
            rule(rf"(?P<symbol>[¥￥$＄€£])[ ]?(?P<a>{NUMBER})(?P<scale>{SCALES})?(?:{money})?", self._symbol_money),
            rule(rf"(?P<a>\d[\d,]*\.\d{{1,2}})[ ]?(?P<unit>{money})", self._word_money),
            rule(rf"(?P<a>{NUMBER}){DASH}(?P<b>{NUMBER})(?=[ ]?(?:{MEASURES}|月|日|号|个|工作日|{money}))", self._span),
            rule(r"(?P<a>[1-9]\d?)/(?P<b>[1-9]\d?)(?![\d/])", self._fraction),
            rule(rf"第(?P<a>\d+){DASH}(?P<b>\d+)", lambda m: f"第{speaker.number(m['a'])}到{speaker.number(m['b'])}"),
            rule(r"第(?P<a>\d+)", lambda m: "第" + speaker.number(m["a"])),
            rule(rf"(?P<sign>[-−])?(?P<a>{NUMBER})[ ]?(?P<unit>{units})(?![A-Za-z])", self._unit),
            rule(rf"(?P<sign>[-−])?(?P<a>{NUMBER})(?=[ ]?(?:{MEASURES}|{money}))", lambda m: self._measured(m)),
            rule(
                r"(?P<code>0\d+|\d{9,}|95\d{3,4}(?!\d)|100(?:00|01|10|86|99)(?!\d)|123(?:06|15|45|48|66|69)(?!\d))(?![.,]\d)",
                lambda m: speaker.digits(m["code"]),
            ),
            rule(rf"(?P<sign>(?<![\w一-鿿])[-−])?(?P<a>{NUMBER})", lambda m: speaker.number(_signed(m))),
            rule(r"(?P<sign>[#＃*＊])(?:号)?(?=键)", lambda m: SIGN_NAMES[m["sign"]]),
            rule(r"[#＃*＊&＆%=@+¥￥$＄€£]", lambda m: SIGN_NAMES[m[0]]),
        ]

    def __call__(self, text: str) -> str:
        return rewrite(_ascii_digits(text), self.table, TRIGGER)

    def _date(self, match: re.Match[str]) -> str | None:
        try:
            words = self._say.date(dt.date(int(match["y"]), int(match["m"]), int(match["d"])))
            return words + (self._say.time(dt.time(int(match["h"]), int(match["min"]))) if match["h"] else "")
        except ValueError:
            return None

    def _time(self, match: re.Match[str]) -> str | None:
        first = self._clock(match["h"], match["min"], match["period"] or "")
        if first is None:
            return None
        if not match["to"]:
            return first
        hour, minute = re.split("[:：]", match["to"])
        last = self._clock(hour, minute, "")
        return f"{first}到{last}" if last else None

    def _clock(self, hour: str, minute: str, period: str) -> str | None:
        if int(hour) > 24 or int(minute) > 59:
            return None
        return (period or self._say.day_period(int(hour))) + self._say.clock(int(hour), int(minute))

    def _code(self, match: re.Match[str]) -> str:
        link = "" if match["link"].isspace() else match["link"].strip().replace(":", "：")
        code = match["code"].replace(" ", "-")
        if "-" in code:
            spoken = "，".join(self._say.digits(part) for part in code.split("-"))
        else:
            spoken = self._say.phone(code) if len(code) > 6 else self._say.digits(code)
        return match["word"] + link + spoken

    def _phone(self, match: re.Match[str]) -> str:
        return self._say.phone(match[0])

    def _percents(self, match: re.Match[str]) -> str:
        return f"{self._say.percent(_signed(match))}到{self._say.percent(match['b'])}"

    def _symbol_money(self, match: re.Match[str]) -> str:
        currency = SYMBOLS[match["symbol"]]
        if match["scale"]:
            return self._say.count(match["a"]) + match["scale"] + self._say.currency(currency)
        return self._say.money(match["a"], currency)

    def _word_money(self, match: re.Match[str]) -> str:
        return self._say.money(match["a"], MONEY_WORDS[match["unit"]])

    def _span(self, match: re.Match[str]) -> str:
        return f"{self._lone_two(match['a'], match)}到{self._lone_two(match['b'], match)}"

    def _lone_two(self, figure: str, match: re.Match[str]) -> str:
        rest = match.string[match.end() :]
        return self._say.number(figure) if rest.lstrip().startswith(("月", "日", "号")) else self._say.count(figure)

    def _fraction(self, match: re.Match[str]) -> str | None:
        if int(match["a"]) >= int(match["b"]):
            return None
        return f"{self._say.number(match['b'])}分之{self._say.number(match['a'])}"

    def _unit(self, match: re.Match[str]) -> str:
        unit = UNITS[match["unit"].lower()]
        if unit.endswith("每小时"):
            return f"每小时{self._say.count(_signed(match))}{unit.removesuffix('每小时')}"
        return ("零下" if match["sign"] and unit == "摄氏度" else "负" if match["sign"] else "") + (
            self._say.count(match["a"]) + unit
        )

    def _measured(self, match: re.Match[str]) -> str:
        words = self._say.count(match["a"])
        return "负" + words if match["sign"] else words


def _signed(match: re.Match[str]) -> Decimal:
    value = Decimal(match["a"].replace(",", ""))
    return -value if match["sign"] else value
