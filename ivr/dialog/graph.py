"""A hotline as a picture: flows, their steps, and every way from one to the next.

`build` gives the data (the console's studio draws from the same), `layout` places it in layers, and
`ivr.dialog.drawing` writes SVG and a page that needs no network.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ivr.dialog.loader import Definition
from ivr.dialog.schema import (
    AskStep,
    CallStep,
    EndStep,
    Flow,
    Handler,
    HandoverStep,
    Ladder,
    Prompt,
    RouteStep,
    RunStep,
    SayStep,
    SetStep,
    Step,
)


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A step (`flow/step`), or where a way leads outside the flow: another flow, a queue."""

    id: str
    kind: str
    """The step's verb, or flow, queue."""
    title: str
    text: str
    """What is said, asked or called, in a few words."""
    source: str = ""
    """`file:line`."""
    covered: bool | None = None
    """By the tests; None = not known."""
    untried: tuple[str, ...] = ()
    """Rungs of its ladders that no test has come to: `nomatch 2`."""


@dataclass(frozen=True, slots=True)
class GraphEdge:
    start: str
    end: str
    kind: str
    """next, branch, run, handover, event."""
    label: str = ""
    covered: bool | None = None


@dataclass(slots=True)
class FlowGraph:
    """One flow."""

    flow: str
    title: str
    nodes: list[GraphNode] = field(default_factory=list)
    edges: list[GraphEdge] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the tests have not seen: `flow/step`, `flow/step -> to`, and `file:line event number` of ladders."""

    steps: frozenset[str] = frozenset()
    branches: frozenset[str] = frozenset()
    rungs: frozenset[str] = frozenset()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Coverage:
        """From the output of `ivr test --json`. Raises ValueError when there is no coverage in it."""
        found = data.get("coverage", data)
        try:
            rungs = found.get("rungs", {}).get("missing", ())
            return cls(frozenset(found["steps"]["missing"]), frozenset(found["branches"]["missing"]), frozenset(rungs))
        except (KeyError, TypeError) as error:
            raise ValueError("no coverage in it; give the output of `ivr test --json`") from error


def build(definition: Definition, coverage: Coverage | None = None) -> list[FlowGraph]:
    """Graphs of all flows, the entry first."""
    entry = definition.hotline.entry
    first = [name for name in (entry.inbound, entry.outbound) if name in definition.flows]
    names = dict.fromkeys([*(name for name in first if name), *sorted(definition.flows)])
    return [_flow(definition, definition.flows[name], coverage) for name in names]


def overview(definition: Definition, coverage: Coverage | None = None) -> FlowGraph:
    """Which flow leads to which: by `run`, by an open question, by an event. The hotline's own handlers are a node."""
    graph = FlowGraph("", definition.hotline.hotline)
    language = definition.languages[0]
    for flow in definition.flows.values():
        title = flow.trigger.title.get(language, "") if flow.trigger else ""
        untried = _untried(flow.catch, coverage)
        graph.nodes.append(GraphNode(flow.flow, "flow", flow.flow, title, str(flow.at), untried=untried))
    if catch := definition.hotline.catch:
        place, untried = str(definition.hotline.where("catch")), _untried(catch, coverage)
        covered = None if coverage is None else not untried
        graph.nodes.append(GraphNode("catch:", "catch", "anywhere", ", ".join(catch), place, covered, untried))
    edges: dict[tuple[str, str], GraphEdge] = {}
    for flow in definition.flows.values():
        for target, kind, label in _flow_targets(definition, flow):
            if target in definition.flows:
                edges.setdefault((flow.flow, target), GraphEdge(flow.flow, target, kind, label))
    graph.edges = list(edges.values())
    return graph


def _flow_targets(definition: Definition, flow: Flow) -> Iterable[tuple[str, str, str]]:
    triggers = [name for name, each in definition.flows.items() if each.trigger]
    for step in flow.steps:
        if isinstance(step, RunStep):
            yield step.run, "run", ""
        elif isinstance(step, RouteStep):
            yield from ((name, "branch", "") for name in step.route.intents or triggers)
        for event, ladder in (*step.catch.items(), *flow.catch.items()):
            yield from ((rung.run, "event", event) for rung in ladder.rungs if rung.run)
        if isinstance(step, HandoverStep):
            for event, ladder in definition.hotline.catch.items():
                if event.startswith("queue"):
                    yield from ((rung.run, "event", event) for rung in ladder.rungs if rung.run)


def _flow(definition: Definition, flow: Flow, coverage: Coverage | None) -> FlowGraph:
    language = definition.languages[0]
    graph = FlowGraph(flow.flow, flow.trigger.title.get(language, "") if flow.trigger else "")
    outside: dict[str, GraphNode] = {}
    for index, step in enumerate(flow.steps):
        name = f"{flow.flow}/{step.id}"
        seen = None if coverage is None else name not in coverage.steps
        text = " ".join(_words(definition, step, language).split())
        place, untried = f"{step.at.file}:{step.at.line}", _untried(step.catch, coverage)
        graph.nodes.append(GraphNode(name, step.verb, step.id, text, place, seen, untried))
        following = flow.steps[index + 1].id if index + 1 < len(flow.steps) else ""
        graph.edges += _ways_on(flow, step, following, coverage)
        graph.edges += _ways_out(flow, step, outside, coverage)
    graph.nodes += outside.values()
    known = {node.id for node in graph.nodes}
    graph.edges = [edge for edge in dict.fromkeys(graph.edges) if edge.end in known]
    return graph


def _words(definition: Definition, step: Step, language: str) -> str:
    match step:
        case SayStep(say=prompt):
            return _prompt(definition, prompt, language)
        case AskStep(ask=slots):
            return ", ".join(slots)
        case RouteStep(route=route):
            return _prompt(definition, route.prompts.ask, language) if route.prompts.ask else ""
        case CallStep(call=action):
            return action
        case SetStep():
            return ", ".join(step.set)
        case RunStep(run=flow):
            return flow
        case HandoverStep(handover=spec):
            return spec.reason
        case EndStep(end=spec):
            return " ".join(part for part in (spec.outcome or "", spec.cause) if part)
    return ""


def _prompt(definition: Definition, prompt: Prompt, language: str) -> str:
    found = definition.prompts.get(prompt.name, prompt) if prompt.name else prompt
    said = found.variants(language)
    return said[0].text or said[0].audio if said else prompt.name


def _ways_on(flow: Flow, step: Step, following: str, coverage: Coverage | None) -> Iterable[GraphEdge]:
    start = f"{flow.flow}/{step.id}"

    def edge(to: str, kind: str, label: str = "") -> GraphEdge:
        missing = coverage is not None and f"{start} -> {to}" in coverage.branches
        covered = None if coverage is None else not missing and start not in coverage.steps
        return GraphEdge(start, f"{flow.flow}/{to}", kind, label, covered)

    for branch in step.next:
        label = branch.condition or ("otherwise" if len(step.next) > 1 else "")
        yield edge(branch.to, "branch" if len(step.next) > 1 else "next", label)
    falls = not step.next or all(branch.condition for branch in step.next)
    if falls and following and (step.next or step.verb not in {"end", "handover", "route"}):
        yield edge(following, "next", "otherwise" if step.next else "")
    elif step.condition and following:
        yield edge(following, "branch", f"not ({step.condition})")


def _untried(catch: Mapping[str, Ladder], coverage: Coverage | None) -> tuple[str, ...]:
    """Rungs that the tests have not come to."""
    if coverage is None:
        return ()
    return tuple(
        f"{event} {number}"
        for event, ladder in catch.items()
        for number, rung in enumerate(ladder.rungs, 1)
        if _rung_name(event, number, rung) in coverage.rungs
    )


def _rung_name(event: str, number: int, rung: Handler) -> str:
    """As the coverage calls it."""
    return f"{rung.at.file}:{rung.at.line} {event} {number}"


def _ways_out(flow: Flow, step: Step, outside: dict[str, GraphNode], coverage: Coverage | None) -> Iterable[GraphEdge]:
    start = f"{flow.flow}/{step.id}"

    def leave(kind: str, name: str, edge_kind: str, label: str) -> GraphEdge:
        node = f"{kind}:{name}"
        outside.setdefault(node, GraphNode(node, kind, name, ""))
        return GraphEdge(start, node, edge_kind, label)

    if isinstance(step, RunStep):
        yield leave("flow", step.run, "run", "")
    elif isinstance(step, HandoverStep):
        yield leave("queue", step.handover.queue, "handover", "")
    elif isinstance(step, RouteStep):
        for name in step.route.intents or ():
            yield leave("flow", name, "branch", "")
    for event, ladder in step.catch.items():
        for number, rung in enumerate(ladder.rungs, 1):
            seen = None if coverage is None else _rung_name(event, number, rung) not in coverage.rungs
            yield from (replace(edge, covered=seen) for edge in _rung(flow, start, event, rung, leave))


def _rung(flow: Flow, start: str, event: str, rung: Handler, leave: Any) -> Iterable[GraphEdge]:
    if rung.next:
        yield GraphEdge(start, f"{flow.flow}/{rung.next}", "event", event)
    elif rung.run:
        yield leave("flow", rung.run, "event", event)
    elif rung.handover:
        yield leave("queue", rung.handover.queue, "event", event)


def as_json(definition: Definition, graphs: Iterable[FlowGraph], coverage: Coverage | None = None) -> dict[str, Any]:
    """The data behind the picture."""
    return {
        "hotline": definition.hotline.hotline,
        "languages": list(definition.languages),
        "overview": asdict(overview(definition, coverage)),
        "flows": [asdict(graph) for graph in graphs],
    }


# ------------------------------------------------------------------------------------------------------- layout


@dataclass(frozen=True, slots=True)
class Placed:
    """A node's column and layer, from 0."""

    node: GraphNode
    column: float
    layer: int


def layout(graph: FlowGraph) -> dict[str, Placed]:
    """Places for a layered drawing (Sugiyama's idea): layers by the longest path without the edges that lead back, then
    a few sweeps that move each node to the middle of its neighbours."""
    order = [node.id for node in graph.nodes]
    forward = _without_cycles(order, graph.edges)
    layers = _layers(order, forward)
    rows: dict[int, list[str]] = {}
    for name in order:
        rows.setdefault(layers[name], []).append(name)
    for _ in range(4):
        _sweep(rows, forward)
    nodes = {node.id: node for node in graph.nodes}
    widest = max((len(row) for row in rows.values()), default=1)
    return {
        name: Placed(nodes[name], index + (widest - len(row)) / 2, layer)
        for layer, row in rows.items()
        for index, name in enumerate(row)
    }


def _without_cycles(order: list[str], edges: Iterable[GraphEdge]) -> list[tuple[str, str]]:
    """Edges minus those that lead back (found by a depth-first walk in file order)."""
    out: dict[str, list[str]] = {name: [] for name in order}
    for edge in edges:
        out[edge.start].append(edge.end)
    done: set[str] = set()
    kept: list[tuple[str, str]] = []
    for root in order:
        if root in done:
            continue
        active = {root}
        stack = [(root, iter(out[root]))]
        while stack:
            name, targets = stack[-1]
            target = next(targets, None)
            if target is None:
                stack.pop()
                active.discard(name)
                done.add(name)
            elif target not in active:
                kept.append((name, target))
                if target not in done:
                    active.add(target)
                    stack.append((target, iter(out[target])))
    return kept


def _layers(order: list[str], forward: list[tuple[str, str]]) -> dict[str, int]:
    """Longest path from a source, in topological order."""
    layers = dict.fromkeys(order, 0)
    waiting = dict.fromkeys(order, 0)
    for _, end in forward:
        waiting[end] += 1
    ready = [name for name in order if not waiting[name]]
    while ready:
        name = ready.pop(0)
        for start, end in forward:
            if start == name:
                layers[end] = max(layers[end], layers[name] + 1)
                waiting[end] -= 1
                if not waiting[end]:
                    ready.append(end)
    return layers


def _sweep(rows: dict[int, list[str]], forward: list[tuple[str, str]]) -> None:
    above: dict[str, list[str]] = {}
    for start, end in forward:
        above.setdefault(end, []).append(start)
    place: dict[str, float] = {name: float(index) for row in rows.values() for index, name in enumerate(row)}
    for layer in sorted(rows):
        weights = {
            name: sum(place[each] for each in above[name]) / len(above[name]) if name in above else place[name]
            for name in rows[layer]
        }
        rows[layer].sort(key=lambda name: weights[name])
        place |= {name: float(index) for index, name in enumerate(rows[layer])}
