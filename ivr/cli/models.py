"""`ivr models list|fetch|verify`: the speech models, where they come from and whether they are whole."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.table import Table

from ivr.errors import ModelError
from ivr.models.fetch import Fetcher
from ivr.models.manifest import Model, load_manifest, models_root
from ivr.models.verify import available, check


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("models", help="list, fetch and verify the speech models")
    parser.set_defaults(run=run)
    verbs = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    helps = {
        "list": "what there is, its licence, size and whether it is here",
        "fetch": "get models that are not here yet (without ID: those the defaults need)",
        "verify": "check every file's sha256 (without ID: of all models that are here)",
    }
    for name, text in helps.items():
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("--json", action="store_true", help="one JSON object a model and line")
        if name != "list":
            verb.add_argument("ids", nargs="*", metavar="ID", help="model ids, as `ivr models list` shows them")
        if name == "fetch":
            verb.add_argument("--all", action="store_true", help="every model of the manifest")


def run(args: argparse.Namespace) -> int:
    actions = {"list": _list, "fetch": _fetch, "verify": _verify}
    return actions[args.action](args)


def _list(args: argparse.Namespace) -> int:
    models = load_manifest().models
    if args.json:
        for model in models:
            print(json.dumps(_summary(model), ensure_ascii=False))
        return 0
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "here", "default", "MB", "languages", "licence", "what"):
        table.add_column(heading, justify="right" if heading == "MB" else "left")
    for model in models:
        size = f"{model.size / 1e6:.0f}" if model.size else "?"
        here = "yes" if available(model.id) else "-"
        languages = " ".join(model.languages) or "any"
        what = f"{model.name} {model.version}: {model.kind}"
        table.add_row(model.id, here, "yes" if model.default else "-", size, languages, model.licence, what)
    Console().print(table)
    return 0


def _summary(model: Model) -> dict[str, object]:
    return {
        "id": model.id,
        "name": model.name,
        "version": model.version,
        "kind": model.kind,
        "licence": model.licence,
        "languages": list(model.languages),
        "default": model.default,
        "note": model.note,
        "bytes": model.size or None,
        "path": str(models_root() / model.id),
        "fetched": available(model.id),
    }


def _fetch(args: argparse.Namespace) -> int:
    manifest = load_manifest()
    models: Sequence[Model] = [manifest.get(model_id) for model_id in args.ids]
    if not models:
        models = manifest.models if args.all else manifest.defaults()
    failed = 0
    for model in models:
        with _Bar(quiet=args.json) as bar:
            try:
                fetched, error = Fetcher(models_root(), reporter=bar).fetch(model), ""
            except ModelError as problem:
                fetched, error = False, str(problem)
        failed += bool(error)
        _tell(model, "failed" if error else "fetched" if fetched else "already here", error, as_json=args.json)
    return 1 if failed else 0


def _verify(args: argparse.Namespace) -> int:
    manifest, root = load_manifest(), models_root()
    models = [manifest.get(model_id) for model_id in args.ids]
    if not models:
        models = [model for model in manifest.models if (root / model.id).exists()]
    failed = 0
    for model in models:
        problems = check(model, root / model.id)
        failed += bool(problems)
        text = "\n".join(f"  {problem}" for problem in problems)
        advice = f"{text}\n  run: ivr models fetch {model.id}" if problems else ""
        _tell(model, "wrong" if problems else "whole", advice, as_json=args.json)
    return 1 if failed else 0


def _tell(model: Model, state: str, error: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"id": model.id, "state": state, "error": error or None}, ensure_ascii=False), flush=True)
        return
    print(f"{model.id}: {state}" + (f"\n{error}" if error else ""), flush=True)


class _Bar:
    """The fetcher's reporter as a progress bar on stderr."""

    def __init__(self, *, quiet: bool) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._progress = Progress(*columns, console=Console(stderr=True, quiet=quiet), transient=True)
        self._task: TaskID | None = None

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def artifact(self, model: Model, artifact: str) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(f"{model.id}: {artifact}", total=None)

    def progress(self, done: int, total: int) -> None:
        if self._task is not None:
            self._progress.update(self._task, completed=done, total=total or None)

    def failed(self, model: Model, reason: str) -> None:
        self._progress.console.print(f"{model.id}: {reason}", markup=False, highlight=False, soft_wrap=True)

    def waiting(self, model: Model) -> None:
        self._progress.console.print(f"{model.id}: another process is fetching it; waiting", markup=False)
