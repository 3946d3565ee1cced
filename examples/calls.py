"""What the callers of the demonstration do, and what must come of it. Sound: recorded human speech, audio_fixtures/."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ivr.audio.frame import SAMPLE_RATE, Samples
from ivr.audio.wav import read_audio
from ivr.service.phone import PhoneLine

FIXTURES = Path(__file__).resolve().parent.parent / "audio_fixtures"
YES = "en_service_calls/dograh_yes.wav"
MUMBLES = ("en_sentences/librivox_0880.wav", "en_sentences/librivox_0890.wav", "en_sentences/librivox_0870.wav")

Caller = Callable[[PhoneLine], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class DemoCall:
    """One call: who calls which number, what he does, and how it must end."""

    name: str
    title: str
    caller: str
    number: str
    act: Caller
    outcome: str
    must_hear: tuple[str, ...]
    """Words that the bot must have said."""
    barge_in: bool = False
    answered_by_human: bool = False


def clip(name: str) -> Samples:
    """A recording without the silence around it."""
    samples = read_audio(FIXTURES / name)
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 300)
    return samples[max(0, loud[0] - 800) : loud[-1] + 1600] if len(loud) else samples


def strung(names: list[str], gap_s: float = 0.1) -> Samples:
    """Clips one after another, as somebody says a number."""
    gap = np.zeros(int(gap_s * SAMPLE_RATE), dtype=np.int16)
    return np.concatenate([part for name in names for part in (clip(name), gap)])


def digits_en(digits: str, speaker: str = "jackson") -> Samples:
    return strung([f"en_digits_fsdd/{digit}_{speaker}_0.wav" for digit in digits])


def word_zh(word: str) -> Samples:
    return clip(f"zh_words_yuetan/{word}.wav")


async def answer(line: PhoneLine, sound: Samples, quiet_ms: int = 900) -> None:
    """Hear the bot out, think, speak."""
    await line.wait_quiet(quiet_ms)
    await line.say(sound)


async def unlock_in_english(line: PhoneLine) -> None:
    yes = clip(YES)
    for sound in (yes, yes, digits_en("1357"), yes, yes):
        await answer(line, sound)


async def unlock_in_mandarin(line: PhoneLine) -> None:
    number = strung([f"zh_words_yuetan/{digit}.wav" for digit in "一三五七"])
    for sound in (word_zh("好"), word_zh("是"), number, word_zh("是"), word_zh("是"), word_zh("是")):
        if line.over:
            return
        await answer(line, sound, 1100)


async def interrupt(line: PhoneLine) -> None:
    """Answers in the middle of a question, and again."""
    yes = clip(YES)
    await line.wait_quiet(600)  # the greeting must be heard
    await line.wait_speech()
    await line.pause(600)
    await line.say(yes)
    for sound in (yes, digits_en("4412"), yes, yes):
        await answer(line, sound)


async def mumble(line: PhoneLine) -> None:
    """Says what no bank can understand, until a human takes the call; talks to him, then hangs up."""
    await answer(line, clip(YES))
    for name in MUMBLES:
        await answer(line, clip(name), 1200)
    await line.wait_quiet(1500, timeout_s=40)
    await line.say(clip("en_sentences/goforward.wav"))
    await line.pause(3000)


CALLS: tuple[DemoCall, ...] = (
    DemoCall("english", "An English caller's account is blocked; the bot opens it", "12025550143", "hotline",
             unlock_in_english, "completed", ("unlock your account", "open again")),
    DemoCall("mandarin", "The same in Mandarin", "13900139000", "8001", unlock_in_mandarin, "completed",
             ("解锁账户", "已经解锁")),
    DemoCall("barge-in", "A caller interrupts the question", "13900139000", "hotline", interrupt, "completed",
             ("open again",), barge_in=True),
    DemoCall("human", "Nobody could understand this caller: a human answers", "13800138000", "hotline", mumble,
             "handed_over", (), answered_by_human=True),
)  # fmt: skip
