"""What is said: prompts by language, and the phrases callers use."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from ivr.dialog.schema.base import Node
from ivr.dialog.schema.values import LANGUAGE_PATTERN, Flag, Key, Language, Text, Texts, problem

PHRASES_SCHEMA: JsonSchemaValue = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}


class Variant(Node):
    """One way to say a prompt: a text, a recording, or both (the text is then what the recording says)."""

    what: ClassVar[str] = "a prompt"

    text: Text = Field(default="", description="What is said; `{{ }}` puts values in.")
    audio: Text = Field(
        default="", description="A recording in the hotline's folder; `text` is its transcript and fall-back."
    )
    ssml: Text = Field(default="", description="The same in SSML, for engines that read it.")

    @classmethod
    def normalise(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {"text": data}
        if isinstance(data, bool | int | float):
            raise problem(f"a prompt is a text, not {data!r}", "put it in quotes")
        return data


class Prompt(Node):
    """Something to say. `{language: text}`, or several texts to vary, or `{text, audio, ssml}`; a bare word names one
    of `prompts/*.yaml`."""

    what: ClassVar[str] = "a prompt"

    name: str = Field(default="", description="Key in prompts/*.yaml; empty for a prompt written in place.")
    texts: dict[Language, tuple[Variant, ...]] = Field(default_factory=dict, description="Variants by language.")

    @classmethod
    def normalise(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {"name": data}
        if not isinstance(data, dict):
            raise problem("a prompt is {language: text} or the name of one in prompts/", 'write {en: "...", zh: "..."}')
        if not data:
            raise problem("an empty prompt", 'write {en: "...", zh: "..."}')
        return {"texts": {language: said if isinstance(said, list) else [said] for language, said in data.items()}}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        texts = handler.resolve_ref_schema(handler(core))["properties"]["texts"]
        variant = texts["patternProperties"][LANGUAGE_PATTERN]["items"]
        one = {"anyOf": [{"type": "string"}, variant]}
        said = {"anyOf": [*one["anyOf"], {"type": "array", "items": one, "minItems": 1}]}
        by_language = {"type": "object", "patternProperties": {LANGUAGE_PATTERN: said}, "additionalProperties": False}
        return {"description": cls.__doc__, "anyOf": [{"type": "string"}, {**by_language, "minProperties": 1}]}

    def variants(self, language: str) -> tuple[Variant, ...]:
        return self.texts.get(language, ())


class Phrases(Node):
    """Base of the maps whose languages stand beside their own keys: `{value, dtmf, en: [...], zh: [...]}`."""

    phrases: dict[Language, Texts] = Field(default_factory=dict, description="What callers say, by language.")

    @classmethod
    def normalise(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        own = [key for key in data if key in cls.model_fields and key != "phrases"]
        spoken = {key: said for key, said in data.items() if key not in own and cls.is_language(key)}
        rest = {key: said for key, said in data.items() if key not in spoken}
        return {**rest, "phrases": spoken}

    @staticmethod
    def is_language(key: str) -> bool:
        """Two or three letters, a region perhaps: `en`, `zh`, `yue`, `zh-TW`."""
        head = key.split("-")[0]
        return head.isascii() and head.isalpha() and head.islower() and 2 <= len(head) <= 3

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = dict(handler.resolve_ref_schema(handler(core)))
        schema["properties"] = {key: value for key, value in schema["properties"].items() if key != "phrases"}
        schema["patternProperties"] = {LANGUAGE_PATTERN: PHRASES_SCHEMA}
        schema["additionalProperties"] = False
        return schema


class Command(Phrases):
    """Phrases and a key that mean a command, in every flow."""

    what: ClassVar[str] = "a command"

    dtmf: Key = Field(default="", validate_default=False, description="Key that means the command.")
    inside: Flag = Field(
        default=False, description="true: its phrases count wherever they stand in what is said (words of risk)."
    )
