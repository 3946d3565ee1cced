"""`ivr`: a voice bot for hotline calls."""

__version__ = "0.1.0"
