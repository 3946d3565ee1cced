"""Open questions: words wrong and CPU a second of speech, ours beside a stream as vosk-server serves it.

    python benchmarks/open_questions.py [--limit N] [--json FILE] [--verbose]

Every telephone prompt (8 kHz, `audio_fixtures/en_prompts_allison`) is what a caller says in a call in which speech is
35 % of the time. All methods hear the same clips in one run, in turns, on one thread:

- vosk-server: a new recogniser for each connection, all audio decoded, silence too, as alphacep's server does by its
  documentation; the text is all that it hears.
- vosk: our first pass: warm recognisers, the utterance alone.
- two passes: as calls hear it: Whisper's readings, put in order by what Vosk heard.
- with vocabulary: the same, the hotline's words known as its lexicon would have them: all words of six letters and more
  of the set's texts, boost 1. `recall`: the share of these words that is heard.

How texts are made even before words are counted is said at the top of `recognition.py`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import vosk
from recognition import Clip, edits, load_set, normal_en

from ivr.asr.base import RecognitionRequest, Transcript
from ivr.asr.registry import resolve_model
from ivr.asr.two_pass import join
from ivr.asr.vosk_engine import VoskRecogniser
from ivr.asr.whisper_engine import WhisperRecogniser
from ivr.audio.frame import SAMPLE_RATE, Samples
from ivr.audio.wav import read_audio
from ivr.dialog.hints import Hint

SPEECH = 0.35
"""Share of a call in which the caller speaks."""
LONG_WORD = 6
CHUNK = SAMPLE_RATE // 10


@dataclass(frozen=True)
class Figure:
    """`wer`: errors a reference word; `recall`: share of the vocabulary's words heard; `cpu`: CPU s a second of speech;
    `share`: of vosk-server's errors."""

    method: str
    clips: int
    words: int
    errors: int
    wer: float
    share: float
    recall: float
    cpu: float


class Server:
    """A connection of a server that knows nothing of turns."""

    def __init__(self) -> None:
        vosk.SetLogLevel(-1)
        self._model = vosk.Model(str(resolve_model("vosk-en")))

    def hear(self, speech: Samples) -> str:
        silence = np.zeros(int(len(speech) * (1 - SPEECH) / SPEECH / 2), dtype=np.int16)
        sound = np.concatenate([silence, speech, silence])
        recogniser = vosk.KaldiRecognizer(self._model, SAMPLE_RATE)
        texts: list[str] = []
        for start in range(0, len(sound), CHUNK):
            if recogniser.AcceptWaveform(sound[start : start + CHUNK].tobytes()):
                texts.append(json.loads(recogniser.Result())["text"])  # noqa: PERF401 the call feeds it
        return " ".join([*texts, json.loads(recogniser.FinalResult())["text"]])


class Ours:
    def __init__(self) -> None:
        self._first, self._second = VoskRecogniser(languages=("en",)), WhisperRecogniser(languages=("en",))

    def first(self, speech: Samples, request: RecognitionRequest) -> Transcript:
        return _hear(self._first.start(request), speech)

    def both(self, speech: Samples, request: RecognitionRequest) -> Transcript:
        self._second.forget()  # else the second method would have the sound encoded already
        return join(self.first(speech, request), _hear(self._second.start(request), speech), request)


def _hear(utterance, speech: Samples) -> Transcript:  # type: ignore[no-untyped-def]
    for start in range(0, len(speech), CHUNK):
        utterance.accept(speech[start : start + CHUNK])
    heard: Transcript = utterance.finish()
    return heard


def measure(clips: Sequence[Clip], *, verbose: bool) -> list[Figure]:
    texts = [normal_en(clip.transcript) for clip in clips]
    vocabulary = sorted({word for text in texts for word in text if len(word) >= LONG_WORD})
    plain = RecognitionRequest("en")
    biased = RecognitionRequest("en", hints=tuple(Hint(word) for word in vocabulary))
    server, ours = Server(), Ours()
    methods: dict[str, Callable[[Samples], str]] = {
        "vosk-server": server.hear,
        "vosk": lambda speech: ours.first(speech, plain).text,
        "two passes": lambda speech: ours.both(speech, plain).text,
        "with vocabulary": lambda speech: ours.both(speech, biased).text,
    }
    for hear in methods.values():  # once for warmth
        hear(read_audio(clips[0].path))
    errors: Counter[str] = Counter()
    found: Counter[str] = Counter()
    cpu: dict[str, float] = defaultdict(float)
    speech_s = 0.0
    for clip, wanted in zip(clips, texts, strict=True):
        speech = read_audio(clip.path)
        speech_s += len(speech) / SAMPLE_RATE
        long_words = Counter(word for word in wanted if len(word) >= LONG_WORD)
        for method, hear in methods.items():
            began = time.process_time()
            text = hear(speech)
            cpu[method] += time.process_time() - began
            got = normal_en(text)
            wrong = edits(wanted, got)
            errors[method] += wrong
            found[method] += sum((long_words & Counter(got)).values())
            if verbose and wrong:
                print(f"  {method}: {clip.transcript} | {text}", flush=True)
    words = sum(map(len, texts))
    asked = sum(len(word) >= LONG_WORD for text in texts for word in text)
    worst = max(1, errors["vosk-server"])
    return [
        Figure(
            method, len(clips), words, errors[method], round(errors[method] / words, 4),
            round(errors[method] / worst, 3), round(found[method] / asked, 4), round(cpu[method] / speech_s, 3),
        )
        for method in methods
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=0, help="only so many clips")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--verbose", action="store_true", help="show what went wrong")
    args = parser.parse_args()
    figures = measure(load_set("en_prompts_allison", args.limit), verbose=args.verbose)
    print(f"{'method':16} {'words':>5} {'WER':>6} {'of server':>9} {'recall':>7} {'CPU/s':>6}")
    for one in figures:
        print(f"{one.method:16} {one.words:5} {one.wer:6.1%} {one.share:9.2f} {one.recall:7.1%} {one.cpu:6.3f}")
    if args.json:
        args.json.write_text(json.dumps([asdict(one) for one in figures], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
