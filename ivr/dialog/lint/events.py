"""E08, E15, W16, W17, E18: what happens when things go wrong, and thresholds in order."""

from __future__ import annotations

from ivr.dialog.lint.context import Context
from ivr.dialog.schema import CallStep, Flow
from ivr.dialog.schema.listen import Listen

FAILURES = ("noinput", "nomatch", "invalid", "maxspeech")
SLOW_MS = 2_000
"""A call that may take longer than this needs something to be said meanwhile (fillers come after 1.2 s)."""


def check(context: Context) -> None:
    _ladders(context)
    for flow in context.flows.values():
        for step in flow.steps:
            if isinstance(step, CallStep):
                _call(context, flow, step)
    _thresholds(context)
    _ranges(context)


def _ladders(context: Context) -> None:
    for site in context.handlers:
        if site.event not in FAILURES or site.handler is not site.ladder.rungs[-1]:
            continue
        if not site.handler.leaves and not site.handler.set:
            hint = "let the last rung `handover`, `run`, `next` or `end`"
            context.add(site.handler.at, "E08", f"the ladder of `{site.event}` repeats its last rung for ever", hint)


def _call(context: Context, flow: Flow, step: CallStep) -> None:
    uncaught = [kind for kind in ("timeout", "http", "data") if not context.catches(f"error.{kind}", flow, step)]
    if uncaught:
        hint = "add catch: {error: {handover: ...}} here, in the flow or in hotline.yaml"
        context.add(
            step.where("call"), "E15", f"nothing happens on error.{', error.'.join(uncaught)} of `{step.call}`", hint
        )
    action = context.definition.actions.get(step.call)
    if action is None:
        return
    if step.commit and not action.idempotency:
        hint = 'add idempotency: "{{ call.id }}" to the action'
        context.add(step.where("commit"), "W16", f"`{step.call}` commits without an `idempotency` key", hint)
    if step.wait and step.filler is None and action.timeout_ms > SLOW_MS:
        message = f"`{step.call}` may take {action.timeout_ms / 1000:g} s in silence"
        context.add(step.where("call"), "W17", message, "add a `filler` prompt, or shorten its timeout")


def _thresholds(context: Context) -> None:
    defaults = context.hotline.defaults
    confidence = defaults.confidence
    if confidence.confirm > confidence.accept:
        message = f"confirm ({confidence.confirm}) is above accept ({confidence.accept})"
        context.add(confidence.where("confirm"), "E18", message, "accept is the higher of the two")
    for listen, _, _ in context.listens:
        pairs = ((listen.end_silence_ms, listen.max_speech_ms, "end_silence", "max_speech"),)
        for low, high, low_name, high_name in pairs:
            if low is not None and high is not None and low >= high:
                context.add(listen.where(low_name), "E18", f"{low_name} is not shorter than {high_name}", "shorten it")
        _listen_times(context, listen)
    retention = context.hotline.retention
    if retention.audio_ms > retention.text_ms:
        context.add(retention.at, "E18", "recordings would be kept longer than their transcripts", "lengthen text")


_LISTEN_TIMES = {
    "start_timeout": (500, 600_000, "gives the caller no time to begin", "write 5s, say"),
    "max_speech": (1000, 120_000, "cuts every answer", "write 15s, say"),
    "interdigit": (300, 30_000, "gives the caller no time between two keys", "write 3s, say"),
    "end_silence": (150, 5000, "cuts callers between their words", "write 700ms, say"),
    "no_barge_in": (0, 30_000, "", ""),
}
"""Key -> least and most that make sense (ms), what a smaller value does, and what to write."""


def _listen_times(context: Context, listen: Listen) -> None:
    for name, (least, most, effect, hint) in _LISTEN_TIMES.items():
        ms = getattr(listen, f"{name}_ms")
        if ms is None or least <= ms <= most:
            continue
        if ms < least:
            context.add(listen.where(name), "E18", f"{name} of {'0' if ms == 0 else f'{ms}ms'} {effect}", hint)
        else:
            message = f"{name} of {ms / 1000:g}s is longer than a caller believes that anybody is there"
            context.add(listen.where(name), "E18", message, f"{most / 1000:g}s is the most")


def _ranges(context: Context) -> None:
    for _, name, slot in context.slots:
        if slot.range is None:
            continue
        low, high = slot.range
        numbers = isinstance(low, int | float) and isinstance(high, int | float)
        if slot.type in {"number", "money"} and not numbers and None not in slot.range:
            context.add(slot.where("range"), "E23", f"the range of `{name}` needs two numbers", "write range: [1, 100]")
        elif isinstance(low, int | float) and isinstance(high, int | float) and low > high:
            context.add(
                slot.where("range"), "E18", f"the range of `{name}` begins above its end", "write the smaller first"
            )
