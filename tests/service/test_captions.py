"""Captions out of journal events."""

from __future__ import annotations

from typing import Any

from ivr.call.events import CallEvent
from ivr.service.captions import SAID, Captions


def told(*events: tuple[str, dict[str, Any]], spoken: dict[int, str] | None = None) -> tuple[Captions, list[Any]]:
    messages: list[Any] = []
    captions = Captions(messages.append, spoken)
    captions.on_events([CallEvent(0, kind, data) for kind, data in events])
    return captions, messages


def texts(captions: Captions) -> list[tuple[str, str]]:
    return [(line["speaker"], line["text"]) for line in captions.lines.values()]


def test_a_prompt_is_written_when_it_begins_and_cut_where_it_was_cut() -> None:
    captions, messages = told(
        ("prompt.start", {"prompt": 1, "text": "Welcome. How can I help?"}),
        ("in.PartialTranscript", {"text": "my"}),
        ("prompt.cut", {"prompt": 1, "heard": "Welcome.", "why": "words"}),
        ("turn.commit", {"utterance": 2, "text": "my card"}),
    )
    assert texts(captions) == [("bot", "Welcome. —"), ("caller", "my card")]
    assert [message["type"] for message in messages] == ["line", "partial", "line", "line"]
    assert messages[0]["id"] == messages[2]["id"], "the same line, changed"


def test_a_prompt_of_which_nothing_was_heard_is_gone() -> None:
    captions, messages = told(
        ("prompt.start", {"prompt": 1, "text": "Say it again, please."}),
        ("prompt.cut", {"prompt": 1, "heard": "", "why": "key"}),
    )
    assert texts(captions) == []
    assert messages[-1] == {"type": "undo", "ids": ["p1"]}
    captions, messages = told(("prompt.cut", {"prompt": 1, "heard": "", "why": "key"}))
    assert messages == [], "nobody has seen it"


def test_what_was_taken_back_is_undone() -> None:
    captions, messages = told(
        ("turn.commit", {"utterance": 1, "text": "I want"}),
        ("prompt.start", {"prompt": 2, "text": "Pardon?"}),
        ("turn.reopened", {"utterance": 3, "after_ms": 200}),
        ("turn.commit", {"utterance": 3, "text": "I want to pay"}),
    )
    assert texts(captions) == [("caller", "I want to pay")]
    assert {"type": "undo", "ids": ["u1", "p2"]} in messages


def test_keys_in_a_row_are_one_line() -> None:
    captions, _ = told(
        ("key", {"digit": "1"}), ("prompt.cut", {"prompt": 1, "heard": "Say", "why": "key"}), ("key", {"digit": "2"}),
        ("prompt.start", {"prompt": 2, "text": "Thank you."}), ("key", {"digit": "•"}),
    )  # fmt: skip
    assert texts(captions) == [("caller", "12"), ("bot", "Say —"), ("bot", "Thank you."), ("caller", "•")]


def test_the_queue_and_who_answers() -> None:
    captions, messages = told(
        ("state", {"state": "queued"}),
        ("in.QueueChanged", {"kind": "position", "position": 2, "expected_wait_s": 60}),
        ("in.QueueChanged", {"kind": "answered", "detail": "ann"}),
        (SAID, {"speaker": "agent", "text": "hello"}),
    )
    assert {"type": "queue", "position": 2, "wait_s": 60} in messages
    assert captions.state == {"type": "state", "state": "queued", "agent": "ann"}
    assert captions.everything() == [captions.lines["h1"], captions.state]


def test_a_reader_is_shown_what_a_listener_hears() -> None:
    masked = ("prompt.start", {"prompt": 4, "text": "Your code is ••••."})
    assert texts(told(masked)[0]) == [("bot", "Your code is ••••.")]
    assert texts(told(masked, spoken={4: "Your code is 1234."})[0]) == [("bot", "Your code is 1234.")]


def test_memory_is_bounded() -> None:
    captions, _ = told(*(("turn.commit", {"utterance": n, "text": str(n)}) for n in range(2000)))
    assert len(captions.lines) == 500
