"""Vosk (Kaldi): streaming, with grammars. Good partials at a tenth of a core; the words of open speech need a second
pass.

Facts it is built on: a recogniser composes its graph lazily, so a used one is three times cheaper than a new one: open
recognisers are lent out and given back. `SetGrammar` on one that has taken audio aborts the process, so it is never
called: each grammar has recognisers of its own (0.2 ms to make). Only `FinalResult` makes Vosk drop the audio's
adaptation state; `Reset` keeps it, and then the next caller would be recognised by the last one's voice.
"""

from __future__ import annotations

import json
import math
import re
import tempfile
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import vosk

from ivr.asr.base import Hypothesis, RecogniserCapabilities, RecognitionRequest, Transcript, Word
from ivr.asr.closed import UNKNOWN
from ivr.asr.registry import resolve_model
from ivr.asr.text import has_cjk, join_cjk
from ivr.audio.frame import SAMPLE_RATE, Samples
from ivr.errors import ModelError, RecognitionError

CHUNK_SAMPLES = SAMPLE_RATE // 10
"""Audio goes in by pieces of exactly this many samples, however it came, so that the words do not depend on frames."""
DITHER = 1.0
"""Standard deviation of the noise added to the samples, as Kaldi does in training: without it digital silence, and the
empty band above 4 kHz of telephone speech, look like nothing the model has heard."""
GRAMMARS_KEPT = 64
"""Idle grammar recognisers, over all grammars; the one unused longest goes first."""
OPEN_KEPT = 64
"""Idle open recognisers (about 10 MB each once warm)."""


def _dither_table() -> npt.NDArray[np.int16]:
    noise = np.random.default_rng(1).normal(0.0, DITHER, 2 * SAMPLE_RATE)
    return np.rint(noise).astype(np.int16)


_NOISE = _dither_table()


@dataclass(slots=True)
class Lent:
    """A recogniser on loan: `grammar` as Vosk takes it ("" = open), and the samples it was fed in its life so far, for
    Vosk's word times run on from utterance to utterance."""

    handle: Any
    grammar: str
    fed: int = 0


class VoskRecogniser:
    """A Vosk model and its pool of recognisers. `model` is a model id or a folder; `warm_audio` a WAV of speech at
    16 kHz that the first recogniser hears at start, which takes the dearest second off the first call."""

    name = "vosk"

    def __init__(self, *, languages: tuple[str, ...] = (), model: str = "vosk-en", warm_audio: str = "") -> None:
        folder = resolve_model(model)
        self._model = _load(folder)
        self._open: list[Lent] = []
        self._grammars: OrderedDict[str, list[Lent]] = OrderedDict()
        self.capabilities = RecogniserCapabilities(
            languages=languages or ("en",),
            streaming=True,
            partials=True,
            grammar=True,
            hints=False,
            n_best=True,
            word_confidence=True,
        )
        if warm_audio:
            self._warm(Path(warm_audio))

    def start(self, request: RecognitionRequest) -> VoskUtterance:
        """Begin an utterance. Raises RecognitionError for a language this model does not speak."""
        if request.language not in self.capabilities.languages:
            raise RecognitionError(
                f"vosk: this model has {', '.join(self.capabilities.languages)}, not {request.language!r}"
            )
        lent = self._borrow(self._grammar(request.grammar))
        lent.handle.SetMaxAlternatives(request.max_alternatives if request.max_alternatives > 1 else 0)
        lent.handle.SetWords(True)
        return VoskUtterance(self, lent, request)

    def close(self) -> None:
        self._open.clear()
        self._grammars.clear()

    def give_back(self, lent: Lent) -> None:
        """Take back a recogniser whose last call was FinalResult."""
        if not lent.grammar:
            if len(self._open) < OPEN_KEPT:
                self._open.append(lent)
            return
        self._grammars.setdefault(lent.grammar, []).append(lent)
        self._grammars.move_to_end(lent.grammar)
        while sum(map(len, self._grammars.values())) > GRAMMARS_KEPT:
            self._grammars.popitem(last=False)

    def _borrow(self, grammar: str) -> Lent:
        idle = self._grammars.get(grammar) if grammar else self._open
        if idle:
            # The most practised is the cheapest, and lending it keeps the words heard in few places
            practised = max(range(len(idle)), key=lambda index: idle[index].fed)
            return idle.pop(practised)
        arguments = (grammar,) if grammar else ()
        return Lent(vosk.KaldiRecognizer(self._model, SAMPLE_RATE, *arguments), grammar)

    def _grammar(self, phrases: tuple[str, ...]) -> str:
        """Phrases as Vosk's grammar with `[unk]`; a phrase with a word the model lacks cannot be heard and is left out
        (Vosk would drop the word and keep the rest). "" = open, also when no phrase is left."""
        known = sorted({spelled for phrase in phrases if (spelled := self._spell(phrase))})
        return json.dumps([*known, UNKNOWN], ensure_ascii=False) if known else ""

    def _spell(self, phrase: str) -> str:
        """The phrase in words of the model's vocabulary, lower case; "" if that cannot be."""
        words: list[str] = []
        for token in re.sub(r"[^\w' ]", " ", phrase.lower()).split():
            pieces = self._segment(token) if has_cjk(token) else [token] if self._has(token) else []
            if not pieces:
                return ""
            words += pieces
        return " ".join(words)

    def _segment(self, token: str) -> list[str]:
        """Chinese without spaces as words of the vocabulary, longest first."""
        pieces: list[str] = []
        while token:
            length = next((n for n in range(min(len(token), 6), 0, -1) if self._has(token[:n])), 0)
            if not length:
                return []
            pieces.append(token[:length])
            token = token[length:]
        return pieces

    def _has(self, word: str) -> bool:
        return int(self._model.vosk_model_find_word(word)) >= 0

    def _warm(self, path: Path) -> None:
        from ivr.audio.wav import read_audio

        utterance = self.start(RecognitionRequest(self.capabilities.languages[0]))
        utterance.accept(read_audio(path))
        utterance.finish()


class VoskUtterance:
    """One utterance on a borrowed recogniser."""

    def __init__(self, engine: VoskRecogniser, lent: Lent, request: RecognitionRequest) -> None:
        self._engine = engine
        self._lent: Lent | None = lent
        self._start_s = lent.fed / SAMPLE_RATE
        self._request = request
        self._buffer = b""
        self._position = 0
        self._segments: list[dict[str, Any]] = []
        self._partial = ""
        self._cpu_s = 0.0

    def accept(self, samples: Samples) -> Transcript | None:
        started = time.process_time()
        self._buffer += self._dithered(samples)
        size = CHUNK_SAMPLES * 2
        whole = len(self._buffer) // size * size
        for start in range(0, whole, size):
            self._feed(self._buffer[start : start + size])
        self._buffer = self._buffer[whole:]
        text = self._partial_text() if whole else self._partial
        self._cpu_s += time.process_time() - started
        if text == self._partial:
            return None
        self._partial = text
        return self._transcript((Hypothesis(text, 0.0),) if text else (), final=False)

    def finish(self) -> Transcript:
        started = time.process_time()
        if self._buffer:
            self._feed(self._buffer)
        self._segments.append(json.loads(self._handle.FinalResult()))
        hypotheses = _join_segments(self._segments, self._start_s)
        self._release()
        self._cpu_s += time.process_time() - started
        return self._transcript(hypotheses, final=True)

    def cancel(self) -> None:
        if self._lent is not None:
            self._handle.FinalResult()
            self._release()

    @property
    def _handle(self) -> Any:
        if self._lent is None:
            raise RecognitionError("vosk: the utterance is over")
        return self._lent.handle

    def _dithered(self, samples: Samples) -> bytes:
        """The samples with noise that depends on their place in the utterance alone (16 bit, little endian)."""
        noise = np.take(_NOISE, np.arange(self._position, self._position + len(samples)), mode="wrap")
        self._position += len(samples)
        data: bytes = np.clip(samples.astype(np.int32) + noise, -32768, 32767).astype("<i2").tobytes()
        return data

    def _feed(self, data: bytes) -> None:
        # Vosk ends a segment at a pause of its own choosing; the utterance goes on in the next
        if self._handle.AcceptWaveform(data):
            self._segments.append(json.loads(self._handle.Result()))

    def _partial_text(self) -> str:
        running = json.loads(self._handle.PartialResult()).get("partial", "")
        return join_cjk(" ".join(filter(None, [*map(_best_text, self._segments), running])))

    def _release(self) -> None:
        assert self._lent is not None
        self._lent.fed += self._position
        self._engine.give_back(self._lent)
        self._lent = None

    def _transcript(self, hypotheses: tuple[Hypothesis, ...], *, final: bool) -> Transcript:
        return Transcript(hypotheses, self._request.language, "vosk", final, round(self._cpu_s * 1000, 3))


def _load(folder: Path) -> Any:
    """The model with Kaldi's own dither switched off: that draws from the process's random state, so that the same
    samples would give other words each time. `_dithered` adds the like from a fixed table."""
    vosk.SetLogLevel(-1)
    if not (folder / "am" / "final.mdl").is_file():
        raise ModelError(f"{folder / 'am' / 'final.mdl'} is missing: {folder} holds no Vosk model (ivr models list)")
    try:
        with tempfile.TemporaryDirectory(prefix="ivr-vosk-") as overlay:
            return vosk.Model(str(_without_dither(folder.resolve(), Path(overlay))))
    except OSError as error:
        raise ModelError(f"{folder}: {error}") from error
    except Exception as error:  # vosk raises nothing finer
        raise ModelError(f"{folder}: Vosk cannot load this model: {error}; see: ivr models verify") from error


def _without_dither(folder: Path, overlay: Path) -> Path:
    """A folder of links to the model's, but for the one setting."""
    for entry in folder.iterdir():
        if entry.name != "conf":
            (overlay / entry.name).symlink_to(entry)
    (overlay / "conf").mkdir()
    for entry in (folder / "conf").iterdir():
        text = entry.read_text(encoding="utf-8")
        (overlay / "conf" / entry.name).write_text(text + ("\n--dither=0\n" if entry.name == "mfcc.conf" else ""))
    return overlay


def _best_text(segment: dict[str, Any]) -> str:
    alternatives = segment.get("alternatives")
    return str((alternatives[0] if alternatives else segment).get("text", ""))


def _join_segments(segments: list[dict[str, Any]], start_s: float) -> tuple[Hypothesis, ...]:
    """The utterance from its segments: the best of each in order; further readings change the longest segment only."""
    filled = [_hypotheses(segment, start_s) for segment in segments]
    filled = [readings for readings in filled if readings]
    if not filled:
        return ()
    longest = max(range(len(filled)), key=lambda index: len(filled[index][0].text))
    joined = [
        _concatenate([reading if index == longest else others[0] for index, others in enumerate(filled)])
        for reading in filled[longest]
    ]
    return tuple(joined)


def _concatenate(parts: list[Hypothesis]) -> Hypothesis:
    words = tuple(word for part in parts for word in part.words)
    weights = [max(1, len(part.words)) for part in parts]
    confidence = sum(part.confidence * weight for part, weight in zip(parts, weights, strict=True)) / sum(weights)
    return Hypothesis(join_cjk(" ".join(part.text for part in parts)), round(confidence, 4), words)


def _hypotheses(segment: dict[str, Any], start_s: float) -> list[Hypothesis]:
    if "alternatives" in segment:
        return _n_best([item for item in segment["alternatives"] if item.get("text")], start_s)
    if not segment.get("text"):
        return []
    words = tuple(_word(item, float(item["conf"]), start_s) for item in segment.get("result", []))
    confidence = sum(word.confidence for word in words) / len(words) if words else 0.0
    return [Hypothesis(join_cjk(segment["text"]), round(confidence, 4), words)]


def _n_best(items: list[dict[str, Any]], start_s: float) -> list[Hypothesis]:
    """With alternatives Vosk gives log-likelihoods: their softmax is the share of each reading."""
    if not items:
        return []
    best = max(float(item["confidence"]) for item in items)
    weights = [math.exp(float(item["confidence"]) - best) for item in items]
    readings = []
    for item, weight in zip(items, weights, strict=True):
        share = round(weight / sum(weights), 4)
        words = tuple(_word(word, share, start_s) for word in item.get("result", []))
        readings.append(Hypothesis(join_cjk(item["text"].strip()), share, words))
    return sorted(readings, key=lambda reading: -reading.confidence)


def _word(item: dict[str, Any], confidence: float, start_s: float) -> Word:
    start, end = (max(0, round((item[key] - start_s) * 1000)) for key in ("start", "end"))
    return Word(item["word"], start, end, round(min(1.0, confidence), 4))
