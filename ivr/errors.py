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


class ActionError(IvrError):
    """A backend call failed; `kind` is `timeout`, `http` or `data`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class StoreError(IvrError):
    """The database or a recording file could not be read or written."""
