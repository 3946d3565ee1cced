"""Engines by name, defaults by language, chains."""

from __future__ import annotations

import pytest

from ivr.errors import ConfigError, SynthesisError
from ivr.tts import registry
from ivr.tts.base import SpeechRequest
from ivr.tts.chain import ChainSynthesiser
from ivr.tts.scripted import ScriptedSynthesiser
from ivr.tts.settings import Chains, SynthesisSettings, VoiceChoice, parse_voices

NAMES = "kokoro, piper, pyttsx3, scripted"


def test_names_and_unknown_engine() -> None:
    assert registry.names() == ("kokoro", "piper", "pyttsx3", "scripted")
    with pytest.raises(ConfigError, match=f"no synthesiser is called 'festival'; there are: {NAMES}"):
        registry.create("festival")


def test_wrong_settings_are_named() -> None:
    with pytest.raises(ConfigError, match=r"synthesiser 'scripted': wrong settings \{'loud': 1\}: "):
        registry.create("scripted", {"loud": 1})
    with pytest.raises(ConfigError, match="synthesiser 'scripted': ms_per_char is 0, must be above 0"):
        registry.create("scripted", {"ms_per_char": 0})


def test_without_models_everything_falls_back_to_pyttsx3(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("IVR_MODELS", str(tmp_path))
    assert registry.preferred("en") == ("pyttsx3",)
    assert registry.preferred("zh-CN") == ("pyttsx3",)
    assert registry.advice("zh") == (
        "zh is spoken by pyttsx3, not by kokoro: kokoro: its model is not fetched; run: ivr models fetch kokoro. "
        "Its Mandarin is a last resort: callers will hardly understand it."
    )
    assert registry.missing("piper", "zh") == "piper does not speak 'zh'"
    assert registry.missing("nobody", "en") == f"no synthesiser is called 'nobody'; there are: {NAMES}"


def test_another_language_has_pyttsx3() -> None:
    assert registry.preferred("ko") == ("pyttsx3",)
    assert registry.advice("ko") == ""


def test_versions_are_known_for_all() -> None:
    assert all(registry.version(name) for name in registry.names())


def test_chain_of_settings() -> None:
    settings = SynthesisSettings(voices=parse_voices({"en": ["kokoro:af_bella", "pyttsx3"], "zh": "kokoro"}))
    bella, pyttsx3 = VoiceChoice("kokoro", "af_bella"), VoiceChoice("pyttsx3")
    assert settings.chain("en-GB") == (bella, pyttsx3)
    assert settings.chain("en", "af_heart") == (VoiceChoice("kokoro", "af_heart"), pyttsx3)
    assert settings.chain("en", "pyttsx3:en-us") == (VoiceChoice("pyttsx3", "en-us"), bella)
    assert settings.chain("zh") == (VoiceChoice("kokoro"),)
    assert settings.chain("ko") == (VoiceChoice("pyttsx3"),)
    chains = Chains(settings)
    assert chains.of("en") is chains.of("en")


def test_bad_voices_are_named() -> None:
    with pytest.raises(ConfigError, match=f"voice 'siri': no synthesiser is called 'siri'; there are: {NAMES}"):
        parse_voices({"en": "siri"})
    with pytest.raises(ConfigError, match="voices for 'en': the list is empty; name at least one engine"):
        parse_voices({"en": []})


def test_chain_synthesiser_asks_the_next_with_its_own_voice() -> None:
    engines = [ScriptedSynthesiser(fail_on=("bad", "worse")), ScriptedSynthesiser(ms_per_char=10, fail_on=("worse",))]
    chain = ChainSynthesiser(engines)
    assert chain.name == "scripted+scripted"
    assert len(chain.synthesise(SpeechRequest("good", "en")).samples) == 4 * 960
    assert len(chain.synthesise(SpeechRequest("bad", "en", voice="mine")).samples) == 3 * 160
    with pytest.raises(SynthesisError, match=r"^scripted to fail on 'worse'; scripted to fail on 'worse'$"):
        chain.synthesise(SpeechRequest("worse", "en"))
    with pytest.raises(SynthesisError, match="a chain needs at least one synthesiser"):
        ChainSynthesiser([])
    chain.close()
