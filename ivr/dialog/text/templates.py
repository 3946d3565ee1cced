"""Phrase templates: `[optional]`, `(a|b)`, nesting. `[我要](转|找)人工[客服]` stands for eight phrases.

template := item*            item := literal | '[' alternatives ']' | '(' alternatives ')'
alternatives := template ('|' template)*
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

from ivr.dialog.text.clean import HAN
from ivr.errors import InputError

MAX_LENGTH = 1000
MAX_PHRASES = 2000
MAX_DEPTH = 10
_CLOSING = {"[": "]", "(": ")"}


class TemplateError(InputError):
    """A phrase template that cannot be expanded; the message names it."""


def expand(template: str, limit: int = MAX_PHRASES) -> list[str]:
    """All phrases of `template`, in order, without repeats. TemplateError names the template and the reason."""
    if len(template) > MAX_LENGTH:
        raise TemplateError(f"template {template[:40]!r}... is longer than {MAX_LENGTH} characters")
    phrases, end = _alternatives(template, 0, 0, limit)
    if end != len(template):
        raise TemplateError(f"template {template!r}: `{template[end]}` at {end + 1} closes nothing")
    tidy = list(dict.fromkeys(_tidy(phrase) for phrase in phrases))
    if "" in tidy:
        if not any(tidy):
            raise TemplateError(f"template {template!r} is empty")
        tidy.remove("")
    return tidy


def expand_all(templates: Iterable[str], limit: int = MAX_PHRASES) -> list[str]:
    """The phrases of several templates, without repeats."""
    return list(dict.fromkeys(phrase for template in templates for phrase in expand(template, limit)))


def _tidy(phrase: str) -> str:
    phrase = re.sub(r"\s+", " ", phrase).strip()
    if HAN.search(phrase):
        return re.sub(r"(?<=[㐀-鿿]) (?=[㐀-鿿])", "", phrase)
    return phrase


def _alternatives(template: str, at: int, depth: int, limit: int) -> tuple[list[str], int]:
    """Phrases up to the closing bracket or the end; the index of that."""
    if depth > MAX_DEPTH:
        raise TemplateError(f"template {template!r} is nested deeper than {MAX_DEPTH}")
    alternatives: list[str] = []
    parts: list[list[str]] = [[""]]
    while at < len(template) and template[at] not in "])":
        char = template[at]
        if char == "|":
            alternatives += _joined(template, parts, limit)
            parts, at = [[""]], at + 1
        elif char in _CLOSING:
            choices, end = _alternatives(template, at + 1, depth + 1, limit)
            if end >= len(template) or template[end] != _CLOSING[char]:
                raise TemplateError(f"template {template!r}: `{char}` at {at + 1} is not closed by `{_CLOSING[char]}`")
            parts.append([*choices, ""] if char == "[" else choices)
            at = end + 1
        else:
            end = at
            while end < len(template) and template[end] not in "[](|)":
                end += 1
            parts.append([template[at:end]])
            at = end
    return alternatives + _joined(template, parts, limit), at


def _joined(template: str, parts: list[list[str]], limit: int) -> list[str]:
    count = 1
    for part in parts:
        count *= len(part)
        if count > limit:
            raise TemplateError(f"template {template!r} stands for more than {limit} phrases")
    return ["".join(choice) for choice in itertools.product(*parts)]
