"""Lines over the number of calls as an SVG picture: for the benchmarks whose figures grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT = 760.0, 320.0
_LEFT, _TOP, _RIGHT, _BOTTOM = 64.0, 44.0, 170.0, 48.0
_COLOURS = ("#0e7490", "#b45309", "#6d28d9", "#15803d", "#be123c")


def lines(
    title: str, lines_: Mapping[str, Sequence[tuple[float, float]]], *, below: str, beside: str, top: float,
    limit: float | None = None,
) -> str:  # fmt: skip
    """One panel; values above `top` are drawn at its edge."""
    right = max((x for points in lines_.values() for x, _ in points), default=1) * 1.05
    floor = _HEIGHT - _BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        return _LEFT + x / right * (_WIDTH - _LEFT - _RIGHT), floor - min(y, top) / top * (floor - _TOP)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" font-family="sans-serif">',
        f'<rect width="{_WIDTH:g}" height="{_HEIGHT:g}" fill="#ffffff"/>',
        _text(_LEFT, 22, title, "#111827", 14),
        f'<path d="M{_LEFT:g} {_TOP:g}V{floor:g}H{_WIDTH - _RIGHT:g}" fill="none" stroke="#9ca3af"/>',
    ]
    for number in range(5):
        value = top * number / 4
        parts.append(_text(_LEFT - 8, place(0, value)[1] + 4, f"{value:g}", "#6b7280", 11, "end"))
    counts = sorted({x for points in lines_.values() for x, _ in points})
    parts += [_text(place(x, 0)[0], floor + 16, f"{x:g}", "#6b7280", 11, "middle") for x in counts]
    if limit is not None:
        y = place(0, limit)[1]
        parts.append(f'<path d="M{_LEFT:g} {y:.1f}H{_WIDTH - _RIGHT:g}" stroke="#dc2626" stroke-dasharray="4 3"/>')
    for index, (name, points) in enumerate(lines_.items()):
        colour = _COLOURS[index % len(_COLOURS)]
        path = " L".join(f"{x:.1f} {y:.1f}" for x, y in (place(*point) for point in points))
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{place(*point)[0]:.1f}" cy="{place(*point)[1]:.1f}" r="3" fill="{colour}"/>'
            for point in points
        ]
        parts.append(_text(_WIDTH - _RIGHT + 12, _TOP + 14 + 18 * index, name, colour, 12))
    parts.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 12, below, "#374151", 12, "middle"))
    parts.append(
        f'<text transform="translate(16 {(_TOP + floor) / 2:g}) rotate(-90)" font-size="12" fill="#374151" '
        f'text-anchor="middle">{escape(beside)}</text>'
    )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _text(x: float, y: float, text: str, colour: str, size: int, anchor: str = "start") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}"'
    return f"<text {place}>{escape(text)}</text>"
