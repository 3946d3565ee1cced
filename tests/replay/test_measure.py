"""Latencies read off stereo recordings: synthetic ones of known truth, real speech, and a call of our own core."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.audio.frame import SAMPLE_RATE, Samples, to_ms, to_samples
from ivr.audio.wav import StereoWriter, read_audio
from ivr.cli import main
from ivr.dialog import events as dialog
from ivr.errors import AudioFileError
from ivr.replay.measure import (
    HOP,
    Segment,
    bot_segments,
    caller_segments,
    figures,
    levels_of,
    measure,
    measure_file,
    summarise,
)
from tests.fakes.calls import Result, ScriptedEngines, Simulation, Utter

FIXTURES = Path(__file__).resolve().parent.parent.parent / "audio_fixtures"
SENTENCE = FIXTURES / "en_sentences" / "goforward.wav"
EDGE_MS = 1000 * HOP // SAMPLE_RATE


class Loud:
    """Voice is what is above -40 dBFS."""

    name = "loud"

    def detect(self, block: Samples) -> float:
        return 1.0 if float(np.abs(block.astype(np.float32)).max()) > 400 else 0.0

    def reset(self) -> None:
        return


class Never(Loud):
    def detect(self, block: Samples) -> float:
        return 0.0


def sound(ms: float, level_db: float = -20.0, seed: int = 1) -> Samples:
    noise = np.random.default_rng(seed).standard_normal(to_samples(ms)) * 32768 * 10 ** (level_db / 20)
    return np.clip(noise, -32768, 32767).astype(np.int16)


def track(total_ms: int, *parts: tuple[float, Samples]) -> Samples:
    """Parts at their places (ms) on a silent line."""
    line = np.zeros(to_samples(total_ms), dtype=np.int16)
    for at, samples in parts:
        start = to_samples(at)
        line[start : start + len(samples)] = samples
    return line


def near(got: int, wanted: float) -> bool:
    """Each of the two edges is found to a hop."""
    return abs(got - wanted) <= 2 * EDGE_MS


# -- levels and segments


def test_levels_are_rms_in_dbfs_of_five_milliseconds() -> None:
    half = np.full(2 * HOP, 16384, dtype=np.int16)
    assert levels_of(np.concatenate((half, half[: HOP - 1]))) == pytest.approx([-6.0206] * 2, abs=1e-3)
    assert levels_of(np.zeros(HOP, dtype=np.int16)) == pytest.approx([-90.0])
    assert len(levels_of(np.zeros(HOP - 1, dtype=np.int16))) == 0


def test_segments_have_the_edges_of_the_sound() -> None:
    line = track(3000, (500, sound(700)), (2000, sound(400)))
    assert caller_segments(line, detector=Loud()) == [
        Segment(to_samples(500), to_samples(1200)),
        Segment(to_samples(2000), to_samples(2400)),
    ]


def test_a_plosive_after_its_closure_belongs_to_the_word() -> None:
    line = track(1000, (200, sound(300)), (600, sound(20)))
    assert caller_segments(line, detector=Loud()) == [Segment(to_samples(200), to_samples(620))]


def test_what_the_detector_does_not_call_voice_is_no_speech() -> None:
    line = track(2000, (500, sound(700)))
    assert caller_segments(line, detector=Never()) == []
    assert caller_segments(track(1000, (300, sound(40))), detector=Loud()) == []


def test_the_bots_side_needs_no_detector_and_joins_its_pauses() -> None:
    line = track(3000, (500, sound(400)), (1150, sound(300)), (2000, sound(20)))
    assert bot_segments(line) == [
        Segment(to_samples(500), to_samples(1450)),
        Segment(to_samples(2000), to_samples(2020)),
    ]


def test_noise_on_the_line_does_not_move_the_edges() -> None:
    line = (track(4000, (1000, sound(800, -18))) + sound(4000, -54, seed=2)).astype(np.int16)
    assert caller_segments(line, detector=Loud()) == [Segment(to_samples(1000), to_samples(1800))]


def test_nothing_and_silence_have_no_segments() -> None:
    assert caller_segments(np.zeros(0, dtype=np.int16)) == []
    assert caller_segments(np.zeros(16000, dtype=np.int16)) == []
    assert bot_segments(np.zeros(100, dtype=np.int16)) == []


# -- answers


def test_answer_latency_is_from_the_callers_end_to_the_bots_first_sound() -> None:
    caller = track(6000, (1000, sound(800)), (4000, sound(500)))
    bot = track(6000, (2120, sound(1000)), (4935, sound(500)))
    assert [span.ms for span in measure(caller, bot, detector=Loud()).answers] == [320, 435]


def test_the_last_end_before_the_answer_counts() -> None:
    caller = track(5000, (500, sound(500)), (1400, sound(600)))
    bot = track(5000, (2300, sound(1000)))
    found = measure(caller, bot, detector=Loud())
    assert [(to_ms(span.start), span.ms) for span in found.answers] == [(2000, 300)]
    assert found.unanswered == ()


def test_bot_speech_that_runs_already_is_no_answer() -> None:
    caller = track(5000, (1000, sound(300)))
    bot = track(5000, (500, sound(3000)), (4000, sound(500)))
    found = measure(caller, bot, detector=Loud())
    assert found.answers == ()
    assert [to_ms(at) for at in found.unyielding] == [1000]


def test_a_reminder_is_no_answer_and_the_caller_is_unanswered() -> None:
    caller = track(15000, (1000, sound(500)))
    bot = track(15000, (13000, sound(500)))
    found = measure(caller, bot, detector=Loud())
    assert found.answers == ()
    assert [to_ms(at) for at in found.unanswered] == [1500]


def test_a_bot_that_begins_into_speech_is_told() -> None:
    caller = track(4000, (1000, sound(1500)))
    bot = track(4000, (1800, sound(300)))
    found = measure(caller, bot, detector=Loud())
    assert [to_ms(at) for at in found.talk_overs] == [1800]


@given(
    end=st.integers(600, 3000), latency=st.integers(5, 2500), length=st.integers(100, 500), level=st.integers(-35, -12)
)
def test_any_latency_is_found_to_the_width_of_a_hop(end: int, latency: int, length: int, level: int) -> None:
    caller = track(7000, (end - length, sound(length, level)))
    bot = track(7000, (end + latency, sound(800)))
    found = measure(caller, bot, detector=Loud()).answers
    assert len(found) == 1
    assert near(found[0].ms, latency)


# -- barge-in


def prompt(ms: int, level_db: float = -20.0) -> Samples:
    """Syllables of 180 ms with gaps of 60 ms, each of its own loudness within 3 dB."""
    parts = []
    for index in range(ms // 240):
        parts += [sound(180, level_db - index * 7 % 4, seed=index), np.zeros(to_samples(60), dtype=np.int16)]
    return np.concatenate(parts)


@pytest.mark.parametrize("after_ms", [40, 90, 250, 700])
def test_barge_in_ends_where_the_bot_falls_silent(after_ms: int) -> None:
    caller = track(6000, (2000, sound(1200)))
    bot = track(6000, (500, sound(1500 + after_ms)))
    found = measure(caller, bot, detector=Loud())
    assert [span.ms for span in found.barge_ins] == [after_ms]


@pytest.mark.parametrize("duck_db", [12, 20])
def test_barge_in_ends_where_the_bot_is_ducked(duck_db: int) -> None:
    said = prompt(4800).astype(np.float32)
    ducked_at = to_samples(2000 - 500 + 100)
    said[ducked_at:] *= 10 ** (-duck_db / 20)
    caller = track(6000, (2000, sound(1200)))
    found = measure(caller, track(6000, (500, said.astype(np.int16))), detector=Loud())
    assert len(found.barge_ins) == 1
    assert 30 <= found.barge_ins[0].ms <= 100  # a gap between syllables just before the duck is part of the quiet
    assert found.unyielding == ()


def test_pauses_of_a_prompt_are_no_yielding() -> None:
    caller = track(6000, (2000, sound(1200)))
    bot = track(6000, (500, prompt(5200)))
    found = measure(caller, bot, detector=Loud())
    assert found.barge_ins == ()
    assert [to_ms(at) for at in found.unyielding] == [2000]


def test_a_duck_that_is_taken_back_at_once_is_no_yielding() -> None:
    said = sound(5000).astype(np.float32)
    said[to_samples(1600) : to_samples(1800)] *= 0.1
    found = measure(track(6000, (2000, sound(900))), track(6000, (500, said.astype(np.int16))), detector=Loud())
    assert found.barge_ins == ()
    assert len(found.unyielding) == 1


def test_only_the_first_onset_of_a_stretch_of_speech_is_a_barge_in() -> None:
    caller = track(6000, (2000, sound(400)), (2700, sound(400)), (3400, sound(400)))
    bot = track(6000, (500, sound(1600)), (2400, sound(1500, -45)))
    found = measure(caller, bot, detector=Loud())
    assert [to_ms(span.start) for span in found.barge_ins] == [2000]


def test_speech_that_began_with_the_prompt_is_no_barge_in() -> None:
    found = measure(track(4000, (1100, sound(500))), track(4000, (1000, sound(2000))), detector=Loud())
    assert found.barge_ins == ()
    assert found.unyielding == ()


# -- real speech


def test_the_edges_of_a_recorded_sentence() -> None:
    speech = read_audio(SENTENCE)
    whole = caller_segments(speech)
    line = np.concatenate((np.zeros(SAMPLE_RATE, dtype=np.int16), speech, np.zeros(SAMPLE_RATE, dtype=np.int16)))
    padded = caller_segments(line)
    assert abs(padded[0].start - SAMPLE_RATE - whole[0].start) <= to_samples(20)
    assert abs(padded[-1].end - SAMPLE_RATE - whole[-1].end) <= to_samples(20)
    assert to_samples(450) < whole[0].start < to_samples(550)  # its levels leave the room's -60 dBFS at 0.5 s
    assert to_samples(2600) < whole[-1].end < to_samples(2700)


def _rule(state: object, event: dialog.DialogEvent) -> Result:
    listen = dialog.Listen(dialog.ListenSettings(start_timeout_ms=60_000), dialog.Expectation("f/s", "ask", "en", "f"))
    if isinstance(event, dialog.CallStarted):
        return Result(0, (dialog.Say("p", "a prompt of some length", "en"), listen))
    if isinstance(event, dialog.Heard):
        return Result(1, (dialog.Say("q", "thank you very much", "en"), listen))
    return Result(state)


def test_a_call_of_our_own_with_a_real_sentence() -> None:
    """The journal's decision and the recording's latency agree."""
    engines = ScriptedEngines([Utter("go forward ten meters")])
    simulation = Simulation(_rule, engines)
    heard = [np.zeros(to_samples(2000), dtype=np.int16), read_audio(SENTENCE), np.zeros(to_samples(3000), np.int16)]
    caller = np.concatenate(heard)
    caller = caller[: len(caller) - len(caller) % 320]
    simulation.say(caller)
    found = measure(caller, simulation.audio())
    assert len(found.answers) == 1
    started = [event for event in simulation.shell.journal if event.kind == "prompt.start"]
    assert abs(started[-1].at - found.answers[0].end) <= to_samples(40)
    assert 300 <= found.answers[0].ms <= 1500


def test_a_barge_in_of_our_own_with_a_real_sentence() -> None:
    engines = ScriptedEngines([Utter("go forward ten meters")], prompt_ms_per_char=400)
    simulation = Simulation(_rule, engines)
    sentence = read_audio(SENTENCE)
    start = caller_segments(sentence)[0].start
    caller = np.concatenate((np.zeros(to_samples(3000), np.int16), sentence[start:], np.zeros(48000, np.int16)))
    caller = caller[: len(caller) - len(caller) % 320]
    simulation.say(caller)
    found = measure(caller, simulation.audio())
    assert len(found.barge_ins) == 1
    assert found.barge_ins[0].ms <= 200
    ducked = next(event for event in simulation.shell.journal if event.kind == "barge_in.duck")
    assert abs(found.barge_ins[0].end - ducked.at) <= to_samples(40)


# -- figures, files, command


def test_figures_are_count_median_and_the_95th_percentile() -> None:
    assert figures([]).to_json() == {"n": 0, "median": None, "p95": None}
    assert figures([7]).to_json() == {"n": 1, "median": 7, "p95": 7}
    assert figures(list(range(1, 21))).to_json() == {"n": 20, "median": 10, "p95": 19}
    assert figures(list(range(1, 101))).p95 == 95


def test_both_sides_have_one_length() -> None:
    with pytest.raises(ValueError, match="both sides of a call are of one length, got 10 and 20 samples"):
        measure(np.zeros(10, dtype=np.int16), np.zeros(20, dtype=np.int16))


def write(path: Path, latency_ms: int = 400) -> Path:
    sentence = read_audio(SENTENCE)
    end = caller_segments(sentence)[-1].end
    caller = np.concatenate((sentence[:end], np.zeros(SAMPLE_RATE * 3, dtype=np.int16)))
    bot = np.zeros_like(caller)
    bot[end + to_samples(latency_ms) : end + to_samples(latency_ms + 500)] = sound(500)
    with StereoWriter(path) as writer:
        writer.write(caller, bot)
    return path


def test_a_file_of_two_channels(tmp_path: Path) -> None:
    found = measure_file(write(tmp_path / "call.flac"))
    assert [near(span.ms, 400) for span in found.answers] == [True]
    assert summarise([found, found]).answers.n == 2


def test_a_mono_file_is_refused() -> None:
    with pytest.raises(AudioFileError, match=r"goforward.wav: has 1 channel; a call is measured on two"):
        measure_file(SENTENCE)


def test_the_command_prints_and_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "a.wav", 300)
    write(tmp_path / "b.flac", 500)
    assert main(["measure", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "2 recordings: answer: median 400 ms, p95 500 ms, n 2; barge-in: none"
    assert main(["measure", str(tmp_path / "a.wav"), "--json"]) == 0
    first, total = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["answers"][0]["ms"] == 300
    assert total["recordings"] == 1
    assert total["answer_ms"] == {"n": 1, "median": 300, "p95": 300}


def test_the_command_tells_what_it_cannot_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound")
    assert main(["measure", str(bad)]) == 1
    assert capsys.readouterr().err == f"ivr measure: {bad}: not a sound file (WAV, FLAC, OGG and MP3 are known)\n"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main(["measure", str(empty)]) != 0
    assert "nothing to measure in" in capsys.readouterr().err
