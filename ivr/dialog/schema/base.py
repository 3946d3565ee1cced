"""The base of all models: unknown keys are problems with a hint, and every instance knows its place in the file."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, PrivateAttr, ValidationInfo, model_validator

from ivr.dialog.problems import Problems, did_you_mean
from ivr.dialog.source import Position, YamlMap, locate

NOWHERE = Position("", 0, 0)


class Node(BaseModel):
    """A map of the dialog language.

    Validated from YamlMap data with `context={"problems": Problems}`, unknown keys are reported there, with a "did you
    mean", and left out, so that one run finds all of them. Without a context they are errors of the validation.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    what: ClassVar[str] = "map"
    """What messages call it."""
    _source: Any = PrivateAttr(default=None)

    @classmethod
    def normalise(cls, data: Any) -> Any:
        """Turn a short form into the full one; the default takes data as it is."""
        return data

    @model_validator(mode="wrap")
    @classmethod
    def _place(cls, data: Any, handler: ModelWrapValidatorHandler[Any], info: ValidationInfo) -> Any:
        if isinstance(data, cls):
            return data
        full = cls.normalise(data)
        if info.context and isinstance(full, dict):
            full = cls._known_keys(full, data, info.context["problems"])
        node = handler(full)
        node._source = data
        return node

    @classmethod
    @cache
    def keys(cls) -> dict[str, str]:
        """YAML key -> field name."""
        return {field.alias or name: name for name, field in cls.model_fields.items()}

    @classmethod
    def _known_keys(cls, full: dict[Any, Any], data: Any, problems: Problems) -> dict[Any, Any]:
        known = cls.keys()
        unknown = [key for key in full if key not in known]
        if not unknown or not isinstance(data, YamlMap):
            return full
        for key in unknown:
            if key in data.key_at:
                hint = cls.hint_for(key) or did_you_mean(key, known)
                problems.add(data.key_at[key], "E19", f"unknown key `{key[:60]}` in {cls.what}", hint)
        return {key: value for key, value in full.items() if key in known}

    @classmethod
    def hint_for(cls, key: str) -> str:
        """A better hint than the nearest key, where a mistake is typical."""
        return {"on": "events are caught by `catch`", "goto": "did you mean `next`?"}.get(key, "")

    @property
    def at(self) -> Position:
        """Where the map (or text) begins."""
        private = self.__pydantic_private__  # as `self._source`, at a third of the cost: the lint asks 100,000 times
        return getattr(private and private["_source"], "at", NOWHERE)

    def where(self, *path: str | int) -> Position:
        """Where the value of a key (and on, inside it) stands; of the map itself when there is no such key."""
        return locate(self._source, path, self.at)

    def where_key(self, key: str) -> Position:
        """Where the key itself stands."""
        return self._source.key_at.get(key, self.at) if isinstance(self._source, YamlMap) else self.at

    def written(self, key: str) -> bool:
        """True when the designer wrote this key."""
        return isinstance(self._source, dict) and key in self._source
