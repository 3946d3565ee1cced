"""Agent assist, live: both sides of a talk are read, and the hotline's own understanding says what may help.

Recognition comes after all callers who talk to the bot (`LiveRecognition.aside`), and is not asked while those have to
wait. What was said goes to the journal as `talk.said`, so that transcript and call page have it; what helps goes to the
agent's page only, and to the caller never without the agent. Cards, codes and the like are dots from here on
(`ivr.desk.spoken_numbers`): in journal, transcript, search, pages.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from ivr.asr.base import RecognitionRequest, Transcript
from ivr.asr.pool import Handle
from ivr.audio.frame import Samples
from ivr.call.driver import CallDriver
from ivr.call.ears import VoiceDetector
from ivr.call.events import CallEvent
from ivr.desk.overhearing import Overhearing
from ivr.desk.spoken_numbers import SpokenNumbers, sensitive_lengths
from ivr.desk.talks import Talk, Talks
from ivr.dialog.assist import Advice, advise
from ivr.dialog.bundle import Bundle
from ivr.service.recognition import LiveRecognition

_log = logging.getLogger(__name__)
SAID: Final = "talk.said"
"""Journal line of what a human said, or was told by the caller: `speaker`, `text`, `confidence`, `length_ms`."""
WRITTEN: Final = "chat.said"
"""The same in a chat."""
BUSY_MS: Final = 500.0
"""No new utterance is read while callers wait longer than this for the recogniser."""
LINES_MAX: Final = 400
KEPT: Final = 50
"""Talks of calls that are over, for the wrap-up."""


@dataclass(frozen=True, slots=True)
class Line:
    """`speaker` is caller or agent."""

    speaker: str
    text: str
    after: int
    """Lines of the bot's own transcript before it."""


@dataclass(eq=False)
class Helped:
    """A talk that is followed."""

    driver: CallDriver
    bundle: Bundle
    numbers: SpokenNumbers
    lines: list[Line] = field(default_factory=list)
    partial: dict[str, str] = field(default_factory=dict)
    """By speaker: the words so far."""
    advice: Advice = field(default_factory=Advice)
    asked: int = 0
    """Counts what changed; advice on an older state is dropped."""

    @property
    def said(self) -> list[str]:
        return [line.text for line in self.lines if line.speaker == "caller"]


class LiveAssist:
    """One for a process."""

    def __init__(
        self, recognition: LiveRecognition, make_detector: Callable[[], VoiceDetector],
        bundle_of: Callable[[str], Bundle | None], driver_of: Callable[[str], CallDriver | None],
    ) -> None:  # fmt: skip
        self._recognition, self._make_detector = recognition, make_detector
        self._bundle_of, self._driver_of = bundle_of, driver_of
        self._helped: dict[str, Helped] = {}
        self._sides: dict[str, list[_Side]] = {}
        self._thread = ThreadPoolExecutor(1, "assist")
        self._tasks: set[asyncio.Task[None]] = set()
        self.on_change: list[Callable[[str], None]] = []
        """Told the call's id when there is something new."""

    def follow(self, talks: Talks) -> None:
        """From now on each talk is helped."""
        talks.on_open.append(self._opened)
        talks.on_close.append(self._closed)

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def of(self, call_id: str) -> Helped | None:
        """What is known of a talk; stays a while after the call is over."""
        return self._helped.get(call_id)

    def lines(self, call_id: str) -> list[tuple[str, str, int]]:
        """What was said between humans: speaker, text, and after how many lines of the bot's transcript."""
        helped = self._helped.get(call_id)
        return [(line.speaker, line.text, line.after) for line in helped.lines] if helped is not None else []

    # -- talks come and go

    def _opened(self, talk: Talk) -> None:
        call_id = talk.driver.info.call_id
        driver, bundle = self._driver_of(call_id), self._bundle_of(call_id)
        if driver is None or bundle is None:
            return
        helped = self._helped.get(call_id)
        if helped is None:
            self._forget_the_gone()
            helped = self._helped[call_id] = Helped(driver, bundle, SpokenNumbers(sensitive_lengths(bundle.program)))
            driver.listeners.append(lambda events: self._written(helped, events))
        sides = [_Side(self, helped, name, self._make_detector()) for name in ("caller", "agent")]
        self._sides[call_id] = sides
        _tap(talk, sides)
        self.refresh(helped)

    def _closed(self, talk: Talk) -> None:
        for side in self._sides.pop(talk.driver.info.call_id, []):
            side.drop()

    def _forget_the_gone(self) -> None:
        gone = [call_id for call_id, helped in self._helped.items() if helped.driver.over]
        for call_id in gone[: -KEPT or None]:
            del self._helped[call_id]

    def _written(self, helped: Helped, events: list[CallEvent]) -> None:
        for event in events:
            if event.kind == WRITTEN:
                self._add(helped, str(event.data.get("speaker", "")), str(event.data.get("text", "")))

    # -- what is said

    def open(self, helped: Helped, told: Callable[[Transcript | None], None]) -> Handle | None:
        """Read an utterance, unless callers wait."""
        stats = self._recognition.stats()
        if stats is None or stats.waiting_ms > BUSY_MS:
            return None
        state = helped.driver.session.dialog_state
        language = state.language if state is not None else helped.bundle.program.languages[0]
        return self._recognition.aside(RecognitionRequest(language), told)

    def drop(self, handle: Handle) -> None:
        self._recognition.drop_aside(handle)

    def said(self, helped: Helped, speaker: str, transcript: Transcript, length_ms: int) -> None:
        helped.partial.pop(speaker, None)
        text = helped.numbers.hide(speaker, transcript.text)
        if text.strip():
            helped.driver.note(
                SAID,
                {
                    "speaker": speaker, "text": text, "confidence": round(transcript.confidence, 3),
                    "length_ms": length_ms,
                },
            )  # fmt: skip
            self._add(helped, speaker, text)
        else:
            self._changed(helped)

    def partial(self, helped: Helped, speaker: str, text: str) -> None:
        helped.partial[speaker] = helped.numbers.hide(speaker, text, final=False)
        self._changed(helped)

    def _add(self, helped: Helped, speaker: str, text: str) -> None:
        helped.lines.append(Line(speaker, text, len(helped.driver.session.transcript())))
        del helped.lines[:-LINES_MAX]
        self._changed(helped)
        if speaker == "caller":
            self.refresh(helped)

    def refresh(self, helped: Helped) -> None:
        """Think again about what may help: in a thread, as it takes tens of milliseconds."""
        helped.asked += 1
        task = asyncio.get_running_loop().create_task(self._advise(helped, helped.asked))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _advise(self, helped: Helped, asked: int) -> None:
        state = helped.driver.session.dialog_state
        if state is None:
            return
        try:
            work = asyncio.get_running_loop().run_in_executor(
                self._thread, advise, helped.bundle, state.clone(), tuple(helped.said)
            )
            advice = await work
        except RuntimeError:
            return  # the service stops
        except Exception:
            _log.exception("call %s: no advice can be given", helped.driver.info.call_id)
            return
        if asked == helped.asked:
            helped.advice = advice
            self._changed(helped)

    def _changed(self, helped: Helped) -> None:
        for told in self.on_change:
            told(helped.driver.info.call_id)


class _Side:
    """The voice of one side, cut into utterances and read."""

    def __init__(self, assist: LiveAssist, helped: Helped, speaker: str, detector: VoiceDetector) -> None:
        self._assist, self._helped, self._speaker = assist, helped, speaker
        self._ear = Overhearing(detector)
        self._handle: Handle | None = None
        self._length: list[int] = []

    def hear(self, block: Samples) -> None:
        """From the call's tick."""
        heard = self._ear.hear(block)
        if heard.begins:
            self._begin()
        if self._handle is not None:
            if heard.audio is not None and len(heard.audio):
                self._handle.feed(heard.audio)
            if heard.ends:
                self._length.append(heard.length_ms)
                self._handle.finish()
                self._handle = None

    def drop(self) -> None:
        """The talk is over: what is half said is read to its end, nothing new begins."""
        if self._handle is not None:
            self._handle.finish()
            self._handle = None

    def _begin(self) -> None:
        length_ms: list[int] = []
        """Known when the utterance has ended."""

        def told(transcript: Transcript | None) -> None:
            if transcript is None:
                self._helped.partial.pop(self._speaker, None)
            elif transcript.final:
                self._assist.said(self._helped, self._speaker, transcript, length_ms[0] if length_ms else 0)
            else:
                self._assist.partial(self._helped, self._speaker, transcript.text)

        self._handle = self._assist.open(self._helped, told)
        self._length = length_ms


def _tap(talk: Talk, sides: list[_Side]) -> None:
    caller, agent = sides

    def hear(caller_says: Samples, humans_say: Samples) -> None:
        if talk.holder and not talk.lent:  # else the bot has the caller, and reads what is said itself
            caller.hear(caller_says)
            agent.hear(humans_say)

    talk.conference.taps.append(hear)
