"""E01, E02, E22: names that lead nowhere, names and keys taken twice, queues without a way out."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ivr.dialog.lint.context import BUILT_IN_COMMANDS, Context
from ivr.dialog.problems import did_you_mean
from ivr.dialog.schema import AskStep, CallStep, Flow, RouteStep, RunStep, Step
from ivr.dialog.source import Position

_SECRET = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def check(context: Context) -> None:
    _entry(context)
    _prompts(context)
    _handlers(context)
    _handovers(context)
    for flow in context.flows.values():
        _flow(context, flow)
    _keys(context)
    _secrets(context)
    _tests(context)


def _known(context: Context, at: Position, what: str, name: str, known: Iterable[str]) -> bool:
    names = list(known)
    if name in names:
        return True
    context.add(at, "E01", f"no such {what}: {name}", did_you_mean(name, names, "" if names else f"there is no {what}"))
    return False


def _entry(context: Context) -> None:
    entry = context.hotline.entry
    if entry.inbound is None and entry.outbound is None:
        context.add(entry.at, "E26", "`entry` names no flow", "add inbound: flow")
    for key in ("inbound", "outbound"):
        name = getattr(entry, key)
        if name is not None:
            _known(context, entry.where(key), "flow", name, context.flows)


def _prompts(context: Context) -> None:
    for site in context.prompts:
        if site.prompt.name:
            _known(context, site.prompt.at, "prompt", site.prompt.name, context.definition.prompts)


def _handlers(context: Context) -> None:
    commands = {*BUILT_IN_COMMANDS, *context.hotline.commands}
    for site in context.handlers:
        handler = site.handler
        if handler.next is not None and site.flow is None:
            hint = "write run: flow, or catch it in the flow"
            context.add(handler.where("next"), "E01", "`next` outside of a flow has no steps to go to", hint)
        elif handler.next is not None and site.flow is not None:
            steps = [step.id for step in site.flow.steps]
            _known(context, handler.where("next"), f"step in `{site.flow.flow}`", handler.next, steps)
        if handler.run is not None:
            _known(context, handler.where("run"), "flow", handler.run, context.flows)
        head, _, command = site.event.partition(".")
        if head == "command" and command:
            _known(context, site.ladder.at, "command", command, commands)


def _handovers(context: Context) -> None:
    for spec, flow, step in context.handovers:
        if not _known(context, spec.where("queue"), "queue", spec.queue, context.hotline.queues):
            continue
        slots = _slots_seen(context, flow)
        for number, name in enumerate(spec.share):
            _known(context, spec.where("share", number), "slot", name, slots)
        missing = [event for event in ("queue.closed", "queue.timeout") if not context.catches(event, flow, step)]
        if missing:
            hint = "add catch: {queue: {run: ticket}} here, in the flow or in hotline.yaml"
            context.add(spec.at, "E22", f"nothing happens on {' and '.join(missing)} of queue `{spec.queue}`", hint)


def _slots_seen(context: Context, flow: Flow | None) -> frozenset[str]:
    """Slots that may be shared: the flow's, the call's; of all flows where the handler is the hotline's."""
    own = context.every_slot if flow is None else frozenset(flow.slots)
    return own | context.call_slots


def _flow(context: Context, flow: Flow) -> None:
    ids: dict[str, Step] = {}
    for step in flow.steps:
        if step.id in ids:
            context.add(
                step.where("id"), "E02", f"step `{step.id}` twice (first on line {ids[step.id].at.line})", "rename it"
            )
        ids.setdefault(step.id, step)
    for name, slot in flow.slots.items():
        if name in context.hotline.slots:
            context.add(slot.at, "E02", f"slot `{name}` is in hotline.yaml too", "rename it, or use the one there")
    for step in flow.steps:
        for number, branch in enumerate(step.next):
            at = step.where("next", number, "to") if branch.at.line else step.where("next")
            _known(context, at, f"step in `{flow.flow}`", branch.to, ids)
        _verb(context, flow, step)


def _verb(context: Context, flow: Flow, step: Step) -> None:
    if isinstance(step, AskStep):
        slots = {**context.hotline.slots, **flow.slots}
        for number, name in enumerate(step.ask):
            _known(context, step.where("ask", number), "slot", name, slots)
    elif isinstance(step, CallStep):
        if _known(context, step.where("call"), "action", step.call, context.definition.actions):
            _arguments(context, step, context.definition.actions[step.call].args, "action", step.call)
    elif isinstance(step, RunStep):
        if _known(context, step.where("run"), "flow", step.run, context.flows):
            _arguments(context, step, tuple(context.flows[step.run].args), "flow", step.run)
    elif isinstance(step, RouteStep):
        for number, intent in enumerate(step.route.intents or ()):
            at = step.route.where("intents", number)
            if _known(context, at, "flow", intent, context.flows) and intent not in context.triggers:
                context.add(at, "E01", f"flow `{intent}` has no trigger", "add trigger: {title, examples} to it")
        if not context.triggers:
            context.add(
                step.where("route"), "E01", "no flow has a `trigger`, so the answer leads nowhere", "add a trigger"
            )


def _arguments(context: Context, step: CallStep | RunStep, takes: tuple[str, ...], what: str, name: str) -> None:
    for given in step.args:
        if given not in takes:
            hint = did_you_mean(given, takes, f"it takes {', '.join(takes) or 'none'}")
            context.add(step.where("with", given), "E01", f"{what} `{name}` takes no argument `{given}`", hint)
    missing = [each for each in takes if each not in step.args]
    if missing:
        hint = "add with: {" + ", ".join(f"{each}: ..." for each in missing) + "}"
        context.add(step.where(step.verb), "E23", f"{what} `{name}` needs {', '.join(missing)}", hint)


class _Keys:
    """Keys of one scope, each taken once."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.taken: dict[str, str] = {}

    def take(self, key: str, at: Position, what: str) -> None:
        if not key:
            return
        if key in self.taken:
            hint = "give it another key"
            self.context.add(at, "E02", f'key "{key}" of {what} is taken by {self.taken[key]}', hint)
        self.taken.setdefault(key, what)


def _keys(context: Context) -> None:
    base = _Keys(context)
    for name, command in context.hotline.commands.items():
        base.take(command.dtmf, command.where("dtmf"), f"command `{name}`")
    menu = _Keys(context)
    menu.taken = dict(base.taken)
    for name, flow in context.triggers.items():
        assert flow.trigger is not None
        menu.take(flow.trigger.dtmf, flow.trigger.where("dtmf"), f"flow `{name}`")
    for _, name, slot in context.slots:
        scope = _Keys(context)
        scope.taken = dict(base.taken)
        for option in slot.options:
            scope.take(option.dtmf, option.where("dtmf"), f"option {option.value!r} of `{name}`")
        for number, key in enumerate(slot.dtmf):
            scope.take(key, slot.where("dtmf", number), f"slot `{name}`")


def _secrets(context: Context) -> None:
    known = context.options.secrets
    if known is None:
        return
    for action in context.definition.actions.values():
        if action.auth and action.auth not in known:
            context.add(action.where("auth"), "E01", f"no such secret: {action.auth}", did_you_mean(action.auth, known))
        for key, text in [("url", action.url), *(("headers", value) for value in action.headers.values())]:
            for name in _SECRET.findall(text):
                if name not in known:
                    context.add(action.where(key), "E01", f"no such setting: ${{{name}}}", did_you_mean(name, known))


def _tests(context: Context) -> None:
    for test in context.definition.tests:
        given = test.given
        for name in given.actions:
            _known(context, given.where("actions", name), "action", name, context.definition.actions)
        for name in given.queues:
            _known(context, given.where("queues", name), "queue", name, context.hotline.queues)
        if given.lang is not None:
            _known(context, given.where("lang"), "language", given.lang, context.languages)
        if given.entry is not None:
            _known(context, given.where("entry"), "flow", given.entry, context.flows)
        for turn in test.turns:
            if turn.intent is not None:
                _known(context, turn.where("intent"), "intent", turn.intent, context.triggers)
            if turn.step is not None:
                _position(context, turn.step, turn.where("step"))
            if turn.handover and turn.handover.queue:
                _known(context, turn.handover.where("queue"), "queue", turn.handover.queue, context.hotline.queues)


def _position(context: Context, text: str, at: Position) -> None:
    """`flow/step:mode` of a test."""
    flow, _, rest = text.partition("/")
    step = rest.partition(":")[0]
    if _known(context, at, "flow", flow, context.flows) and step:
        _known(context, at, f"step in `{flow}`", step, [each.id for each in context.flows[flow].steps])
