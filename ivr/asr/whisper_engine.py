"""Whisper (CTranslate2, int8): the finished utterance, in many languages, far fewer errors than Vosk on open speech.

What makes it fit a phone call:
- The encoder sees max(10 s, length + 1.5 s) instead of 30 s: a sixth of the CPU. A decoder that is shown so little
  repeats itself (on short telephone prompts every third word was wrong); so what it is shown is filled up to the 30 s
  of its training with the encoding of silence, made once: errors as of an encoded window of 20 s (every eleventh word)
  at the cost of 10. Filled up to 20 s only, every fifth word was wrong. When it repeats itself all the same, the
  utterance is encoded again with the full window.
- Whisper writes sentences into noise and silence. Four guards: level, no-speech probability, mean log-probability,
  and repetition (Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision", section 4.5).
- No prompt is given: on bad audio it comes back as the text. The hotline's vocabulary works on the readings instead
  (`ivr.asr.bias`).
- A closed slot's few options are scored by forced decoding in one batch, which finds short Mandarin words that free
  decoding misses.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import numpy.typing as npt
import tokenizers
from faster_whisper.feature_extractor import FeatureExtractor
from faster_whisper.tokenizer import Tokenizer

from ivr.asr.base import Hypothesis, RecogniserCapabilities, RecognitionRequest, Word
from ivr.asr.bias import sound_alikes, worth
from ivr.asr.constrained import DigitTokens
from ivr.asr.registry import resolve_model
from ivr.asr.text import is_runaway, repeats_itself, simplify, strip_punctuation
from ivr.asr.whisper_utterance import WhisperUtterance
from ivr.asr.whisper_window import FULL_WINDOW_S, MAX_PIECE_S, MIN_SPEECH_S, loudest_dbfs, pieces, window_s
from ivr.audio.frame import SAMPLE_RATE, Samples, to_samples
from ivr.dialog.hints import Hint
from ivr.errors import ModelError, RecognitionError

LANGUAGE_PIECE_S = 8.0
"""The beginning of an utterance is enough to tell its language."""
FRAMES_A_SECOND = 100
"""Mel frames (10 ms each); the decoder's time steps are half as many."""
MEL_BANDS = 80
SILENCES_KEPT = 32
"""Levels of silence that are kept encoded (3 MB each)."""
SILENCE_DBFS = -60.0
"""An utterance whose loudest 100 ms is below this holds no speech."""
LIKELY_WORDS = -0.95
"""Words of at least this mean log-probability a token are believed whatever the no-speech probability, which is 0.9 on
some strings of digits."""
NO_SPEECH_WEIGHT = 2.0
NOISE_BELOW = -2.1
"""Others must have log-probability - `NO_SPEECH_WEIGHT` x no-speech probability above this. Neither figure alone parts
short words from noise: of 101 clips of short speech this loses 9, most of them single digits of 0.3 s, and of 29 noises
it takes 4 for words."""
TOKENS_A_SECOND = 12
"""Nobody speaks more tokens than this a second (Mandarin: about 6 characters, up to 2 tokens each)."""
SPARE_TOKENS = 12
SCORE_BATCH = 32
"""Options in one decoder batch: 32 x 2 MB of encoder output."""
DIGIT_BEAM = 5
"""Greedy search gets a seventh fewer strings of digits right."""

Features = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class OptionScore:
    """How well an option fits the sound: mean log-probability of its tokens, and its share among all options (0..1), by
    which they are ranked."""

    option: str
    log_probability: float
    share: float

    @property
    def confidence(self) -> float:
        """0..1, uncalibrated: the share, less what an unlikely sound takes from it."""
        return round(self.share * math.exp(self.log_probability / 2), 4)


@dataclass(frozen=True, slots=True)
class _Decoded:
    """One reading of a piece of speech: `tokens` of the text, mean log-probability a token, no-speech probability."""

    tokens: list[int]
    text: str
    log_probability: float
    no_speech: float

    @property
    def log_likelihood(self) -> float:
        """Of the whole text."""
        return self.log_probability * (len(self.tokens) + 1)


class WhisperRecogniser:
    """A Whisper model. `model` is a model id or a folder; `partials` re-runs it on the growing utterance; `beam` is
    how many readings it follows and gives (1 = greedy: a tenth of the CPU less, and nothing to choose from); `threads`
    CPU threads of the one decoder."""

    name = "whisper"

    def __init__(
        self,
        *,
        languages: tuple[str, ...] = (),
        model: str = "whisper-base",
        partials: bool = False,
        beam: int = 5,
        threads: int = 1,
    ) -> None:
        folder = resolve_model(model)
        self._model = _load(folder, threads)
        self._tokenizer = _load_tokenizer(folder)
        self._extract = FeatureExtractor()
        self._beam = beam
        self._tokenizers: dict[str, Tokenizer] = {}
        self._digits: dict[str, DigitTokens] = {}
        self._silences: dict[float, Features] = {}
        self._last: tuple[bytes, float, ctranslate2.StorageView] | None = None
        """What was encoded last: a closed question looks at the same sound several times."""
        self.capabilities = RecogniserCapabilities(
            languages=languages or (("en", "zh") if self._model.is_multilingual else ("en",)),
            streaming=False,
            partials=partials,
            grammar=False,
            hints=True,
            n_best=True,
            word_confidence=True,
        )

    def start(self, request: RecognitionRequest) -> WhisperUtterance:
        """Begin an utterance; language `auto` decides by the sound. Raises RecognitionError for another it lacks."""
        if request.language not in (*self.capabilities.languages, "auto"):
            known = ", ".join(self.capabilities.languages)
            raise RecognitionError(f"whisper: set up for {known}, not {request.language!r}")
        return WhisperUtterance(self, request)

    def close(self) -> None:
        self._model.unload_model()

    def forget(self) -> None:
        """Drop the sound that was encoded last, which a closed question looks at several times."""
        self._last = None

    def detect_language(self, samples: Samples, languages: Sequence[str] = ()) -> dict[str, float]:
        """Probability of each language (default: those of the capabilities), summing to 1. The window is cut as for
        words: 88 of 88 clips of both languages right, words of one syllable included, at a fifth of the CPU."""
        languages = languages or self.capabilities.languages
        if len(languages) == 1:
            return {languages[0]: 1.0}
        piece = samples[: to_samples(LANGUAGE_PIECE_S * 1000)]
        return self._languages_of(self._encode(piece, window_s(len(piece))), languages)

    def score_options(self, samples: Samples, options: Sequence[str], language: str) -> list[OptionScore]:
        """Every option forced through the decoder in one batch, best first. For closed slots: about 0.2 s an utterance
        and 30 ms an option. No options give []."""
        if not options:
            return []
        samples = samples[: to_samples(MAX_PIECE_S * 1000)]
        encoded = np.array(self._encode(samples, window_s(len(samples))))
        tokenizer = self._tokenizer_for(language)
        tokens = [tokenizer.encode(_spelled(option, language)) for option in options]
        scores: list[float] = []
        for start in range(0, len(tokens), SCORE_BATCH):
            scores += self._forced(encoded, tokens[start : start + SCORE_BATCH], tokenizer, len(samples))
        shares = _softmax([score * len(ids) for score, ids in zip(scores, tokens, strict=True)])
        ranked = map(OptionScore, options, scores, shares)
        return sorted(ranked, key=lambda item: -item.share)

    def hear_digits(self, samples: Samples, language: str) -> list[Hypothesis]:
        """The likeliest strings of digits in an utterance of at most 28 s, best first, whether or not any were said.
        The confidence is the mean probability a token without the constraint."""
        encoded = self._encode(samples, window_s(len(samples)))
        tokenizer = self._tokenizer_for(language)
        digits = self._digit_tokens(language)
        result = self._model.generate(
            encoded,
            [[*tokenizer.sot_sequence, tokenizer.no_timestamps]],
            beam_size=DIGIT_BEAM,
            num_hypotheses=DIGIT_BEAM,
            max_length=len(tokenizer.sot_sequence) + 1 + _token_limit(len(samples)),
            suppress_blank=True,
            suppress_tokens=digits.suppressed,
        )[0]
        strings = [[token for token in ids if token < tokenizer.eot] for ids in result.sequences_ids]
        scores = self._forced(np.array(encoded), [ids for ids in strings if ids], tokenizer, len(samples))
        return [
            Hypothesis(text, round(math.exp(score), 4))
            for ids, score in zip(filter(None, strings), scores, strict=True)
            if (text := digits.text(ids))
        ]

    def recognise(self, samples: Samples, language: str, *, hints: Sequence[Hint] = ()) -> tuple[Hypothesis, ...]:
        """The words of a finished utterance, best reading first; () when it holds none."""
        joined: tuple[Hypothesis, ...] = ()
        for start, end in pieces(samples):
            start_ms = start * 1000 // SAMPLE_RATE
            readings = self._recognise_piece(samples[start:end], language, hints, start_ms)
            joined = _append(joined, readings, language)
        return joined

    def glance(self, samples: Samples, language: str) -> tuple[Hypothesis, ...]:
        """The words so far of an utterance that goes on, at least cost: no search, no times, nothing tried again."""
        if len(samples) < SAMPLE_RATE * MIN_SPEECH_S or loudest_dbfs(samples) < SILENCE_DBFS:
            return ()
        samples = samples[-to_samples(MAX_PIECE_S * 1000) :]
        best = self._decode(self._encode(samples, window_s(len(samples))), language, len(samples), 1)[0]
        if not best.text or repeats_itself(best.text) or _unbelievable(best, len(samples)):
            return ()
        return (Hypothesis(best.text, round(math.exp(best.log_probability), 4)),)

    def _recognise_piece(
        self, samples: Samples, language: str, hints: Sequence[Hint], start_ms: int
    ) -> tuple[Hypothesis, ...]:
        if len(samples) < SAMPLE_RATE * MIN_SPEECH_S or loudest_dbfs(samples) < SILENCE_DBFS:
            return ()
        window = window_s(len(samples))
        encoded = self._encode(samples, window)
        readings = self._decode(encoded, language, len(samples), self._beam)
        if window < FULL_WINDOW_S and (repeats_itself(readings[0].text) or _too_many(readings[0], len(samples))):
            encoded = self._encode(samples, FULL_WINDOW_S)
            readings = self._decode(encoded, language, len(samples), self._beam)
        if not readings[0].text or _unbelievable(readings[0], len(samples)):
            return ()
        if hints:
            readings = self._biased(encoded, readings, language, len(samples), hints)
        best = readings[0]
        words = self._words(encoded, best, language, len(samples), start_ms)
        confidence = sum(word.confidence for word in words) / len(words) if words else math.exp(best.log_probability)
        others = {one.text: one for one in reversed(readings[1:]) if one.text not in ("", best.text)}
        return (
            Hypothesis(best.text, round(confidence, 4), words, round(best.log_likelihood, 4)),
            *(
                Hypothesis(one.text, round(math.exp(one.log_probability), 4), (), round(one.log_likelihood, 4))
                for one in reversed(others.values())
            ),
        )

    def _biased(
        self,
        encoded: ctranslate2.StorageView,
        readings: list[_Decoded],
        language: str,
        length: int,
        hints: Sequence[Hint],
    ) -> list[_Decoded]:
        """The readings, and such as sound like the best but hold a word of the vocabulary, by likelihood and worth."""
        best = readings[0]
        texts = sound_alikes(best.text, hints, language)
        if texts:
            tokenizer = self._tokenizer_for(language)
            tokens = [best.tokens, *(tokenizer.encode(_spelled(text, language)) for text in texts)]
            scores = self._forced(np.array(encoded), tokens, tokenizer, length)
            shift = best.log_probability - scores[0]  # the search counts the end of the text, the forced score does not
            known = {one.text for one in readings}
            readings = readings + [
                _Decoded(ids, text, score + shift, best.no_speech)
                for ids, text, score in zip(tokens[1:], texts, scores[1:], strict=True)
                if text not in known
            ]
        return sorted(readings, key=lambda one: -(one.log_likelihood + worth(one.text, hints, language)))

    def _encode(self, samples: Samples, window: float) -> ctranslate2.StorageView:
        """Encoder output, shape (1, window * 50, d_model)."""
        sound = samples.tobytes()
        if self._last is None or self._last[:2] != (sound, window):
            self._last = (sound, window, self._encode_anew(samples, window))
        return self._last[2]

    def _encode_anew(self, samples: Samples, window: float) -> ctranslate2.StorageView:
        padded = np.zeros(int(window * SAMPLE_RATE), dtype=np.float32)
        padded[: len(samples)] = samples.astype(np.float32) / 32768.0
        frames = int(window * FRAMES_A_SECOND)
        features: Features = self._extract(padded)[:, :frames]
        encoded = self._encoder(features)
        if window >= FULL_WINDOW_S:
            return encoded
        silence = self._silence(float(features.min()))[:, encoded.shape[1] :]
        whole = np.concatenate([np.array(encoded), silence], axis=1)
        return ctranslate2.StorageView.from_array(np.ascontiguousarray(whole))

    def _encoder(self, features: Features) -> ctranslate2.StorageView:
        view = ctranslate2.StorageView.from_array(np.ascontiguousarray(features[np.newaxis], dtype=np.float32))
        return self._model.encode(view, to_cpu=True)

    def _silence(self, level: float) -> Features:
        """Encoder output of `FULL_WINDOW_S` of silence at a log-mel level, shape (1, steps, d_model)."""
        key = round(level, 1)
        if key not in self._silences:
            if len(self._silences) >= SILENCES_KEPT:
                self._silences.clear()
            mels = np.full((MEL_BANDS, int(FULL_WINDOW_S * FRAMES_A_SECOND)), key, dtype=np.float32)
            self._silences[key] = np.array(self._encoder(mels))
        return self._silences[key]

    def _decode(self, encoded: ctranslate2.StorageView, language: str, length: int, beam: int) -> list[_Decoded]:
        """The `beam` likeliest readings, best first."""
        tokenizer = self._tokenizer_for(language)
        result = self._model.generate(
            encoded,
            [[*tokenizer.sot_sequence, tokenizer.no_timestamps]],
            beam_size=beam,
            num_hypotheses=beam,
            max_length=len(tokenizer.sot_sequence) + 1 + _token_limit(length),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
        )[0]
        return [
            _Decoded(
                [token for token in ids if token < tokenizer.eot],
                _written(tokenizer.decode(ids), language),
                score,
                result.no_speech_prob,
            )
            for ids, score in zip(result.sequences_ids, result.scores, strict=True)
        ]

    def _words(
        self, encoded: ctranslate2.StorageView, decoded: _Decoded, language: str, length: int, start_ms: int
    ) -> tuple[Word, ...]:
        """Times from the cross attention, confidence from the token probabilities; characters in Chinese."""
        tokenizer = self._tokenizer_for(language)
        frames = max(2, min(length * FRAMES_A_SECOND // SAMPLE_RATE, encoded.shape[1] * 2))
        result = self._model.align(encoded, tokenizer.sot_sequence, [decoded.tokens], frames)[0]
        texts, groups = tokenizer.split_to_word_tokens([*decoded.tokens, tokenizer.eot])
        probabilities = result.text_token_probs
        starts = _token_times(result.alignments, len(decoded.tokens))
        end_of_all = length * 1000 // SAMPLE_RATE
        words, at = [], 0
        for text, group in zip(texts[:-1], groups[:-1], strict=True):
            written = strip_punctuation(_written(text, language))
            if written:
                confidence = float(np.mean(probabilities[at : at + len(group)]))
                end = min(starts[at + len(group)], end_of_all)
                words.append(Word(written, start_ms + starts[at], start_ms + end, round(confidence, 4)))
            at += len(group)
        return tuple(words)

    def _forced(
        self, encoded: npt.NDArray[np.float32], tokens: list[list[int]], tokenizer: Tokenizer, length: int
    ) -> list[float]:
        """Mean log-probability a token of each option."""
        batch = ctranslate2.StorageView.from_array(np.repeat(encoded, len(tokens), axis=0))
        frames = max(2, length * FRAMES_A_SECOND // SAMPLE_RATE)
        results = self._model.align(batch, tokenizer.sot_sequence, tokens, [frames] * len(tokens))
        return [float(np.mean(np.log(np.maximum(result.text_token_probs, 1e-10)))) for result in results]

    def _languages_of(self, encoded: ctranslate2.StorageView, languages: Sequence[str]) -> dict[str, float]:
        found = {name.strip("<|>"): share for name, share in self._model.detect_language(encoded)[0]}
        total = sum(found.get(language, 0.0) for language in languages) or 1.0
        return {language: found.get(language, 0.0) / total for language in languages}

    def _digit_tokens(self, language: str) -> DigitTokens:
        if language not in self._digits:
            self._digits[language] = DigitTokens.of(self._tokenizer_for(language), language)
        return self._digits[language]

    def _tokenizer_for(self, language: str) -> Tokenizer:
        if language not in self._tokenizers:
            multilingual = self._model.is_multilingual
            self._tokenizers[language] = Tokenizer(self._tokenizer, multilingual, "transcribe", language)
        return self._tokenizers[language]


def _load(folder: Path, threads: int) -> Any:
    for name in ("model.bin", "config.json", "tokenizer.json"):
        if not (folder / name).is_file():
            raise ModelError(f"{folder / name} is missing: {folder} holds no Whisper model (ivr models list)")
    try:
        return ctranslate2.models.Whisper(str(folder), device="cpu", compute_type="int8", intra_threads=threads)
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"{folder / 'model.bin'}: {error}; see: ivr models verify") from error


def _load_tokenizer(folder: Path) -> tokenizers.Tokenizer:
    path = folder / "tokenizer.json"
    try:
        return tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing finer
        raise ModelError(f"{path}: {error}; see: ivr models verify") from error


def _token_limit(length: int) -> int:
    return SPARE_TOKENS + int(TOKENS_A_SECOND * length / SAMPLE_RATE)


def _too_many(decoded: _Decoded, length: int) -> bool:
    """More tokens than anybody can say in the time."""
    return len(decoded.tokens) >= _token_limit(length) - 1


def _unbelievable(decoded: _Decoded, length: int) -> bool:
    if _too_many(decoded, length) or is_runaway(decoded.text):
        return True
    if decoded.log_probability >= LIKELY_WORDS:
        return False
    return decoded.log_probability - NO_SPEECH_WEIGHT * decoded.no_speech < NOISE_BELOW


def _written(text: str, language: str) -> str:
    """Text as `ivr` wants it: no spaces around, Chinese simplified and without punctuation."""
    return strip_punctuation(simplify(text)) if language == "zh" else text.strip()


def _spelled(option: str, language: str) -> str:
    """An option as Whisper would begin to write it: English words have a space before them."""
    return option if language == "zh" else " " + option


def _append(left: tuple[Hypothesis, ...], right: tuple[Hypothesis, ...], language: str) -> tuple[Hypothesis, ...]:
    """The next piece behind what there is; alternatives are kept only for an utterance of one piece."""
    if not left or not right:
        return left or right
    first, second = left[0], right[0]
    words = (*first.words, *second.words)
    confidence = (
        sum(word.confidence for word in words) / len(words) if words else min(first.confidence, second.confidence)
    )
    text = first.text + ("" if language == "zh" else " ") + second.text
    return (Hypothesis(text, round(confidence, 4), words),)


def _token_times(alignments: Sequence[tuple[int, int]], count: int) -> list[int]:
    """Start of each token, and of what follows the last, in ms (a time step is 20 ms)."""
    first: dict[int, int] = {}
    for token, step in alignments:
        first.setdefault(token, step * 20)
    last = max((step for _, step in alignments), default=0) * 20
    times, known = [], 0
    for token in range(count + 1):
        known = first.get(token, last if token >= count else known)
        times.append(known)
    return times


def _softmax(values: Sequence[float]) -> list[float]:
    best = max(values)
    weights = [math.exp(value - best) for value in values]
    return [round(weight / sum(weights), 4) for weight in weights]
