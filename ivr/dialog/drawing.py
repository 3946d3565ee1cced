"""Graphs as SVG, and as one HTML page that needs no network."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from html import escape

from ivr.dialog.graph import FlowGraph, GraphEdge, Placed, layout

_WIDTH, _HEIGHT = 210, 52
_GAP_X, _GAP_Y = 46, 58
_MARGIN = 30
_TEXT_COLUMNS = 30
"""Characters of Latin text that fit into a box; a Chinese one takes two."""

_STYLE = """
svg{font:12px system-ui,'Noto Sans CJK SC',sans-serif;background:#fff}
.n rect{fill:#f4f6f8;stroke:#7d8a97;rx:7}.n .t{font-weight:600;fill:#1d2731}
.n .w{fill:#4a5662}.n .k{fill:#7d8a97;font-size:10px}
.ask rect,.route rect{fill:#e7f0fd;stroke:#3b78c4}.call rect{fill:#fdf3e1;stroke:#c48a2a}
.end rect{fill:#e9e9ee;stroke:#55555f}.run rect,.flow rect{fill:#e9f6ec;stroke:#3d8b52}
.handover rect,.queue rect{fill:#f8e8f3;stroke:#a8437f}
.yes rect{stroke-width:2.5;stroke:#2e8b45}.no rect{stroke-dasharray:5 3;stroke:#c0392b;stroke-width:2.5}
.e{fill:none;stroke:#7d8a97;stroke-width:1.3}.e.event{stroke-dasharray:4 3;stroke:#a8437f}
.e.no{stroke:#c0392b;stroke-dasharray:2 4}h1,h2{font-family:system-ui,sans-serif}
.r{fill:#c0392b;font-size:9px}
.l{fill:#4a5662;font-size:10px;paint-order:stroke;stroke:#fff;stroke-width:3px}
"""
_MARKER = (
    '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L8 4L0 8z" fill="#7d8a97"/></marker></defs>'
)


def shorten(text: str, columns: int = _TEXT_COLUMNS) -> str:
    """As much of a text as fits; wide characters count twice."""
    used = 0
    for index, character in enumerate(text):
        used += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if used > columns:
            return text[: max(index - 1, 0)] + "…"
    return text


def svg(graphs: Sequence[FlowGraph]) -> str:
    """One SVG picture, the flows below each other."""
    parts: list[str] = []
    top, width = _MARGIN, 0.0
    for graph in graphs:
        body, graph_width, height = _body(graph)
        heading = escape(f"{graph.flow or 'flows'}  {graph.title}".strip())
        parts.append(f'<g transform="translate(0 {top})"><text x="{_MARGIN}" y="0" font-size="16">{heading}</text>')
        parts.append(f'<g transform="translate(0 14)">{body}</g></g>')
        top += height + 50
        width = max(width, graph_width)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{top}" viewBox="0 0 {width:.0f} {top}">'
        f"<style>{_STYLE}</style>{_MARKER}{''.join(parts)}</svg>\n"
    )


def html(title: str, graphs: Sequence[FlowGraph]) -> str:
    """One page with a list of the flows and each flow's picture; nothing is fetched."""
    links = " · ".join(
        f'<a href="#{escape(graph.flow or "flows")}">{escape(graph.flow or "flows")}</a>' for graph in graphs
    )
    sections = "".join(
        f'<h2 id="{name}">{name} <small>{escape(graph.title)}</small></h2>{_alone(graph)}'
        for graph in graphs
        for name in [escape(graph.flow or "flows")]
    )
    return (
        f'<!doctype html><html><head><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style></head>'
        f"<body><h1>{escape(title)}</h1><p>{links}</p>{sections}</body></html>\n"
    )


def _alone(graph: FlowGraph) -> str:
    body, width, height = _body(graph)
    return f'<svg width="{width:.0f}" height="{height}" viewBox="0 0 {width:.0f} {height}">{_MARKER}{body}</svg>'


def _body(graph: FlowGraph) -> tuple[str, float, int]:
    """Drawing, width and height of one graph."""
    places = layout(graph)
    if not places:
        return "", 2.0 * _MARGIN, 2 * _MARGIN
    columns = max(place.column for place in places.values()) + 1
    layers = max(place.layer for place in places.values()) + 1
    edges = "".join(_edge(edge, places, columns) for edge in graph.edges)
    nodes = "".join(_node(place) for place in places.values())
    width = 2 * _MARGIN + columns * (_WIDTH + _GAP_X) + 40
    return edges + nodes, width, 2 * _MARGIN + layers * (_HEIGHT + _GAP_Y) - _GAP_Y


def _corner(place: Placed) -> tuple[float, float]:
    return _MARGIN + place.column * (_WIDTH + _GAP_X), _MARGIN + place.layer * (_HEIGHT + _GAP_Y)


def _covered(covered: bool | None) -> str:
    return "" if covered is None else " yes" if covered else " no"


def _node(place: Placed) -> str:
    node = place.node
    x, y = _corner(place)
    words = escape(shorten(node.text))
    untried = f"not tried: {', '.join(node.untried)}" if node.untried else ""
    tip = escape(" ".join(part for part in (node.source, node.text, untried) if part))
    rungs = f'<text class="r" x="10" y="50">{escape(shorten(untried))}</text>' if untried else ""
    classes = f"n {escape(node.kind)}{_covered(node.covered)}"
    title = escape(shorten(node.title, 24))
    return (
        f'<g class="{classes}" transform="translate({x:.1f} {y})"><title>{tip}</title>'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}"/><text class="t" x="10" y="20">{title}</text>'
        f'<text class="k" x="{_WIDTH - 8}" y="16" text-anchor="end">{escape(node.kind)}</text>'
        f'<text class="w" x="10" y="{36 if rungs else 39}">{words}</text>{rungs}</g>'
    )


def _edge(edge: GraphEdge, places: dict[str, Placed], columns: float) -> str:
    start, end = places[edge.start], places[edge.end]
    (x1, y1), (x2, y2) = _corner(start), _corner(end)
    x1, x2 = x1 + _WIDTH / 2, x2 + _WIDTH / 2
    if end.layer > start.layer + 1 and abs(start.column - end.column) < 0.5:  # past the boxes between
        side = x1 + _WIDTH / 2 + 18
        path = f"M{x1:.1f} {y1 + _HEIGHT}C{side:.1f} {y1 + _HEIGHT + 40} {side:.1f} {y2 - 40} {x2:.1f} {y2}"
        label_x, label_y = (x1 + side) / 2, y1 + _HEIGHT + 22
    elif end.layer > start.layer:
        middle = (y1 + _HEIGHT + y2) / 2
        path = f"M{x1:.1f} {y1 + _HEIGHT}C{x1:.1f} {middle} {x2:.1f} {middle} {x2:.1f} {y2}"
        label_x, label_y = (x1 + x2) / 2, middle
    else:  # back, or to itself: round the right-hand side
        side = _MARGIN + columns * (_WIDTH + _GAP_X)
        right1, right2 = x1 + _WIDTH / 2, x2 + _WIDTH / 2
        path = f"M{right1:.1f} {y1 + 30}C{side:.1f} {y1 + 30} {side:.1f} {y2 + 22} {right2:.1f} {y2 + 22}"
        label_x, label_y = side - 20, (y1 + y2) / 2 + 26
    label = escape(shorten(edge.label, 34))
    text = f'<text class="l" x="{label_x:.1f}" y="{label_y:.1f}" text-anchor="middle">{label}</text>' if label else ""
    kind = escape(edge.kind) + (" no" if edge.covered is False else "")
    return f'<path class="e {kind}" d="{path}" marker-end="url(#a)"/>{text}'
