"""What a test's `given` makes of backend and queues."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, cast

from ivr.dialog.events import CallAction, JsonValue, QueueStatus
from ivr.dialog.schema.values import parse_duration
from ivr.errors import InputError

Failure = Literal["timeout", "http", "data"]
_FAILURES: tuple[Failure, ...] = ("timeout", "http", "data")


@dataclass(frozen=True, slots=True)
class Reply:
    """How an action ends."""

    result: Mapping[str, JsonValue] | None
    """None = it failed."""
    failure: Failure = "http"
    detail: str = ""
    delay_ms: int = 0


class Backend(Protocol):
    def reply(self, action: CallAction) -> Reply: ...


class GivenBackend:
    """Results by action: a result, `error.timeout`, `{delay, result}`, or a list of them (the last stays). What is not
    given is asked of `otherwise`."""

    def __init__(self, given: Mapping[str, JsonValue], otherwise: Backend | None = None) -> None:
        self._given = given
        self._otherwise = otherwise
        self._calls: dict[str, int] = {}

    def reply(self, action: CallAction) -> Reply:
        """Raises InputError when a given answer cannot be read."""
        if action.name not in self._given:
            if self._otherwise is not None:
                return self._otherwise.reply(action)
            return Reply(None, "http", f"`given` has no answer for {action.name}")
        answer = self._given[action.name]
        count = self._calls.get(action.name, 0)
        self._calls[action.name] = count + 1
        if isinstance(answer, list):
            if not answer:
                raise InputError(f"given.actions.{action.name}: an empty list")
            answer = answer[min(count, len(answer) - 1)]
        return read_reply(action.name, answer, action.timeout_ms)


def read_reply(name: str, answer: JsonValue, timeout_ms: int) -> Reply:
    """One answer of `given.actions`."""
    if isinstance(answer, str) and answer.startswith("error."):
        kind = answer.removeprefix("error.")
        if kind not in _FAILURES:
            raise InputError(f"given.actions.{name}: {answer} is none of error.timeout, error.http, error.data")
        return Reply(None, kind, "given by the test", timeout_ms if kind == "timeout" else 0)
    if isinstance(answer, dict) and "delay" in answer and set(answer) <= {"delay", "result"}:
        delay = parse_duration(answer["delay"])
        if delay >= timeout_ms:
            return Reply(None, "timeout", f"no answer within {timeout_ms} ms", timeout_ms)
        inner = read_reply(name, answer.get("result") or {}, timeout_ms)
        return Reply(inner.result, inner.failure, inner.detail, delay)
    if answer is None:
        return Reply({})
    if not isinstance(answer, dict):
        raise InputError(f"given.actions.{name}: a map of the result's fields, or error.timeout, not {answer!r}")
    return Reply(answer)


def queue_status(name: str, given: JsonValue) -> QueueStatus:
    """`open`, `closed`, `full` or a map."""
    if given in ("open", "full", "timeout", "failed"):
        return QueueStatus(open=True, agents=1)
    if given == "closed":
        return QueueStatus(open=False)
    if isinstance(given, dict):
        known = {"open", "waiting", "agents", "expected_wait_s"}
        if set(given) - known:
            raise InputError(f"given.queues.{name}: unknown key {sorted(set(given) - known)[0]}")
        numbers = {key: int(cast("int", value)) for key, value in given.items() if key != "open"}
        return QueueStatus(open=bool(given.get("open", True)), **numbers)
    raise InputError(f"given.queues.{name}: open, closed, full, or a map, not {given!r}")
