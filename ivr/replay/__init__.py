"""Recorded calls through the same core, faster than real time: replay, comparison, and the figures of a recording."""
