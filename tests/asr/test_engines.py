"""The real engines on real recordings."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ivr.asr.base import Recogniser, RecogniserSpec, RecognitionRequest, Transcript
from ivr.asr.config import default_config
from ivr.asr.language import guess_language
from ivr.asr.local import LocalRecognition
from ivr.asr.registry import create
from ivr.asr.vosk_engine import VoskRecogniser
from ivr.asr.whisper_engine import WhisperRecogniser
from ivr.audio.frame import SAMPLE_RATE, Samples
from ivr.audio.wav import read_audio
from ivr.errors import ModelError, RecognitionError
from ivr.models.verify import available

FIXTURES = Path(__file__).resolve().parents[2] / "audio_fixtures"
SENTENCE = "en_sentences/librivox_0870.wav"
MANDARIN = "zh_aishell3/SSB02670376.wav"

pytestmark = [
    pytest.mark.models,
    pytest.mark.skipif(
        not (available("vosk-en") and available("whisper-base")),
        reason="needs models; run: ivr models fetch vosk-en whisper-base",
    ),
]


@cache
def clip(name: str) -> Samples:
    samples = read_audio(FIXTURES / name)
    samples.setflags(write=False)
    return samples


@pytest.fixture(scope="module")
def vosk() -> Iterator[VoskRecogniser]:
    engine = VoskRecogniser(languages=("en",))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def whisper() -> Iterator[WhisperRecogniser]:
    engine = WhisperRecogniser(languages=("en", "zh"))
    yield engine
    engine.close()


def hear(engine: Recogniser, samples: Samples, request: RecognitionRequest, frame: int = 320) -> Transcript:
    utterance = engine.start(request)
    for start in range(0, len(samples), frame):
        utterance.accept(samples[start : start + frame])
    return utterance.finish()


ENGLISH = RecognitionRequest("en")


def test_vosk_hears_a_sentence_with_times_and_confidence(vosk: VoskRecogniser) -> None:
    found = hear(vosk, clip(SENTENCE), ENGLISH)
    assert found.text.startswith("and mister john dashwood had then leisure to consider")
    assert (found.engine, found.language, found.final) == ("vosk", "en", True)
    words = found.hypotheses[0].words
    assert " ".join(word.text for word in words) == found.text
    assert all(0 <= word.start_ms < word.end_ms <= 7_200 and 0 < word.confidence <= 1 for word in words)
    assert [word.start_ms for word in words] == sorted(word.start_ms for word in words)


def test_vosk_gives_the_same_words_and_times_each_time_and_in_any_frames(vosk: VoskRecogniser) -> None:
    """New or used recogniser, whoever spoke before, 10 to 60 ms frames: byte for byte the same."""
    first = hear(VoskRecogniser(languages=("en",)), clip(SENTENCE), ENGLISH)
    hear(vosk, clip("en_sentences/jfk.wav"), ENGLISH)
    for frame in (160, 320, 960):
        assert hear(vosk, clip(SENTENCE), ENGLISH, frame).hypotheses == first.hypotheses


def test_vosk_partials_grow(vosk: VoskRecogniser) -> None:
    utterance = vosk.start(ENGLISH)
    samples = clip(SENTENCE)
    partials = [
        found for start in range(0, len(samples), 320) if (found := utterance.accept(samples[start : start + 320]))
    ]
    assert len(partials) >= 10
    assert not any(found.final for found in partials)
    assert partials[-1].text.startswith("and mister john")
    utterance.cancel()
    utterance.cancel()
    with pytest.raises(RecognitionError, match="the utterance is over"):
        utterance.finish()


def test_vosk_grammar_finds_digits_that_open_speech_misses(vosk: VoskRecogniser) -> None:
    digits = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "oh")
    with (FIXTURES / "en_digits_fsdd" / "transcripts.tsv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))[::4]
    request = RecognitionRequest("en", grammar=digits)
    silence = np.zeros(SAMPLE_RATE // 4, dtype=np.int16)
    right = 0
    for row in rows:
        samples = np.concatenate([silence, clip(f"en_digits_fsdd/{row['file']}"), silence])
        right += hear(vosk, samples, request).text == row["transcript"]
    assert right >= 0.8 * len(rows), f"{right} of {len(rows)}"


def test_vosk_grammar_hears_only_its_words_and_unk(vosk: VoskRecogniser) -> None:
    found = hear(vosk, clip(SENTENCE), RecognitionRequest("en", grammar=("yes", "no", "Qwertzuiop please")))
    assert set(found.text.split()) <= {"yes", "no", "[unk]"}


def test_vosk_grammars_alternate_with_open_speech(vosk: VoskRecogniser) -> None:
    """The order that aborts a process when one recogniser is given another grammar."""
    opened = vosk.start(ENGLISH)
    opened.accept(clip(SENTENCE)[:SAMPLE_RATE])
    for grammar in (("yes", "no"), ("one", "two"), ("yes", "no")):
        utterance = vosk.start(RecognitionRequest("en", grammar=grammar))
        utterance.accept(clip(SENTENCE)[:SAMPLE_RATE])
        utterance.finish()
    opened.accept(clip(SENTENCE)[SAMPLE_RATE:])
    assert opened.finish().text.startswith("and mister john")


def test_vosk_alternatives_share_out_one(vosk: VoskRecogniser) -> None:
    found = hear(vosk, clip("en_sentences/librivox_0880.wav"), RecognitionRequest("en", max_alternatives=4))
    shares = [hypothesis.confidence for hypothesis in found.hypotheses]
    assert 1 < len(shares) <= 4
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1, abs=0.01)


def test_vosk_lends_the_recogniser_that_has_heard_most(vosk: VoskRecogniser) -> None:
    """It has composed most of its graph: the others stay for the moments when many speak."""
    old, new = vosk.start(ENGLISH), vosk.start(ENGLISH)
    old.accept(clip(SENTENCE))
    lent = old._lent
    old.finish()
    new.finish()
    again = vosk.start(ENGLISH)
    assert again._lent is lent
    again.cancel()


def test_vosk_hears_nothing_in_silence(vosk: VoskRecogniser) -> None:
    assert hear(vosk, np.zeros(SAMPLE_RATE, dtype=np.int16), ENGLISH).hypotheses == ()
    assert vosk.start(ENGLISH).finish().hypotheses == ()


def test_vosk_refuses_a_language_it_lacks(vosk: VoskRecogniser) -> None:
    with pytest.raises(RecognitionError, match="vosk: this model has en, not 'zh'"):
        vosk.start(RecognitionRequest("zh"))


def test_whisper_hears_both_languages(whisper: WhisperRecogniser) -> None:
    english = hear(whisper, clip(SENTENCE), ENGLISH)
    assert english.text.startswith("And Mr. John Dashwood had then leisure to consider how much")
    assert [word.text for word in english.hypotheses[0].words[:4]] == ["And", "Mr", "John", "Dashwood"]
    chinese = hear(whisper, clip(MANDARIN), RecognitionRequest("zh"))
    assert chinese.text == "我相信很好吃"
    words = chinese.hypotheses[0].words
    assert "".join(word.text for word in words) == chinese.text
    assert all(0 <= word.start_ms <= word.end_ms <= 2_100 and 0 < word.confidence <= 1 for word in words)
    assert chinese.confidence > 0.8


def test_whisper_tells_the_language(whisper: WhisperRecogniser) -> None:
    assert guess_language(whisper, clip(MANDARIN), ("en", "zh")).language == "zh"
    assert guess_language(whisper, clip(SENTENCE), ("en", "zh")).probability > 0.9
    assert hear(whisper, clip(MANDARIN), RecognitionRequest("auto")).language == "zh"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_whisper_makes_no_words_of_silence_or_hiss(whisper: WhisperRecogniser, language: str) -> None:
    request = RecognitionRequest(language)
    hiss = np.random.default_rng(7).normal(0, 600, 3 * SAMPLE_RATE).astype(np.int16)
    for samples in (np.zeros(2 * SAMPLE_RATE, dtype=np.int16), hiss, hiss[:800], hiss[:0]):
        assert hear(whisper, samples, request).hypotheses == ()


def test_whisper_scores_the_options_of_a_closed_slot(whisper: WhisperRecogniser) -> None:
    options = ("利息", "汇款", "挂号", "检查", "再见")
    for option in options:
        samples = clip(f"zh_words_yuetan/{option}.wav")
        scores = whisper.score_options(samples, options, "zh")
        assert scores[0].option == option
        assert sum(item.share for item in scores) == pytest.approx(1, abs=0.01)
        assert hear(whisper, samples, RecognitionRequest("zh", grammar=options)).text == option
    assert whisper.score_options(clip(MANDARIN), (), "zh") == []


def test_whisper_options_are_not_heard_in_noise(whisper: WhisperRecogniser) -> None:
    hiss = np.random.default_rng(7).normal(0, 600, 2 * SAMPLE_RATE).astype(np.int16)
    assert hear(whisper, hiss, RecognitionRequest("zh", grammar=("是", "不是"))).hypotheses == ()


def test_whisper_partials_by_running_again() -> None:
    engine = WhisperRecogniser(languages=("zh",), partials=True)
    utterance = engine.start(RecognitionRequest("zh"))
    samples = clip("zh_aishell3/SSB00570140.wav")
    partials = [
        found.text for start in range(0, len(samples), 320) if (found := utterance.accept(samples[start : start + 320]))
    ]
    assert 2 <= len(partials) <= 6
    assert utterance.finish().text == "加快发展现代保险服务业"


def test_whisper_long_speech_is_cut_in_its_quiet_places(whisper: WhisperRecogniser) -> None:
    names = ("librivox_0870", "jfk", "librivox_0890", "librivox_0880", "librivox_0870")
    pause = np.zeros(SAMPLE_RATE, dtype=np.int16)
    long = np.concatenate([part for name in names for part in (clip(f"en_sentences/{name}.wav"), pause)])
    assert len(long) > 30 * SAMPLE_RATE
    found = hear(whisper, long, ENGLISH)
    assert found.text.count("Dashwood") == 2
    assert "what you can do for your country" in found.text
    words = found.hypotheses[0].words
    assert [word.start_ms for word in words] == sorted(word.start_ms for word in words)
    assert words[-1].end_ms > len(long) / 16 - 3_000


def test_two_passes_locally_give_the_same_twice() -> None:
    def once() -> list[tuple[int, str, float]]:
        got: list[tuple[int, str, float]] = []
        local = LocalRecognition(
            default_config(),
            lambda handle, found: got.append((handle, found.text, found.confidence)),
            lambda handle, reason: pytest.fail(reason),
        )
        for name in (SENTENCE, "en_sentences/jfk.wav"):
            handle = local.open(ENGLISH)
            for start in range(0, len(clip(name)), 320):
                handle.feed(clip(name)[start : start + 320])
            handle.finish()
        local.close()
        return got

    assert once() == once()


@pytest.mark.parametrize("name", ["am/final.mdl", "model.bin"])
def test_wrong_model_file_is_named(tmp_path: Path, name: str) -> None:
    for needed in ("am/final.mdl", "conf/mfcc.conf", "model.bin", "config.json", "tokenizer.json"):
        (tmp_path / needed).parent.mkdir(exist_ok=True)
        (tmp_path / needed).write_text("no model")
    engine = "vosk" if name == "am/final.mdl" else "whisper"
    with pytest.raises(ModelError, match=str(tmp_path)):
        create(RecogniserSpec(engine, {"model": str(tmp_path)}))


def transcribe(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ivr", "transcribe", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=200)


def test_transcribe_finds_the_language_and_goes_on_after_a_bad_file(tmp_path: Path) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_text("no sound")
    result = transcribe("--json", str(FIXTURES / MANDARIN), str(bad), str(FIXTURES / SENTENCE))
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 1
    assert lines[0]["text"] == "我相信很好吃"
    assert set(lines[0]) == {"file", "text", "words", "confidence", "language", "engine", "audio_s", "cpu_s"}
    assert set(lines[0]["words"][0]) == {"word", "start", "end", "confidence"}
    assert (lines[0]["language"], lines[2]["language"]) == ("zh", "en")
    assert lines[1] == {"file": str(bad), "error": lines[1]["error"]}
    assert lines[1]["error"].startswith(f"{bad}: ")
    assert f"ivr transcribe: {bad}: " in result.stderr
    assert (lines[2]["engine"], lines[2]["audio_s"]) == ("vosk+whisper", 7.1)


def test_transcribe_cuts_a_long_stereo_recording_and_keeps_its_times(tmp_path: Path) -> None:
    sentence = clip(SENTENCE)
    pause = np.zeros(SAMPLE_RATE, dtype=np.int16)
    long = np.concatenate([part for _ in range(6) for part in (sentence, pause)])
    soundfile.write(tmp_path / "long.flac", np.stack([long, long], axis=1), SAMPLE_RATE)
    result = transcribe("--json", "--lang", "en", "--engine", "vosk", str(tmp_path / "long.flac"))
    assert result.returncode == 0, result.stderr
    (line,) = map(json.loads, result.stdout.splitlines())
    assert line["text"].count("dashwood") == 6
    starts = [word["start"] for word in line["words"] if word["word"] == "dashwood"]
    assert np.diff(starts) == pytest.approx([len(sentence) / SAMPLE_RATE + 1] * 5, abs=0.2)


def test_transcribe_knows_its_engines() -> None:
    result = transcribe("--engine", "magic", "x.wav")
    assert result.returncode == 1
    assert result.stderr.startswith("ivr transcribe: no engine is called 'magic'; there are: two-pass, ")
