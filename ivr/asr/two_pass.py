"""Two passes over one utterance: a streaming engine for partials and grammars, a slower one for the final words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ivr.asr.base import Hypothesis, Recogniser, RecogniserCapabilities, RecognitionRequest, Transcript, Utterance
from ivr.asr.calibration import calibrated
from ivr.asr.closed import UNKNOWN, closed_order, settled
from ivr.asr.fusion import fused
from ivr.audio.frame import Samples
from ivr.errors import RecognitionError

TRUSTED_ALONE = 0.9
"""A first pass as sure as this is believed where the second heard nothing (its guards took the speech for noise)."""
MOST_READINGS = 3
"""Readings of the second pass that are handed on."""


def join(first: Transcript | None, second: Transcript | None, request: RecognitionRequest | None = None) -> Transcript:
    """The final transcript out of both passes (at least one given), its confidences as probabilities
    (`ivr.asr.calibration`).

    The second pass has the words, in the order that the first makes likely (`ivr.asr.fusion`); the first stays behind
    them as a further reading. Heard by the first alone, words
    count only when it was sure: it also makes words of noise, which the second rightly refuses. The answer to a closed
    question (`request` has a grammar) is chosen by `ivr.asr.closed`.
    """
    final = joined(first, second, request)
    return calibrated(final, first, second, request or RecognitionRequest(final.language))


def joined(first: Transcript | None, second: Transcript | None, request: RecognitionRequest | None) -> Transcript:
    """As `join`, with the scores that the engines give."""
    if second is None or first is None:
        only = second or first
        if only is None:
            raise ValueError("two passes, neither with a transcript")
        return replace(only, final=True)
    cpu_ms = round(first.cpu_ms + second.cpu_ms, 3)
    engine = f"{first.engine}+{second.engine}"
    if not second.hypotheses:
        words = tuple(one for one in first.hypotheses if UNKNOWN not in one.text)
        kept = words if words and words[0].confidence >= TRUSTED_ALONE else ()
        return Transcript(kept, first.language, engine, True, cpu_ms)
    if second.language != first.language:
        return replace(second, engine=engine, cpu_ms=cpu_ms)  # the first listened for another language
    if request is not None and request.grammar:
        ordered = closed_order(first.hypotheses, second.hypotheses, request)
        return Transcript(ordered, second.language, engine, True, cpu_ms)
    asked = request or RecognitionRequest(second.language)
    readings = fused(first.hypotheses, second.hypotheses, asked)[: max(MOST_READINGS, asked.max_alternatives)]
    known = {_plain(hypothesis) for hypothesis in readings}
    others = tuple(hypothesis for hypothesis in first.hypotheses if _plain(hypothesis) not in known)
    return Transcript((*readings, *others), second.language, engine, True, cpu_ms)


def _plain(hypothesis: Hypothesis) -> str:
    return "".join(char for char in hypothesis.text.lower() if char.isalnum())


class TwoPassRecogniser:
    """Both engines as one, in one process: for replay, `ivr transcribe` and tests. Either may be missing. `waits` says
    for which requests the second runs only when the first one's result does not settle the question."""

    def __init__(
        self,
        stream: Recogniser | None,
        final: Recogniser | None,
        *,
        waits: Callable[[RecognitionRequest], bool] = lambda request: False,
    ) -> None:
        engines = [engine for engine in (stream, final) if engine is not None]
        if not engines:
            raise ValueError("two passes, neither with an engine")
        self._stream = stream
        self._final = final
        self._waits = waits
        self.name = "+".join(engine.name for engine in engines)
        common = [set(engine.capabilities.languages) for engine in engines]
        first = engines[0].capabilities
        self.capabilities = RecogniserCapabilities(
            languages=tuple(sorted(set.intersection(*common))),
            streaming=first.streaming,
            partials=first.partials,
            grammar=first.grammar,
            hints=first.hints,
            n_best=all(engine.capabilities.n_best for engine in engines),
            word_confidence=engines[-1].capabilities.word_confidence,
        )

    def start(self, request: RecognitionRequest) -> TwoPassUtterance:
        if self._stream is None:
            assert self._final is not None
            return TwoPassUtterance(self._final.start(request), None, request)  # partials, if any, are the final's
        return TwoPassUtterance(self._stream.start(request), self._final, request, waits=self._waits(request))

    def close(self) -> None:
        for engine in (self._stream, self._final):
            if engine is not None:
                engine.close()


class TwoPassUtterance:
    """The second engine gets the audio in one piece at the end."""

    def __init__(
        self, stream: Utterance, final: Recogniser | None, request: RecognitionRequest, *, waits: bool = False
    ) -> None:
        self._stream = stream
        self._final = final
        self._request = request
        self._waits = waits
        self._blocks: list[Samples] = []
        self._over = False

    def accept(self, samples: Samples) -> Transcript | None:
        if self._over:
            raise RecognitionError("the utterance is over")
        if self._final is not None:
            self._blocks.append(np.array(samples, dtype=np.int16))
        return self._stream.accept(samples)

    def finish(self) -> Transcript:
        self._over = True
        first = self._stream.finish()
        if self._waits and settled(first, self._request):
            self._blocks.clear()
            return join(first, None, self._request)
        return join(first, self._second(), self._request)

    def cancel(self) -> None:
        self._over = True
        self._blocks.clear()
        self._stream.cancel()

    def _second(self) -> Transcript | None:
        if self._final is None:
            return None
        utterance = self._final.start(self._request)
        audio = np.concatenate(self._blocks) if self._blocks else np.zeros(0, dtype=np.int16)
        self._blocks.clear()
        utterance.accept(audio)
        return utterance.finish()
