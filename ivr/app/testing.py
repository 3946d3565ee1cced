"""What designers' tests need beside text: ears and a voice for audio turns, and the real backend to record from."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ivr.app.offline import environment_of
from ivr.asr.base import RecognitionRequest, Transcript
from ivr.asr.config import default_config
from ivr.asr.local import LocalRecognition
from ivr.audio.frame import SAMPLE_RATE, Samples
from ivr.audio.wav import read_audio
from ivr.backend.client import BackendClient
from ivr.dialog.bundle import Bundle
from ivr.dialog.events import CallAction, Spoken
from ivr.dialog.schema import SpokenAudio
from ivr.dialog.testing.backend import Failure, Reply
from ivr.dialog.testing.cassette import NAME, Cassette
from ivr.dialog.testing.runner import Transcribe
from ivr.errors import ActionError, ConfigError, EngineError, ModelError
from ivr.tts.base import SpeechRequest
from ivr.tts.local import LocalSynthesis
from ivr.tts.settings import SynthesisSettings

_log = logging.getLogger(__name__)

_SECRETS = "IVR_SECRET_"


# ---------------------------------------------------------------------------------------------------------- audio turns


def recogniser(folder: Path) -> Transcribe | None:
    """The service's engines; None (audio is read as its reference text) where their models are not fetched."""
    heard: list[Transcript] = []
    failures: list[str] = []
    recognition = LocalRecognition(
        default_config(), lambda _, transcript: heard.append(transcript), lambda _, reason: failures.append(reason)
    )
    try:
        recognition.open(RecognitionRequest("en")).cancel()
    except (ModelError, EngineError) as error:
        _log.warning("no recogniser here (%s); audio turns are read as text", error)
        return None
    synthesis = LocalSynthesis(SynthesisSettings())

    def transcribe(audio: str | SpokenAudio, language: str) -> Sequence[Spoken]:
        heard.clear()
        failures.clear()
        handle = recognition.open(RecognitionRequest(language))
        handle.feed(sound_of(audio, language, folder, synthesis))
        handle.finish()
        if failures:
            raise EngineError(f"{audio}: {failures[0]}")
        return [Spoken(each.text, each.confidence) for each in heard[-1].hypotheses] if heard else []

    return transcribe


def sound_of(audio: str | SpokenAudio, language: str, folder: Path, synthesis: LocalSynthesis) -> Samples:
    """A turn's sound: the recording, or the text spoken, with a little silence around it and noise over all. Raises
    FileNotFoundError when there is no such recording, AudioFileError for one that cannot be read."""
    if isinstance(audio, str):
        if not (folder / audio).exists():
            raise FileNotFoundError(audio)
        return read_audio(folder / audio)
    said = synthesis.synthesise(SpeechRequest(audio.say, language, audio.voice, audio.rate)).samples
    quiet = np.zeros(SAMPLE_RATE * 3 // 10, dtype=np.int16)
    sound = np.concatenate([quiet, said, quiet])
    return sound if audio.noise is None else noisy(sound, said, audio.noise, audio.say)


def noisy(sound: Samples, voice: Samples, relative_db: float, seed: str) -> Samples:
    """`sound` with noise of the telephone band (300-3,400 Hz, pink) `relative_db` above the voice's RMS level; negative
    = below. The same seed gives the same noise."""
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big")
    spectrum = np.fft.rfft(np.random.default_rng(number).standard_normal(len(sound)))
    hertz = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE)
    spectrum[(hertz < 300) | (hertz > 3400)] = 0
    noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(hertz, 1.0)), len(sound))
    level = float(np.sqrt(np.mean(voice.astype(np.float64) ** 2))) if len(voice) else 0.0
    scale = level * 10 ** (relative_db / 20) / max(float(np.sqrt(np.mean(noise**2))), 1e-9)
    mixed: Samples = np.clip(sound + noise * scale, -32768, 32767).astype(np.int16)
    return mixed


# ------------------------------------------------------------------------------------------------------------ cassettes


def read_cassette(folder: Path) -> Cassette | None:
    """The hotline's recorded answers; None where there are none. Raises InputError for a damaged file."""
    path = folder / "tests" / NAME
    try:
        return Cassette.loads(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        return None


@contextmanager
def recording(bundle: Bundle, folder: Path) -> Iterator[Cassette]:
    """A cassette that asks the real backend; written when all went well."""
    with asyncio.Runner() as runner:
        environment = environment_of(bundle)
        client = BackendClient(environment)
        cassette = Cassette(secrets=_secrets(bundle), live=_asker(runner, client, bundle))
        try:
            yield cassette
        finally:
            runner.run(client.close())
    (folder / "tests").mkdir(exist_ok=True)
    (folder / "tests" / NAME).write_text(cassette.dumps(), encoding="utf-8")


def _asker(runner: asyncio.Runner, client: BackendClient, bundle: Bundle) -> Callable[[CallAction], Reply]:
    def ask(action: CallAction) -> Reply:
        definition = bundle.definition.actions[action.name]
        try:
            result = runner.run(
                client.call(
                    action.name, definition, action.args, timeout_ms=action.timeout_ms,
                    idempotency_key=action.idempotency_key, context={"call_id": "test"},
                )
            )  # fmt: skip
        except ActionError as error:
            kinds: dict[str, Failure] = {"timeout": "timeout", "data": "data"}
            return Reply(None, kinds.get(error.kind, "http"), str(error))
        return Reply(result)

    return ask


def _secrets(bundle: Bundle) -> frozenset[str]:
    """Values that must not be kept: secrets of the environment and of the actions' `auth`."""
    found = {value for name, value in os.environ.items() if name.startswith(_SECRETS)}
    environment = environment_of(bundle)
    for name, action in bundle.definition.actions.items():
        if action.auth:
            try:
                found.add(environment.secret(action.auth, name))
            except ConfigError:
                continue  # the backend call will tell
    return frozenset(found)
