"""W03: what is written and never read, declared and never used: most often a name with a typo."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.dialog.lint.context import Context
from ivr.dialog.problems import did_you_mean
from ivr.dialog.schema import AskStep, CallStep, Flow, RunStep, SetStep
from ivr.dialog.source import Position


def check(context: Context) -> None:
    read = {name for site in context.expressions for name in site.expression.names}
    _values(context, read)
    _slots(context, read)
    called = {step.call for flow in context.flows.values() for step in flow.steps if isinstance(step, CallStep)}
    for name, action in context.definition.actions.items():
        if name not in called:
            context.add(
                action.at, "W03", f"action `{name}` is never called", did_you_mean(name, called, "leave it out")
            )
    used = {site.prompt.name for site in context.prompts if site.prompt.name}
    for name, prompt in context.definition.prompts.items():
        if name not in used:
            context.add(prompt.at, "W03", f"prompt `{name}` is never used", did_you_mean(name, used, "leave it out"))


def _values(context: Context, read: set[str]) -> None:
    """`set` and `save` into names that nothing reads. A slot may be read by humans: the hand-over has it."""
    for flow, name, at in _written(context):
        if name not in read and context.slot(flow, name) is None:
            hint = did_you_mean(name, read, "read it somewhere, or leave it out")
            context.add(at, "W03", f"`{name}` is set and never read", hint)


def _written(context: Context) -> Iterator[tuple[Flow | None, str, Position]]:
    """(flow, name, place) of everything that `set` and `save` write."""
    for site in context.handlers:
        for name in site.handler.set:
            yield site.flow, name, site.handler.where("set", name)
    for flow in context.flows.values():
        for step in flow.steps:
            for name in step.set if isinstance(step, SetStep) else ():
                yield flow, name, step.where("set", name)
            for name in step.save if isinstance(step, CallStep | RunStep) else ():
                yield flow, name, step.where("save", name)


def _slots(context: Context, read: set[str]) -> None:
    """Slots that nobody asks for, sets or reads."""
    asked = {
        (flow.flow, name)
        for flow in context.flows.values()
        for step in flow.steps
        if isinstance(step, AskStep)
        for name in step.ask
    }
    written = {name for _, name, _ in _written(context)} | read
    for flow, name, slot in context.slots:
        everywhere = {asked_name for _, asked_name in asked} if flow is None else set()
        if (flow.flow if flow else "", name) not in asked and name not in everywhere | written:
            names = {asked_name for owner, asked_name in asked if flow is None or owner == flow.flow}
            context.add(slot.at, "W03", f"slot `{name}` is never asked for", did_you_mean(name, names, "ask for it"))
