"""E03, E23, W11: names and fields that expressions read, the types they have, and secrets that leak."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import nodes

from ivr.dialog.expressions import ExpressionError, compile_template, is_template, path_of
from ivr.dialog.lint.context import Context, ExpressionSite
from ivr.dialog.lint.paths import assigned, may_be_set
from ivr.dialog.problems import did_you_mean
from ivr.dialog.schema import AskStep, CallStep, Flow, RunStep, SetStep, Slot

CALL_FIELDS = ("id", "from", "to", "lang", "direction", "channel", "topic", "turns", "failures", "anger", "outcome")
QUEUE_FIELDS = ("open", "waiting", "agents", "expected_wait_s")
EVERYWHERE = frozenset({"call", "queues", "now"})

_NUMBER_TYPES = frozenset({"number", "money"})
_TEXT_TYPES = frozenset({"text", "digits", "phone", "date", "time"})
_FILTER_TYPES: dict[str, frozenset[str]] = {
    "money": _NUMBER_TYPES,
    "number": frozenset({"number", "money", "digits"}),
    "ordinal": frozenset({"number"}),
    "round": _NUMBER_TYPES,
    "date": frozenset({"date", "text"}),
    "time": frozenset({"time", "text"}),
    "digits": frozenset({"digits", "phone", "text", "number"}),
    "phone": frozenset({"phone", "digits", "text"}),
    "join": frozenset({"list"}),
    "length": frozenset({"list", "text", "object", "digits", "phone"}),
}
_READ_AFTER = frozenset({"save", "branch", "handler"})
"""Places that are evaluated when the step has done its work."""


class _Names:
    """Names of the whole hotline, by who gives them their value."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.shared: set[str] = set(context.hotline.slots)
        self.saved: dict[str, set[str]] = {}
        for name, flow in context.flows.items():
            self.shared |= {slot for slot, each in flow.slots.items() if each.scope == "call"}
            own = set().union(*(assigned(step) for step in flow.steps)) - set(flow.slots)
            own |= {key for ladder in flow.catch.values() for rung in ladder.rungs for key in rung.set}
            self.saved[name] = own
        for ladder in context.hotline.catch.values():
            self.shared |= {key for rung in ladder.rungs for key in rung.set}

    def elsewhere(self, flow: Flow | None) -> set[str]:
        """Names that other flows, or the hotline, may have set before."""
        others = [names for name, names in self.saved.items() if flow is None or name != flow.flow]
        return self.shared.union(*others)

    def visible(self, flow: Flow | None) -> set[str]:
        if flow is None:
            every: set[str] = set().union(*(each.slots for each in self.context.flows.values()))
            return every | self.elsewhere(None)
        return {*flow.slots, *flow.args, *self.saved[flow.flow]} | self.elsewhere(flow)


def check(context: Context) -> None:
    names = _Names(context)
    visible = {name: names.visible(flow) for name, flow in context.flows.items()}
    early = {name: names.elsewhere(flow) | set(flow.args) | _with_default(flow) for name, flow in context.flows.items()}
    before = {name: may_be_set(flow) for name, flow in context.flows.items()}
    own = {name: _own(flow) for name, flow in context.flows.items()}
    everything = names.visible(None)
    fields = {name: _fields(context, flow) for name, flow in context.flows.items()}
    for site in context.expressions:
        flow = site.flow.flow if site.flow else ""
        _unknown(context, site, set() if site.place.startswith("action ") else visible.get(flow, everything))
        _fields_known(context, site, fields.get(flow, {}))
        if site.flow and site.step:
            not_yet = site.expression.names & own[flow] - early[flow] - before[flow].get(site.step.id, set())
            _too_early(context, site, not_yet)
        _types(context, site)
        _leaks(context, site)
    _literals(context)


def _with_default(flow: Flow) -> set[str]:
    return {name for name, slot in flow.slots.items() if slot.default is not None}


def known_in_step(site: ExpressionSite) -> set[str]:
    """Names that have a value by the time this place of the step is evaluated."""
    ready = set(EVERYWHERE | site.extra)
    if site.step is not None and (site.place in _READ_AFTER or isinstance(site.step, AskStep)):
        ready |= assigned(site.step)
    if site.flow is not None:
        ready |= {key for ladder in site.flow.catch.values() for rung in ladder.rungs for key in rung.set}
    return ready


def _own(flow: Flow) -> frozenset[str]:
    """Names to which the flow itself gives values."""
    return frozenset(flow.slots).union(*(assigned(step) for step in flow.steps))


def _unknown(context: Context, site: ExpressionSite, visible: set[str]) -> None:
    for name in sorted(site.expression.names - visible - EVERYWHERE - site.extra):
        hint = did_you_mean(name, visible | EVERYWHERE | site.extra)
        context.add(site.at, "E03", f"nothing is called `{name}` here", hint)


def _too_early(context: Context, site: ExpressionSite, not_yet: frozenset[str]) -> None:
    for name in sorted(not_yet - known_in_step(site) - site.expression.optional):
        hint = "ask or save it in an earlier step, or write `" + name + " | default(...)`"
        context.add(site.at, "E03", f"`{name}` is read before any path sets it", hint)


# ------------------------------------------------------------------------------------------------------ fields


def _fields(context: Context, flow: Flow) -> dict[str, tuple[str, ...]]:
    """Fields of the names that hold a whole result: `save: {txn: "{{ result }}"}` gives txn the action's `returns`."""
    found: dict[str, tuple[str, ...]] = {}
    for step in flow.steps:
        if isinstance(step, CallStep) and step.call in context.definition.actions:
            for name, value in step.save.items():
                if isinstance(value, str) and value.replace(" ", "") == "{{result}}":
                    fields = tuple(context.definition.actions[step.call].returns)
                    found[name] = tuple(dict.fromkeys((*found.get(name, ()), *fields)))
    return found


def _fields_known(context: Context, site: ExpressionSite, fields: Mapping[str, tuple[str, ...]]) -> None:
    for path in sorted(site.expression.paths):
        if len(path) < 2:
            continue
        known = fields.get(path[0])
        field = path[1]
        if path[0] == "call":
            known = CALL_FIELDS
        elif path[0] == "result" and site.returns is not None:
            known = site.returns
        elif path[0] == "queues" and path[1] in context.hotline.queues:
            known, field = (QUEUE_FIELDS, path[2]) if len(path) > 2 else (None, "")
        elif path[0] == "queues":
            known = tuple(context.hotline.queues)
        if known is not None and field not in known:
            context.add(site.at, "E03", f"`{path[0]}` has no field `{field}`", did_you_mean(field, known))


# ------------------------------------------------------------------------------------------------------- types


def _slot_type(slot: Slot) -> str:
    return {"yes_no": "bool", "choice": ""}.get(slot.type, slot.type if "." not in slot.type else "")


def type_of(context: Context, flow: Flow | None, node: nodes.Node) -> str:
    """Type of a part of an expression: a VALUE_TYPE, or empty when it is not known."""
    if isinstance(node, nodes.Const):
        if isinstance(node.value, bool):
            return "bool"
        return "number" if isinstance(node.value, int | float) else "text" if isinstance(node.value, str) else ""
    path = path_of(node)
    if len(path) == 1 and (slot := context.slot(flow, path[0])):
        return _slot_type(slot)
    if len(path) == 1 and flow is not None and path[0] in flow.args:
        return flow.args[path[0]].replace("yes_no", "bool").replace("any", "")
    if isinstance(node, nodes.Filter) and node.name in {"length", "round"}:
        return "number"
    return ""


def _types(context: Context, site: ExpressionSite) -> None:
    for node in _walk(site.expression.tree):
        if isinstance(node, nodes.Filter) and node.node is not None and node.name in _FILTER_TYPES:
            given = type_of(context, site.flow, node.node)
            if given and given not in _FILTER_TYPES[node.name]:
                takes = ", ".join(sorted(_FILTER_TYPES[node.name]))
                context.add(
                    site.at,
                    "E23",
                    f"the filter `{node.name}` cannot speak a value of type {given}",
                    f"it takes {takes}",
                )
        elif isinstance(node, nodes.Compare):
            _comparison(context, site, node)
        elif isinstance(node, nodes.Add | nodes.Sub | nodes.Mul | nodes.Div):
            _arithmetic(context, site, node)


def _walk(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _walk(child)


def _kind(name: str) -> str:
    """Types that compare with each other are of one kind."""
    return "number" if name in _NUMBER_TYPES else "text" if name in _TEXT_TYPES else name if name == "bool" else ""


def _comparison(context: Context, site: ExpressionSite, node: nodes.Compare) -> None:
    left = _kind(type_of(context, site.flow, node.expr))
    for operand in node.ops:
        right = _kind(type_of(context, site.flow, operand.expr))
        if left and right and left != right and operand.op not in {"in", "notin"}:
            hint = "put digits and dates in quotes, numbers not"
            context.add(site.at, "E23", f"`{site.expression.text[:60]}` compares {left} with {right}", hint)
        left = right


def _arithmetic(context: Context, site: ExpressionSite, node: nodes.BinExpr) -> None:
    kinds = {_kind(type_of(context, site.flow, side)) for side in (node.left, node.right)} - {""}
    if "bool" in kinds or (kinds >= {"number", "text"}) or ("text" in kinds and not isinstance(node, nodes.Add)):
        message = f"`{site.expression.text[:60]}` computes with {' and '.join(sorted(kinds))}"
        context.add(site.at, "E23", message, "compute with numbers only")


def _literals(context: Context) -> None:
    """Values written into slots (`set`, `default`, `with` of `run`) that cannot be of the slot's type."""
    for site in context.handlers:
        _set_values(context, site.flow, site.handler, site.handler.set)
    for flow in context.flows.values():
        for step in flow.steps:
            if isinstance(step, SetStep):
                _set_values(context, flow, step, step.set)
            elif isinstance(step, RunStep) and step.run in context.flows:
                for name, value in step.args.items():
                    kind = context.flows[step.run].args.get(name, "any")
                    _literal(context, step.where("with", name), name, kind, value)
    for _, name, slot in context.slots:
        if slot.default is not None:
            _literal(context, slot.where("default"), name, _slot_type(slot), slot.default)


def _set_values(context: Context, flow: Flow | None, node: Any, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if slot := context.slot(flow, name):
            _literal(context, node.where("set", name), name, _slot_type(slot), value)


def _literal(context: Context, at: Any, name: str, kind: str, value: Any) -> None:
    if is_template(value) or value is None:
        return
    given = "bool" if isinstance(value, bool) else "number" if isinstance(value, int | float) else "text"
    wanted = _kind(kind.replace("yes_no", "bool"))
    if wanted and not isinstance(value, list | dict) and wanted != given:
        hint = f'write "{value}"' if wanted == "text" else f"write a {wanted}"
        context.add(at, "E23", f"`{name}` is of type {kind}; {value!r} is not", hint)


# ------------------------------------------------------------------------------------------------------- leaks


def _leaks(context: Context, site: ExpressionSite) -> None:
    """W11: a sensitive slot said, written or sent where it stays. Reading it back to confirm it is what it is for."""
    if site.place in {"confirm", "condition", "branch", "check", "value", "save", "action body"}:
        return
    masked = {
        path[0]
        for node in _walk(site.expression.tree)
        if isinstance(node, nodes.Filter) and node.name == "mask" and node.node is not None
        for path in compile_paths(node.node)
    }
    for name in sorted(site.expression.names - masked):
        slot = context.slot(site.flow, name) if not site.place.startswith("action ") else _named(context, name)
        if slot is not None and slot.sensitive:
            place = site.place.removeprefix("action ")
            context.add(
                site.at, "W11", f"the sensitive slot `{name}` in a {place}", f"write {name} | mask, or leave it out"
            )


def compile_paths(node: nodes.Node) -> Iterator[tuple[str, ...]]:
    """Names with fields inside a part of an expression."""
    for inner in _walk(node):
        if path := path_of(inner):
            yield path


def _named(context: Context, argument: str) -> Slot | None:
    """The sensitive slot that some step passes as this argument of an action."""
    for flow in context.flows.values():
        for step in flow.steps:
            if isinstance(step, CallStep) and isinstance(value := step.args.get(argument), str) and is_template(value):
                for name in _safe_names(value):
                    slot = context.slot(flow, name)
                    if slot is not None and slot.sensitive:
                        return slot
    return None


def _safe_names(text: str) -> frozenset[str]:
    try:
        return compile_template(text).names
    except ExpressionError:  # reported as E20 where it stands
        return frozenset()
