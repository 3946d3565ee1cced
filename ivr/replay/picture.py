"""A call as a picture: both sides' sound on one time line, what was said, what was decided. SVG, no scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

import numpy as np

from ivr.audio.frame import SAMPLE_RATE, Samples
from ivr.audio.wav import read_channels
from ivr.call.events import CallEvent
from ivr.call.journal import loads
from ivr.replay.report import Turn, report_of
from ivr.service.recorder import JOURNAL, RECORDING

_SECOND = 60.0
"""Width of a second in the picture."""
_ROW_S = 16
"""Seconds in a row."""
_LANE = 34.0
_ROW = 2 * _LANE + 62.0
_LEFT = 64.0
_SIDES = (("caller", "#b45309"), ("bot", "#0e7490"))
_MARKS = {
    "barge_in.duck": "ducked", "barge_in.stop": "stopped", "barge_in.resume": "resumed", "turn.reopened": "re-opened",
    "key": "key",
}  # fmt: skip


def draw_call(folder: Path) -> str:
    """The SVG of a stored call. Raises AudioFileError, InputError, OSError for what is missing or damaged."""
    with (folder / JOURNAL).open(encoding="utf-8") as lines:
        events = list(loads(lines, str(folder / JOURNAL)))
    caller, bot = read_channels(folder / RECORDING)
    return draw(caller, bot, events)


def draw(caller: Samples, bot: Samples, events: Sequence[CallEvent]) -> str:
    """Both sides (16 kHz, equal length) and the journal as SVG text."""
    rows = max(1, -(-len(caller) // (SAMPLE_RATE * _ROW_S)))
    width, height = _LEFT + _ROW_S * _SECOND + 10, rows * _ROW + 10
    turns = report_of(events).turns
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" font-family="sans-serif">',
        f'<rect width="{width:g}" height="{height:g}" fill="#ffffff"/>',
    ]
    for row in range(rows):
        parts += _row(row, (caller, bot), turns, events)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _row(row: int, sides: tuple[Samples, Samples], turns: Sequence[Turn], events: Sequence[CallEvent]) -> Iterator[str]:
    top, start = row * _ROW + 18.0, row * _ROW_S
    for second in range(_ROW_S + 1):
        x = _LEFT + second * _SECOND
        yield f'<path d="M{x:g} {top:g}v{_ROW - 34:g}" stroke="#e5e7eb"/>'
        if second % 4 == 0:
            yield f'<text x="{x:g}" y="{top - 5:g}" font-size="10" fill="#6b7280">{start + second} s</text>'
    for lane, ((name, colour), samples) in enumerate(zip(_SIDES, sides, strict=True)):
        middle = top + (lane + 0.5) * (_LANE + 22)
        yield f'<text x="4" y="{middle + 4:g}" font-size="12" fill="{colour}">{name}</text>'
        yield f'<path d="{_envelope(samples, start, middle)}" fill="{colour}"/>'
        own = [turn for turn in turns if turn.speaker == name]
        for turn, after in zip(own, [*own[1:], None], strict=True):
            if start * 1000 <= turn.start_ms < (start + _ROW_S) * 1000:
                until = after.start_ms if after is not None else turn.start_ms + 5000
                yield _caption(turn, until, start, middle, colour)
    yield from _marks(events, start, top)


def _envelope(samples: Samples, start_s: int, middle: float) -> str:
    """The outline of the loudness in steps of 40 ms."""
    step = SAMPLE_RATE // 25
    piece = samples[start_s * SAMPLE_RATE : (start_s + _ROW_S) * SAMPLE_RATE]
    peaks = [float(np.abs(piece[at : at + step].astype(np.int32)).max()) for at in range(0, len(piece), step)]
    heights = [max(0.4, min(1.0, peak / 16000.0) * _LANE / 2) for peak in peaks] or [0.4]
    width = _SECOND / 25
    up = [f"{_LEFT + index * width:.1f} {middle - height:.1f}" for index, height in enumerate(heights)]
    down = [f"{_LEFT + index * width:.1f} {middle + height:.1f}" for index, height in enumerate(heights)]
    return f"M{' L'.join([*up, *reversed(down)])}Z"


def _caption(turn: Turn, until_ms: int, start_s: int, middle: float, colour: str) -> str:
    """The words below the sound, cut where the next ones begin."""
    x = _LEFT + (turn.start_ms / 1000 - start_s) * _SECOND
    room = max(3, int((until_ms - turn.start_ms) / 1000 * _SECOND / 5.2))
    text = turn.text if len(turn.text) <= room else f"{turn.text[: room - 1]}…"
    return f'<text x="{x:.1f}" y="{middle + _LANE / 2 + 9:.1f}" font-size="10" fill="{colour}">{escape(text)}</text>'


def _marks(events: Sequence[CallEvent], start_s: int, top: float) -> Iterator[str]:
    for event in events:
        label = _MARKS.get(event.kind, "")
        second = event.at / SAMPLE_RATE - start_s
        if not label or not 0 <= second < _ROW_S:
            continue
        x = _LEFT + second * _SECOND
        yield f'<path d="M{x:.1f} {top:g}v{_ROW - 34:g}" stroke="#dc2626" stroke-dasharray="3 2"/>'
        yield f'<text x="{x + 2:.1f}" y="{top + 8:g}" font-size="9" fill="#dc2626">{label}</text>'
