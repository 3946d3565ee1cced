"""Text to speech: the synthesiser Protocol, its engines, and the prompt cache."""
