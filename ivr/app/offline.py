"""What replay, understanding and tests need of a hotline, put together without any network."""

from __future__ import annotations

from pathlib import Path

from ivr.asr.config import default_config
from ivr.asr.local import LocalRecognition
from ivr.backend.client import BackendClient
from ivr.backend.request import Environment
from ivr.call import events as call
from ivr.dialog import bundle
from ivr.dialog.bundle import Bundle, build
from ivr.dialog.events import JsonValue
from ivr.dialog.understanding import Encoder
from ivr.models.manifest import models_root
from ivr.models.verify import available
from ivr.nlu_encoder import MODELS, OnnxEncoder
from ivr.replay.engines import ReplayEngines
from ivr.service.bundle_store import BundleStore
from ivr.service.bundles import StoreBundles
from ivr.service.end_of_turn import end_of_turn_model
from ivr.tts.local import LocalSynthesis
from ivr.tts.prompts import RecordedPrompts
from ivr.tts.settings import SynthesisSettings


def encoders() -> dict[str, Encoder]:
    """The sentence encoders that have been fetched; without one a language is understood by n-grams alone."""
    return {language: OnnxEncoder(models_root() / name) for language, name in MODELS.items() if available(name)}


def build_bundle(folder: Path) -> Bundle:
    """A hotline, ready for calls. Raises DialogError with all problems."""
    return build(folder, encoders())


def is_trained(folder: Path) -> bool:
    """Whether `build_bundle` finds the model in its cache."""
    return bundle.is_trained(folder, encoders())


def served_bundles(folder: Path) -> StoreBundles:
    """The active bundle of a store, as it changes. Raises BundleError."""
    store, known = BundleStore(folder), encoders()
    return StoreBundles(store, lambda name: store.load(name, known))


def environment_of(bundle: Bundle) -> Environment:
    """Variables and secrets for the hotline's actions."""
    return Environment()


def replay_engines(bundle: Bundle, folder: Path, *, people: bool = True) -> ReplayEngines:
    """The default engines, for a replay in this process."""
    config = default_config()
    return ReplayEngines(
        bundle,
        lambda transcript, failure: LocalRecognition(config, transcript, failure),
        LocalSynthesis(SynthesisSettings(), RecordedPrompts(folder)),
        BackendClient(environment_of(bundle), {"ivr.tickets.create": _no_ticket, "ivr.callback.request": _no_callback}),
        environment_of(bundle),
        end_of_turn=end_of_turn_model(),
        streams=config.streaming,
        queue_events=((2000, call.QueueChanged("answered")),) if people else ((0, call.QueueChanged("closed")),),
    )


def _no_ticket(**args: JsonValue) -> dict[str, JsonValue]:
    """A replay opens no ticket; the caller is told a number all the same, so that the call goes its way."""
    return {"number": "000000"}


def _no_callback(**args: JsonValue) -> dict[str, JsonValue]:
    """A replay calls nobody back."""
    return {"position": 1, "wait_minutes": 1}
