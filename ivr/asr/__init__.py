"""Speech to text: the recogniser Protocol, its engines, and the worker processes that run them."""
