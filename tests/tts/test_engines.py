"""The real engines: length, level, edges, marks, determinism."""

from __future__ import annotations

import importlib.util
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from ivr.errors import ModelError, SynthesisError
from ivr.models.verify import available
from ivr.tts import espeak
from ivr.tts.base import SpeechRequest, Synthesiser
from ivr.tts.kokoro_phonemes import VOCABULARY, english, mandarin, to_ids
from ivr.tts.loudness import active_level, frame_levels
from ivr.tts.pyttsx3_engine import Pyttsx3Synthesiser
from ivr.tts.registry import create
from ivr.tts.rendering import render_clause

EN = SpeechRequest("Your card ending in four four one two.", "en")
ZH = SpeechRequest("您好，请问有什么可以帮您？", "zh")

kokoro = pytest.mark.skipif(not available("kokoro"), reason="needs: ivr models fetch kokoro")
misaki = pytest.mark.skipif(importlib.util.find_spec("misaki") is None, reason="needs: pip install 'ivr[kokoro]'")
piper = pytest.mark.skipif(
    not available("piper-en") or importlib.util.find_spec("piper") is None,
    reason="needs: ivr models fetch piper-en, pip install 'ivr[piper]'",
)
models = pytest.mark.models

CASES = [
    pytest.param("pyttsx3", EN, id="pyttsx3-en"),
    pytest.param("pyttsx3", ZH, id="pyttsx3-zh"),
    pytest.param("piper", EN, id="piper-en", marks=[models, piper]),
    pytest.param("kokoro", EN, id="kokoro-en", marks=[models, kokoro]),
    pytest.param("kokoro", ZH, id="kokoro-zh", marks=[models, kokoro, misaki]),
]


@pytest.fixture(scope="module")
def engine() -> Iterator[Callable[[str], Synthesiser]]:
    made: dict[str, Synthesiser] = {}

    def get(name: str) -> Synthesiser:
        if name not in made:
            made[name] = create(name)
        return made[name]

    yield get
    for speaker in made.values():
        speaker.close()


@pytest.mark.parametrize(("name", "request_"), CASES)
def test_speech_is_levelled_trimmed_and_marked(
    engine: Callable[[str], Synthesiser], name: str, request_: SpeechRequest
) -> None:
    audio = render_clause(engine(name), request_)
    assert 1.0 < len(audio.samples) / 16_000 < 6.0
    level = active_level(audio.samples)
    assert level is not None
    assert abs(level + 20.0) < 0.5
    assert int(np.abs(audio.samples).max()) < 32_767
    lead = int(np.flatnonzero(frame_levels(audio.samples) > -45)[0])
    assert lead <= 6, "more than 60 ms before the speech"
    assert len(audio.marks) >= 5
    assert audio.marks[0].sample == 0
    assert audio.marks[-1].sample < len(audio.samples)
    assert audio.marks[-1].char < len(request_.text)


@pytest.mark.parametrize(("name", "request_"), CASES)
def test_the_same_text_gives_the_same_samples(
    engine: Callable[[str], Synthesiser], name: str, request_: SpeechRequest
) -> None:
    first = engine(name).synthesise(request_)
    engine(name).synthesise(SpeechRequest(request_.text * 2, request_.language))
    again = engine(name).synthesise(request_)
    assert first.marks == again.marks
    if name == "pyttsx3":  # espeak-ng's noise begins where it stopped: the length is the same, samples may differ
        assert len(first.samples) == len(again.samples)
    else:
        assert np.array_equal(first.samples, again.samples)


@pytest.mark.parametrize(("name", "request_"), CASES)
def test_slower_is_longer(engine: Callable[[str], Synthesiser], name: str, request_: SpeechRequest) -> None:
    slow = SpeechRequest(request_.text, request_.language, rate=0.7)
    normal, slowed = (render_clause(engine(name), text) for text in (request_, slow))
    assert len(slowed.samples) > 1.15 * len(normal.samples)


@pytest.mark.parametrize(("name", "request_"), CASES)
def test_an_unknown_voice_is_an_error(engine: Callable[[str], Synthesiser], name: str, request_: SpeechRequest) -> None:
    with pytest.raises(SynthesisError, match="no voice 'nobody'"):
        engine(name).synthesise(SpeechRequest(request_.text, request_.language, voice="nobody"))


@pytest.mark.parametrize("name", ["kokoro", "piper"])
@pytest.mark.skipif(importlib.util.find_spec("piper") is None, reason="needs: pip install 'ivr[piper]'")
def test_a_model_that_is_not_fetched_says_how_to_get_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IVR_MODELS", str(tmp_path))
    with pytest.raises(ModelError, match="run: ivr models fetch "):
        create(name)


def test_a_wrong_model_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "kokoro.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match=re.escape(str(tmp_path / "kokoro.onnx"))):
        create("kokoro", {"folder": str(tmp_path)})


@pytest.mark.skipif(importlib.util.find_spec("piper") is None, reason="needs: pip install 'ivr[piper]'")
def test_piper_names_a_voice_it_cannot_load(tmp_path: Path) -> None:
    (tmp_path / "v.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match=rf"{re.escape(str(tmp_path / 'v.onnx'))}: piper cannot load it: "):
        create("piper", {"model": str(tmp_path / "v.onnx")})


@models
@piper
def test_piper_s_process_is_started_again_after_it_died(engine: Callable[[str], Synthesiser]) -> None:
    speaker = engine("piper")
    process = speaker._process  # type: ignore[attr-defined]
    process.kill()
    process.wait()
    assert len(speaker.synthesise(EN).samples)


@models
@piper
def test_piper_speaks_english_only(engine: Callable[[str], Synthesiser]) -> None:
    with pytest.raises(SynthesisError, match="does not speak 'zh'"):
        engine("piper").synthesise(ZH)


def test_pyttsx3_speaks_thirty_times_and_from_several_threads() -> None:
    speaker = Pyttsx3Synthesiser()
    lengths: list[int] = []

    def speak() -> None:
        for _ in range(10):
            lengths.append(len(speaker.synthesise(EN).samples))

    threads = [threading.Thread(target=speak) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(lengths) == 30
    assert len(set(lengths)) == 1


def test_pyttsx3_marks_are_on_the_words() -> None:
    marks = Pyttsx3Synthesiser().synthesise(SpeechRequest("one two three", "en")).marks
    assert [mark.char for mark in marks] == [0, 4, 8]
    assert marks[1].sample > 2000


def test_pyttsx3_speaks_other_languages_and_refuses_unknown_ones() -> None:
    speaker = Pyttsx3Synthesiser()
    assert {"en", "zh", "ko", "de"} <= set(speaker.capabilities.languages)
    assert len(speaker.synthesise(SpeechRequest("안녕하세요", "ko")).samples)
    with pytest.raises(SynthesisError, match="espeak-ng has no voice 'xx'"):
        speaker.synthesise(SpeechRequest("hi", "xx"))
    with pytest.raises(SynthesisError, match=r"pyttsx3 made no sound of '  '"):
        speaker.synthesise(SpeechRequest("  ", "en"))


def test_the_vocabulary_has_114_symbols_and_no_number_twice() -> None:
    assert len(VOCABULARY) == len(set(VOCABULARY.values())) == 114
    assert (VOCABULARY[";"], VOCABULARY[" "], VOCABULARY["ɑ"], VOCABULARY["ˈ"], VOCABULARY["ᵻ"]) == (
        1,
        16,
        69,
        156,
        177,
    )


def test_english_symbols_are_american_and_keep_punctuation() -> None:
    assert english("Hello there, how are you?") == "həlˈO ðˈɛɹ, hˈW ɑɹ ju?"
    assert english("nine a.m. now") == "nˈIn ˈAˈɛm nˈW"
    assert "ɹ" not in english("there", british=True)
    assert to_ids("həlˈO") == [50, 83, 54, 156, 31]


@misaki
def test_mandarin_symbols_have_tones_and_latin_words_are_spoken() -> None:
    assert mandarin("您好，") == "ni↗nxau↓,"
    assert mandarin("用APP查询").startswith("jʊ↘ŋ")
    assert "ˈApˈipˈi" in mandarin("用APP查询")
    assert mandarin("") == ""
    assert all(symbol in VOCABULARY for symbol in mandarin("请问您要办理什么业务？尾号四四幺二。"))


def test_espeak_knows_its_voices() -> None:
    assert {"en-us", "cmn"} <= espeak.voices().keys()
