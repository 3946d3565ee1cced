"""Echo cancelling on real speech through real rooms (measured room responses)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from ivr.audio.aec import WebRtcCanceller, create_canceller
from ivr.audio.frame import FRAME_SAMPLES, SAMPLE_RATE, SILENCE, AudioFrame, Samples, to_samples
from ivr.audio.wav import read_audio
from ivr.errors import ConfigError, EngineError
from ivr.transport.base import Digit
from ivr.transport.cancelling import CancellingLeg

CLIPS = Path(__file__).parents[2] / "audio_fixtures"
SECONDS = 9
NEAR_FROM = 7 * SAMPLE_RATE


def prompt() -> Samples:
    files = sorted((CLIPS / "en_prompts_allison").glob("*.wav"))[:12]
    return np.concatenate([read_audio(path) for path in files])[: SECONDS * SAMPLE_RATE]


def room(name: str) -> npt.NDArray[np.float64]:
    """A room's response from its direct sound on, of energy 1."""
    response = read_audio(CLIPS / "rirs" / name).astype(np.float64)
    loud = np.abs(response) >= 0.1 * np.abs(response).max()
    response = response[max(0, int(loud.argmax()) - 4) :][: SAMPLE_RATE // 2]
    return response / np.sqrt((response**2).sum())


def echo_of(sent: Samples, response: npt.NDArray[np.float64], delay_ms: int, loss_db: float) -> Samples:
    heard = np.convolve(sent.astype(np.float64), response)[: len(sent)] * 10 ** (-loss_db / 20)
    late = np.concatenate((np.zeros(to_samples(delay_ms)), heard))[: len(sent)]
    return np.clip(late, -32768, 32767).astype(np.int16)


def power_db(samples: Samples) -> float:
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2) + 1e-9))


class Line:
    """A leg that brings back what was sent as the room makes it, and what the caller says."""

    def __init__(self, heard: Samples) -> None:
        self.heard = heard
        self.at = 0
        self.written: list[Samples] = []

    def read(self) -> AudioFrame:
        self.at += FRAME_SAMPLES
        return AudioFrame(self.heard[self.at - FRAME_SAMPLES : self.at])

    def write(self, frame: AudioFrame) -> None:
        self.written.append(frame.samples)

    def take_digits(self) -> list[Digit]:
        return [Digit("5", 100, "rfc4733")]

    def send_digits(self, digits: str) -> None:
        self.sent = digits


def through(heard: Samples, sent: Samples) -> Samples:
    leg = CancellingLeg(Line(heard), WebRtcCanceller())
    out = []
    for at in range(0, len(sent) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        out.append(leg.read().samples)
        leg.write(AudioFrame(sent[at : at + FRAME_SAMPLES]))
    return np.concatenate(out)


@pytest.mark.parametrize(("response", "delay_ms"), [("rir2.wav", 40), ("rir4.wav", 120), ("rir2.wav", 300)])
def test_a_speaker_phone_is_cancelled_and_double_talk_kept(response: str, delay_ms: int) -> None:
    sent = prompt()
    echo = echo_of(sent, room(response), delay_ms, loss_db=12)
    caller = np.zeros_like(sent)
    speech = read_audio(CLIPS / "en_sentences" / "librivox_0880.wav")[: len(sent) - NEAR_FROM]
    caller[NEAR_FROM : NEAR_FROM + len(speech)] = speech
    out = through(np.clip(echo.astype(np.int32) + caller, -32768, 32767).astype(np.int16), sent)
    settled = slice(4 * SAMPLE_RATE, NEAR_FROM - SAMPLE_RATE // 10)
    assert power_db(echo[settled]) - power_db(out[settled]) >= 25  # echo return loss enhancement
    spoken = slice(NEAR_FROM, NEAR_FROM + len(speech))
    assert power_db(caller[spoken]) - power_db(out[spoken]) <= 6


def test_a_line_without_echo_is_left_as_it_is() -> None:
    speech = read_audio(CLIPS / "en_sentences" / "librivox_0880.wav")[: 2 * SAMPLE_RATE]
    out = through(speech, np.zeros_like(speech))
    assert abs(power_db(out) - power_db(speech[: len(out)])) <= 2


def test_keys_and_frames_pass() -> None:
    line = Line(np.zeros(FRAME_SAMPLES, dtype=np.int16))
    leg = CancellingLeg(line, WebRtcCanceller())
    leg.write(AudioFrame(SILENCE))
    leg.send_digits("12")
    assert leg.take_digits() == [Digit("5", 100, "rfc4733")]
    assert line.sent == "12"
    assert len(line.written) == 1


def test_a_canceller_that_fails_is_left_out() -> None:
    class Broken:
        def reference(self, sent: Samples) -> None:
            return

        def process(self, heard: Samples) -> Samples:
            raise EngineError("broken")

    speech = np.full(2 * FRAME_SAMPLES, 77, dtype=np.int16)
    leg = CancellingLeg(Line(speech), Broken())
    assert [set(leg.read().samples), set(leg.read().samples)] == [{77}, {77}]


def test_names_and_lengths() -> None:
    assert isinstance(create_canceller("webrtc"), WebRtcCanceller)
    with pytest.raises(ConfigError, match=r"^no echo canceller is called 'speex'; known: webrtc$"):
        create_canceller("speex")
    with pytest.raises(ValueError, match="whole steps of 160 samples, got 100"):
        WebRtcCanceller().process(np.zeros(100, dtype=np.int16))
