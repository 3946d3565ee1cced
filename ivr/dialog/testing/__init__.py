"""Calls in text: the simulator behind `ivr test` and `ivr chat`, the designers' tests, coverage, mutation."""
