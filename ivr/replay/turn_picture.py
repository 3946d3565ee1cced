"""One turn as a picture: sound, voice, words and every decision on one time line, as the journal has them. SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from ivr.audio.frame import FRAME_SAMPLES, SAMPLE_RATE, Samples, to_ms, to_samples
from ivr.audio.wav import read_channels
from ivr.call.ears import decode_activity
from ivr.call.events import CallEvent
from ivr.call.journal import loads
from ivr.errors import InputError
from ivr.service.recorder import JOURNAL, RECORDING

_LEFT, _WIDTH = 92.0, 900.0
_BEFORE_MS, _AFTER_MS = 700, 900
_LANE = 40.0
_GREY, _CALLER, _BOT, _WORK, _RED = "#6b7280", "#b45309", "#0e7490", "#7c3aed", "#dc2626"
_DECISIONS = {
    "speech.start": "onset", "barge_in.duck": "lowered", "barge_in.stop": "stopped", "barge_in.restore": "volume back",
    "barge_in.resume": "resumed", "turn.went_on": "went on: dropped", "turn.continued": "goes on",
    "turn.reopened": "taken back", "turn.nothing": "nothing for the dialog", "turn.end": "turn ends",
    "turn.commit": "committed", "turn.dropped": "dropped",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Span:
    """The part of the call that is shown, in samples."""

    start: int
    end: int

    def x(self, at: int) -> float:
        return _LEFT + (at - self.start) / (self.end - self.start) * _WIDTH

    def holds(self, at: int) -> bool:
        return self.start <= at <= self.end


def draw_turn_of(folder: Path, number: int) -> str:
    """The SVG of a stored call's turn (1 = the caller's first). Raises InputError, AudioFileError, OSError."""
    with (folder / JOURNAL).open(encoding="utf-8") as lines:
        events = list(loads(lines, str(folder / JOURNAL)))
    caller, bot = read_channels(folder / RECORDING)
    return draw_turn(caller, bot, events, number)


def draw_turn(caller: Samples, bot: Samples, events: Sequence[CallEvent], number: int) -> str:
    """Both sides (16 kHz) and the journal as SVG text. Raises InputError when the call has no such turn."""
    span = _span(events, number)
    height = 292.0
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 12:g} {height:g}" '
        f'font-family="sans-serif" font-size="11">',
        f'<rect width="{_LEFT + _WIDTH + 12:g}" height="{height:g}" fill="#ffffff"/>',
        *_axis(span, height),
        *_wave("caller", _CALLER, caller, span, 44.0),
        *_voice(events, span, 72.0),
        *_words(events, span, 100.0),
        *_ahead(events, span, 144.0),
        *_wave("bot", _BOT, bot, span, 190.0),
        *_said(events, span, 224.0),
        *_decisions(events, span, 240.0, height),
    ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _span(events: Sequence[CallEvent], number: int) -> _Span:
    commits = [event for event in events if event.kind == "turn.commit"]
    if not 1 <= number <= len(commits):
        have = f"the call has {len(commits)}" if commits else "the caller said nothing that was used"
        raise InputError(f"no turn {number}: {have}")
    commit = commits[number - 1]
    onset = int(str(commit.data["onset"]))
    return _Span(max(0, onset - to_samples(_BEFORE_MS)), commit.at + to_samples(_AFTER_MS))


def _label(y: float, text: str, colour: str) -> str:
    return f'<text x="4" y="{y + 4:g}" fill="{colour}">{text}</text>'


def _axis(span: _Span, height: float) -> Iterator[str]:
    step = next(s for s in (200, 500, 1000, 2000) if to_ms(span.end - span.start) / s <= 16)
    first = -(-to_ms(span.start) // step) * step
    for ms in range(first, to_ms(span.end) + 1, step):
        x = span.x(to_samples(ms))
        yield f'<path d="M{x:.1f} 18V{height - 6:g}" stroke="#e5e7eb"/>'
        yield f'<text x="{x:.1f}" y="12" fill="{_GREY}" font-size="10" text-anchor="middle">{ms / 1000:g} s</text>'


def _wave(name: str, colour: str, samples: Samples, span: _Span, middle: float) -> Iterator[str]:
    """The outline of the loudness in steps of 10 ms."""
    hop = SAMPLE_RATE // 100
    piece = samples[span.start : span.end].astype(np.int32)
    peaks = [float(np.abs(piece[at : at + hop]).max()) for at in range(0, len(piece), hop)]
    heights = [max(0.4, min(1.0, peak / 12000.0) * _LANE / 2) for peak in peaks] or [0.4]
    up = [f"{span.x(span.start + i * hop):.1f} {middle - height:.1f}" for i, height in enumerate(heights)]
    down = [f"{span.x(span.start + i * hop):.1f} {middle + height:.1f}" for i, height in enumerate(heights)]
    yield _label(middle, name, colour)
    yield f'<path d="M{" L".join([*up, *reversed(down)])}Z" fill="{colour}"/>'


def _voice(events: Sequence[CallEvent], span: _Span, y: float) -> Iterator[str]:
    """Blocks that the detector and the echo guard took for the caller's voice."""
    yield _label(y, "voice", _CALLER)
    for event in events:
        if event.kind != "activity":
            continue
        at = int(str(event.data["from"]))
        for activity in decode_activity(str(event.data["blocks"])):
            if activity.voiced and span.holds(at) and span.holds(at + FRAME_SAMPLES):
                x, width = span.x(at), span.x(at + FRAME_SAMPLES) - span.x(at)
                yield f'<rect x="{x:.1f}" y="{y - 3:g}" width="{width:.2f}" height="6" fill="{_CALLER}"/>'
            at += FRAME_SAMPLES


def _words(events: Sequence[CallEvent], span: _Span, y: float) -> Iterator[str]:
    """What the recogniser said, when."""
    yield _label(y, "heard", _GREY)
    shown, line, last = "", 0, -1000.0
    for event in events:
        text = _text(event)
        if text is None or not span.holds(event.at) or text == shown:
            continue
        final = event.kind.endswith("FinalTranscript")
        x, shown = span.x(event.at), text
        line = (line + 1) % 2 if x - last < 150 else 0
        last = x
        tail = text if len(text) <= 26 else f"…{text[-25:]}"
        weight = ' font-weight="bold"' if final else ""
        yield f'<path d="M{x:.1f} {y - 10:g}v20" stroke="{_GREY}"/>'
        yield (
            f'<text x="{x + 3:.1f}" y="{y + 13 * line:g}" fill="{_GREY}" font-size="9"{weight}>{escape(tail)}</text>'
        )


def _text(event: CallEvent) -> str | None:
    data: Any = event.data
    if event.kind == "in.PartialTranscript":
        return str(data["text"])
    if event.kind == "in.FinalTranscript":
        return str(data["hypotheses"][0]["text"]) if data["hypotheses"] else "(no words)"
    return None


def _ahead(events: Sequence[CallEvent], span: _Span, y: float) -> Iterator[str]:
    """Work done before the turn had ended: kept or thrown away; and what the end-of-turn model thought."""
    yield _label(y, "ahead", _WORK)
    for event in events:
        if not span.holds(event.at):
            continue
        if event.kind == "turn.speculation":
            used = bool(event.data["used"])
            ms = int(str(event.data["won_ms" if used else "spent_ms"]))
            start = max(span.start, int(str(event.data["from"])))
            begin, end = span.x(start), span.x(min(span.end, start + to_samples(ms)))
            label = f"{ms} ms won" if used else f"{ms} ms for nothing"
            yield (
                f'<rect x="{begin:.1f}" y="{y - 5:g}" width="{end - begin:.1f}" height="10" '
                f'fill="{_WORK}" fill-opacity="{0.9 if used else 0.25}"/>'
            )
            yield f'<text x="{begin:.1f}" y="{y + 16:g}" fill="{_WORK}" font-size="9">{label}</text>'
        elif event.kind == "in.TurnJudged":
            share = round(100 * float(str(event.data["probability"])))
            x = span.x(event.at)
            yield f'<circle cx="{x:.1f}" cy="{y:g}" r="3" fill="{_RED}"/>'
            yield f'<text x="{x + 4:.1f}" y="{y - 7:g}" fill="{_RED}" font-size="9">finished? {share} %</text>'


def _said(events: Sequence[CallEvent], span: _Span, y: float) -> Iterator[str]:
    for event in events:
        if event.kind == "prompt.start" and span.holds(event.at):
            text = str(event.data["text"])
            shown = text if len(text) <= 40 else f"{text[:39]}…"
            yield f'<text x="{span.x(event.at):.1f}" y="{y:g}" fill="{_BOT}" font-size="9">{escape(shown)}</text>'


def _decisions(events: Sequence[CallEvent], span: _Span, top: float, bottom: float) -> Iterator[str]:
    yield _label(top + 8, "decided", _RED)
    lines = [-1000.0] * 5
    for event in events:
        label = _DECISIONS.get(event.kind)
        if label is None or not span.holds(event.at):
            continue
        if event.kind == "turn.end":
            label += f" after {event.data['silence_ms']} ms ({event.data['completeness']})"
        elif event.kind in {"barge_in.stop", "turn.nothing"}:
            label += f": {event.data['why']}"
        x = span.x(event.at)
        line = next((i for i, end in enumerate(lines) if end < x), len(lines) - 1)
        lines[line] = x + 6.0 * len(label)
        y = top + 10 + 15 * line
        yield f'<path d="M{x:.1f} 24V{min(y, bottom):g}" stroke="{_RED}" stroke-dasharray="3 2" stroke-opacity="0.6"/>'
        yield f'<text x="{x + 2:.1f}" y="{y:g}" fill="{_RED}" font-size="10">{escape(label)}</text>'
