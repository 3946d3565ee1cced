"""What the operator may set for the core of a call. What a designer sets a step is in the dialog's `listen`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ivr.dialog.hints import Hint
from ivr.turn.barge_in import BargeInSettings
from ivr.turn.echo import EchoSettings
from ivr.turn.gate import GateSettings


@dataclass(frozen=True, slots=True)
class CallSettings:
    gate: GateSettings = field(default_factory=GateSettings)
    echo: EchoSettings = field(default_factory=EchoSettings)
    barge_in: BargeInSettings = field(default_factory=BargeInSettings)
    preroll_ms: int = 300
    """Audio before the onset that the recogniser gets: first consonants are quieter than the gate hears."""
    feed_ms: int = 100
    """Audio goes to the recogniser in pieces of this length: fewer hops between processes, no loss of accuracy."""
    speculate_ms: int = 160
    """Silence after which the answer is worked out ahead, on a copy."""
    complete_ms: int = 200
    """Silence that ends an answer which is complete."""
    incomplete_max_ms: int = 2000
    """Longest silence waited for an answer that cannot be complete."""
    adaptive_endpointing: bool = True
    """Learn each caller's pauses and wait longer for the ones who pause long."""
    end_of_turn: bool = False
    """Whether there is an end-of-turn model to ask."""
    judge_ms: int = 120
    """Silence after an open question's answer at which that model is asked."""
    likely: float = 0.5
    """Its probability from which `likely_ms` of silence is enough. It is asked once, early: a longer silence makes it
    surer of the end, and no more often right."""
    likely_ms: int = 600
    """Silence that ends an open answer which sounds finished."""
    unlikely: float = 0.3
    """Its probability up to which nine quarters of `end_silence` are waited for."""
    streams: frozenset[str] = frozenset()
    """Languages whose recogniser tells words as they are spoken: there voice without any stops no prompt. One that is
    seen to do so counts from then on."""
    reopen_ms: int = 800
    """Speech that goes on so soon after its turn was ended belongs to that turn."""
    recognition_timeout_ms: int = 6000
    """A recogniser that has not answered by then counts as no words."""
    understanding_timeout_ms: int = 3000
    prompt_timeout_ms: int = 8000
    """A prompt without sound by then is skipped."""
    action_grace_ms: int = 1000
    """Added to an action's own timeout: by then its answer is lost."""
    filler_ms: int = 1200
    """A backend that takes longer is bridged by the filler prompt."""
    noise_relisten_ms: int = 2000
    """After a noise without words the caller has at least this long to speak."""
    noise_relisten_max: int = 4
    """So many noises restart the wait for an answer; then it runs out whatever is heard."""
    queue_grace_ms: int = 15000
    """Added to the longest wait in the queue: by then the queue itself is lost."""
    bridge_limit_ms: int = 4 * 3600 * 1000
    """A bridged call ends after this."""
    call_limit_ms: int = 600_000
    """The dialog is told after so long (`limits.call`)."""
    ending_limit_ms: int = 30_000
    """Last prompts longer than this are cut."""
    hangup_limit_ms: int = 10_000
    """Work that may go on after the caller has hung up."""
    hints: Mapping[str, tuple[Hint, ...]] = field(default_factory=dict)
    """Language -> words of the hotline that open questions are heard with (`ivr.dialog.hints`)."""
