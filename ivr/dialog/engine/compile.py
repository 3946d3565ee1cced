"""Definition (YAML as written) -> Program (what the interpreter runs).

Everything is looked up and compiled here, once a bundle. What cannot be compiled is a DialogError with its position;
the lint reports the same and more, so this raises only for a hotline that was not linted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ivr.dialog import schema
from ivr.dialog.builtin.catch import builtin_catch
from ivr.dialog.builtin.prompts import PROMPTS
from ivr.dialog.engine import program as p
from ivr.dialog.engine.filters import Compiled, Constant, Structure
from ivr.dialog.events import JsonValue
from ivr.dialog.expressions import ExpressionError, compile_expression, compile_template, is_template
from ivr.dialog.loader import Definition
from ivr.dialog.source import Position
from ivr.dialog.text.templates import expand
from ivr.errors import DialogError, Problem

_BUILTIN = Position("built-in", 0, 0)


def compile_program(definition: Definition) -> p.Program:
    """Raises DialogError when a name cannot be resolved or an expression is refused."""
    return _Compiler(definition).program()


class _Compiler:
    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.hotline = definition.hotline
        self.currency = next(
            (slot.currency for flow in definition.flows.values() for slot in flow.slots.values() if slot.currency),
            "CNY",
        )

    def program(self) -> p.Program:
        hotline = self.hotline
        defaults, limits = hotline.defaults, hotline.defaults.limits
        queues = tuple(hotline.queues)
        return p.Program(
            hotline=hotline.hotline,
            languages=tuple(hotline.languages),
            inbound=hotline.entry.inbound or "",
            outbound=hotline.entry.outbound or "",
            flows={name: self.flow(flow) for name, flow in self.definition.flows.items()},
            actions={name: self.action(name, action) for name, action in self.definition.actions.items()},
            queues=queues,
            catch=self.catch(hotline.catch),
            builtin_catch={event: self.builtin_ladder(event, rungs) for event, rungs in builtin_catch(queues).items()},
            prompts={name: self.builtin_prompt(name) for name in PROMPTS},
            command_keys={command.dtmf: name for name, command in hotline.commands.items() if command.dtmf},
            command_names=frozenset(hotline.commands),
            slots={name: self.slot(name, slot, call_scope=True) for name, slot in hotline.slots.items()},
            listen=listen_keys(defaults.listen),
            limits=p.Limits(limits.turns, limits.failures, limits.depth),
            accept=defaults.confidence.accept,
            confirm=defaults.confidence.confirm,
            choices=defaults.confidence.choices,
            anger_on=hotline.anger.on,
            detect_language=defaults.detect_language,
            voices=dict(defaults.voice),
            currency=self.currency,
            sayings={language: sayings(hotline.lexicon, language) for language in hotline.languages},
        )

    # -- flows and steps

    def flow(self, flow: schema.Flow) -> p.FlowCode:
        order = [step.id for step in flow.steps]
        steps = {
            step.id: self.step(step, following) for step, following in zip(flow.steps, [*order[1:], ""], strict=True)
        }
        trigger = flow.trigger
        return p.FlowCode(
            id=flow.flow,
            first=order[0],
            steps=steps,
            source=source(flow.where("flow")),
            slots={name: self.slot(name, slot) for name, slot in flow.slots.items()},
            trigger=p.TriggerCode(dict(trigger.title), trigger.dtmf, trigger.anywhere) if trigger else None,
            catch=self.catch(flow.catch),
            listen=listen_keys(flow.listen),
            interrupt=flow.interrupt,
            resume=self.prompt(flow.resume) if flow.resume else None,
            rollout=flow.rollout,
            args=tuple(flow.args),
            answers=all(isinstance(step, schema.SayStep | schema.EndStep | schema.SetStep) for step in flow.steps),
        )

    def step(self, step: schema.Step, following: str) -> p.StepCode:
        common: dict[str, Any] = {
            "id": step.id,
            "source": source(step.at),
            "condition": self.condition(step.condition, step.where("if")),
            "next": tuple(
                p.Branch(branch.to, self.condition(branch.condition, branch.at), source(branch.at))
                for branch in step.next
            ),
            "following": following,
            "catch": self.catch(step.catch),
            "listen": listen_keys(step.listen),
        }
        if isinstance(step, schema.SayStep):
            return p.SayStep(say=self.prompt(step.say), **common)
        if isinstance(step, schema.AskStep):
            return self.ask(step, common)
        if isinstance(step, schema.RouteStep):
            return self.route(step, common)
        if isinstance(step, schema.CallStep):
            return self.call(step, common)
        if isinstance(step, schema.RunStep):
            args, save = self.values(step.args, step.at), self.values(step.save, step.at)
            return p.RunStep(flow=step.run, args=args, save=save, **common)
        if isinstance(step, schema.SetStep):
            return p.SetStep(set=self.values(step.set, step.at), **common)
        if isinstance(step, schema.HandoverStep):
            return p.HandoverStep(handover=self.handover(step.handover), **common)
        if isinstance(step, schema.EndStep):
            return p.EndStep(end=end_code(step.end), **common)
        return p.StepCode(**common)

    def ask(self, step: schema.AskStep, common: dict[str, Any]) -> p.AskStep:
        confirm = step.confirm
        say = confirm.say if confirm else None
        return p.AskStep(
            slots=tuple(step.ask),
            confirm=confirm.mode if confirm and not say else None,
            confirm_prompt=self.prompt(say) if say else None,
            **common,
        )

    def route(self, step: schema.RouteStep, common: dict[str, Any]) -> p.RouteStep:
        route, guess = step.route, step.route.guess
        return p.RouteStep(
            prompts=self.prompts(route.prompts),
            guess=self.template(guess.source, guess.at) if guess else None,
            guess_min=guess.min if guess else 0.0,
            guess_max=guess.max if guess else 0,
            intents=tuple(route.intents) if route.intents is not None else None,
            **common,
        )

    def call(self, step: schema.CallStep, common: dict[str, Any]) -> p.CallStep:
        return p.CallStep(
            action=step.call,
            args=self.values(step.args, step.at),
            save=self.values(step.save, step.at),
            wait=step.wait,
            commit=step.commit,
            filler=self.prompt(step.filler) if step.filler else None,
            **common,
        )

    def action(self, name: str, action: schema.Action) -> p.ActionCode:
        key = self.template(action.idempotency, action.at) if action.idempotency else None
        return p.ActionCode(name, action.timeout_ms, key)

    # -- slots

    def slot(self, name: str, slot: schema.Slot, *, call_scope: bool = False) -> p.SlotCode:
        confirm = slot.confirm if slot.written("confirm") else self.hotline.defaults.confirm
        return p.SlotCode(
            name=name,
            type=slot.type,
            length=slot.length,
            range=slot.range,
            currency=slot.currency,
            options=tuple(
                p.OptionCode(
                    option.value,
                    option.dtmf,
                    {lang: expand(texts[0])[0] for lang, texts in option.phrases.items() if texts},
                    {lang: tuple(texts) for lang, texts in option.phrases.items()},
                )
                for option in slot.options
            ),
            default=None if slot.default is None else self.value(slot.default, slot.at),
            check=self.condition(slot.check, slot.where("check")),
            confirm=confirm,
            sensitive=slot.sensitive,
            call_scope=call_scope or slot.scope == "call",
            keys=tuple(slot.dtmf),
            listen=listen_keys(slot.listen),
            prompts=self.prompts(slot.prompts),
            source=source(slot.at),
        )

    # -- handlers

    def catch(self, catch: Mapping[str, schema.Ladder]) -> p.Catch:
        return {event: tuple(self.handler(rung) for rung in ladder.rungs) for event, ladder in catch.items()}

    def handler(self, handler: schema.Handler) -> p.HandlerCode:
        return p.HandlerCode(
            source=source(handler.at),
            reprompt=handler.reprompt or "",
            say=self.prompt(handler.say) if handler.say else None,
            set=self.values(handler.set, handler.at),
            listen=listen_keys(handler.listen),
            next=handler.next or "",
            run=handler.run or "",
            handover=self.handover(handler.handover) if handler.handover else None,
            end=end_code(handler.end) if handler.end else None,
        )

    def handover(self, spec: schema.HandoverSpec) -> p.HandoverCode:
        return p.HandoverCode(
            queue=spec.queue,
            reason=spec.reason,
            skills=tuple(self.template(skill, spec.at) for skill in spec.skills),
            priority=self.template(spec.priority, spec.at),
            share=tuple(spec.share),
            summary=self.prompt(spec.summary) if spec.summary else None,
            max_wait_ms=spec.max_wait_ms,
            music=spec.music,
            source=source(spec.at),
        )

    def builtin_ladder(self, event: str, rungs: Sequence[Mapping[str, Any]]) -> tuple[p.HandlerCode, ...]:
        return tuple(self.builtin_handler(f"built-in: {event}", rung) for rung in rungs)

    def builtin_handler(self, where: str, rung: Mapping[str, Any]) -> p.HandlerCode:
        given = dict(rung.get("handover") or {})
        priority = Constant(given.pop("priority", "normal"))
        return p.HandlerCode(
            source=where,
            reprompt=rung.get("reprompt", ""),
            say=self.builtin_prompt(rung["say"]) if "say" in rung else None,
            handover=p.HandoverCode(**given, priority=priority, source=where) if given else None,
            end=p.EndCode(**rung["end"]) if "end" in rung else None,
        )

    # -- prompts and values

    def prompts(self, prompts: schema.SlotPrompts | schema.RoutePrompts) -> dict[str, p.PromptCode]:
        found = {kind: getattr(prompts, kind) for kind in type(prompts).model_fields}
        return {kind: self.prompt(prompt) for kind, prompt in found.items() if prompt is not None}

    def prompt(self, prompt: schema.Prompt) -> p.PromptCode:
        try:
            found = self.definition.prompt(prompt)
        except KeyError:
            raise problem(prompt.at, "E01", f"no prompt `{prompt.name}`") from None
        variants = {
            language: tuple(
                p.Variant(
                    self.template(way.text, found.at),
                    way.audio,
                    self.template(way.ssml, found.at) if way.ssml else None,
                )
                for way in ways
            )
            for language, ways in found.texts.items()
        }
        return p.PromptCode(variants, source(found.at))

    def builtin_prompt(self, name: str) -> p.PromptCode:
        texts = PROMPTS[name]
        variants = {language: (p.Variant(self.template(text, _BUILTIN)),) for language, text in texts.items()}
        return p.PromptCode(variants, f"built-in: {name}")

    def values(self, values: Mapping[str, Any], at: Position) -> dict[str, p.Expression]:
        return {name: self.value(value, at) for name, value in values.items()}

    def value(self, value: Any, at: Position) -> Compiled | Constant | Structure:
        """A JSON value; the texts inside it may be templates."""
        if isinstance(value, str):
            return self.template(value, at)
        if isinstance(value, Mapping):
            return Structure({str(key): self.value(item, at) for key, item in value.items()})
        if isinstance(value, list | tuple):
            return Structure(tuple(self.value(item, at) for item in value))
        return Constant(value)

    def template(self, text: str, at: Position) -> Compiled | Constant:
        if not is_template(text):
            return Constant(str(text))
        try:
            return Compiled(compile_template(text), self.currency)
        except ExpressionError as error:
            raise problem(at, "E20", str(error)) from error

    def condition(self, text: str | None, at: Position) -> Compiled | None:
        if text is None:
            return None
        try:
            return Compiled(compile_expression(text), self.currency)
        except ExpressionError as error:
            raise problem(at, "E20", str(error)) from error


def source(at: Position) -> str:
    return f"{at.file}:{at.line}"


def end_code(end: schema.EndSpec) -> p.EndCode:
    return p.EndCode(end.outcome or "", end.cause or "")


def sayings(lexicon: Iterable[schema.Term], language: str) -> tuple[tuple[str, str], ...]:
    """Terms that are not said as they are written."""
    found = {term.term: term.say if isinstance(term.say, str) else term.say.get(language, "") for term in lexicon}
    return tuple(sorted(((term, said) for term, said in found.items() if said), key=lambda pair: -len(pair[0])))


def listen_keys(listen: schema.Listen | None) -> dict[str, JsonValue]:
    """What was written, under the names of ListenSettings."""
    if listen is None:
        return {}
    given = {name: getattr(listen, name) for name in type(listen).model_fields}
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in given.items() if value is not None
    }


def problem(at: Position, code: str, message: str) -> DialogError:
    return DialogError([Problem(at.file, at.line, at.column, code, "error", message)])
