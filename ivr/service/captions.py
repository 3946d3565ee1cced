"""What is said in a call, as messages for the page of the one who calls: captions of a spoken call, the lines of a
chat. Made of journal events, so it sees what the journal sees: sensitive words masked.

    {"type": "line", "id": "p12", "speaker": "bot"|"caller"|"agent", "text": ...}   new, or changed if the id is known
    {"type": "partial", "text": ...}                 the caller's words so far; empty = none
    {"type": "undo", "ids": [...]}                   lines that count no longer: the caller went on speaking
    {"type": "state", "state": ..., "agent": NAME}   what the call waits for (docs/architecture.md)
    {"type": "queue", "position": 2, "wait_s": 60}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ivr.call.events import CallEvent

SAID = "chat.said"
"""Journal line of a message that humans write to each other: `speaker`, `text`."""
_LINES_MAX = 500
Message = dict[str, Any]


class Captions:
    """One call's. `tell` is given each message; `lines` and `state` are what a page that comes later needs."""

    def __init__(self, tell: Callable[[Message], None], spoken: Mapping[int, str] | None = None) -> None:
        """`spoken`: prompts by number, unmasked, for a caller who has no ears to hear them by."""
        self._tell = tell
        self._spoken = spoken if spoken is not None else {}
        self.lines: dict[str, Message] = {}
        """By id, in order."""
        self.state: Message = {"type": "state", "state": "speaking", "agent": ""}
        self.queue: Message | None = None
        self._count = 0
        self._keys = ""

    def on_events(self, events: Sequence[CallEvent]) -> None:
        for event in events:
            self._take(event.kind, event.data)

    def everything(self) -> list[Message]:
        """All that a page needs that comes (again) now."""
        return [*self.lines.values(), self.state, *([self.queue] if self.queue else [])]

    def _take(self, kind: str, data: Mapping[str, Any]) -> None:
        if kind == "in.PartialTranscript":
            self._tell({"type": "partial", "text": str(data.get("text", ""))})
        elif kind in ("turn.nothing", "turn.dropped"):
            self._tell({"type": "partial", "text": ""})
        elif kind == "turn.commit":
            self._line(f"u{data['utterance']}", "caller", str(data["text"]))
        elif kind == "turn.reopened":
            self._undo()
        elif kind in ("prompt.start", "prompt.end"):
            self._line(f"p{data['prompt']}", "bot", self._spoken.get(data["prompt"]) or str(data["text"]))
        elif kind == "prompt.cut":
            number = f"p{data['prompt']}"
            if data["heard"]:
                self._line(number, "bot", f"{data['heard']} —")
            else:
                self._take_back([number])
        elif kind == "key":
            self._key(str(data["digit"]))
        elif kind == SAID:
            self._count += 1
            self._line(f"h{self._count}", str(data["speaker"]), str(data["text"]))
        else:
            self._stands(kind, data)
        if kind in ("prompt.start", "turn.commit", "listen"):
            self._keys = ""

    def _stands(self, kind: str, data: Mapping[str, Any]) -> None:
        """What the call waits for, and who is on it."""
        if kind == "in.QueueChanged":
            self._queue_changed(data)
        elif kind in ("desk.lost", "desk.found"):  # to the dialog the talk goes on; the caller waits for the next human
            found = kind == "desk.found"
            state = "bridged" if found else "queued"
            self.state = {**self.state, "state": state, "agent": str(data["agent"]) if found else ""}
            self._tell(self.state)
        elif kind == "state":
            self.state = {**self.state, "state": str(data["state"])}
            self._tell(self.state)

    def _line(self, number: str, speaker: str, text: str) -> None:
        known = self.lines.get(number)
        if not text or (known is not None and known["text"] == text):
            return
        line = {"type": "line", "id": number, "speaker": speaker, "text": text}
        self.lines[number] = line
        if len(self.lines) > _LINES_MAX:
            del self.lines[next(iter(self.lines))]
        self._tell(line)

    def _key(self, digit: str) -> None:
        """Keys one after another are one line."""
        if not self._keys:
            self._count += 1
        self._keys += digit
        self._line(f"k{self._count}", "caller", self._keys)

    def _undo(self) -> None:
        """From the caller's last line on."""
        ids = list(self.lines)
        last = max((i for i, number in enumerate(ids) if number.startswith("u")), default=len(ids))
        self._take_back(ids[last:])

    def _take_back(self, numbers: list[str]) -> None:
        gone = [number for number in numbers if self.lines.pop(number, None) is not None]
        if gone:
            self._tell({"type": "undo", "ids": gone})

    def _queue_changed(self, data: Mapping[str, Any]) -> None:
        kind = data.get("kind")
        if kind == "position":
            self.queue = {
                "type": "queue", "position": int(data.get("position", 0)),
                "wait_s": int(data.get("expected_wait_s", 0)),
            }  # fmt: skip
            self._tell(self.queue)
            return
        self.queue = None
        self.state = {**self.state, "agent": str(data.get("detail", "")) if kind == "answered" else ""}
        self._tell(self.state)
