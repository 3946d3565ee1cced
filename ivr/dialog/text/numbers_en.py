"""English number words to digits: cardinals, ordinals, decimals, `double seven`, `oh` among digits.

Neighbours that do not form one number stay apart (`fifteen fifty` -> `15 50`, `four four one two` -> `4 4 1 2`): the
slot decides whether that is an amount, a year or a string of digits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_UNITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
UNITS = {word: value for value, word in enumerate(_UNITS)} | {"nought": 0, "naught": 0, "nil": 0, "niner": 9}
TEENS = {word: 10 + value for value, word in enumerate(_TEENS)}
TENS = {word: 20 + 10 * value for value, word in enumerate(_TENS)} | {"fourty": 40}
SCALES = {"dozen": 12, "thousand": 1000, "grand": 1000, "k": 1000, "million": 1_000_000, "billion": 1_000_000_000}
_FIRST_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
ORDINALS = {
    **{word: value for value, word in enumerate(_FIRST_ORDINALS, 1)},
    **{w: i + 11 for i, w in enumerate(["eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth"])},
    "seventeenth": 17, "eighteenth": 18, "nineteenth": 19, "twentieth": 20, "thirtieth": 30,
    "fortieth": 40, "fiftieth": 50, "sixtieth": 60, "seventieth": 70, "eightieth": 80, "ninetieth": 90,
    "hundredth": 100,
}  # fmt: skip
MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sept",
    "oct",
    "nov",
    "dec",
]
_REPEATS = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4}
_ZEROS = {"oh", "o"}
_TOKEN = re.compile(r"\d+(?:,\d{3})+(?:\.\d+)?|\d+\.\d+|\d+|[a-z]+(?:'[a-z]+)?")


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    start: int
    end: int


def find_numbers(text: str) -> list[tuple[int, int, str]]:
    """All numbers in cleaned `text` as (start, end, digits), left to right; an ordinal is given as `15th`."""
    tokens = [Token(m.group(), m.start(), m.end()) for m in _TOKEN.finditer(text)]
    found: list[tuple[int, int, str]] = []
    at = 0
    while at < len(tokens):
        end, digits = _read(tokens, at, text)
        if digits:
            found.append((tokens[at].start, tokens[end - 1].end, digits))
        at = end if digits else at + 1
    return found


def _read(tokens: list[Token], at: int, text: str) -> tuple[int, str]:
    word = tokens[at].text
    if word in _REPEATS:
        return _read_repeat(tokens, at)
    vague_end, vague = _half_or_couple(tokens, at)
    if vague:
        return vague_end, vague
    if word in _ZEROS:
        return (at + 1, "0") if _among_digits(tokens, at) else (at + 1, "")
    end, value = _cardinal(tokens, at)
    ordinal_end, ordinal = _ordinal(tokens, at, end, value)
    if ordinal:
        return ordinal_end, f"{ordinal}{_suffix(ordinal)}"
    if value is None:
        return at + 1, ""
    return _fraction(tokens, end, value)


def _read_repeat(tokens: list[Token], at: int) -> tuple[int, str]:
    if at + 1 >= len(tokens):
        return at + 1, ""
    following = tokens[at + 1].text
    digit = "0" if following in _ZEROS else str(UNITS.get(following, following))
    if len(digit) != 1 or not digit.isdigit():
        return at + 1, ""
    return at + 2, digit * _REPEATS[tokens[at].text]


def _among_digits(tokens: list[Token], at: int) -> bool:
    """`oh` is a zero next to a digit; at the start of a sentence (`oh, five dollars`) two digits must follow."""

    def is_digit(index: int) -> bool:
        if not 0 <= index < len(tokens):
            return False
        word = tokens[index].text
        return word in UNITS or word in _ZEROS or word in _REPEATS or word.isdigit()

    def is_number(index: int) -> bool:
        return is_digit(index) or (0 <= index < len(tokens) and tokens[index].text in TEENS | TENS)

    return is_number(at - 1) or (is_digit(at + 1) and is_digit(at + 2))


def _half_or_couple(tokens: list[Token], at: int) -> tuple[int, str]:
    """`half a million`, `a couple of hundred`, `a quarter million`: only before a scale, else they count days, slices,
    friends."""
    words = [_word(tokens, at + index) for index in range(4)]
    if words[0] == "half" and words[1] in ("a", "an"):
        count, scale_at = 0.5, at + 2
    elif words[:2] == ["a", "couple"]:
        count, scale_at = 2, at + 2 + (words[2] == "of")
    elif words[:2] == ["a", "quarter"]:
        count, scale_at = 0.25, at + 2 + 2 * (words[2:] == ["of", "a"])
    else:
        return at, ""
    scale = 100 if _word(tokens, scale_at) == "hundred" else _scale(tokens, scale_at)
    return (scale_at + 1, _trim(count * scale)) if scale else (at, "")


def _scale(tokens: list[Token], at: int) -> int:
    """Value of the scale word at `at`, 0 when there is none. `k` between letters and digits is a letter."""
    word = _word(tokens, at)
    if word == "k" and len(_word(tokens, at + 1)) == 1:
        return 0
    return SCALES.get(word, 0)


def _plain(word: str) -> str | None:
    return word.replace(",", "") if word[0].isdigit() else None


def _below_hundred(tokens: list[Token], at: int) -> tuple[int, int | None]:
    if at >= len(tokens):
        return at, None
    word = tokens[at].text
    if word in TENS:
        if at + 1 < len(tokens) and UNITS.get(tokens[at + 1].text, 0) > 0:
            return at + 2, TENS[word] + UNITS[tokens[at + 1].text]
        return at + 1, TENS[word]
    value = UNITS.get(word, TEENS.get(word))
    return (at + 1, value) if value is not None else (at, None)


def _below_thousand(tokens: list[Token], at: int) -> tuple[int, int | None]:
    end, value = _below_hundred(tokens, at)
    if value is None and at < len(tokens):
        word = tokens[at].text
        if word in ("a", "an") and _word(tokens, at + 1) in {"hundred", *SCALES}:
            end, value = at + 1, 1
        elif word.isdigit():
            end, value = at + 1, int(word)
    if value and _word(tokens, end) == "hundred":
        value, end = value * 100, end + 1
        rest_at = end + (_word(tokens, end) == "and")
        rest_end, rest = _below_hundred(tokens, rest_at)
        digits = rest_at == end and rest is not None and rest < 10 and _word(tokens, rest_end) in UNITS  # 800 5 5 5
        if rest and not digits and _word(tokens, rest_end) != "hundred":  # "one hundred and two hundred" are two
            value, end = value + rest, rest_end
    return end, value


def _cardinal(tokens: list[Token], at: int) -> tuple[int, str | None]:
    """A whole number (digits as text) from `at`; `end` = first token after it."""
    first = _plain(tokens[at].text)
    factor = 100 if _word(tokens, at + 1) == "hundred" else _scale(tokens, at + 1)
    if first is not None and not factor:
        return at + 1, first
    if first is not None and "." in first:
        return at + 2, _trim(float(first) * factor)
    end, value = _below_thousand(tokens, at)
    if value is None:
        return at, None
    total, last_scale = 0, 10**12
    while value is not None and 0 < _scale(tokens, end) < last_scale and value:
        last_scale = _scale(tokens, end)
        total += value * last_scale
        end += 1
        rest_at = end + (_word(tokens, end) == "and")
        rest_end, value = _below_thousand(tokens, rest_at)
        if not value:
            return end, str(total)
        if _scale(tokens, rest_end) >= last_scale:
            return end, str(total)
        end = rest_end
    return end, str(total + (value or 0))


def _ordinal(tokens: list[Token], at: int, end: int, value: str | None) -> tuple[int, int]:
    """An ordinal from `at`: `fifteenth`, `twenty first`, `one hundred and second`; 0 when there is none."""
    word = tokens[at].text
    if word in ORDINALS:
        # `second` is far more often the unit or "one moment" than the day of a month
        return (at + 1, ORDINALS[word]) if word != "second" or _day_of_month(tokens, at) else (at, 0)
    if value is None or not value.isdigit():
        return at, 0
    after = ORDINALS.get(_word(tokens, end), 0)
    if word in TENS and end == at + 1 and 0 < after < 10:
        return end + 1, TENS[word] + after
    return at, 0


def _day_of_month(tokens: list[Token], at: int) -> bool:
    if _word(tokens, at + 1).endswith("day") and _word(tokens, at + 2) in ("of", "in"):
        return True  # the second tuesday in january
    return _word(tokens, at - 1) in ("the", "on") or _word(tokens, at - 1) in MONTHS or _word(tokens, at + 1) == "of"


def _fraction(tokens: list[Token], end: int, value: str) -> tuple[int, str]:
    if _word(tokens, end) == "point" and "." not in value:
        digits, at = "", end + 1
        while at < len(tokens):
            word = tokens[at].text
            digit = "0" if word in _ZEROS else str(UNITS.get(word, word if word.isdigit() else ""))
            if not digit:
                break
            digits, at = digits + digit, at + 1
        if digits:
            return _scaled(tokens, at, f"{value}.{digits}")
    if [_word(tokens, end + i) for i in range(3)] == ["and", "a", "half"] and value.isdigit():
        return _scaled(tokens, end + 3, f"{value}.5")
    return end, value


def _scaled(tokens: list[Token], end: int, value: str) -> tuple[int, str]:
    """`two point five million`, `two and a half thousand`."""
    scale = _scale(tokens, end)
    return (end + 1, _trim(float(value) * scale)) if scale else (end, value)


def _word(tokens: list[Token], at: int) -> str:
    return tokens[at].text if 0 <= at < len(tokens) else ""


def _suffix(value: int) -> str:
    if 10 <= value % 100 <= 20:
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")


def _trim(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)
