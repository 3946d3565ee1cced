"""Calls of a real hotline in memory, kept as the recorder keeps them: what readers of stored calls are tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ivr.audio.frame import AudioFrame
from ivr.call import events as call
from ivr.call.session import CallSession
from ivr.call.states import CallState
from ivr.dialog.bundle import Bundle
from ivr.dialog.codec import encode
from ivr.dialog.events import CallContext, QueueStatus, Reading, Understood
from ivr.replay.shell import SyncShell
from ivr.service.recorder import FileRecorder, RecorderThread
from tests.fakes.calls import LevelDetector, ScriptedEngines, Utter, Words, silence, speech

_FRAME = 320
_ENDED_MS = 60_000
"""Silence at most that a test waits for the bot to have spoken."""


class HotlineEngines(ScriptedEngines):
    """Heard by script, understood by the hotline; what intents a text may mean may be scripted too."""

    def __init__(self, bundle: Bundle, utterances: list[Utter], intents: Mapping[str, Mapping[str, float]]) -> None:
        super().__init__(utterances, prompt_ms_per_char=5)
        self._bundle = bundle
        self._intents = intents

    def understand(self, command: call.Understand) -> Understood:
        text = command.hypotheses[0].text
        understood = self._bundle.understanding.read(command.hypotheses, command.expectation)
        if text not in self._intents:
            return understood
        kept = [one for one in understood.readings if one.kind not in ("intent", "other")]
        scripted = [Reading("intent", name, p, text=text) for name, p in self._intents[text].items()]
        return replace(
            understood, readings=(*kept, *scripted), candidates=tuple(self._intents[text]), in_scope=0.9
        )  # fmt: skip


def store_call(
    bundle: Bundle, said: Sequence[str | Utter], folder: Path, language: str = "en",
    intents: Mapping[str, Mapping[str, float]] | None = None,
) -> Path:  # fmt: skip
    """A caller who says each line when the bot listens for it, then hangs up; the folder of the stored call.

    `intents`: what the open question's model makes of a text, {text: {intent: p}}; else the hotline's own does."""
    context = CallContext(folder.name, "13800138000", "4000", language, "2026-11-23T10:00:00+08:00")
    queues = {name: QueueStatus(True, agents=1) for name in bundle.definition.hotline.queues}
    engines = HotlineEngines(bundle, [one if isinstance(one, Utter) else Utter(one) for one in said], intents or {})
    session = CallSession(bundle, context, LevelDetector(), Words(), music=np.full(1600, 300, np.int16))
    shell = SyncShell(session, engines)
    thread = RecorderThread()
    head: dict[str, object] = {
        "id": context.id, "context": encode(context), "queues": {name: encode(one) for name, one in queues.items()},
        "overlay": {}, "streams": [],
    }  # fmt: skip
    recorder = FileRecorder(thread, folder, head, sound=False)
    session.start(queues)
    shell.settle()
    for index in range(len(said)):
        _until_listening(session, shell)
        if session.ended:
            break
        _feed(shell, np.concatenate([speech(1200, seed=index + 1), silence(2600)]))
    _until_listening(session, shell)
    if not session.ended:
        session.receive_event(call.CallerGone())
        shell.settle()
    recorder.events(shell.journal)
    recorder.close()
    thread.close()
    return folder


def _feed(shell: SyncShell, samples: np.ndarray) -> None:
    for start in range(0, len(samples) - _FRAME + 1, _FRAME):
        shell.frame(AudioFrame(samples[start : start + _FRAME]))


def _until_listening(session: CallSession, shell: SyncShell) -> None:
    quiet = silence(20)
    for _ in range(_ENDED_MS // 20):
        if session.ended or session.state is CallState.LISTENING:
            return
        shell.frame(AudioFrame(quiet))
