"""Free text: the utterance as heard, without hesitations at its ends. `length` bounds it in characters."""

from __future__ import annotations

from ivr.dialog.slots.base import BARE, Parsed, Settings, Utterance, number_bounds


def parse_text(utterance: Utterance, settings: Settings) -> list[Parsed]:
    """One value: all of it; none for silence."""
    text = " ".join(utterance.text.split())
    if not text:
        return []
    low, high = number_bounds(settings, "length") if "length" in settings else (None, None)
    outside = (low is not None and len(text) < low) or (high is not None and len(text) > high)
    return [Parsed(text, BARE, (0, len(utterance.text)), "length" if outside else "")]
