"""What all checks of the lint share: the definition, its step graph, and every place with a prompt or an expression."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ivr.dialog.expressions import Expression, ExpressionError, compile_expression, compile_template, is_template
from ivr.dialog.loader import Definition
from ivr.dialog.problems import Problems
from ivr.dialog.schema import (
    AskStep,
    CallStep,
    Flow,
    Handler,
    HandoverSpec,
    HandoverStep,
    Ladder,
    Listen,
    Node,
    Prompt,
    RouteStep,
    RunStep,
    SayStep,
    SetStep,
    Slot,
    Step,
)
from ivr.dialog.source import Position

BUILT_IN_COMMANDS = ("repeat", "slower", "back", "wait", "help", "agent", "goodbye", "language", "start_over")


@dataclass(frozen=True, slots=True)
class LintOptions:
    """What the lint may know beside the files."""

    vocabulary: dict[str, frozenset[str]] = field(default_factory=dict)
    """Words the recogniser knows, by language; empty = not checked."""
    secrets: frozenset[str] | None = None
    """Names of the secrets and `${NAME}`s there are; None = not checked."""
    acoustic: bool = True
    """Compare how options, commands and intents sound."""


@dataclass(frozen=True, slots=True)
class PromptSite:
    """A prompt, where it stands and what may be put into it."""

    prompt: Prompt
    flow: Flow | None
    step: Step | None
    place: str
    """say, ask, retry, help, invalid, confirm, choose, guess, more, filler, resume, handler, summary."""
    extra: frozenset[str] = frozenset()
    """Names known here only."""


@dataclass(frozen=True, slots=True)
class ExpressionSite:
    """An expression or template, compiled, and where it stands."""

    expression: Expression
    at: Position
    flow: Flow | None
    step: Step | None
    place: str
    """A prompt's place, or condition, check, value, save, url, body, tag, listen."""
    extra: frozenset[str] = frozenset()
    returns: tuple[str, ...] | None = None
    """Fields of `result` here; None = unknown."""


@dataclass(frozen=True, slots=True)
class HandlerSite:
    """A handler, the event it is for, and in whose scope."""

    event: str
    ladder: Ladder
    handler: Handler
    flow: Flow | None
    step: Step | None


_ROUTE_NAMES = {
    "guess": frozenset({"guess", "title", "value"}),
    "confirm": frozenset({"title", "value"}),
    "choose": frozenset({"a", "b", "options"}),
}
_SLOT_NAMES = {"choose": frozenset({"a", "b", "options"}), "confirm": frozenset({"value"})}


class Context:
    """One lint run. Checks read from here and add to `problems`."""

    def __init__(self, definition: Definition, problems: Problems, options: LintOptions) -> None:
        self.definition = definition
        self.hotline = definition.hotline
        self.flows = definition.flows
        self.languages = definition.languages
        self.problems = problems
        self.options = options

    def add(self, at: Position, code: str, message: str, hint: str = "") -> None:
        self.problems.add(at, code, message, hint)

    def text_of(self, prompt: Prompt) -> Prompt | None:
        """The prompt itself; None when its name leads nowhere (E01 tells)."""
        return self.definition.prompts.get(prompt.name) if prompt.name else prompt

    def slot(self, flow: Flow | None, name: str) -> Slot | None:
        """The slot a name means inside a flow."""
        if flow is not None and name in flow.slots:
            return flow.slots[name]
        return self.hotline.slots.get(name)

    @cached_property
    def slots(self) -> tuple[tuple[Flow | None, str, Slot], ...]:
        """Every slot, with its flow (None = the hotline's)."""
        found: list[tuple[Flow | None, str, Slot]] = [(None, *pair) for pair in self.hotline.slots.items()]
        found += [(flow, *pair) for flow in self.flows.values() for pair in flow.slots.items()]
        return tuple(found)

    @cached_property
    def call_slots(self) -> frozenset[str]:
        """Names of slots that all flows see."""
        return frozenset(name for flow, name, slot in self.slots if flow is None or slot.scope == "call")

    @cached_property
    def every_slot(self) -> frozenset[str]:
        return frozenset(name for _, name, _ in self.slots)

    @cached_property
    def triggers(self) -> dict[str, Flow]:
        return {name: flow for name, flow in self.flows.items() if flow.trigger}

    # -------------------------------------------------------------------------------------------- handlers

    @cached_property
    def handlers(self) -> tuple[HandlerSite, ...]:
        """Every handler of every scope."""
        return tuple(self._handlers())

    def _handlers(self) -> Iterator[HandlerSite]:
        scopes: list[tuple[Any, Flow | None, Step | None]] = [(self.hotline, None, None)]
        for flow in self.flows.values():
            scopes.append((flow, flow, None))
            scopes += [(step, flow, step) for step in flow.steps]
        for scope, owner, place in scopes:
            for event, ladder in scope.catch.items():
                for handler in ladder.rungs:
                    yield HandlerSite(event, ladder, handler, owner, place)

    def catches(self, event: str, flow: Flow | None, step: Step | None) -> Ladder | None:
        """The ladder that takes an event in a step: step, then flow, then hotline; `queue` takes `queue.closed`."""
        for scope in (step, flow, self.hotline):
            if scope is None:
                continue
            name = event
            while name:
                if name in scope.catch:
                    return scope.catch[name]
                name = name.rpartition(".")[0]
        return None

    @cached_property
    def handovers(self) -> tuple[tuple[HandoverSpec, Flow | None, Step | None], ...]:
        """Every hand-over, of steps and of handlers."""
        found: list[tuple[HandoverSpec, Flow | None, Step | None]] = [
            (site.handler.handover, site.flow, site.step) for site in self.handlers if site.handler.handover
        ]
        for flow in self.flows.values():
            found += [(step.handover, flow, step) for step in flow.steps if isinstance(step, HandoverStep)]
        return tuple(found)

    @cached_property
    def listens(self) -> tuple[tuple[Listen, Flow | None, Step | None], ...]:
        """Every `listen`."""
        found: list[tuple[Listen | None, Flow | None, Step | None]] = [(self.hotline.defaults.listen, None, None)]
        found += [(slot.listen, None, None) for slot in self.hotline.slots.values()]
        found += [(site.handler.listen, site.flow, site.step) for site in self.handlers]
        for flow in self.flows.values():
            found.append((flow.listen, flow, None))
            found += [(slot.listen, flow, None) for slot in flow.slots.values()]
            found += [(step.listen, flow, step) for step in flow.steps]
        return tuple((listen, flow, step) for listen, flow, step in found if listen is not None)

    # --------------------------------------------------------------------------------------------- prompts

    @cached_property
    def prompts(self) -> tuple[PromptSite, ...]:
        """Every prompt in use, named ones at each place of use."""
        return tuple(self._prompts())

    def _prompts(self) -> Iterator[PromptSite]:
        for owner, name, slot in self.slots:
            yield from self._slot_prompts(name, slot, owner)
        for site in self.handlers:
            if site.handler.say:
                yield PromptSite(site.handler.say, site.flow, site.step, "handler", frozenset({"event"}))
        for spec, flow, step in self.handovers:
            if spec.summary:
                yield PromptSite(spec.summary, flow, step, "summary")
        for flow in self.flows.values():
            if flow.resume:
                yield PromptSite(flow.resume, flow, None, "resume")
            for step in flow.steps:
                yield from self._step_prompts(step, flow)

    def _slot_prompts(self, name: str, slot: Slot, flow: Flow | None) -> Iterator[PromptSite]:
        for place in type(slot.prompts).model_fields:
            prompt: Prompt | None = getattr(slot.prompts, place)
            if prompt:
                yield PromptSite(prompt, flow, None, place, _SLOT_NAMES.get(place, frozenset()) | {name})

    def _step_prompts(self, step: Step, flow: Flow) -> Iterator[PromptSite]:
        if isinstance(step, SayStep):
            yield PromptSite(step.say, flow, step, "say")
        elif isinstance(step, AskStep) and step.confirm and step.confirm.say:
            yield PromptSite(step.confirm.say, flow, step, "confirm", frozenset(step.ask))
        elif isinstance(step, CallStep) and step.filler:
            yield PromptSite(step.filler, flow, step, "filler")
        elif isinstance(step, RouteStep):
            for place in type(step.route.prompts).model_fields:
                prompt: Prompt | None = getattr(step.route.prompts, place)
                if prompt:
                    names = _ROUTE_NAMES.get(place, frozenset()) | {"titles"}
                    yield PromptSite(prompt, flow, step, place, names)

    # ----------------------------------------------------------------------------------------- expressions

    @cached_property
    def expressions(self) -> tuple[ExpressionSite, ...]:
        """Every expression that compiles; what does not is reported as E20 here."""
        return tuple(self._expressions())

    def _expressions(self) -> Iterator[ExpressionSite]:
        yield from self._prompt_expressions()
        yield from self._handler_expressions()
        yield from self._action_expressions()
        for owner, name, slot in self.slots:
            if slot.check is not None:
                yield from self._one(slot, ("check",), slot.check, owner, None, "check", frozenset({name}))
            yield from self._values(slot, ("default",), slot.default, owner, None, "value")
        for flow in self.flows.values():
            for step in flow.steps:
                yield from self._step_expressions(step, flow)

    def _prompt_expressions(self) -> Iterator[ExpressionSite]:
        for site in self.prompts:
            prompt = self.text_of(site.prompt)
            for variant in [each for said in prompt.texts.values() for each in said] if prompt else []:
                for key in ("text", "ssml"):
                    if is_template(getattr(variant, key)):
                        at = variant.where(key)
                        yield from self._compiled(
                            getattr(variant, key), at, False, site.flow, site.step, site.place, site.extra
                        )

    def _handler_expressions(self) -> Iterator[ExpressionSite]:
        for found in self.handlers:
            yield from self._values(
                found.handler, ("set",), found.handler.set, found.flow, found.step, "value", {"event"}
            )
        for spec, flow, step in self.handovers:
            yield from self._values(spec, ("skills",), list(spec.skills), flow, step, "tag")
            yield from self._values(spec, ("priority",), spec.priority, flow, step, "value")

    def _action_expressions(self) -> Iterator[ExpressionSite]:
        for action in self.definition.actions.values():
            extra = {*action.args, "call", "now"}
            for key, value in (("url", action.url), ("headers", action.headers), ("body", action.body)):
                place = "url" if key == "url" else "body"
                yield from self._values(action, (key,), value, None, None, f"action {place}", extra)
            yield from self._values(action, ("idempotency",), action.idempotency, None, None, "action body", extra)

    def _step_expressions(self, step: Step, flow: Flow | None) -> Iterator[ExpressionSite]:
        if step.condition is not None:
            yield from self._one(step, ("if",), step.condition, flow, step, "condition")
        for number, branch in enumerate(step.next):
            if branch.condition is not None:
                path = ("next", number, "if")
                yield from self._one(step, path, branch.condition, flow, step, "branch")
        yield from self._values(step, ("tags",), list(step.tags), flow, step, "tag")
        if isinstance(step, SetStep):
            yield from self._values(step, ("set",), step.set, flow, step, "value")
        if isinstance(step, RouteStep) and step.route.guess:
            yield from self._values(step.route.guess, ("from",), step.route.guess.source, flow, step, "value")
        if isinstance(step, CallStep | RunStep):
            yield from self._values(step, ("with",), step.args, flow, step, "value")
            returns = self._returns(step)
            yield from self._values(step, ("save",), step.save, flow, step, "save", {"result"}, returns)

    def _returns(self, step: CallStep | RunStep) -> tuple[str, ...] | None:
        if isinstance(step, CallStep) and step.call in self.definition.actions:
            return tuple(self.definition.actions[step.call].returns)
        return None

    def _one(
        self, node: Node, path: tuple[str | int, ...], text: str, flow: Flow | None, step: Step | None, place: str,
        extra: frozenset[str] = frozenset(),
    ) -> Iterator[ExpressionSite]:  # fmt: skip
        """A bare expression."""
        yield from self._compiled(text, node.where(*path), True, flow, step, place, extra, None)

    def _values(
        self, node: Node, path: tuple[str | int, ...], value: Any, flow: Flow | None, step: Step | None, place: str,
        extra: set[str] | frozenset[str] = frozenset(), returns: tuple[str, ...] | None = None,
    ) -> Iterator[ExpressionSite]:  # fmt: skip
        """Templates anywhere inside a JSON value."""
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from self._values(node, (*path, key), inner, flow, step, place, extra, returns)
        elif isinstance(value, list | tuple):
            for index, inner in enumerate(value):
                yield from self._values(node, (*path, index), inner, flow, step, place, extra, returns)
        elif is_template(value):
            at = node.where(*path)
            yield from self._compiled(value, at, False, flow, step, place, frozenset(extra), returns)

    def _compiled(
        self, text: str, at: Position, bare: bool, flow: Flow | None, step: Step | None, place: str,
        extra: frozenset[str], returns: tuple[str, ...] | None = None,
    ) -> Iterator[ExpressionSite]:  # fmt: skip
        try:
            expression = compile_expression(text) if bare else compile_template(text)
        except ExpressionError as error:
            self.add(at, "E20", str(error), "see the expression language in the reference")
            return
        yield ExpressionSite(expression, at, flow, step, place, extra, returns)
