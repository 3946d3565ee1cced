"""E03 (read before set), E04, W04, E07, E09, E10: where a flow can go, and where it cannot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ivr.dialog.lint.context import Context
from ivr.dialog.schema import AskStep, CallStep, Flow, Handler, HandoverStep, RunStep, SetStep, Step

_LEAVING_VERBS = frozenset({"end", "handover", "route"})
"""Without a `next` of their own these do not go on to the following step: the flow is left, or done."""
_SILENT_VERBS = frozenset({"say", "set", "call", "next", "run"})


def check(context: Context) -> None:
    talking = {name for name, flow in context.flows.items() if _listens(context, flow, set())}
    for flow in context.flows.values():
        _unreachable(context, flow)
        _dead_end(context, flow)
        _silent_loop(context, flow, talking)
    _never_entered(context)
    _recursion(context)


def successors(flow: Flow, handlers: bool = True) -> dict[str, list[str]]:
    """Step id -> ids it can go on to. `handlers`: by event handlers too."""
    order = [step.id for step in flow.steps]
    known = set(order)
    edges: dict[str, list[str]] = {}
    shared = _targets(ladder.rungs for ladder in flow.catch.values()) if handlers else []
    for number, step in enumerate(flow.steps):
        following = order[number + 1 : number + 2]
        targets = [branch.to for branch in step.next]
        falls = not targets or all(branch.condition is not None for branch in step.next)
        if falls and (targets or step.verb not in _LEAVING_VERBS):
            targets += following
        if step.condition is not None:
            targets += following
        if handlers:
            targets += _targets(ladder.rungs for ladder in step.catch.values()) + shared
        edges[step.id] = [target for target in dict.fromkeys(targets) if target in known]
    return edges


def _targets(ladders: Iterable[tuple[Handler, ...]]) -> list[str]:
    return [handler.next for rungs in ladders for handler in rungs if handler.next is not None]


def reachable(edges: Mapping[str, Iterable[str]], start: str) -> set[str]:
    """Everything that can be reached from `start`, itself included."""
    seen = {start}
    todo = [start]
    while todo:
        for target in edges.get(todo.pop(), ()):
            if target not in seen:
                seen.add(target)
                todo.append(target)
    return seen


def _unreachable(context: Context, flow: Flow) -> None:
    seen = reachable(successors(flow), flow.steps[0].id)
    for step in flow.steps:
        if step.id not in seen:
            context.add(
                step.at, "E04", f"no path leads to step `{step.id}`", "add `next: " + step.id + "`, or delete it"
            )


def _dead_end(context: Context, flow: Flow) -> None:
    last = flow.steps[-1]
    if last.verb in _LEAVING_VERBS:
        return
    hint = "end the flow by an `end` step, or add `next`"
    if not last.next:
        context.add(last.at, "E07", f"the flow runs off its end after step `{last.id}`", hint)
    elif all(branch.condition is not None for branch in last.next):
        context.add(
            last.where("next"), "E07", f"step `{last.id}` goes nowhere when no `if` holds", "add {to: step} as the last"
        )


def _silent_loop(context: Context, flow: Flow, talking: set[str]) -> None:
    silent = {step.id for step in flow.steps if _is_silent(step, talking)}
    edges = {
        name: [to for to in targets if to in silent]
        for name, targets in successors(flow, False).items()
        if name in silent
    }
    for step in flow.steps:
        if step.id in silent and any(step.id in reachable(edges, target) for target in edges[step.id]):
            hint = "let it `ask`, or bound the loop by a counter that leads out"
            context.add(step.at, "E09", f"step `{step.id}` is in a loop that never listens", hint)
            return


def _is_silent(step: Step, talking: set[str]) -> bool:
    return step.verb in _SILENT_VERBS and not (isinstance(step, RunStep) and step.run in talking)


def _listens(context: Context, flow: Flow, seen: set[str]) -> bool:
    """True when a flow, or one it runs, has a step that waits for the caller or leaves."""
    if flow.flow in seen:
        return False
    seen.add(flow.flow)
    return any(
        step.verb not in _SILENT_VERBS
        or (
            isinstance(step, RunStep) and step.run in context.flows and _listens(context, context.flows[step.run], seen)
        )
        for step in flow.steps
    )


def _never_entered(context: Context) -> None:
    entry = context.hotline.entry
    entered = {entry.inbound, entry.outbound, *context.triggers}
    entered |= {site.handler.run for site in context.handlers}
    entered |= {step.run for flow in context.flows.values() for step in flow.steps if isinstance(step, RunStep)}
    for name, flow in context.flows.items():
        if name not in entered:
            hint = "give it a `trigger`, `run` it, or name it in `entry`"
            context.add(flow.where("flow"), "W04", f"flow `{name}` is never entered", hint)


def _recursion(context: Context) -> None:
    """Flows that run each other without end. A digression is bounded by `limits.depth`; `run` is not."""
    edges: dict[str, list[str]] = {name: [] for name in context.flows}
    for name, flow in context.flows.items():
        edges[name] += [step.run for step in flow.steps if isinstance(step, RunStep)]
        edges[name] += [site.handler.run for site in context.handlers if site.flow is flow and site.handler.run]
        if any(isinstance(step, HandoverStep) for step in flow.steps):
            for event in ("queue.closed", "queue.timeout"):
                ladder = context.catches(event, flow, None)
                edges[name] += [handler.run for handler in (ladder.rungs if ladder else ()) if handler.run]
    for name, flow in context.flows.items():
        for step in flow.steps:
            if isinstance(step, RunStep) and name in reachable(edges, step.run):
                context.add(
                    step.where("run"), "E10", f"flow `{name}` runs itself by way of `{step.run}`", "end one of them"
                )
        for site in context.handlers:
            if site.flow is flow and site.handler.run and name in reachable(edges, site.handler.run):
                at = site.handler.where("run")
                context.add(at, "E10", f"flow `{name}` runs itself by way of `{site.handler.run}`", "end one of them")
    _shared_recursion(context, edges)


def _shared_recursion(context: Context, edges: Mapping[str, list[str]]) -> None:
    """A queue handler of hotline.yaml that runs a flow which hands over to a queue itself."""
    for site in context.handlers:
        target = site.handler.run
        if site.flow is not None or target is None or target not in edges or not site.event.startswith("queue"):
            continue
        if any(target in reachable(edges, each) for each in edges[target]):
            message = f"`{target}` hands over to a queue itself, and is run again when that is closed"
            context.add(site.handler.where("run"), "E10", message, "catch `queue` inside that flow")


def assigned(step: Step) -> set[str]:
    """Names a step gives a value: slots asked for, saved results, `set`."""
    names: set[str] = set()
    if isinstance(step, AskStep):
        names |= set(step.ask)
    elif isinstance(step, CallStep | RunStep):
        names |= set(step.save)
    elif isinstance(step, SetStep):
        names |= set(step.set)
    for ladder in step.catch.values():
        for handler in ladder.rungs:
            names |= set(handler.set)
    return names


def may_be_set(flow: Flow) -> dict[str, set[str]]:
    """Step id -> names that some path may have set before the step begins (a forward may-analysis)."""
    edges = successors(flow)
    gives = {step.id: assigned(step) for step in flow.steps}
    before: dict[str, set[str]] = {step.id: set() for step in flow.steps}
    todo = [step.id for step in flow.steps]
    while todo:
        current = todo.pop()
        after = before[current] | gives[current]
        for target in edges[current]:
            if not after <= before[target]:
                before[target] |= after
                todo.append(target)
    return before
