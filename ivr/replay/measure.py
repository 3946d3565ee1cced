"""What the caller waited for and how fast the bot yielded, measured on a stereo recording: caller left, bot right.

Nothing here knows the journal, so the figures hold for any bot that was recorded this way, and include everything
that lies between a decision and a sound: synthesis, silence at a prompt's start, the mixer.

    answer latency   the caller's end of speech -> the bot's first sound after it
    barge-in         the caller's onset while the bot speaks -> the bot lowered by 12 dB for good, or silent

Speech of the caller is what is loud enough and what a voice detector calls a voice; its edges are the level's, since
detectors go on for up to 100 ms after the last voice. The bot's side is free of noise: there the level alone decides.
A recording can't tell a prompt that was cut from one that happened to end: give it onsets that lie well inside one.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ivr.audio.frame import FRAME_SAMPLES, SAMPLE_RATE, Samples, to_ms, to_samples
from ivr.audio.vad import VoiceDetector, create_detector
from ivr.audio.wav import read_channels
from ivr.dialog.events import JsonValue
from ivr.errors import AudioFileError

HOP = SAMPLE_RATE // 200
"""Edges are found to 5 ms."""
_SILENT_DBFS = -90.0
_DIGITAL_SILENCE_DBFS = -80.0
_NOISE_HOPS = 20
"""Fewer tell nothing of the line's noise."""
_LEAST_RANGE_DB = 15.0
"""Speech falls so far below its peaks within words; no threshold is set higher."""

Levels = npt.NDArray[np.float64]
"""RMS level in dBFS of each HOP, shape (n,)."""


@dataclass(frozen=True, slots=True)
class MeasureSettings:
    """How speech is told from silence, and what counts as an answer."""

    quietest_dbfs: float = -50.0
    """Below this nothing is sound, on either side."""
    above_noise_db: float = 8.0
    """The caller's speech stands out of his line's noise by this much."""
    below_peak_db: float = 35.0
    """And lies no further below his loudest speech."""
    join_ms: int = 150
    """Gaps up to this lie inside a word (the closure of a plosive)."""
    voiced_ms: int = 60
    """So much of a stretch the detector must call voice; less is a click or a breath."""
    bot_join_ms: int = 300
    """Pauses inside what the bot says."""
    turn_gap_ms: int = 600
    """The caller's onset after a shorter pause goes on with the same speech: no barge-in of its own."""
    answer_max_ms: int = 10_000
    """Bot speech later than this is a reminder, not an answer."""
    duck_db: float = 12.0
    duck_tolerance_db: float = 3.0
    """Speech of even loudness varies by this much about its 95th percentile."""
    hold_ms: int = 250
    """A pause between syllables is shorter: only what stays low for so long was lowered."""
    yield_max_ms: int = 2_000
    """A bot that speaks on for longer has not yielded."""
    bot_before_ms: int = 200
    """The bot must have spoken for so long before an onset, else both began at once."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of sound, in samples at 16 kHz; `end` is the first sample after it."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Span:
    """From a cause to its effect, in samples at 16 kHz."""

    start: int
    end: int

    @property
    def ms(self) -> int:
        return to_ms(self.end - self.start)


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one recording shows."""

    answers: tuple[Span, ...] = ()
    """Caller's end of speech -> bot's first sound."""
    barge_ins: tuple[Span, ...] = ()
    """Caller's onset -> bot lowered or silent."""
    unanswered: tuple[int, ...] = ()
    """Ends of speech after which no sound of the bot came within `answer_max_ms`."""
    unyielding: tuple[int, ...] = ()
    """Onsets after which the bot spoke on as before."""
    talk_overs: tuple[int, ...] = ()
    """Samples at which the bot began to speak into the caller's speech."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Figures:
    """A set of times in ms. `p95` is the smallest value that 95 % do not exceed."""

    n: int
    median: int | None
    p95: int | None

    def to_json(self) -> dict[str, JsonValue]:
        return {"n": self.n, "median": self.median, "p95": self.p95}


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures over several recordings."""

    answers: Figures
    barge_ins: Figures
    unanswered: int = 0
    unyielding: int = 0
    talk_overs: int = 0
    seconds: float = 0.0

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "answer_ms": self.answers.to_json(), "barge_in_ms": self.barge_ins.to_json(),
            "unanswered": self.unanswered, "unyielding": self.unyielding, "talk_overs": self.talk_overs,
            "audio_s": round(self.seconds, 3),
        }  # fmt: skip


# ------------------------------------------------------------------------------------------------------------ speech


def levels_of(samples: Samples) -> Levels:
    """RMS of each 5 ms in dBFS, not below -90; a rest shorter than that is left out."""
    whole = samples[: len(samples) - len(samples) % HOP].reshape(-1, HOP).astype(np.float32)
    power = np.einsum("ij,ij->i", whole, whole).astype(np.float64) / (HOP * 32_768.0**2)
    levels: Levels = np.maximum(10.0 * np.log10(np.maximum(power, 1e-12)), _SILENT_DBFS)
    return levels


def _runs(flags: npt.NDArray[np.bool_], join_ms: int) -> list[Segment]:
    """Stretches of true hops, with gaps up to `join_ms` closed."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    found: list[Segment] = []
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if found and (start * HOP - found[-1].end) <= to_samples(join_ms):
            found[-1] = Segment(found[-1].start, end * HOP)
        else:
            found.append(Segment(start * HOP, end * HOP))
    return found


def bot_segments(bot: Samples, settings: MeasureSettings | None = None) -> list[Segment]:
    """Where the bot sounds."""
    settings = settings or MeasureSettings()
    return _runs(levels_of(bot) >= settings.quietest_dbfs, settings.bot_join_ms)


def caller_segments(
    caller: Samples, settings: MeasureSettings | None = None, detector: VoiceDetector | None = None
) -> list[Segment]:
    """Where the caller speaks. `detector` is webrtc if none is given; it is reset first."""
    settings = settings or MeasureSettings()
    voiced = _voiced(caller, detector or create_detector())
    levels = levels_of(caller)
    threshold = _threshold(levels, voiced, settings)
    counts = np.concatenate(([0], np.cumsum(voiced)))
    needed = settings.voiced_ms * SAMPLE_RATE // 1000 // FRAME_SAMPLES

    def is_speech(run: Segment) -> bool:
        first = run.start // FRAME_SAMPLES
        last = min(-(-run.end // FRAME_SAMPLES), len(voiced))
        return int(counts[last] - counts[min(first, last)]) >= needed

    return [run for run in _runs(levels >= threshold, settings.join_ms) if is_speech(run)]


def _voiced(samples: Samples, detector: VoiceDetector) -> npt.NDArray[np.bool_]:
    """The detector's word on each 20 ms, shape (n,)."""
    detector.reset()
    ends = range(FRAME_SAMPLES, len(samples) + 1, FRAME_SAMPLES)
    return np.array([detector.detect(samples[end - FRAME_SAMPLES : end]) >= 0.5 for end in ends], dtype=np.bool_)


def _threshold(levels: Levels, voiced: npt.NDArray[np.bool_], settings: MeasureSettings) -> float:
    """Level above which the caller's sound may be speech."""
    per_frame = FRAME_SAMPLES // HOP
    judged, is_voice = levels[: len(voiced) * per_frame], np.repeat(voiced, per_frame)
    spoken = judged[is_voice]
    if not len(spoken):
        return settings.quietest_dbfs
    peak = float(np.percentile(spoken, 95))
    # Digital silence is no noise: recordings put together of clips have both.
    idle = judged[~is_voice & (judged > _DIGITAL_SILENCE_DBFS)]
    noise = float(np.median(idle)) if len(idle) >= _NOISE_HOPS else _SILENT_DBFS
    # Noise counts from its own level, yet never so high that the speech itself would be taken for it.
    over_noise = min(noise + settings.above_noise_db, peak - _LEAST_RANGE_DB)
    return max(settings.quietest_dbfs, peak - settings.below_peak_db, over_noise)


# ------------------------------------------------------------------------------------------------------------- times


def measure(
    caller: Samples, bot: Samples, settings: MeasureSettings | None = None, detector: VoiceDetector | None = None
) -> Measurement:
    """Both sides of a call on one clock, at 16 kHz. Raises ValueError when their lengths differ."""
    if len(caller) != len(bot):
        raise ValueError(f"both sides of a call are of one length, got {len(caller)} and {len(bot)} samples")
    settings = settings or MeasureSettings()
    speech = caller_segments(caller, settings, detector)
    said = bot_segments(bot, settings)
    answers, unanswered = _answers(speech, said, len(caller), settings)
    barge_ins, unyielding = _barge_ins(speech, said, levels_of(bot), settings)
    overs = tuple(b.start for b in said if any(s.start < b.start < s.end for s in speech))
    seconds = len(caller) / SAMPLE_RATE
    return Measurement(tuple(answers), tuple(barge_ins), tuple(unanswered), tuple(unyielding), overs, seconds)


def measure_file(path: str | Path, settings: MeasureSettings | None = None) -> Measurement:
    """A recording of two channels. Raises AudioFileError, also for another number of channels."""
    channels = read_channels(path)
    if len(channels) != 2:
        raise AudioFileError(
            f"{path}: has {len(channels)} channel{'s' * (len(channels) != 1)}; "
            "a call is measured on two, caller left and bot right"
        )
    return measure(channels[0], channels[1], settings)


def _answers(
    speech: list[Segment], said: list[Segment], length: int, settings: MeasureSettings
) -> tuple[list[Span], list[int]]:
    """The caller's last end before each of the bot's turns, and the ends that nothing followed."""
    answers: list[Span] = []
    unanswered: list[int] = []
    limit = to_samples(settings.answer_max_ms)
    for index, segment in enumerate(speech):
        end = segment.end
        if any(b.start < end < b.end for b in said):
            continue  # the bot speaks already: it is not waited for
        following = speech[index + 1].start if index + 1 < len(speech) else length
        begins = next((b.start for b in said if b.start >= end), None)
        if begins is not None and begins < following and begins - end <= limit:
            answers.append(Span(end, begins))
        elif min(following, length) - end > limit:
            unanswered.append(end)
    return answers, unanswered


def _barge_ins(
    speech: list[Segment], said: list[Segment], levels: Levels, settings: MeasureSettings
) -> tuple[list[Span], list[int]]:
    yielded: list[Span] = []
    unyielding: list[int] = []
    last_end = -to_samples(settings.turn_gap_ms) - 1
    for segment in speech:
        fresh = segment.start - last_end > to_samples(settings.turn_gap_ms)
        last_end = segment.end
        running = next((b for b in said if b.start <= segment.start < b.end), None)
        if not fresh or running is None or segment.start - running.start < to_samples(settings.bot_before_ms):
            continue
        at = _lowered(levels, running, segment.start, settings)
        if at is None:
            unyielding.append(segment.start)
        else:
            yielded.append(Span(segment.start, max(at, segment.start)))
    return yielded, unyielding


def _lowered(levels: Levels, running: Segment, onset: int, settings: MeasureSettings) -> int | None:
    """Sample from which the bot is lower than before the onset by `duck_db`, and stays so."""
    first = onset // HOP
    before = levels[max(running.start // HOP, first - 2 * SAMPLE_RATE // HOP) : first]
    loud = float(np.percentile(before[before >= settings.quietest_dbfs], 95))
    limit = max(loud - settings.duck_db + settings.duck_tolerance_db, settings.quietest_dbfs)
    hold = to_samples(settings.hold_ms) // HOP
    end = first + to_samples(settings.yield_max_ms) // HOP
    window = np.full(end + hold - first, _SILENT_DBFS)
    heard = levels[first : end + hold]
    window[: len(heard)] = heard
    quiet_from = 0
    for index in np.flatnonzero(window > limit).tolist():
        if index - quiet_from >= hold:
            break
        quiet_from = index + 1
    return (first + quiet_from) * HOP if quiet_from + first < end else None


# ----------------------------------------------------------------------------------------------------------- figures


def figures(times_ms: Sequence[int]) -> Figures:
    """Count, median and 95th percentile."""
    if not times_ms:
        return Figures(0, None, None)
    rank = -(-95 * len(times_ms) // 100)
    return Figures(len(times_ms), round(statistics.median(times_ms)), sorted(times_ms)[rank - 1])


def summarise(measurements: Iterable[Measurement]) -> Summary:
    """All recordings together."""
    found = list(measurements)
    return Summary(
        figures([span.ms for m in found for span in m.answers]),
        figures([span.ms for m in found for span in m.barge_ins]),
        sum(len(m.unanswered) for m in found),
        sum(len(m.unyielding) for m in found),
        sum(len(m.talk_overs) for m in found),
        sum(m.seconds for m in found),
    )
