from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.audio.dtmf import HIGH_HZ, KEYS, LOW_HZ, DtmfDetector, DtmfSettings, generate
from ivr.audio.frame import SAMPLE_RATE, Samples
from ivr.audio.g711 import decode_ulaw, encode_ulaw
from ivr.audio.levels import rms_dbfs
from ivr.audio.resample import Upsampler, resample
from ivr.audio.wav import read_audio

FIXTURES = Path(__file__).parents[2] / "audio_fixtures"


def keys(samples: Samples, rate: int = SAMPLE_RATE, rules: DtmfSettings | None = None) -> str:
    return "".join(press.key for press in DtmfDetector(rate, rules).process(samples))


def pair(low: float, high: float, ms: int = 100, low_dbfs: float = -20, high_dbfs: float = -20) -> Samples:
    times = np.arange(16 * ms) / SAMPLE_RATE
    waves = [
        32_768 * 2**0.5 * 10 ** (db / 20) * np.sin(2 * np.pi * f * times)
        for f, db in ((low, low_dbfs), (high, high_dbfs))
    ]
    return np.rint(waves[0] + waves[1]).astype(np.int16)


def padded(samples: Samples, before: int = 0, after: int = 1_600) -> Samples:
    return np.pad(samples, (before, after))


def recordings(folder: str) -> list[tuple[Path, str]]:
    with (FIXTURES / folder / "transcripts.tsv").open(encoding="utf-8", newline="") as table:
        return [(FIXTURES / folder / row["file"], row["transcript"]) for row in csv.DictReader(table, delimiter="\t")]


@pytest.mark.parametrize(("path", "transcript"), recordings("dtmf"), ids=lambda value: getattr(value, "stem", ""))
def test_recorded_keys(path: Path, transcript: str) -> None:
    assert f"[dtmf {keys(read_audio(path))}]" == transcript


@pytest.mark.parametrize("path", [path for path, _ in recordings("talk_off")], ids=lambda path: path.stem)
def test_speech_dials_nothing(path: Path) -> None:
    speech = read_audio(path)
    assert keys(speech) == ""
    assert keys(resample(speech, SAMPLE_RATE, 8_000), 8_000) == ""


@pytest.mark.parametrize("rate", [8_000, 16_000])
@pytest.mark.parametrize(("on_ms", "off_ms"), [(40, 40), (50, 50), (100, 100), (400, 50)])
@pytest.mark.parametrize("shift", [0, 31, 67, 101, 150])
def test_every_key_at_the_shortest_times_of_q24(rate: int, on_ms: int, off_ms: int, shift: int) -> None:
    assert keys(padded(generate(KEYS, on_ms, off_ms, rate=rate), shift), rate) == KEYS


def test_same_key_twice_is_two_presses_and_a_long_one_is_one() -> None:
    assert keys(padded(generate("5500", 60, 60))) == "5500"
    assert keys(generate("7", 3_000, 100)) == "7"


def test_a_blip_of_20_ms_is_no_press() -> None:
    assert keys(padded(generate("1", 20, 100))) == ""


def test_a_dropout_of_one_block_does_not_double_the_key() -> None:
    tone = pair(697, 1_209, 200)
    tone[1_600:1_760] = 0
    assert keys(padded(tone)) == "1"


def test_where_and_how_loud() -> None:
    presses = DtmfDetector().process(padded(generate("9", 100, 100, dbfs=-17), before=3_200))
    assert [press.key for press in presses] == ["9"]
    assert abs(presses[0].start - 3_200) <= 204
    assert presses[0].dbfs == pytest.approx(-20, abs=1)


@pytest.mark.parametrize("offset", [-0.015, 0.015])
def test_frequencies_off_by_1_5_percent_are_taken(offset: float) -> None:
    found = [keys(pair(low * (1 + offset), high * (1 + offset))) for low in LOW_HZ for high in HIGH_HZ]
    assert found == list(KEYS)


@pytest.mark.parametrize("offset", [-0.035, 0.035])
def test_frequencies_off_by_3_5_percent_are_not(offset: float) -> None:
    assert {keys(pair(low * (1 + offset), high * (1 + offset))) for low in LOW_HZ for high in HIGH_HZ} == {""}


@pytest.mark.parametrize(
    ("low_db", "high_db", "found"), [(-10, -17, "1"), (-17, -14, "1"), (-10, -20, ""), (-20, -10, "")]
)
def test_twist(low_db: float, high_db: float, found: str) -> None:
    assert keys(pair(697, 1_209, low_dbfs=low_db, high_dbfs=high_db)) == found


def test_levels() -> None:
    assert keys(pair(697, 1_209, low_dbfs=-40, high_dbfs=-40)) == "1"
    assert keys(pair(697, 1_209, low_dbfs=-45, high_dbfs=-45)) == ""
    assert keys(pair(697, 1_209, low_dbfs=-45, high_dbfs=-45), rules=DtmfSettings(min_dbfs=-50)) == "1"


@pytest.mark.parametrize("frequency", [697, 941, 1_336, 440])
def test_one_tone_alone_is_no_key(frequency: int) -> None:
    assert keys(pair(frequency, 3_700, high_dbfs=-90)) == ""


def test_harmonics_mark_a_voice() -> None:
    tone = pair(770, 1_336)
    assert keys(tone) == "5"
    assert keys((tone + pair(2 * 1_336, 3_900, low_dbfs=-30, high_dbfs=-90)).astype(np.int16)) == ""


def test_noise_at_15_db_below_does_not_matter_and_noise_alone_dials_nothing() -> None:
    noise = np.random.default_rng(5).standard_normal(16_000 * 20)
    tones = generate(KEYS, 60, 60, dbfs=-13)
    noisy = np.rint(tones + noise[: len(tones)] * 32_768 * 10 ** (-30 / 20)).astype(np.int16)
    assert keys(padded(noisy)) == KEYS
    assert keys(np.rint(noise * 3_000).astype(np.int16)) == ""


def test_keys_survive_the_telephone() -> None:
    narrow = decode_ulaw(encode_ulaw(generate("0123456789*#", 60, 60, rate=8_000)))
    assert keys(Upsampler().process(padded(narrow))) == "0123456789*#"


@settings(max_examples=30)
@given(st.lists(st.integers(0, 12_000), max_size=30))
def test_detector_does_not_care_how_the_stream_is_cut(cuts: list[int]) -> None:
    sound = padded(generate("147#", 70, 70), after=4_000)
    detector = DtmfDetector()
    found = [press for piece in np.split(sound, sorted(cuts)) for press in detector.process(piece)]
    assert found == DtmfDetector().process(sound)


def test_held_key_and_reset() -> None:
    detector = DtmfDetector()
    assert detector.held is None
    detector.process(generate("3", 100, 0))
    assert detector.held == "3"
    detector.process(np.zeros(640, dtype=np.int16))
    assert detector.held is None
    detector.process(generate("3", 100, 0))
    detector.reset()
    assert detector.held is None
    assert detector.process(generate("3", 100, 0))[0].start < 204


def test_generated_level_and_lengths() -> None:
    sound = generate("1a", 100, 50, dbfs=-10)
    assert len(sound) == 2 * 2_400
    assert rms_dbfs(sound[100:1_500]) == pytest.approx(-10, abs=0.3)
    assert not sound[1_600:2_400].any()
    assert generate("").shape == (0,)
    assert keys(padded(sound)) == "1A"


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match=r"^no keypad has the key 'X'; keys are 0-9, \*, # and A-D$"):
        generate("1x")
    with pytest.raises(ValueError, match=r"^keypad tones of -3 dBFS would clip; the loudest are -6\.1 dBFS$"):
        generate("1", dbfs=-3)
    with pytest.raises(ValueError, match=r"^keypad tones are looked for at 8000 or 16000 Hz, not at 44100$"):
        DtmfDetector(44_100)
