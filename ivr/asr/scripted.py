"""A recogniser that says what it is told, for tests of hotlines without models: transcripts on a time line.

`script` is a list of utterances, used in order, one a `start`; when it ends, nothing more is heard. An utterance is
either its text, or pieces `[[at_ms, "text so far"], ...]`: each becomes a partial when so much audio has come in, the
last is the final text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ivr.asr.base import Hypothesis, RecogniserCapabilities, RecognitionRequest, Transcript, Word
from ivr.asr.text import has_cjk
from ivr.audio.frame import Samples, to_ms
from ivr.errors import ConfigError, RecognitionError

Script = Sequence[str | Sequence[Sequence[object]]]


@dataclass(frozen=True, slots=True)
class Piece:
    """The text as it stands once `at_ms` of the utterance's audio have come in."""

    at_ms: int
    text: str


class ScriptedRecogniser:
    name = "scripted"

    def __init__(self, *, languages: tuple[str, ...] = (), script: Script = (), confidence: float = 1.0) -> None:
        self._script = [_pieces(entry) for entry in script]
        self._next = 0
        self._confidence = confidence
        self.capabilities = RecogniserCapabilities(
            languages=languages or ("en", "zh"),
            streaming=True,
            partials=True,
            grammar=False,
            hints=False,
            n_best=False,
            word_confidence=True,
        )

    def start(self, request: RecognitionRequest) -> ScriptedUtterance:
        """The next utterance of the script. Raises RecognitionError for a language it was not given."""
        if request.language not in self.capabilities.languages:
            raise RecognitionError(f"scripted: has {', '.join(self.capabilities.languages)}, not {request.language!r}")
        pieces = self._script[self._next] if self._next < len(self._script) else []
        self._next += 1
        return ScriptedUtterance(pieces, request.language, self._confidence)

    def close(self) -> None: ...


class ScriptedUtterance:
    def __init__(self, pieces: Sequence[Piece], language: str, confidence: float) -> None:
        self._pieces = pieces
        self._language = language
        self._confidence = confidence
        self._heard = 0
        self._said = ""

    def accept(self, samples: Samples) -> Transcript | None:
        self._heard += len(samples)
        text = self._said
        for piece in self._pieces:
            if 0 < piece.at_ms <= to_ms(self._heard):
                text = piece.text
        if text == self._said:
            return None
        self._said = text
        return self._transcript(text, final=False)

    def finish(self) -> Transcript:
        return self._transcript(self._pieces[-1].text if self._pieces else "", final=True)

    def cancel(self) -> None: ...

    def _transcript(self, text: str, *, final: bool) -> Transcript:
        hypotheses = (Hypothesis(text, self._confidence, self._words(text)),) if text else ()
        return Transcript(hypotheses, self._language, "scripted", final)

    def _words(self, text: str) -> tuple[Word, ...]:
        """Words (characters in Chinese) spread evenly over the audio so far."""
        texts = [char for char in text if not char.isspace()] if has_cjk(text) else text.split()
        length = to_ms(self._heard)
        edges = [length * index // len(texts) for index in range(len(texts) + 1)]
        return tuple(Word(word, edges[index], edges[index + 1], self._confidence) for index, word in enumerate(texts))


def _pieces(entry: str | Sequence[Sequence[object]]) -> list[Piece]:
    if isinstance(entry, str):
        return [Piece(0, entry)]
    pieces = []
    for item in entry:
        if len(item) != 2 or not isinstance(item[0], int) or not isinstance(item[1], str):
            raise ConfigError(f'scripted recogniser: a piece is [at_ms, "text so far"], not {item!r}')
        pieces.append(Piece(item[0], item[1]))
    return pieces
