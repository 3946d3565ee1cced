"""The end-of-turn model: its input, its answers on recorded speech, and how a live service asks it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from ivr.audio.frame import SAMPLE_RATE, Samples
from ivr.audio.log_mel import log_mel, normalised
from ivr.audio.wav import read_audio
from ivr.call.driver import CallDriver
from ivr.call.events import EngineEvent, JudgeTurn, TurnJudged
from ivr.end_of_turn import SmartTurn
from ivr.errors import EngineError, ModelError
from ivr.models.verify import available
from ivr.service.end_of_turn import LiveEndOfTurn, end_of_turn_model

CLIPS = Path(__file__).parent.parent / "audio_fixtures"
SILENT: Samples = np.zeros(3200, dtype=np.int16)
needs_model = pytest.mark.skipif(
    not available("smart-turn"), reason="no Smart Turn; fetch it with: ivr models fetch smart-turn"
)


def test_features_have_the_shape_and_the_scale_of_whispers() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    features = log_mel(tone)
    assert features.shape == (80, 100)
    assert features.dtype == np.float32
    assert float(features.max() - features.min()) <= 2.0 + 1e-5  # eight decades, over four
    assert 24 <= int(features[:, 50].argmax()) <= 28  # 15 mel of 45 are 1 kHz
    even = normalised(tone * 100 + 5)
    assert abs(float(even.mean())) < 1e-3
    assert float(even.std()) == pytest.approx(1.0, abs=1e-3)


@needs_model
@pytest.mark.models
def test_whole_sentences_sound_more_finished_than_halves() -> None:
    model = SmartTurn()
    whole, half = [], []
    for name in ("zh_aishell3/SSB00050112.wav", "zh_aishell3/SSB00110401.wav", "zh_sentences/funasr_asr_example.wav"):
        speech = read_audio(CLIPS / name)
        loud = np.flatnonzero(np.abs(speech) > 600)
        speech = speech[: int(loud[-1])]
        whole.append(model.judge(np.concatenate((speech, SILENT))))
        half.append(model.judge(np.concatenate((speech[: len(speech) * 6 // 10], SILENT))))
    assert min(whole) > 0.5
    assert sum(half) < sum(whole)
    assert 0.0 <= model.judge(np.zeros(0, dtype=np.int16)) <= 1.0
    assert 0.0 <= model.judge(np.zeros(20 * SAMPLE_RATE, dtype=np.int16)) <= 1.0


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "smart-turn-v3.2-cpu.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="onnxruntime cannot load it as a model"):
        SmartTurn(tmp_path)
    assert end_of_turn_model("none") is None


class Slow:
    """Answers when it is let."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.fails = False

    def judge(self, samples: Samples) -> float:
        self.let.wait(5)
        if self.fails:
            raise EngineError("broken")
        return 0.75


class Call:
    """What is needed of a driver."""

    def __init__(self) -> None:
        self.info = SimpleNamespace(call_id="c1")
        self.got: list[EngineEvent] = []

    def deliver(self, event: EngineEvent) -> None:
        self.got.append(event)


async def settled(live: LiveEndOfTurn) -> None:
    while live._tasks:
        await asyncio.gather(*tuple(live._tasks))


def test_a_live_service_answers_in_time_or_not_at_all() -> None:
    async def run() -> None:
        model, caller = Slow(), Call()
        live = LiveEndOfTurn(model, late_s=60.0)
        driver = cast("CallDriver", caller)
        for number in range(4):
            live.carry_out(driver, JudgeTurn(number, 100 * number, SILENT))
        assert live.skipped == 2  # two wait; what comes behind them would be too late
        model.let.set()
        await settled(live)
        assert caller.got == [TurnJudged(0, 0, 0.75), TurnJudged(1, 100, 0.75)]
        model.fails = True
        live.carry_out(driver, JudgeTurn(9, 900, SILENT))
        await settled(live)
        assert live.failures == 1
        assert len(caller.got) == 2
        live.close()

    asyncio.run(run())


def test_a_busy_machine_is_asked_no_more_for_a_while() -> None:
    async def run() -> None:
        model, caller = Slow(), Call()
        model.let.set()
        live = LiveEndOfTurn(model, late_s=0.0)
        driver = cast("CallDriver", caller)
        live.carry_out(driver, JudgeTurn(1, 0, SILENT))
        await settled(live)
        live.carry_out(driver, JudgeTurn(2, 0, SILENT))
        await settled(live)
        assert [live.skipped, len(caller.got)] == [1, 1]
        live.close()

    asyncio.run(run())


def test_settings_of_a_service(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: Any, **__: Any) -> bool:
        return False

    monkeypatch.setattr("ivr.service.end_of_turn.available", nowhere)
    assert end_of_turn_model("auto") is None
