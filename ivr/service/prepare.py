"""The prompts of a hotline that hold nothing to fill in: rendered before the first call, they are never waited for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from ivr.dialog.bundle import Bundle
from ivr.dialog.engine.program import PromptCode
from ivr.dialog.engine.turn import spoken_text
from ivr.tts.base import SpeechRequest


def fixed_prompts(bundle: Bundle) -> list[SpeechRequest]:
    """What to synthesise ahead, each text once, in the order of the program."""
    voices = bundle.program.voices
    languages = bundle.program.languages
    found: dict[tuple[str, str], SpeechRequest] = {}
    for prompt in _prompts(bundle.program, set()):
        for language in languages:
            for variant in prompt.variants.get(language, ()):
                if variant.audio or variant.text.names:
                    continue
                text = spoken_text(str(variant.text.evaluate({}, language)), language)
                found.setdefault((language, text), SpeechRequest(text, language, voices.get(language, "")))
    return list(found.values())


def _prompts(value: object, seen: set[int]) -> Iterator[PromptCode]:
    """Every prompt in a compiled program, wherever it hangs."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, PromptCode):
        yield value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from _prompts(getattr(value, field.name), seen)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _prompts(item, seen)
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        for item in value:
            yield from _prompts(item, seen)
