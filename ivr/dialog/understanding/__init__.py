"""What the caller meant: commands, yes and no, values, corrections, choices, intents, anger, with probabilities."""

from ivr.dialog.understanding.anger import anger_score
from ivr.dialog.understanding.backchannel import is_backchannel
from ivr.dialog.understanding.commands import BUILT_IN as BUILT_IN_COMMANDS
from ivr.dialog.understanding.model import Understanding, cache_key, train
from ivr.dialog.understanding.spec import Encoder, Encoders, Term, UnderstandingSpec

__all__ = [
    "BUILT_IN_COMMANDS",
    "Encoder",
    "Encoders",
    "Term",
    "Understanding",
    "UnderstandingSpec",
    "anger_score",
    "cache_key",
    "is_backchannel",
    "train",
]
