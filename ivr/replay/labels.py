"""What callers meant, read off stored calls: what they did next tells whether the bot had understood them.

Only turns at an open question (a route) count. The evidence, strongest first:

    confirmed     "You want X, right?" - yes
    chosen        "A or B?" - one of them
    denied        the same - no: it was none of what was offered
    said instead  the same, or the first question of the flow that was entered - "no, Y": Y was meant
    left          the first thing said in the flow that was entered was "back" or "start over"
    went on       the flow that was entered got an answer to one of its questions, or was heard out to its end

A turn after which none of this happened (a failure, a wish for a human, a caller who hangs up) stays without a label:
it still counts where shares of all turns are told. Turns of which the journal holds a mask only are left out.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ivr.audio.frame import to_ms
from ivr.call.events import CallEvent
from ivr.dialog.bundle import Bundle
from ivr.dialog.engine.program import RouteStep
from ivr.dialog.events import Spoken

_MASK = "•"
_DENYING = 0.3
"""From this p of a `no` on, what follows it is said instead of what the bot had taken."""
_PATIENCE = 3
"""Turns in a flow that was entered after which nothing more is learned."""


@dataclass(slots=True)
class OpenTurn:
    """A caller's turn at an open question."""

    call: str
    at_ms: int
    step: str
    """`flow/step`"""
    language: str
    spoken: tuple[Spoken, ...]
    did: str = "nomatch"
    """accept, confirm, choose, more, nomatch"""
    offered: tuple[str, ...] = ()
    """Intents that were taken or asked back."""
    meant: str = ""
    """The intent, as far as it is known."""
    refused: list[str] = field(default_factory=list)
    """Intents that it was not."""
    evidence: str = ""
    """How that is known; empty: it is not."""

    def right(self, intent: str) -> bool | None:
        """Whether `intent` is what was meant; None where the call does not tell."""
        if self.meant:
            return intent == self.meant
        return False if intent in self.refused else None


def open_questions(bundle: Bundle) -> frozenset[str]:
    """`flow/step` of every route of a hotline."""
    return frozenset(
        f"{name}/{step_id}"
        for name, flow in bundle.program.flows.items()
        for step_id, step in flow.steps.items()
        if isinstance(step, RouteStep)
    )


def turns_of(call: str, journal: Iterable[CallEvent], routes: Container[str]) -> list[OpenTurn]:
    """The turns at open questions of one call, with what it tells of their meaning."""
    reader = _Reader(call, routes)
    for group in _groups(journal):
        reader.take(group)
    return [turn for turn in reader.turns if turn.spoken and not any(_MASK in one.text for one in turn.spoken)]


# -------------------------------------------------------------------------------------------------- groups of a journal


@dataclass(slots=True)
class _Group:
    """Decisions between two inputs of the caller. The first group is the call's beginning."""

    at_ms: int = 0
    language: str = ""
    spoken: tuple[Spoken, ...] = ()
    decisions: list[Mapping[str, Any]] = field(default_factory=list)
    hung_up: bool = False
    heard_out: bool = True
    """Prompts of the turn were played to their end."""


def _groups(journal: Iterable[CallEvent]) -> list[_Group]:
    groups, final = [_Group()], dict[Any, tuple[Spoken, ...]]()
    playing: set[Any] = set()
    for event in journal:
        data = event.data
        if event.kind == "in.FinalTranscript":
            final[data["utterance"]] = tuple(
                Spoken(str(one["text"]), float(one["confidence"])) for one in _list(data.get("hypotheses"))
            )
        elif event.kind == "turn.commit":
            said = (Spoken(str(data["text"]), _number(data["confidence"])),)
            spoken = final.get(data["utterance"]) or said
            groups.append(_Group(to_ms(event.at), str(data.get("language", "")), spoken))
        elif event.kind == "turn.reopened" and len(groups) > 1:
            groups.pop()
        elif event.kind == "key":
            groups.append(_Group(to_ms(event.at)))
        elif event.kind == "prompt.start":
            playing.add(data["prompt"])
        elif event.kind in ("prompt.end", "prompt.cut"):
            playing.discard(data["prompt"])
        elif event.kind == "dialog.decision":
            if data["rule"] == "15 hangup":
                groups.append(_Group(to_ms(event.at), hung_up=True, heard_out=not playing))
            groups[-1].decisions.append(data)
    return groups


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


# ------------------------------------------------------------------------------------------------------------- evidence


class _Reader:
    """Goes through a call with at most one turn whose meaning is open."""

    def __init__(self, call: str, routes: Container[str]) -> None:
        self.turns: list[OpenTurn] = []
        self._call = call
        self._routes = routes
        self._asked: OpenTurn | None = None
        """The turn that is being asked back."""
        self._entered: OpenTurn | None = None
        """The turn whose intent's flow has been entered."""
        self._leaving: str = ""
        """The intent for which the caller was asked whether to leave that flow."""
        self._since = 0
        self._ended = False
        self._later: list[OpenTurn] = []
        """Turns of the same question whose meaning comes out later: "say a little more", and those that were denied."""

    def take(self, group: _Group) -> None:
        rules = {str(one["rule"]): one for one in reversed(group.decisions)}
        read = rules.get("4 read")
        if self._entered is not None:
            self._watch(group, rules, read)
        step, _, mode = str(read["step"] if read else "").partition(":")
        if self._asked is not None:
            self._answered(group.decisions, rules)
        elif read is not None and step in self._routes and mode in ("", "more"):
            self._open(group, step, rules)

    # -- at the open question

    def _open(self, group: _Group, step: str, rules: Mapping[str, Mapping[str, Any]]) -> None:
        turn = OpenTurn(self._call, group.at_ms, step, group.language, group.spoken)
        for rule, did in (
            ("5 pick: intent", "accept"), ("6 band: confirm", "confirm"), ("6 band: choose", "choose"),
            ("6 band: more", "more"), ("5 pick: nomatch", "nomatch"),
        ):  # fmt: skip
            if rule in rules:
                turn.did, turn.offered = did, _picked(rules[rule])
                break
        else:
            return  # a command, anger: nothing was made of it as a wish
        self.turns.append(turn)
        if self._later and self._later[0].step != step:
            self._later = []
        if turn.did == "accept":
            self._entered, self._leaving, self._since = turn, "", 0
            self._ended = _ends(group.decisions, turn.offered[:1])
        elif turn.did in ("confirm", "choose"):
            self._asked = turn
        elif turn.did == "more":
            self._later.append(turn)

    def _answered(self, decisions: Sequence[Mapping[str, Any]], rules: Mapping[str, Mapping[str, Any]]) -> None:
        """What came of "X?" or "A or B?"."""
        turn = self._asked
        assert turn is not None
        taken = next((rule for one in decisions if (rule := str(one["rule"])).startswith("5 pick: ")), "")
        if taken.startswith("5 pick: nomatch"):
            return  # asked once more
        self._asked = None
        picked = _picked(rules.get(taken, {}))
        entered = rules.get("5 pick: intent", {}).get("detail", {}).get("intent")
        if taken == "5 pick: answer no" or _pressed_no(rules):
            self._refuse(turn, turn.offered, "denied")
            self._later.append(turn)
        elif taken == "5 pick: choice" and picked:
            self._mean(turn, picked[0], "chosen")
        elif taken == "5 pick: intent" and picked and picked[0] not in turn.offered:
            self._refuse(turn, turn.offered, "said instead")
            self._mean(turn, picked[0], "said instead")
        elif taken.startswith("5 pick: answer yes") or isinstance(entered, str):
            self._mean(turn, str(entered or turn.offered[0]), "confirmed")

    # -- in the flow that was entered

    def _watch(self, group: _Group, rules: Mapping[str, Mapping[str, Any]], read: Mapping[str, Any] | None) -> None:
        turn = self._entered
        assert turn is not None
        flow = turn.offered[0]
        self._since += read is not None
        denied = read is not None and _p(read, "no") >= _DENYING
        other = next((_intent(rules[rule]) for rule in _DIGRESSIONS if rule in rules), "")
        if self._leaving and "5 pick: answer yes" in rules:
            self._instead(turn, self._leaving)
        elif _left(rules) and self._since == 1:
            self._refuse(turn, (flow,), "left")
            self._later.append(turn)
            self._entered = None
        elif other and other != flow and self._since == 1:
            self._differs(turn, other, denied=denied, asked="10 digress: confirm" in rules)
        elif self._ended:
            if group.heard_out and not (denied and read is not None and _p(read, "intent") >= _DENYING):
                self._mean(turn, flow, "went on")
            self._entered = None
        elif "7 fill" in rules or "5 pick: keys" in rules:  # in it, or in a flow that it runs
            self._mean(turn, flow, "went on")
            self._entered = None
        elif group.hung_up or self._since >= _PATIENCE or "14 handover" in rules:
            self._entered = None
        else:
            self._leaving = ""
            self._ended = self._ended or _ends(group.decisions, (flow,))

    def _differs(self, turn: OpenTurn, other: str, *, denied: bool, asked: bool) -> None:
        """Another wish as the first thing said in the flow: instead of it with a "no", else maybe beside it."""
        if denied and not asked:
            self._instead(turn, other)
        elif asked:
            self._leaving = other
        else:
            self._entered = None

    def _instead(self, turn: OpenTurn, other: str) -> None:
        self._refuse(turn, turn.offered[:1], "said instead")
        self._mean(turn, other, "said instead")
        self._entered = None

    # -- labels

    def _mean(self, turn: OpenTurn, intent: str, evidence: str) -> None:
        turn.meant, turn.evidence = intent, evidence
        for earlier in self._later:
            if not earlier.meant and intent not in earlier.refused:
                earlier.meant, earlier.evidence = intent, earlier.evidence or evidence
        self._later = []

    def _refuse(self, turn: OpenTurn, intents: Sequence[str], evidence: str) -> None:
        turn.refused += intents
        turn.evidence = evidence


_DIGRESSIONS = ("10 digress", "10 digress: confirm", "10 digress: denied", "5 pick: intent")


def _picked(decision: Mapping[str, Any]) -> tuple[str, ...]:
    """Intents (not values of slots) that a decision is about."""
    picked = _list((decision.get("detail") or {}).get("picked"))
    return tuple(str(one["value"]) for one in picked if not one.get("slot"))


def _intent(decision: Mapping[str, Any]) -> str:
    picked = _picked(decision)
    return str((decision.get("detail") or {}).get("intent") or (picked[0] if picked else ""))


def _p(read: Mapping[str, Any], kind: str) -> float:
    readings = _list((read.get("detail") or {}).get("readings"))
    return max((_number(one.get("p")) for one in readings if one.get("kind") == kind), default=0.0)


def _left(rules: Mapping[str, object]) -> bool:
    return any(rule.startswith(("11 command: back", "11 command: start_over")) for rule in rules)


def _pressed_no(rules: Mapping[str, Mapping[str, Any]]) -> bool:
    return (rules.get("5 pick: key", {}).get("detail") or {}).get("meaning") == "no"


def _ends(decisions: Sequence[Mapping[str, Any]], flows: Sequence[str]) -> bool:
    """The flow has come to its end, and returned to the open question."""
    return any(
        str(one["rule"]) == "15 return: route" and (one.get("detail") or {}).get("flow") in flows for one in decisions
    )
