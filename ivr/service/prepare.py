"""The prompts of a hotline that hold nothing to fill in: rendered before the first call, they are never waited for."""

from __future__ import annotations

from ivr.dialog.bundle import Bundle
from ivr.dialog.engine.program import prompts_of
from ivr.dialog.engine.turn import spoken_text
from ivr.tts.base import SpeechRequest


def fixed_prompts(bundle: Bundle) -> list[SpeechRequest]:
    """What to synthesise ahead, each text once, in the order of the program."""
    voices = bundle.program.voices
    languages = bundle.program.languages
    found: dict[tuple[str, str], SpeechRequest] = {}
    for prompt in prompts_of(bundle.program):
        for language in languages:
            for variant in prompt.variants.get(language, ()):
                if variant.audio or variant.text.names:
                    continue
                text = spoken_text(str(variant.text.evaluate({}, language)), language)
                found.setdefault((language, text), SpeechRequest(text, language, voices.get(language, "")))
    return list(found.values())
