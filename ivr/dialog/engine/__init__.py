"""The dialog interpreter: a pure function from a state and an event to a state, commands and decisions.

    from ivr.dialog.engine import step

Theory of operation. A hotline's YAML is compiled once into a `Program` (program.py). A call's `DialogState` (state.py)
is a stack of frames, one a flow, and a phase that says who owns the wait:

    running ──> listening  (the caller)      Heard, Keys, NoInput, MaxSpeech  ──> running
            ──> acting     (the backend)     ActionSucceeded, ActionFailed    ──> running
            ──> queued     (the human queue) QueueEvent                       ──> bridged, running
            ──> ended      (nobody)

`step` (interpreter.py) handles the event, then runs silent steps (run.py) until one of the others owns the wait. What
was heard becomes one act by the numbered rules (pick.py -> act.py), failures climb ladders (ladder.py). Code that
cannot go on raises a `Signal`, an error event or the wait for a background call, caught in interpreter.py and run.py.
"""

from ivr.dialog.engine.interpreter import Step, step
from ivr.dialog.engine.state import DialogState

__all__ = ["DialogState", "Step", "step"]
