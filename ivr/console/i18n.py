"""The interface in the reader's language. English texts are the keys; Chinese stands in `messages_zh`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aiohttp import web

from ivr.console.messages_zh import MESSAGES

LANGUAGES: Final = {"en": "English", "zh": "中文"}
ENGLISH: Final = {
    "in_progress": "in progress", "handed_over": "handed over", "wrap_up": "wrap-up", "no_match": "not understood",
    "no_input": "said nothing", "asked": "asked for a person", "anger": "angry", "system_error": "our system failed",
    "internal_error": "our system failed", "limit": "took too long", "invalid": "could not be accepted",
    "taken_over": "taken over",
}  # fmt: skip
"""Names of states and reasons that are no English words; all other English texts are their own keys."""
LANGUAGE_COOKIE: Final = "ivr_language"
Translate = Callable[..., str]


def language_of(request: web.Request) -> str:
    """The cookie's, else the first one of the browser's that we have."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    for part in request.headers.get("Accept-Language", "").split(",")[:10]:
        language = part.split(";")[0].strip()[:2].lower()
        if language in LANGUAGES:
            return language
    return "en"


def translator(language: str) -> Translate:
    """`t("waits {n} s", n=3)`."""

    def translate(text: str, **values: object) -> str:
        found = (MESSAGES if language == "zh" else ENGLISH).get(text, text)
        return found.format(**values) if values else found

    return translate
