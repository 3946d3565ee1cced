"""How fast and how clear each synthesiser is: real-time factor, time to the first sound, and what Whisper hears of it.

    python benchmarks/synthesis.py [--json] [--engine NAME]... [--lang en|zh]

Speed is measured in this process without a cache, after one warm-up sentence. `first audio` is the time to the first
clause of a prompt of some twelve words. Word errors (characters for Mandarin) are counted on what whisper-base hears of
the finished prompts, with figures put into words and Chinese script made simple on both sides: they contain Whisper's
own errors, so compare engines and not with zero.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ivr.audio.frame import SAMPLE_RATE, Samples
from ivr.audio.levels import clipped_share
from ivr.dialog.spoken import verbalise
from ivr.errors import IvrError
from ivr.models.verify import model_path
from ivr.tts import registry
from ivr.tts.base import SpeechRequest
from ivr.tts.local import LocalSynthesis
from ivr.tts.loudness import active_level
from ivr.tts.settings import SynthesisSettings, VoiceChoice

PROMPTS = {
    "en": (
        "Thank you for calling. How can I help you with your account today?",
        "I am sorry, I did not understand. You can say lost card, or speak to an agent.",
        "Please tell me the last four digits of the card you are calling about.",
        "All our agents are busy at the moment. Please stay on the line, and we will be with you soon.",
        "Your request has been sent to our team. They will call you back tomorrow morning.",
        "The transfer has not arrived yet. It can take up to three days.",
        "Would you like to block this card now?",
        "We are open from nine to six, Monday to Friday.",
    ),
    "zh": (
        "您好，感谢您的来电，请问有什么可以帮您？",
        "抱歉没有听清，请您再说一遍。",
        "请说出或者输入银行卡的后四位数字。",
        "坐席现在都在忙，请您稍等，马上为您接通。",
        "您的问题已经登记，我们会在明天上午给您回电话。",
        "这笔转账还没有到账，一般需要三天时间。",
        "请问现在要冻结这张卡吗？",
        "我们的工作时间是星期一到星期五。",
    ),
}


@dataclass(frozen=True, slots=True)
class Result:
    engine: str
    language: str
    rtf: float
    first_audio_ms: float
    error_rate: float
    level_dbfs: float
    clipped_share: float
    audio_s: float


class Ears:
    """Whisper base, whole utterances."""

    def __init__(self) -> None:
        from faster_whisper import WhisperModel
        from opencc import OpenCC

        self._model = WhisperModel(str(model_path("whisper-base")), device="cpu", compute_type="int8", cpu_threads=2)
        self._simplify: Any = OpenCC("t2s").convert

    def hear(self, samples: Samples, language: str) -> str:
        segments, _ = self._model.transcribe(samples.astype(np.float32) / 32_768.0, language=language, beam_size=1)
        text = "".join(segment.text for segment in segments)
        return str(self._simplify(text)) if language == "zh" else text


def tokens(text: str, language: str) -> list[str]:
    """Words, or characters for Mandarin; figures in words, no punctuation."""
    plain = verbalise(text, language).lower().replace("幺", "一")
    return re.findall(r"[一-鿿]" if language == "zh" else r"[a-z']+", plain)


def edits(reference: list[str], heard: list[str]) -> int:
    """Levenshtein distance."""
    row = list(range(len(heard) + 1))
    for index, wanted in enumerate(reference, start=1):
        previous, row[0] = row[0], index
        for at, word in enumerate(heard, start=1):
            previous, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, previous + (wanted != word))
    return row[-1]


def measure(engine: str, language: str, ears: Ears) -> Result:
    settings = SynthesisSettings(voices={language: (VoiceChoice(engine),)})
    LocalSynthesis(settings)  # imports are not the engine's time
    synthesis = LocalSynthesis(settings)
    synthesis.synthesise(SpeechRequest("一" if language == "zh" else "one", language))
    spent = audio_s = 0.0
    firsts, sounds, wrong, total = [], [], 0, 0
    for text in PROMPTS[language]:
        begin = time.perf_counter()
        pieces: list[Samples] = []
        for piece in synthesis.render(SpeechRequest(text, language)):
            if not pieces:
                firsts.append(time.perf_counter() - begin)
            pieces.append(piece.samples)
        spent += time.perf_counter() - begin
        sounds.append(np.concatenate(pieces))
        audio_s += len(sounds[-1]) / SAMPLE_RATE
        reference = tokens(text, language)
        wrong += edits(reference, tokens(ears.hear(sounds[-1], language), language))
        total += len(reference)
    synthesis.close()
    everything = np.concatenate(sounds)
    level = active_level(everything)
    return Result(engine, language, round(spent / audio_s, 3), round(1000 * float(np.median(firsts)), 1),
                  round(wrong / total, 4), round(level if level is not None else -100.0, 1),
                  round(clipped_share(everything), 6), round(audio_s, 1))  # fmt: skip


def cases(engines: list[str], languages: list[str]) -> Iterator[tuple[str, str]]:
    for language in languages:
        for engine in registry.PREFERENCE[language]:
            if engines and engine not in engines:
                continue
            if reason := registry.missing(engine, language):
                print(f"left out: {reason}", file=sys.stderr)
                continue
            yield engine, language


def main() -> int:
    parser = argparse.ArgumentParser(description="Speed and clarity of the synthesisers.")
    parser.add_argument("--engine", action="append", default=[], choices=registry.names())
    parser.add_argument("--lang", action="append", default=[], choices=sorted(PROMPTS))
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    args = parser.parse_args()
    try:
        ears = Ears()
        if not args.json:
            print(f"{'engine':10} lang     RTF  first ms  errors  level dBFS  clipped  audio s")
        for engine, language in cases(args.engine, args.lang or sorted(PROMPTS)):
            result = measure(engine, language, ears)
            if args.json:
                print(json.dumps(asdict(result)), flush=True)
                continue
            print(f"{result.engine:10} {result.language:4} {result.rtf:7.3f} {result.first_audio_ms:9.0f} "
                  f"{result.error_rate:7.1%} {result.level_dbfs:11.1f} {result.clipped_share:8.4%} "
                  f"{result.audio_s:8.1f}", flush=True)  # fmt: skip
    except IvrError as error:
        print(f"synthesis benchmark: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
