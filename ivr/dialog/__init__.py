"""The dialog language: schema, loader, lint, understanding, slots, interpreter. Pure; knows nothing of audio."""
