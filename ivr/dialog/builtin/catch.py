"""The outermost handlers: what happens when a designer has caught nothing.

Written as the designer would write them; with queues every ladder ends at a human, without any at an apology.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def builtin_catch(queues: Sequence[str]) -> Mapping[str, list[dict[str, Any]]]:
    """Event -> rungs; `say` names a built-in prompt."""

    def human(reason: str, **more: Any) -> dict[str, Any]:
        if not queues:
            return {"say": "trouble", "end": {"outcome": "failed", "cause": reason}}
        return {"handover": {"queue": "default" if "default" in queues else queues[0], "reason": reason, **more}}

    return {
        "noinput": [{"reprompt": "retry"}, {"reprompt": "help"}, human("no_input")],
        "nomatch": [{"reprompt": "retry"}, {"reprompt": "help"}, human("no_match")],
        "invalid": [{"reprompt": "retry"}, {"reprompt": "help"}, human("no_match")],
        "command.agent": [human("asked")],
        "anger": [{"say": "sorry_anger", **human("anger", priority="high")}] if queues else [{"say": "sorry_anger"}],
        "queue": [{"say": "no_agent", "end": {}}],
        "error": [human("system_error")],
        "limit.depth": [{"say": "too_deep", "reprompt": "ask"}],
        "limit": [human("limit")],
    }
