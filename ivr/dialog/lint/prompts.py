"""E05, E06, W06, W12, W21: what is said, in all languages, short enough, with what it needs."""

from __future__ import annotations

import re

from ivr.dialog.expressions import ExpressionError, compile_template, is_template
from ivr.dialog.lint.context import Context
from ivr.dialog.problems import did_you_mean
from ivr.dialog.schema import AskStep, Flow, Prompt, RouteStep, Slot, Step
from ivr.dialog.source import Position

MAX_SECONDS = 12.0
MAX_OPTIONS = 5
_HAN = re.compile("[\u3400-\u9fff]")
_EXPRESSION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_HAN_A_SECOND = 4.5
_WORDS_A_SECOND = 2.6
_VALUE_SECONDS = 1.2
"""A value put in takes about as long as three words."""


def check(context: Context) -> None:
    _languages(context)
    for site in context.prompts:
        if prompt := context.text_of(site.prompt):
            _translated(context, prompt.texts, prompt.at, "the prompt")
            _variables(context, prompt)
            if site.place != "summary":
                _length(context, prompt)
    for prompt in context.definition.prompts.values():
        _translated(context, prompt.texts, prompt.at, "the prompt")
        _variables(context, prompt)
    for flow in context.flows.values():
        for step in flow.steps:
            _asked(context, flow, step)
    _options(context)
    _barge_in(context)


def seconds(text: str) -> float:
    """How long a text takes to say, about; each `{{ }}` counts as three words."""
    values = len(_EXPRESSION.findall(text))
    plain = _EXPRESSION.sub(" ", text)
    han = len(_HAN.findall(plain))
    words = len(re.findall(r"[A-Za-z0-9']+", plain))
    return han / _HAN_A_SECOND + words / _WORDS_A_SECOND + values * _VALUE_SECONDS


def _languages(context: Context) -> None:
    languages = context.languages
    for number, language in enumerate(languages):
        if language in languages[:number]:
            context.add(context.hotline.where("languages", number), "E02", f"language `{language}` twice", "keep one")
    for language in context.hotline.defaults.voice:
        if language not in languages:
            at = context.hotline.defaults.where("voice", language)
            context.add(
                at, "E05", f"a voice for `{language}`, which is no language here", did_you_mean(language, languages)
            )
    for name, flow in context.triggers.items():
        assert flow.trigger is not None
        trigger = flow.trigger
        _translated(context, trigger.title, trigger.where("title"), f"the title of `{name}`")
        _translated(context, trigger.examples, trigger.where("examples"), f"the examples of `{name}`")
    for name, command in context.hotline.commands.items():
        known = command.phrases if command.phrases else dict.fromkeys(languages)
        _translated(context, known, command.at, f"command `{name}`")
    for _, name, slot in context.slots:
        for option in slot.options:
            _translated(context, option.phrases, option.at, f"option {option.value!r} of `{name}`")


def _translated(context: Context, texts: object, at: Position, what: str) -> None:
    """Every language of the hotline, and no other."""
    given = set(texts) if isinstance(texts, dict) else set()
    missing = [language for language in context.languages if language not in given]
    if missing:
        context.add(at, "E05", f"{what} has no {', '.join(missing)}", f"add {missing[0]}: ...")
    for language in sorted(given - set(context.languages)):
        hint = did_you_mean(language, context.languages)
        context.add(at, "E05", f"{what} has `{language}`, which is no language of the hotline", hint)


def _variables(context: Context, prompt: Prompt) -> None:
    """W21: one language leaves a value out."""
    used: dict[str, set[str]] = {}
    for language, variants in prompt.texts.items():
        for variant in variants:
            try:
                names = set(compile_template(variant.text).names) if is_template(variant.text) else set()
            except ExpressionError:
                return  # E20 has told
            used[language] = used.get(language, set()) | names
    every = set().union(*used.values()) if used else set()
    for language, names in used.items():
        if every - names:
            missing = ", ".join(f"`{name}`" for name in sorted(every - names))
            at = prompt.texts[language][0].at
            context.add(
                at, "W21", f"the {language} text does not use {missing}, another language does", "say the same in both"
            )


def _length(context: Context, prompt: Prompt) -> None:
    for variants in prompt.texts.values():
        for variant in variants:
            if (length := seconds(variant.text)) > MAX_SECONDS:
                message = f"about {length:.0f} s long; callers stop listening after {MAX_SECONDS:.0f}"
                context.add(variant.at, "W12", message, "say less, or move a part into `help`")


def _asked(context: Context, flow: Flow, step: Step) -> None:
    """E06 and W06: the prompts that asking needs."""
    if isinstance(step, RouteStep):
        prompts = step.route.prompts
        missing = [key for key in ("ask", "choose", "confirm") if getattr(prompts, key) is None]
        if step.route.guess and prompts.guess is None:
            missing.append("guess")
        if missing:
            hint = "add " + ", ".join(f"{key}: {{...}}" for key in missing) + " to its prompts"
            context.add(step.where("route"), "E06", f"the route has no prompt for {', '.join(missing)}", hint)
        if prompts.retry is None and prompts.help is None:
            context.add(
                step.where("route"),
                "W06",
                "the route has neither `retry` nor `help`",
                "say it otherwise the second time",
            )
    elif isinstance(step, AskStep):
        for name in step.ask:
            if slot := context.slot(flow, name):
                _slot(context, name, slot, whole=step.confirm is not None and step.confirm.say is not None)


def _slot(context: Context, name: str, slot: Slot, whole: bool) -> None:
    prompts = slot.prompts
    if prompts.ask is None:
        context.add(slot.at, "E06", f"slot `{name}` is asked, and has no `ask` prompt", "add prompts: {ask: {...}}")
    if slot.confirm in {"always", "implicit"} and prompts.confirm is None and not whole:
        message = f"slot `{name}` is confirmed, and has no `confirm` prompt"
        context.add(slot.where("confirm"), "E06", message, "add prompts: {confirm: {...}}")
    if prompts.retry is None and prompts.help is None:
        hint = "say it otherwise the second time: callers would hear the same question"
        context.add(slot.at, "W06", f"slot `{name}` has neither `retry` nor `help`", hint)


def _options(context: Context) -> None:
    for _, name, slot in context.slots:
        if len(slot.options) > MAX_OPTIONS:
            message = f"slot `{name}` has {len(slot.options)} options; callers remember {MAX_OPTIONS}"
            context.add(slot.where("options"), "W12", message, "group them, or ask an open question")


def _barge_in(context: Context) -> None:
    for site in context.handlers:
        if site.handler.reprompt and site.handler.listen and site.handler.listen.barge_in is False:
            at = site.handler.listen.where("barge_in")
            context.add(at, "W12", "barge-in is off in a reprompt", "let callers cut what they have heard before")
