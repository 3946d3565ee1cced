"""The built-in sentences that mean nothing to a hotline (data/background.yaml), common words, and the loader of
lexicons."""

from __future__ import annotations

import functools
from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML


@functools.cache
def data_file(name: str) -> Any:
    """A YAML file of this package's data folder."""
    return YAML(typ="safe", pure=True).load(files(__package__).joinpath("data", name).read_text(encoding="utf-8"))


def common_words(language: str) -> tuple[str, ...]:
    """Words that stand in texts of all hotlines; none for a language we have none for."""
    return tuple(data_file("words.yaml").get(language.split("-")[0], "").split())


def background(language: str) -> tuple[str, ...]:
    """Sentences out of every hotline's scope; none for a language we have none for."""
    return tuple(data_file("background.yaml").get(language.split("-")[0], ()))
