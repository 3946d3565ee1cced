"""Intents on what recognisers really hear, beside the same sentences as text.

    python benchmarks/heard_intents.py [--data DIR] [--every N] [--heard FILE] [--json FILE]

Three kinds of clips go through the recognisers as calls do (two passes in English, Whisper in Mandarin, the hotline's
own vocabulary as hints), then through understanding with the encoders that are installed:

- packs: the labelled sentences of benchmarks/data/packs, one in N, spoken by our synthesisers, in office noise 15 dB
  below the voice, over a telephone line (8 kHz, G.711). Labels by hand. *The voices are synthetic*, clearer than
  callers are.
- orders: people who order coffee (recordings; their labels say `orderDrink` and the values of slots, not the words). A
  small hotline of eight intents is trained from the phrases below; right = its best intent is `order`. Slots: a value
  of the label is found by a choice of what the shop sells.
- strangers: recorded sentences that were not meant for the payments pack (prompts of another telephone system, some of
  them in words of its trade, "telephone number"; novels, news). There is no label:
  the share that would have been accepted as an intent (p >= .85) on the text as it was spoken, and as it was heard; and
  the share whose decision (accept X, confirm X, nothing) stays what the text gets.

`clean` and `heard` are of the same clips in one run. `words`: words (Mandarin: characters) heard wrong. `--heard`
keeps the transcripts, so that understanding alone may be measured again in seconds. Hearing takes five minutes of CPU.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from recognition import edits, normal_en, normal_zh
from turn_calls import audio_root

from ivr.asr.base import Recogniser, RecognitionRequest
from ivr.asr.two_pass import TwoPassRecogniser
from ivr.asr.vosk_engine import VoskRecogniser
from ivr.asr.whisper_engine import WhisperRecogniser
from ivr.audio.frame import SAMPLE_RATE, Samples
from ivr.audio.g711 import decode_ulaw, encode_ulaw
from ivr.audio.resample import resample
from ivr.audio.wav import read_audio
from ivr.dialog.bundle import Bundle, build
from ivr.dialog.events import Expectation, Reading, SlotExpectation, Spoken, Understood
from ivr.dialog.hints import Hint
from ivr.dialog.understanding import Understanding, UnderstandingSpec, train
from ivr.dialog.understanding.calibration import auroc, expected_calibration_error
from ivr.nlu_encoder import load_encoders
from ivr.tts.base import SpeechRequest
from ivr.tts.local import LocalSynthesis
from ivr.tts.settings import SynthesisSettings, VoiceChoice

HERE = Path(__file__).parent
PACKS = HERE / "data" / "packs"
DIALOGS = HERE.parent / "dialogs"
ACCEPT, CONFIRM = 0.85, 0.50
NOISE_DB = 15.0
STRANGERS = {"en": ("en_prompts_allison", "en_sentences"), "zh": ("zh_aishell3", "zh_sentences")}
STRANGERS_OF = "payments"
MOST_STRANGERS = 16
"""Clips of one language."""

ORDER = "order"
SHOP: Mapping[str, Sequence[str]] = {
    ORDER: (
        "I'd like a [large] coffee [please]", "can I get a small latte", "could I have an iced mocha with milk",
        "give me a cappuccino", "I want to order a drink", "one double espresso please", "get me an americano",
        "a medium roast with two sugars", "make me a latte with brown sugar", "may I have a drip coffee to go",
    ),
    "cancel": ("cancel my order", "I don't want it any more", "please stop the order", "forget the coffee I ordered",
               "I changed my mind about the order", "take back what I ordered"),
    "hours": ("when do you open", "what are your opening hours", "are you open on Sunday", "how late are you open",
              "do you close at six", "is the shop open now"),
    "where": ("where is your shop", "how do I get to you", "what's your address", "is there parking near the cafe",
              "which street are you in", "is there a shop near the station"),
    "price": ("how much is a latte", "what does a coffee cost", "what are your prices", "is oat milk extra",
              "how expensive is the large one", "tell me the price of an espresso"),
    "job": ("are you hiring", "I'd like to work for you", "do you have any jobs", "how do I apply as a barista",
            "I sent in an application", "is there a vacancy"),
    "complaint": ("my coffee was cold", "I got the wrong drink", "the staff were rude", "I want to complain",
                  "there was something in my cup", "the order took far too long"),
    "points": ("how many points do I have", "I lost my loyalty card", "how do I collect points",
               "is my tenth drink free", "sign me up for the rewards", "my points are missing"),
}  # fmt: skip
DRINKS = ("americano", "cappuccino", "coffee", "drip coffee", "espresso", "house coffee", "iced coffee", "iced mocha",
          "latte", "mocha")  # fmt: skip


@dataclass(frozen=True)
class Clip:
    kind: str
    """`packs`, `orders` or `strangers`."""
    language: str
    pack: str
    label: str
    """The intent; `-` for none."""
    text: str
    """As spoken; empty where nobody has written it down."""
    samples: Samples


@dataclass(frozen=True)
class Case:
    """A clip, heard."""

    kind: str
    language: str
    pack: str
    label: str
    text: str
    heard: tuple[tuple[str, float], ...]
    """(text, confidence), best first."""


# ---------------------------------------------------------------------------------------------------------------- clips


def line(samples: Samples, noise: Samples | None) -> Samples:
    """Over a telephone line: noise, then 8 kHz and G.711."""
    voice = samples.astype(np.float64)
    if noise is not None and len(noise):
        bed = np.resize(noise.astype(np.float64), len(voice))
        loud = voice[np.abs(voice) > 300]
        level = np.sqrt((loud**2).mean()) if len(loud) else 1.0
        voice = voice + bed * (level / max(1.0, np.sqrt((bed**2).mean())) / 10 ** (NOISE_DB / 20))
    mixed = np.clip(voice, -32768, 32767).astype(np.int16)
    narrow = decode_ulaw(encode_ulaw(resample(mixed, SAMPLE_RATE, SAMPLE_RATE // 2)))
    return resample(narrow, SAMPLE_RATE // 2, SAMPLE_RATE)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def packs(every: int, noise: Samples | None) -> Iterator[Clip]:
    synthesis = LocalSynthesis(SynthesisSettings(voices={"en": (VoiceChoice("piper"),)}))
    rows = [(path.stem, row) for path in sorted(PACKS.glob("*.tsv")) for row in rows_of(path)]
    for language in ("en", "zh"):
        for pack, row in [(pack, row) for pack, row in rows if row["language"] == language][::every]:
            said = synthesis.synthesise(SpeechRequest(row["text"], row["language"])).samples
            padded = np.concatenate([np.zeros(4000, np.int16), said, np.zeros(4000, np.int16)])
            yield Clip("packs", language, pack, row["intent"], row["text"], line(padded, noise))


def orders(root: Path) -> Iterator[Clip]:
    listing = root / "en_intents_coffee" / "transcripts.tsv"
    for row in rows_of(listing) if listing.is_file() else []:
        yield Clip("orders", "en", "", row["transcript"], "", read_audio(listing.parent / row["file"]))


def strangers(root: Path) -> Iterator[Clip]:
    for language, names in STRANGERS.items():
        found = [(root / name, row) for name in names for row in _listed(root / name)]
        step = max(1, -(-len(found) // MOST_STRANGERS))
        for folder, row in found[::step]:
            yield Clip("strangers", language, STRANGERS_OF, "-", row["transcript"], read_audio(folder / row["file"]))


def _listed(folder: Path) -> list[dict[str, str]]:
    listing = folder / "transcripts.tsv"
    if not listing.is_file():
        return []
    return [row for row in rows_of(listing) if (folder / row["file"]).is_file() and float(row["seconds"]) >= 1.0]


# -------------------------------------------------------------------------------------------------------------- hearing


class Ears:
    """The recognisers of a call."""

    def __init__(self) -> None:
        whisper = WhisperRecogniser(languages=("en", "zh"))
        self._by: dict[str, Recogniser] = {
            "en": TwoPassRecogniser(VoskRecogniser(languages=("en",)), whisper),
            "zh": TwoPassRecogniser(None, whisper),
        }

    def hear(self, clip: Clip, hints: Sequence[Hint]) -> Case:
        utterance = self._by[clip.language].start(RecognitionRequest(clip.language, hints=tuple(hints)))
        for start in range(0, len(clip.samples), SAMPLE_RATE // 10):
            utterance.accept(clip.samples[start : start + SAMPLE_RATE // 10])
        found = utterance.finish().hypotheses
        heard = tuple((one.text, round(one.confidence, 4)) for one in found if one.text)
        return Case(clip.kind, clip.language, clip.pack, clip.label, clip.text, heard)


def listen(clips: Iterator[Clip], bundles: Mapping[str, Bundle], keep: Path | None) -> list[Case]:
    ears, cases = Ears(), []
    drinks = tuple(Hint(drink) for drink in DRINKS)
    for number, clip in enumerate(clips, start=1):
        hints = bundles[clip.pack].hints.get(clip.language, ()) if clip.pack in bundles else drinks
        cases.append(ears.hear(clip, hints))
        if keep is not None:
            with keep.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(cases[-1]), ensure_ascii=False) + "\n")
        if number % 20 == 0:
            print(f"  {number} clips heard", flush=True)
    return cases


# -------------------------------------------------------------------------------------------------------- understanding


@dataclass(frozen=True)
class Figures:
    """`clean`, `heard`: share of wishes whose best intent is right. `accepted`: share of all turns at p >= .85,
    `wrong`: share of those that are wrong. `auroc`: wishes against strange sentences. `ece`: of the best intent's p."""

    clips: int
    words: float
    clean: float
    heard: float
    clean_accepted: float
    clean_wrong: float
    heard_accepted: float
    heard_wrong: float
    clean_auroc: float
    heard_auroc: float
    clean_ece: float
    heard_ece: float


def best_of(understood: Understood) -> Reading | None:
    return max((r for r in understood.readings if r.kind == "intent"), key=lambda r: r.p, default=None)


def read(understanding: Understanding, case: Case, *, heard: bool) -> Understood:
    spoken = [Spoken(text, p) for text, p in case.heard] if heard else [Spoken(case.text, 1.0)]
    return understanding.read(spoken, Expectation("", "route", case.language, ""))


def wrong_words(cases: Sequence[Case]) -> float:
    """Errors a word of the texts; nan where nothing was written down."""
    errors = total = 0
    for case in cases:
        normal = normal_zh if case.language == "zh" else normal_en
        wanted = normal(case.text)
        errors += edits(wanted, normal(case.heard[0][0] if case.heard else ""))
        total += len(wanted)
    return errors / total if total else float("nan")


def labelled(cases: Sequence[Case], bundles: Mapping[str, Bundle]) -> Figures:
    sides = {}
    for side in ("clean", "heard"):
        read_all = [read(bundles[case.pack].understanding, case, heard=side == "heard") for case in cases]
        best = [best_of(one) for one in read_all]
        p = np.array([0.0 if one is None else one.p for one in best])
        right = np.array([one is not None and one.value == case.label for one, case in zip(best, cases, strict=True)])
        meant = np.array([case.label != "-" for case in cases])
        scope = np.array([one.in_scope for one in read_all])
        taken = p >= ACCEPT
        sides[side] = (
            float(right[meant].mean()), float(taken.mean()), float((~right[taken]).mean()) if taken.any() else 0.0,
            auroc(scope[meant], scope[~meant]), expected_calibration_error(p, right),
        )  # fmt: skip
    clean, heard = sides["clean"], sides["heard"]
    return Figures(
        len(cases), wrong_words(cases), clean[0], heard[0], clean[1], clean[2], heard[1], heard[2], clean[3], heard[3],
        clean[4], heard[4],
    )  # fmt: skip


def decision(understood: Understood) -> str:
    best = best_of(understood)
    if best is None or best.p < CONFIRM:
        return "nothing"
    return f"{'accept' if best.p >= ACCEPT else 'confirm'} {best.value}"


def unlabelled(cases: Sequence[Case], bundle: Bundle) -> dict[str, float]:
    clean = [decision(read(bundle.understanding, case, heard=False)) for case in cases]
    heard = [decision(read(bundle.understanding, case, heard=True)) for case in cases]
    return {
        "clips": len(cases),
        "words": wrong_words(cases),
        "clean_accepted": float(np.mean([one.startswith("accept") for one in clean])),
        "heard_accepted": float(np.mean([one.startswith("accept") for one in heard])),
        "same": float(np.mean([one == other for one, other in zip(clean, heard, strict=True)])),
    }


def ordered(cases: Sequence[Case], understanding: Understanding) -> dict[str, float]:
    slot = SlotExpectation("drink", "choice", options=DRINKS)
    expectation = Expectation("", "route", "en", "", slots=(slot,), open=True)
    right, accepted, drinks = [], [], []
    for case in cases:
        wanted = json.loads(case.label)["slots"]["coffeeDrink"]
        found = understanding.read([Spoken(text, p) for text, p in case.heard], expectation)
        best = best_of(found)
        right.append(best is not None and best.value == ORDER)
        accepted.append(best is not None and best.value == ORDER and best.p >= ACCEPT)
        drink = max((r for r in found.readings if r.slot == "drink"), key=lambda r: r.p, default=None)
        drinks.append(drink is not None and drink.value == wanted)
    return {
        "clips": len(cases), "heard": float(np.mean(right)), "accepted": float(np.mean(accepted)),
        "drink": float(np.mean(drinks)),
    }  # fmt: skip


# ----------------------------------------------------------------------------------------------------------------- main


def remembered(path: Path) -> list[Case]:
    rows = [json.loads(row) for row in path.read_text(encoding="utf-8").splitlines()]
    return [Case(**{**row, "heard": tuple((text, p) for text, p in row["heard"])}) for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="DIR", help="recordings (default: IVR_BENCH_AUDIO, or audio_fixtures)")
    parser.add_argument("--every", type=int, default=4, help="one labelled sentence in so many (4)")
    parser.add_argument("--heard", type=Path, metavar="FILE", help="transcripts: read where it exists, else written")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures there")
    args = parser.parse_args()
    encoders = load_encoders(("en", "zh"), threads=2)
    names = sorted(path.stem for path in PACKS.glob("*.tsv"))
    bundles = {name: build(DIALOGS / name, encoders) for name in names}
    if args.heard and args.heard.is_file():
        cases = remembered(args.heard)
    else:
        root = audio_root(args.data)
        beds = sorted((root / "noise_office").glob("*.wav"))
        noise = read_audio(beds[0]) if beds else np.random.default_rng(1).normal(0, 1000, SAMPLE_RATE).astype(np.int16)
        clips = (clip for source in (packs(args.every, noise), orders(root), strangers(root)) for clip in source)
        cases = listen(clips, bundles, args.heard)
    results: dict[str, dict[str, float]] = {}
    for language in ("en", "zh"):
        said = [case for case in cases if case.kind == "packs" and case.language == language]
        if said:
            results[f"packs, {language}"] = asdict(labelled(said, bundles))
    for language in ("en", "zh"):
        strange = [case for case in cases if case.kind == "strangers" and case.language == language]
        if strange:
            results[f"strangers, {language}"] = unlabelled(strange, bundles[STRANGERS_OF])
    if coffee := [case for case in cases if case.kind == "orders"]:
        options = {"drink": {drink: {"en": [drink]} for drink in DRINKS}}
        spec = UnderstandingSpec(("en",), {name: {"en": texts} for name, texts in SHOP.items()}, options=options)
        results["orders, en"] = ordered(coffee, train(spec, encoders))
    for name, found in results.items():
        print(f"{name}: " + "  ".join(f"{key} {round(value, 3):g}" for key, value in found.items()))
    if args.json:
        rounded = {
            name: {key: None if np.isnan(value) else round(value, 4) for key, value in found.items()}
            for name, found in results.items()
        }
        args.json.write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
