"""The curves of `ivr tune` as a picture, and as a page that holds everything: SVG and HTML, no scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from ivr.replay.tuning.advice import Advice, Outcome, Target
from ivr.replay.tuning.curves import Point

_WIDTH, _HEIGHT = 460.0, 300.0
_LEFT, _TOP, _RIGHT, _BOTTOM = 52.0, 34.0, 20.0, 44.0
_LABEL = 36.0
"""Room for a point's label; one that would lie on the last is left out."""
_COLOURS = ("#0e7490", "#b45309", "#6d28d9", "#15803d")
_SUGGESTED = "#15803d"
_TICKS = (10, 20, 50, 100, 200, 250, 500, 1000, 2000)


def picture(outcome: Outcome, target: Target) -> str:
    """A panel a state, two in a row, as SVG text."""
    rows = -(-len(outcome.advice) // 2)
    width, height = 2 * _WIDTH, rows * _HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" font-family="sans-serif">',
        f'<rect width="{width:g}" height="{height:g}" fill="#ffffff"/>',
    ]
    for index, advice in enumerate(outcome.advice):
        x, y = index % 2 * _WIDTH, index // 2 * _HEIGHT
        parts += [f'<g transform="translate({x:g} {y:g})">', *_panel(advice, target.of(advice.panel)), "</g>"]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(advice: Advice, target: float) -> Iterator[str]:
    panel = advice.panel
    prompt = panel.state.startswith("prompt")
    bad, time = ("false", "reaction") if prompt else ("cut off", "added silence")
    points = [point for point in panel.points if point.median_ms is not None]
    yield _text(_LEFT, 20, f"{panel.state}: {panel.setting}", "#111827", 13)
    if not points:
        yield _text(_LEFT, 60, "no such case in these calls", "#6b7280", 11)
        return
    right = max(point.median_ms or 0 for point in points) * 1.08 + 1
    top = min(1.0, max(0.02, 1.5 * target, *(point.share.interval[1] for point in points)) * 1.05)
    scale = _Scale(right, top)
    yield from _axes(scale, f"median {time} (ms)", f"{bad} (%)")
    level = scale.y(target)
    yield f'<path d="M{_LEFT:g} {level:.1f}H{_WIDTH - _RIGHT:g}" stroke="#dc2626" stroke-dasharray="4 3"/>'
    for index, group in enumerate(dict.fromkeys(point.group for point in points)):
        own = [point for point in points if point.group == group]
        yield from _line(own, scale, _COLOURS[index % len(_COLOURS)], advice, named=group)


def _line(points: Sequence[Point], scale: _Scale, colour: str, advice: Advice, named: str) -> Iterator[str]:
    path = " L".join(f"{scale.x(p.median_ms or 0):.1f} {scale.y(p.share.rate):.1f}" for p in points)
    yield f'<path d="M{path}" fill="none" stroke="{colour}"/>'
    labelled = -_WIDTH
    for point in points:
        x, y = scale.x(point.median_ms or 0), scale.y(point.share.rate)
        low, high = point.share.interval
        yield f'<path d="M{x:.1f} {scale.y(low):.1f}V{scale.y(high):.1f}" stroke="{colour}" opacity="0.3"/>'
        present = point.value == advice.panel.now and not named
        chosen = point.value == advice.value and not named
        fill = _SUGGESTED if chosen else ("#ffffff" if present else colour)
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{5 if present or chosen else 3}" fill="{fill}" stroke="{colour}"/>'
        if present or chosen or x - labelled > _LABEL:
            yield _text(x + 5, y - 5, point.label, colour, 9)
            labelled = x
    if named:
        x, y = scale.x(points[-1].median_ms or 0), scale.y(points[-1].share.rate)
        yield _text(x - 4, y + 12, named, colour, 9, "end")


class _Scale:
    """Median time and share to places in the panel."""

    def __init__(self, right: float, top: float) -> None:
        self.right, self.top = right, top

    def x(self, ms: float) -> float:
        return _LEFT + ms / self.right * (_WIDTH - _LEFT - _RIGHT)

    def y(self, share: float) -> float:
        return _HEIGHT - _BOTTOM - min(share, self.top) / self.top * (_HEIGHT - _TOP - _BOTTOM)


def _axes(scale: _Scale, below: str, beside: str) -> Iterator[str]:
    floor = _HEIGHT - _BOTTOM
    yield f'<path d="M{_LEFT:g} {_TOP:g}V{floor:g}H{_WIDTH - _RIGHT:g}" fill="none" stroke="#9ca3af"/>'
    for value in _ticks(scale.right):
        x = scale.x(value)
        yield f'<path d="M{x:.1f} {floor:g}v4" stroke="#9ca3af"/>'
        yield _text(x, floor + 15, f"{value:g}", "#6b7280", 10, "middle")
    for value in _ticks(scale.top * 100):
        y = scale.y(value / 100)
        yield f'<path d="M{_LEFT - 4:g} {y:.1f}h4" stroke="#9ca3af"/>'
        yield _text(_LEFT - 7, y + 3, f"{value:g}", "#6b7280", 10, "end")
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    yield _text(middle, _HEIGHT - 12, below, "#374151", 11, "middle")
    yield (
        f'<text transform="translate(14 {(_TOP + floor) / 2:g}) rotate(-90)" font-size="11" fill="#374151" '
        f'text-anchor="middle">{beside}</text>'
    )


def _text(x: float, y: float, text: str, colour: str, size: int, anchor: str = "start") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}"'
    return f"<text {place}>{escape(text)}</text>"


def _ticks(most: float) -> list[float]:
    """At most six round values."""
    step = next((tick for tick in (0.5, 1, 2, 5, *_TICKS) if most / tick <= 6), 5000.0)
    return [step * number for number in range(int(most / step) + 1)]


# ------------------------------------------------------------------------------------------------------------- page

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font-family: sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; color: #111827 }}
table {{ border-collapse: collapse; margin: 1rem 0 }}
th, td {{ text-align: left; padding: .25rem .75rem; border-bottom: 1px solid #e5e7eb; font-size: .9rem }}
pre {{ background: #f3f4f6; padding: 1rem }} svg {{ width: 100% }}
</style></head><body><h1>{title}</h1>
<p>{summary}</p>{notes}
{svg}
<p>Hollow: the present setting. Green: the suggestion. Bars: where the true share lies, four times of five. Dashed: the
target.</p>
<h2>Advice</h2>{advice}
<h2>All settings together</h2>{joint}
<h2>Suggested values</h2>{suggested}
</body></html>
"""


def page(title: str, summary: str, notes: Sequence[str], outcome: Outcome, target: Target) -> str:
    """Everything in one HTML file."""
    advice = [
        (a.panel.state, a.panel.setting, str(a.panel.now), "" if a.value is None else str(a.value), a.why, a.held_out)
        for a in outcome.advice
    ]
    joint = [
        (name, str(share), f"{point.median_ms} ms", f"{point.p95_ms} ms")
        for name, share, point in outcome.joint
        if share.n
    ]
    values = "".join(f"<pre>{escape(text)}</pre>" for text in (outcome.yaml(), outcome.toml()) if text)
    return _PAGE.format(
        title=escape(title), summary=escape(summary), svg=picture(outcome, target),
        notes="".join(f"<p>{escape(note)}</p>" for note in notes),
        advice=_table(("state", "setting", "now", "suggested", "why", "calls kept aside"), advice),
        joint=_table(("settings, calls", "turns cut off", "median added silence", "p95"), joint),
        suggested=values or "<p>None: the present settings stay.</p>",
    )  # fmt: skip


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return f"<table>{row(head, 'th')}{''.join(row(cells, 'td') for cells in rows)}</table>"
