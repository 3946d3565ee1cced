"""One utterance for Whisper: collected, then read whole, in the language that it is found to be in."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ivr.asr.base import Hypothesis, RecognitionRequest, Transcript
from ivr.asr.closed import answers, digits_in
from ivr.asr.constrained import is_loop, is_too_fast, last_cue, with_corrections
from ivr.asr.whisper_window import MAX_PIECE_S, MIN_SPEECH_S
from ivr.audio.frame import SAMPLE_RATE, Samples, to_samples
from ivr.dialog.text.numbers_zh import DIGITS

if TYPE_CHECKING:
    from ivr.asr.whisper_engine import WhisperRecogniser

OTHER_LANGUAGE = 0.7
"""From this probability on a caller is believed to speak another language than the one he was spoken to in."""
PLAUSIBLE_OPTION = -3.5
"""Mean log-probability a token of an option that may have been said: on noise the best was -4.3."""
OPTIONS_MAX_S = 3.0
"""Longer than this it is no single answer of a closed slot, and free decoding does better."""
OPTIONS_MOST = 20
"""Phrases of a grammar that are scored, the first ones: each costs 30 ms."""
DIGITS_LIKELY = -1.0
"""Mean log-probability a token from which a string of digits is believed. Of 85 sentences and words without digits the
best string that was no loop had -1.6 (homophones of digits apart)."""
DIGITS_POSSIBLE = -2.5
"""The same where free decoding is not sure of its words (confidence below `WORDS_DOUBTED`)."""
WORDS_DOUBTED = 0.5
PARTIAL_EVERY_MS = 600
PARTIAL_SHARE = 0.25
"""A partial is worked out when so much has come since the last, as a share of the utterance: what partials of long ones
cost stays in proportion to their length."""
PARTIAL_MAX_S = 10.0
"""Longer utterances get no more partials: what they could decide is decided."""


class WhisperUtterance:
    """Collects one utterance; the work is done at the end, and for partials now and then."""

    def __init__(self, engine: WhisperRecogniser, request: RecognitionRequest) -> None:
        self._engine = engine
        self._request = request
        self._blocks: list[Samples] = []
        self._since_partial = 0
        self._partial = ""
        self._cpu_s = 0.0

    def collect(self, samples: Samples) -> None:
        """Take audio without working out a partial: the end is near."""
        self._blocks.append(np.array(samples, dtype=np.int16))

    def accept(self, samples: Samples) -> Transcript | None:
        self.collect(samples)
        self._since_partial += len(samples)
        if not self._engine.capabilities.partials or not self._partial_due():
            return None
        self._since_partial = 0
        transcript = self._run(final=False)
        if transcript.text == self._partial:
            return None
        self._partial = transcript.text
        return transcript

    def _partial_due(self) -> bool:
        length = sum(map(len, self._blocks))
        least = max(to_samples(PARTIAL_EVERY_MS), length * PARTIAL_SHARE)
        return self._since_partial >= least and length <= SAMPLE_RATE * PARTIAL_MAX_S

    def finish(self) -> Transcript:
        transcript = self._run(final=True)
        self._blocks.clear()
        return transcript

    def cancel(self) -> None:
        self._blocks.clear()

    def _run(self, *, final: bool) -> Transcript:
        started = time.process_time()
        samples = np.concatenate(self._blocks) if self._blocks else np.zeros(0, dtype=np.int16)
        language = self._request.language
        candidates = self._request.candidates
        if language == "auto" or (final and len(candidates) > 1):
            language = self._language(samples, language, candidates)
        if final:
            hints = self._request.hints if language == self._request.language else ()
            hypotheses = self._engine.recognise(samples, language, hints=hints)
        else:
            hypotheses = self._engine.glance(samples, language)
        if final and self._request.grammar and len(samples) >= SAMPLE_RATE * MIN_SPEECH_S:
            hypotheses = self._closed(samples, language, hypotheses[:1])
        self._cpu_s += time.process_time() - started
        return Transcript(hypotheses, language, "whisper", final, round(self._cpu_s * 1000, 3))

    def _language(self, samples: Samples, expected: str, candidates: Sequence[str]) -> str:
        if len(samples) < SAMPLE_RATE * MIN_SPEECH_S and expected != "auto":
            return expected  # too short to tell
        shares = self._engine.detect_language(samples, candidates)
        best = max(shares, key=lambda name: shares[name])
        return best if expected == "auto" or shares[best] >= OTHER_LANGUAGE else expected

    def _closed(self, samples: Samples, language: str, free: tuple[Hypothesis, ...]) -> tuple[Hypothesis, ...]:
        """A closed slot: what it takes that the sound may be, best first, then what was heard freely."""
        if self._request.expects == "digits":
            return self._digits(samples, replace(self._request, language=language), free)
        if language != self._request.language:
            return free
        if len(samples) > SAMPLE_RATE * OPTIONS_MAX_S or (free and answers(free[0].text, self._request)):
            return free
        scores = self._engine.score_options(samples, self._request.grammar[:OPTIONS_MOST], language)
        plausible = [item for item in scores if item.log_probability >= PLAUSIBLE_OPTION]
        options = (Hypothesis(item.option, item.confidence) for item in plausible)
        return (*list(options)[: max(3, self._request.max_alternatives)], *free)

    def _digits(
        self, samples: Samples, request: RecognitionRequest, free: tuple[Hypothesis, ...]
    ) -> tuple[Hypothesis, ...]:
        """A string of digits by constrained decoding, before or after what was heard freely."""
        if free and request.language == "zh":
            free = (replace(free[0], text=with_corrections(free[0].text)), *free[1:])
        shortest, longest = request.length
        whole = bool(free) and answers(free[0].text, request)
        if (whole and shortest == longest) or len(samples) > SAMPLE_RATE * MAX_PIECE_S:
            return free
        if mended := self._after_correction(samples, request, free):
            return (mended, *free)
        fitting = self._fitting(samples, request)
        if not fitting or not self._believed(fitting[0], free):
            return free
        if whole and any(char.isalpha() for char in _without_digits(free[0].text)):
            return (*free, fitting[0])  # digits with words, such as a correction
        same = whole and digits_in(free[0].text, request.language) == digits_in(fitting[0].text, request.language)
        return free if same else (fitting[0], *free)

    def _fitting(self, samples: Samples, request: RecognitionRequest) -> list[Hypothesis]:
        """Strings of digits of the length asked for, such as somebody may have said."""
        readings = self._engine.hear_digits(samples, request.language)
        seconds = len(samples) / SAMPLE_RATE
        return [
            one
            for one in readings
            if answers(one.text, request)
            and not is_loop(one.text)
            and not is_too_fast(len(digits_in(one.text, request.language)), seconds)
        ]

    def _after_correction(
        self, samples: Samples, request: RecognitionRequest, free: tuple[Hypothesis, ...]
    ) -> Hypothesis | None:
        """Mandarin: a correction whose digits were not understood (四包不对势四齐): what comes after its word, by
        constrained decoding of that sound alone. None when no whole string of digits follows."""
        if request.language != "zh" or not free or answers(free[0].text, request):
            return None
        if (cue := last_cue(free[0], request.language)) is None:
            return None
        upto, end_ms = cue
        rest = samples[to_samples(end_ms) :]
        if len(rest) < SAMPLE_RATE * MIN_SPEECH_S:
            return None
        fitting = self._fitting(rest, request)
        if not fitting or fitting[0].confidence < math.exp(DIGITS_POSSIBLE):
            return None
        return Hypothesis(f"{upto} {fitting[0].text}", fitting[0].confidence)

    def _believed(self, digits: Hypothesis, free: tuple[Hypothesis, ...]) -> bool:
        doubted = not free or free[0].confidence < WORDS_DOUBTED
        return digits.confidence >= math.exp(DIGITS_POSSIBLE if doubted else DIGITS_LIKELY)


def _without_digits(text: str) -> str:
    return "".join(char for char in text if char not in DIGITS)
