"""What a backend really answered once, kept beside the tests: `ivr test --record` asks it, later runs replay it.

    tests/cassette.json      [{"action": ..., "args": {...}, "replies": [{"result": {...}} | {"failure": "http"}]}]

An answer belongs to an action and its arguments; asked the same again within one call, the next answer comes, and the
last one stays. Secrets (tokens, keys) never get in: wherever one stands in arguments or answers there are dots.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from ivr.dialog.events import CallAction, JsonValue
from ivr.dialog.testing.backend import Failure, Reply
from ivr.errors import InputError

NAME = "cassette.json"
HIDDEN = "•••"
_SHORTEST_SECRET = 4
"""A shorter text is no secret, and would hide half of what it is looked for in."""

Live = Callable[[CallAction], Reply]
"""Asks the real backend."""


@dataclass
class Cassette:
    """Answers by action and arguments."""

    answers: dict[tuple[str, str], list[Reply]] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    live: Live | None = None
    """Given = record: every answer is asked for anew."""

    @classmethod
    def loads(cls, text: str, name: str = NAME) -> Cassette:
        """Raises InputError that names the file."""
        try:
            answers = {
                (str(entry["action"]), _canonical(entry["args"])): [_read(reply) for reply in entry["replies"]]
                for entry in json.loads(text)
            }
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(f"{name}: no cassette: {error!r}; `ivr test --record` writes it anew") from error
        return cls({key: replies for key, replies in answers.items() if replies})

    def dumps(self) -> str:
        """The same answers give the same text, so that it is quiet in git."""
        entries = [
            {"action": action, "args": json.loads(args), "replies": [_written(reply) for reply in replies]}
            for (action, args), replies in sorted(self.answers.items())
        ]
        return json.dumps(entries, ensure_ascii=False, indent=1) + "\n"

    def backend(self) -> CassetteBackend:
        """For one call."""
        return CassetteBackend(self)

    def key(self, action: CallAction) -> tuple[str, str]:
        return action.name, _canonical(hide(dict(action.args), self.secrets))


@dataclass
class CassetteBackend:
    """A cassette in one call: counts what was asked."""

    cassette: Cassette
    asked: dict[tuple[str, str], int] = field(default_factory=dict)

    def reply(self, action: CallAction) -> Reply:
        key = self.cassette.key(action)
        count = self.asked[key] = self.asked.get(key, 0) + 1
        if self.cassette.live is not None:
            return self._record(key, count, self.cassette.live(action))
        known = self.cassette.answers.get(key)
        if known is None:
            what = f"neither the test nor {NAME} has an answer for {action.name} {key[1]} (ivr test --record)"
            return Reply(None, "http", what)
        return known[min(count, len(known)) - 1]

    def _record(self, key: tuple[str, str], count: int, reply: Reply) -> Reply:
        kept = reply
        if reply.result is not None:
            kept = Reply(cast("dict[str, JsonValue]", hide(dict(reply.result), self.cassette.secrets)))
        replies = self.cassette.answers.setdefault(key, [])
        replies[count - 1 : count] = [kept]
        return kept


def hide(value: JsonValue, secrets: Iterable[str]) -> JsonValue:
    """The same data with every secret replaced by dots."""
    if isinstance(value, dict):
        return {key: hide(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [hide(item, secrets) for item in value]
    if not isinstance(value, str):
        return value
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            value = value.replace(secret, HIDDEN)
    return value


def _canonical(args: JsonValue) -> str:
    return json.dumps(args, ensure_ascii=False, sort_keys=True)


def _read(data: Mapping[str, Any]) -> Reply:
    if data.get("result") is not None:
        return Reply(dict(data["result"]))
    failure = cast("Failure", data["failure"])
    if failure not in ("timeout", "http", "data"):
        raise ValueError(f"failure {failure!r}")
    return Reply(None, failure, str(data.get("detail", "")))


def _written(reply: Reply) -> dict[str, JsonValue]:
    if reply.result is not None:
        return {"result": dict(reply.result)}
    return {"failure": reply.failure, "detail": reply.detail}
