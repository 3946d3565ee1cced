"""Every error `ivr` raises on purpose.

    IvrError
    ├── ConfigError            a setting, flag or file the operator gave is wrong
    ├── InputError             a recording, text or argument from outside cannot be used
    │   └── AudioFileError     a sound file is broken, empty or of a kind we cannot read
    ├── ModelError             a model file is missing, damaged or of the wrong kind
    ├── EngineError            an engine failed while it worked (recogniser, synthesiser, detector)
    │   ├── RecognitionError
    │   └── SynthesisError
    ├── DialogError            a hotline's YAML is wrong; carries every problem with its position
    ├── BundleError            a built hotline is missing, damaged or cannot be activated
    ├── ExpressionError        a template or condition is refused, or has no value (ivr.dialog.expressions)
    ├── TransportError         a peer or the network broke the rules, or went away
    │   ├── SipError
    │   ├── SdpError
    │   └── RtpError
    ├── ActionError            a backend call failed (timeout, http, data)
    └── StoreError             the database or a recording file could not be read or written

The name says stage and blame; the message says what to do. Packages derive finer classes from these in their own
modules and list them here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


class IvrError(Exception):
    """Base of all; the command line prints its text without a traceback and exits with 1."""


class ConfigError(IvrError):
    """A setting, flag or file the operator gave is wrong."""


class InputError(IvrError):
    """Something from outside (recording, text, argument) cannot be used."""


class AudioFileError(InputError):
    """A sound file is broken, empty or of a kind we cannot read."""


class ModelError(IvrError):
    """A model file is missing, damaged or of the wrong kind."""


class EngineError(IvrError):
    """An engine failed while it worked."""


class RecognitionError(EngineError):
    """A recogniser failed or stalled."""


class SynthesisError(EngineError):
    """A synthesiser failed or has no voice for the language asked."""


class TransportError(IvrError):
    """A peer or the network broke the rules, or went away."""


class SipError(TransportError):
    """A SIP message or exchange that cannot go on."""


class SdpError(TransportError):
    """A session description that cannot be read or answered."""


class RtpError(TransportError):
    """A packet that is no RTP or RTCP, or a media socket that failed."""


class BundleError(IvrError):
    """A built hotline is missing, damaged or of another version; or its store cannot be read or written."""


class ActionError(IvrError):
    """A backend call failed; `kind` is `timeout`, `http` or `data`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class StoreError(IvrError):
    """The database or a recording file could not be read or written."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in a hotline's folder, where exactly, and what to do about it. Sorts in file order."""

    file: str
    """Path inside the hotline's folder (`flows/dispute.yaml`)."""
    line: int
    """From 1."""
    column: int
    """From 1, in characters."""
    code: str
    """`E01`...: the bundle is refused; `W04`...: a warning."""
    severity: Literal["error", "warning"]
    message: str
    hint: str = ""
    anchor: str = ""
    """Where the documentation explains the code, e.g. `docs/dialog.md#e01`."""

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column} {self.code} {self.message}{hint}"


class DialogError(IvrError):
    """A hotline's YAML is wrong. `problems` has all of them, warnings too, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems if problem.severity == "error"))
