"""Changes while calls go on: a folder that is edited, a store's pointer, the overlay."""

from __future__ import annotations

import asyncio
import gc
import logging
import shutil
import weakref
from pathlib import Path
from typing import Any

import pytest

from ivr.dialog.bundle import Bundle, build, is_trained
from ivr.replay.compare import compare
from ivr.service.bundle_store import BundleStore
from ivr.service.bundles import FolderBundles, StoreBundles
from ivr.service.desk import live_queues
from tests.service.lab import HOTLINE, live, open_lab, speech, until

T = "2026-11-22T10:00:00+08:00"


def variant(folder: Path, old: str, new: str, file: str = "flows/main.yaml") -> Path:
    if not folder.exists():
        shutil.copytree(HOTLINE, folder)
    path = folder / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    return folder


@live
async def test_an_edited_folder_is_served_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "hotline"
    shutil.copytree(HOTLINE, folder)
    served = FolderBundles(build(folder), folder, build)
    first, told = served.bundle.hash, []
    served.on_change.append(lambda bundle: told.append(bundle.hash))
    watching = asyncio.create_task(served.watch())
    await asyncio.sleep(0.3)
    variant(folder, "Welcome to the laboratory.", "Good morning.")
    await until(lambda: served.bundle.hash != first, "the new bundle", 20)
    assert told == [served.bundle.hash]
    assert served.bundle.hash == build(folder).hash
    assert served.status([first, first])["calls"] == {first: 2}
    watching.cancel()


@live
async def test_phrases_that_are_new_are_trained_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only then a process is started, and its model is found in the cache."""
    monkeypatch.setenv("IVR_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "hotline"
    shutil.copytree(HOTLINE, folder)
    served = FolderBundles(build(folder), folder, build)
    models = tmp_path / "cache" / "understanding"
    assert len(list(models.iterdir())) == 1
    variant(folder, "Welcome", "Hello")
    await served.reload()
    assert len(list(models.iterdir())) == 1
    assert is_trained(folder)
    (folder / "flows" / "more.yaml").write_text(
        "flow: more\ntrigger: {title: {en: more}, examples: {en: [more please, give me more, some more]}}\n"
        "steps: [{end: {outcome: resolved}}]\n"
    )
    assert not is_trained(folder)
    await served.reload()
    assert served.status([])["failure"] is None
    assert "more" in served.bundle.definition.flows
    assert len(list(models.iterdir())) >= 2


@live
async def test_a_broken_folder_keeps_the_old_bundle(tmp_path: Path) -> None:
    folder = tmp_path / "hotline"
    shutil.copytree(HOTLINE, folder)
    served = FolderBundles(build(folder), folder, build)
    first = served.bundle
    variant(folder, "ask: code", "ask: cod")
    await served.reload()
    assert served.bundle is first
    failure: Any = served.status([])["failure"]
    errors = [problem for problem in failure["problems"] if problem["severity"] == "error"]
    assert next((error["file"], error["line"], error["code"]) for error in errors) == ("flows/main.yaml", 13, "E01")
    assert "flows/main.yaml:13:" in failure["message"]
    variant(folder, "ask: cod", "ask: code")
    await served.reload()
    assert served.status([])["failure"] is None


@live
async def test_what_is_wrong_is_in_the_log(tmp_path: Path) -> None:
    folder = variant(tmp_path / "hotline", "ask: code", "ask: code")
    served = FolderBundles(build(folder), folder, build)
    good = (folder / "hotline.yaml").read_bytes()
    (folder / "hotline.yaml").write_text("hotline: [\n")
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("ivr.service.bundles").addHandler(handler)
    logging.getLogger("ivr.service.bundles").setLevel(logging.INFO)
    await served.reload()
    (folder / "hotline.yaml").write_bytes(good)
    await served.reload()
    logging.getLogger("ivr.service.bundles").removeHandler(handler)
    assert any("hotline.yaml:" in line for line in lines)
    assert "is not served" in lines[-2]
    assert "is in order again" in lines[-1]


@live
async def test_the_stores_pointer_is_followed(tmp_path: Path, bundle: Bundle) -> None:
    store = BundleStore(tmp_path / "bundles")
    other = build(variant(tmp_path / "other", "Welcome", "Hello"))
    for each in (bundle, other):
        store.put(each, T)
    store.activate(bundle.hash, T)
    served = StoreBundles(store, store.load)
    assert served.bundle.hash == bundle.hash
    watching = asyncio.create_task(served.watch())
    await asyncio.sleep(0.3)
    store.activate(other.hash, T, 0.5)
    await until(lambda: served.status([]).get("trial") == other.hash, "the trial")
    callers = [str(number) for number in range(200)]
    shares = [served.choose(caller).hash for caller in callers].count(other.hash) / len(callers)
    assert 0.35 < shares < 0.65
    store.rollback(T)
    await until(lambda: {served.choose(caller).hash for caller in callers} == {bundle.hash}, "the end of the trial")
    store.activate(other.hash, T)
    await until(lambda: served.bundle.hash == other.hash, "the other bundle")
    watching.cancel()


@live
async def test_a_damaged_bundle_is_not_served(tmp_path: Path, bundle: Bundle) -> None:
    store = BundleStore(tmp_path / "bundles")
    other = build(variant(tmp_path / "other", "Welcome", "Hello"))
    for each in (bundle, other):
        store.put(each, T)
    store.activate(bundle.hash, T)
    served = StoreBundles(store, store.load)
    store.activate(other.hash, T)
    path = store.folder / other.hash / "hotline" / "hotline.yaml"
    path.chmod(0o644)
    path.write_text("x")
    await served.reload()
    assert served.bundle.hash == bundle.hash
    failure: Any = served.status([])["failure"]
    assert "hotline/hotline.yaml was changed" in failure["message"]


@live
async def test_a_call_keeps_its_bundle(tmp_path: Path) -> None:
    """A swap in mid-call: the call ends in the words it began with, the next one has the new ones; then the old bundle
    is freed."""
    old = build(variant(tmp_path / "old", "The colour is", "The paint is"))
    new = build(variant(tmp_path / "new", "The colour is", "The shade is"))
    freed = weakref.ref(old)
    async with open_lab(tmp_path / "data", new, ["one two three", "one two three"]) as lab:
        lab.hotline.bundle = old
        line = await lab.call()
        await lab.state("listening")
        lab.hotline.bundle = new
        await line.say(speech())
        assert (await lab.ended()).bundle == old.hash
        assert lab.voice.said[-1] == "The paint is blue."
        lab.log.done.clear()
        line = await lab.call()
        await lab.state("listening")
        await line.say(speech())
        assert (await lab.ended()).bundle == new.hash
        assert lab.voice.said[-1] == "The shade is blue."
        line.heard.clear()
        del old
        await asyncio.sleep(0.1)
        gc.collect()
        assert freed() is None


@live
async def test_the_overlay_reaches_new_calls_and_those_in_progress(tmp_path: Path, bundle: Bundle) -> None:
    async with open_lab(tmp_path, bundle, ["one two three"]) as lab:
        lab.hotline.overlay = lambda: {"announcement": {"en": "There are delays."}}
        line = await lab.call()
        await lab.state("listening")
        assert lab.voice.said[0] == "There are delays."
        lab.hotline.overlay_changed({"off": ["nobody"]})
        await until(lambda: lab.driver.session.dialog_state.overlay == {"off": ["nobody"]}, "the new overlay")
        await line.say(speech())
        await lab.ended()
        stored = lab.stored()
        assert stored.head["overlay"] == {"announcement": {"en": "There are delays."}}
        assert [event.data for event in stored.journal if event.kind == "in.OverlayChanged"] == [
            {"overlay": {"off": ["nobody"]}}
        ]


@live
async def test_recorded_calls_tell_two_bundles_apart(tmp_path: Path, bundle: Bundle) -> None:
    async with open_lab(tmp_path / "data", bundle, ["one two three"]) as lab:
        line = await lab.call()
        await lab.state("listening")
        await line.say(speech())
        await lab.ended()
        folder = lab.stored().folder
    assert compare(bundle, bundle, [folder]).differences == ()
    changed = variant(tmp_path / "new", "{id: bye, end: {outcome: resolved}}", "{id: bye, run: nobody}\n  - {end: {}}")
    (difference,) = compare(bundle, build(changed), [folder]).differences
    assert difference.what == ("route", "outcome")
    assert difference.before.route == ("main",)
    assert difference.after.route == ("main", "nobody", "main")
    assert (difference.before.outcome, difference.after.outcome) == ("resolved", "abandoned")
    handed = variant(
        tmp_path / "human", "{id: bye, end: {outcome: resolved}}", "{id: bye, handover: {queue: default, reason: why}}"
    )
    (difference,) = compare(bundle, build(handed), [folder]).differences
    assert difference.after.handover == "default (why)"
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "call.json").write_text("{")
    found = compare(bundle, bundle, [folder, tmp_path / "bad"])
    assert found.calls == 1
    assert len(found.unreadable) == 1


def test_queue_hours_of_the_overlay(bundle: Bundle) -> None:
    assert live_queues(bundle, {})["default"].hours == "24/7"
    assert live_queues(bundle, {"default": "closed"})["default"].hours == "Mo-Su off"
    assert live_queues(bundle, {"default": "Mo-Fr 10:00-16:00"})["default"].hours == "Mo-Fr 10:00-16:00"
    assert "cards" not in live_queues(bundle, {"cards": "open"})
