"""`make bench`: every benchmark one after another, results kept in benchmarks/results/.

    python benchmarks/run.py [NAME...] [--peers]

Without names all are run. `--peers` installs what they are compared with first, into an environment of its own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PICTURES = HERE.parent / "docs" / "pictures"
SCRIPTS: dict[str, tuple[str, ...]] = {
    "resampling": (), "media_loop": ("--seconds", "10"), "framework_cost": (), "memory": (), "replay_speed": (),
    "dialog_engine": (), "lint": (), "routing": (), "shared_floor": (), "recognition": (), "synthesis": (),
    "open_questions": (), "confidence": (), "closed_slots": (), "out_of_grammar": (), "digits": ("--per-length", "1"),
    "understanding": (), "heard_intents": (), "understanding_speed": (),
    "answer_latency": (), "viewers": (), "barge_in": (), "false_barge_in": (), "cut_offs": (), "noise": (),
    "peer_turns": (), "recognition_cost": (), "concurrency": ("--picture", str(PICTURES / "concurrency.svg")),
}  # fmt: skip
"""In this order: the cheap ones first."""
KEEP = frozenset({
    "open_questions", "confidence", "closed_slots", "out_of_grammar", "digits",
    "understanding", "heard_intents", "understanding_speed",
    "routing", "shared_floor",
    "framework_cost", "memory", "replay_speed", "answer_latency", "viewers",
    "barge_in", "false_barge_in", "cut_offs",
    "noise", "peer_turns", "recognition_cost", "concurrency", "dialog_engine", "lint",
})  # fmt: skip
"""Those that take `--json FILE`."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(SCRIPTS)}")
    parser.add_argument("--peers", action="store_true", help="install the peers first")
    args = parser.parse_args()
    unknown = [name for name in args.names if name not in SCRIPTS]
    if unknown:
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(SCRIPTS)}")
    if args.peers:
        subprocess.run([sys.executable, str(HERE / "peers" / "install.py"), "pipecat"], check=True)
    failed = []
    chosen = args.names or list(SCRIPTS)
    for number, name in enumerate(chosen, start=1):
        print(f"\n== {name} ({number} of {len(chosen)})", flush=True)
        command = [sys.executable, str(HERE / f"{name}.py"), *SCRIPTS[name]]
        if name in KEEP:
            command += ["--json", str(HERE / "results" / f"{name}.json")]
        began = time.monotonic()
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
        print(f"-- {time.monotonic() - began:.0f} s", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
