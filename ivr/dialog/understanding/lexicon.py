"""Domain words put right: what sounds like a term of the lexicon is the term."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ivr.dialog.text.clean import HAN
from ivr.dialog.text.phonetics import pinyin_keys
from ivr.dialog.understanding.spec import Term

_HAN_RUN = re.compile(r"[㐀-鿿]{2,}")


@dataclass(frozen=True, slots=True)
class Mender:
    """Rewrites known mishearings; text without any comes back as it is."""

    spelled: re.Pattern[str] | None
    terms: dict[str, str]
    sounds: dict[tuple[str, ...], str]

    @classmethod
    def build(cls, lexicon: Sequence[Term]) -> Mender:
        terms = {alike.lower(): term.term for term in lexicon for alike in term.sounds_like}
        parts = [
            re.escape(alike) if HAN.search(alike) else rf"\b{re.escape(alike)}\b"
            for alike in sorted(terms, key=len, reverse=True)
        ]
        sounds = {pinyin_keys(term.term): term.term for term in lexicon if re.fullmatch(_HAN_RUN.pattern, term.term)}
        return cls(re.compile("|".join(parts), re.IGNORECASE) if parts else None, terms, sounds)

    def mend(self, text: str) -> str:
        if self.spelled is not None:
            text = self.spelled.sub(lambda match: self.terms[match.group().lower()], text)
        if not self.sounds:
            return text
        return _HAN_RUN.sub(lambda match: self._by_sound(match.group()), text)

    def _by_sound(self, run: str) -> str:
        keys = pinyin_keys(run)
        if len(keys) != len(run):
            return run
        out, at = "", 0
        while at < len(run):
            size = next((n for n in range(min(8, len(run) - at), 1, -1) if keys[at : at + n] in self.sounds), 0)
            out += self.sounds[keys[at : at + size]] if size else run[at]
            at += size or 1
        return out
