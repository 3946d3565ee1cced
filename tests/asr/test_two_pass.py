"""Joining two passes, the scripted engine, the configuration, the registry and the local shell: all without models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from ivr.asr.base import (
    Hypothesis,
    Recogniser,
    RecogniserSpec,
    RecognitionRequest,
    Transcript,
    Utterance,
)
from ivr.asr.config import LanguagePasses, RecognitionConfig
from ivr.asr.language import LanguageGuess, guess_language
from ivr.asr.local import LocalRecognition
from ivr.asr.registry import create, names
from ivr.asr.scripted import ScriptedRecogniser
from ivr.asr.two_pass import TwoPassRecogniser, join, joined
from ivr.audio.frame import SAMPLE_RATE, Samples
from ivr.errors import ConfigError, ModelError, RecognitionError

SECOND: Samples = np.zeros(SAMPLE_RATE, dtype=np.int16)


def heard(engine: str, *readings: tuple[str, float], cpu_ms: float = 1.0) -> Transcript:
    return Transcript(tuple(Hypothesis(text, sure) for text, sure in readings), "en", engine, True, cpu_ms)


def test_second_pass_has_the_words_and_the_first_stays_behind() -> None:
    first = heard("vosk", ("check my ballots", 0.7), cpu_ms=20)
    second = heard("whisper", ("Check my balance.", 0.9), cpu_ms=180)
    found = joined(first, second, None)
    assert [hypothesis.text for hypothesis in found.hypotheses] == ["Check my balance.", "check my ballots"]
    assert (found.engine, found.cpu_ms, found.final, found.confidence) == ("vosk+whisper", 200, True, 0.9)
    likely = join(first, second)
    assert [hypothesis.text for hypothesis in likely.hypotheses] == ["Check my balance.", "check my ballots"]
    assert 0 < likely.confidence < 1


def test_same_words_are_one_reading() -> None:
    found = join(heard("vosk", ("check my balance", 0.7)), heard("whisper", ("Check my balance.", 0.9)))
    assert [hypothesis.text for hypothesis in found.hypotheses] == ["Check my balance."]


@pytest.mark.parametrize(("sure", "text"), [(0.95, "yes"), (0.6, "")])
def test_words_the_second_pass_refuses_count_only_when_the_first_was_sure(sure: float, text: str) -> None:
    assert join(heard("vosk", ("yes", sure)), heard("whisper")).text == text


def test_one_pass_alone_is_enough() -> None:
    only = replace(heard("vosk", ("yes", 0.5)), final=False)
    assert join(only, None) == join(None, only) == replace(only, final=True)
    with pytest.raises(ValueError, match="neither"):
        join(None, None)


def test_engine_of_two() -> None:
    engine = TwoPassRecogniser(
        ScriptedRecogniser(script=["check my ballots"]), ScriptedRecogniser(script=["check my balance"])
    )
    utterance = engine.start(RecognitionRequest("en"))
    utterance.accept(SECOND)
    transcript = utterance.finish()
    assert [hypothesis.text for hypothesis in transcript.hypotheses] == ["check my balance", "check my ballots"]
    assert transcript.hypotheses[0].words[-1].end_ms == 1000
    with pytest.raises(RecognitionError, match="the utterance is over"):
        utterance.accept(SECOND)
    assert isinstance(engine, Recogniser)
    assert isinstance(utterance, Utterance)


def test_script_on_a_time_line() -> None:
    engine = ScriptedRecogniser(
        script=[[[200, "my"], [400, "my card"], [600, "my card is lost"]], "再见"], confidence=0.8
    )
    utterance = engine.start(RecognitionRequest("en"))
    partials = [(at, found.text) for at in range(0, 800, 100) if (found := utterance.accept(SECOND[:1600]))]
    assert partials == [(100, "my"), (300, "my card"), (500, "my card is lost")]
    final = utterance.finish()
    assert (final.text, final.confidence, [word.text for word in final.hypotheses[0].words]) == (
        "my card is lost",
        0.8,
        ["my", "card", "is", "lost"],
    )
    second = engine.start(RecognitionRequest("zh"))
    second.accept(SECOND)
    assert [(word.text, word.start_ms, word.end_ms) for word in second.finish().hypotheses[0].words] == [
        ("再", 0, 500),
        ("见", 500, 1000),
    ]
    assert engine.start(RecognitionRequest("en")).finish().hypotheses == ()


def test_same_words_in_any_frame_length() -> None:
    for size in (160, 320, 960, SAMPLE_RATE):
        utterance = ScriptedRecogniser(script=[[[200, "a"], [900, "a b"]]]).start(RecognitionRequest("en"))
        for start in range(0, SAMPLE_RATE, size):
            utterance.accept(SECOND[start : start + size])
        assert utterance.finish().text == "a b"


def test_wrong_script_is_told() -> None:
    with pytest.raises(ConfigError, match=r'a piece is \[at_ms, "text so far"\], not \["x"\]|not'):
        ScriptedRecogniser(script=[[["soon", "x"]]])


def test_registry_knows_its_engines() -> None:
    assert {"scripted", "vosk", "whisper"} <= set(names())
    assert create(RecogniserSpec("scripted", {"script": ["yes"]}, ("en",))).capabilities.languages == ("en",)


@pytest.mark.parametrize(
    ("spec", "error", "reason"),
    [
        (
            RecogniserSpec("kaldi"),
            ConfigError,
            r"^no recogniser is called 'kaldi'; there are: .*scripted, vosk, whisper",
        ),
        (RecogniserSpec("scripted", {"skript": []}), ConfigError, r"^recogniser 'scripted': wrong settings \{'skript'"),
        (
            RecogniserSpec("vosk", {"model": "/nowhere/x"}),
            ModelError,
            r"final\.mdl is missing: /nowhere/x holds no Vosk",
        ),
        (
            RecogniserSpec("whisper", {"model": "/nowhere/x"}),
            ModelError,
            r"model\.bin is missing: /nowhere/x holds no W",
        ),
        (
            RecogniserSpec("vosk", {"model": "vosk-xx"}),
            ModelError,
            r"^no model is called 'vosk-xx'; there are: vosk-en",
        ),
    ],
)
def test_what_cannot_be_built_says_why(spec: RecogniserSpec, error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=reason):
        create(spec)


ENGINES = {
    "first": RecogniserSpec("scripted", {"script": [[[100, "yes pleas"]], "two"]}, ("en",)),
    "second": RecogniserSpec("scripted", {"script": ["Yes, please."]}, ("en", "zh")),
}


@pytest.mark.parametrize(
    ("languages", "reason"),
    [
        ({"en": LanguagePasses("third")}, "language en wants engine 'third'; there are: first, second"),
        ({"zh": LanguagePasses("first")}, "engine 'first' has en, not zh"),
        ({"en": LanguagePasses()}, "language en has no engine"),
    ],
)
def test_wrong_configuration_is_told(languages: dict[str, LanguagePasses], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        RecognitionConfig(ENGINES, languages)


def config(**passes: LanguagePasses) -> RecognitionConfig:
    return RecognitionConfig(ENGINES, passes)


def test_with_a_grammar_the_second_pass_waits_for_the_first() -> None:
    both = config(en=LanguagePasses("first", "second"))
    closed = RecognitionRequest("en", grammar=("yes", "no"))
    assert both.passes(closed) == both.passes(RecognitionRequest("en")) == {"stream": "first", "final": "second"}
    assert both.final_waits(closed)
    assert not both.final_waits(RecognitionRequest("en"))
    assert not both.final_waits(replace(closed, candidates=("en", "zh")))
    still = config(en=LanguagePasses("first", "second", final_with_grammar=True))
    assert not still.final_waits(closed)
    alone = config(zh=LanguagePasses(final="second"))
    assert alone.passes(RecognitionRequest("zh", grammar=("是",))) == {"final": "second"}
    assert not alone.final_waits(RecognitionRequest("zh", grammar=("是",)))
    with pytest.raises(RecognitionError, match=r"^no recogniser for language 'ko'; configured: zh$"):
        alone.passes(RecognitionRequest("ko"))


def test_local_recognition_reports_as_the_service_does() -> None:
    got: list[tuple[int, str, bool]] = []
    local = LocalRecognition(
        config(en=LanguagePasses("first", "second")),
        lambda handle, transcript: got.append((handle, transcript.text, transcript.final)),
        lambda handle, reason: pytest.fail(reason),
    )
    handle = local.open(RecognitionRequest("en"))
    handle.feed(SECOND)
    handle.finish()
    handle.finish()
    handle.feed(SECOND)
    other = local.open(RecognitionRequest("en"))
    other.cancel()
    other.finish()
    local.close()
    assert got == [(1, "yes pleas", False), (1, "Yes, please.", True)]


def test_local_recognition_reports_a_failing_engine() -> None:
    class Broken(ScriptedRecogniser):
        def start(self, request: RecognitionRequest) -> BrokenUtterance:
            return BrokenUtterance([], "en", 1.0)

    from ivr.asr.scripted import ScriptedUtterance

    class BrokenUtterance(ScriptedUtterance):
        def accept(self, samples: Samples) -> Transcript | None:
            raise RecognitionError("no more")

    failures: list[tuple[int, str]] = []
    local = LocalRecognition(
        config(en=LanguagePasses("first")),
        lambda handle, transcript: pytest.fail(transcript.text),
        lambda handle, reason: failures.append((handle, reason)),
        create_engine=lambda spec: Broken(),
    )
    handle = local.open(RecognitionRequest("en"))
    handle.feed(SECOND)
    handle.finish()
    assert failures == [(1, "no more")]


def test_language_guess_is_among_those_asked_for() -> None:
    class Detector:
        def detect_language(self, samples: Samples, languages: Sequence[str] = ()) -> dict[str, float]:
            return {"en": 0.2, "zh": 0.8}

    assert guess_language(Detector(), SECOND, ("en", "zh")) == LanguageGuess("zh", 0.8)
    assert guess_language(Detector(), SECOND, ("en",)) == LanguageGuess("en", 0.2)


class Rerunning(ScriptedRecogniser):
    """Hears whole utterances, and runs again for partials, as Whisper does."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self.capabilities = replace(self.capabilities, streaming=False)


def test_partials_are_the_final_engines_where_no_other_streams() -> None:
    engine = TwoPassRecogniser(None, Rerunning(languages=("zh",), script=[[[200, "请"], [600, "请说"]]]))
    utterance = engine.start(RecognitionRequest("zh"))
    heard = [found for _ in range(10) if (found := utterance.accept(SECOND[:1600]))]
    assert [found.text for found in heard] == ["请", "请说"]
    assert not any(found.final for found in heard)
    final = utterance.finish()
    assert (final.text, final.final) == ("请说", True)
