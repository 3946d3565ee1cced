"""The states of a call, and who ends the wait in each. The docs draw this table.

A state is never set: it is read off what the call is waiting for (`CallSession.state`), so there is no state without
its wait, and for every wait a timer or a count of samples is running. The property test holds the session to this
table.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class CallState(enum.Enum):
    SPEAKING = "speaking"
    LISTENING = "listening"
    HEARING = "hearing"
    DECIDING = "deciding"
    ACTING = "acting"
    QUEUED = "queued"
    BRIDGED = "bridged"
    ENDING = "ending"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Wait:
    """What a state waits for, the timer or count that bounds it, and what happens when that runs out."""

    for_what: str
    owner: str
    then: str


WAITS: dict[CallState, Wait] = {
    CallState.SPEAKING: Wait(
        "the prompts to be played (the caller may speak)",
        "their length; `prompt` while sound is missing",
        "a prompt without sound is skipped",
    ),
    CallState.LISTENING: Wait(
        "the caller's first voice or key", "`noinput`, `interdigit`", "NoInput, or the keys so far"
    ),
    CallState.HEARING: Wait("the end of the caller's turn", "endpointing: silence, `max_speech`", "the turn is ended"),
    CallState.DECIDING: Wait(
        "transcript and understanding", "`recognition`, `understanding`", "the turn counts as not understood"
    ),
    CallState.ACTING: Wait("the backend", "`action`", "the action counts as timed out"),
    CallState.QUEUED: Wait("a human", "`queue`", "the queue counts as failed"),
    CallState.BRIDGED: Wait("either human to hang up", "`bridge`", "the call ends"),
    CallState.ENDING: Wait("the last prompts", "`ending`", "hang up"),
    CallState.ENDED: Wait("nothing", "", ""),
}
