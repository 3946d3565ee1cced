"""The dialog language: schema, loader, lint, understanding, slots, and the interpreter. Pure; knows nothing of audio."""
