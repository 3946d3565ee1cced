"""Bundles on disk: what is written, verified, activated, rolled back."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from ivr.dialog.bundle import Bundle, build
from ivr.errors import BundleError
from ivr.service import bundle_store
from ivr.service.bundle_store import BundleStore, Pointer, in_share
from tests.service.lab import HOTLINE

T = "2026-11-22T10:00:00+08:00"


def variant(folder: Path, text: str) -> Bundle:
    """The laboratory's hotline with another greeting."""
    shutil.copytree(HOTLINE, folder)
    flow = folder / "flows" / "main.yaml"
    flow.write_text(flow.read_text().replace("Welcome to the laboratory.", text))
    return build(folder)


@pytest.fixture
def store(tmp_path: Path) -> BundleStore:
    return BundleStore(tmp_path / "bundles")


def test_a_bundle_comes_back_as_it_was_built(store: BundleStore, bundle: Bundle) -> None:
    place = store.put(bundle, T)
    assert place.name == bundle.hash
    loaded = store.load(bundle.hash[:8])
    assert loaded.hash == bundle.hash
    assert loaded.definition.files == bundle.definition.files
    assert loaded.understanding.key == bundle.understanding.key
    assert [built.hotline for built in store.list()] == ["laboratory"]
    assert store.put(bundle, "2027-01-01T00:00:00+00:00") == place, "the same bundle again changes nothing"
    assert store.list()[0].built_at == T


def test_its_files_cannot_be_written(store: BundleStore, bundle: Bundle) -> None:
    place = store.put(bundle, T)
    assert not any(path.stat().st_mode & 0o222 for path in place.rglob("*") if path.is_file())


def test_recorded_prompts_belong_to_the_hash(tmp_path: Path, bundle: Bundle) -> None:
    shutil.copytree(HOTLINE, tmp_path / "h")
    assert build(tmp_path / "h").hash == bundle.hash
    (tmp_path / "h" / "hello.wav").write_bytes(b"RIFF")
    changed = build(tmp_path / "h")
    assert changed.hash != bundle.hash
    place = BundleStore(tmp_path / "b").put(changed, T)
    assert (place / "hotline" / "hello.wav").read_bytes() == b"RIFF"
    (tmp_path / "h" / ".git").mkdir()
    (tmp_path / "h" / ".git" / "x.wav").write_bytes(b"RIFF")
    assert build(tmp_path / "h").hash == changed.hash


def tampered(place: Path, name: str) -> Path:
    path = place / name
    path.chmod(0o644)
    return path


def test_a_changed_file_is_refused(store: BundleStore, bundle: Bundle) -> None:
    place = store.put(bundle, T)
    path = tampered(place, "hotline/hotline.yaml")
    path.write_text(path.read_text() + "\n")
    (place / "hotline" / "flows" / "more.yaml").write_text("x")
    tampered(place, "understanding.bin").unlink()
    with pytest.raises(BundleError) as caught:
        store.load(bundle.hash)
    assert str(caught.value) == (
        f"bundle {bundle.hash[:12]} is damaged: understanding.bin is missing; hotline/flows/more.yaml does not belong "
        "to it; hotline/hotline.yaml was changed; build it again"
    )


def test_another_version_must_build_it_again(
    store: BundleStore, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(bundle, T)
    monkeypatch.setattr(bundle_store, "__version__", "9.9")
    with pytest.raises(BundleError, match=r"was built by ivr .*, this is 9\.9: build it again"):
        store.load(bundle.hash)


def test_a_renamed_bundle_is_refused(store: BundleStore, bundle: Bundle) -> None:
    """Its files are whole, but they are not those of its name."""
    place = store.put(bundle, T)
    other = "f" * 64
    place.rename(store.folder / other)
    with pytest.raises(BundleError, match=f"its content has the hash {bundle.hash[:12]}"):
        store.load(other)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("abc", "is no bundle: 4 or more characters"),
        ("../../etc", "is no bundle"),
        ("[abc]*", "is no bundle"),
        ("abcd", "no bundle abcd in"),
    ],
)
def test_names_that_lead_nowhere(store: BundleStore, name: str, reason: str) -> None:
    with pytest.raises(BundleError, match=reason):
        store.find(name)


def test_a_hash_may_be_shortened_while_it_is_clear(store: BundleStore, bundle: Bundle) -> None:
    place = store.put(bundle, T)
    twin = store.folder / (bundle.hash[:-1] + ("0" if bundle.hash[-1] != "0" else "1"))
    shutil.copytree(place, twin)
    with pytest.raises(BundleError, match="begins 2 bundles"):
        store.find(bundle.hash[:10])
    assert store.find(bundle.hash) == bundle.hash


def test_activate_share_roll_back(store: BundleStore, bundle: Bundle, tmp_path: Path) -> None:
    one, two, three = bundle, variant(tmp_path / "two", "Hello two."), variant(tmp_path / "three", "Hello three.")
    for each in (one, two, three):
        store.put(each, T)
    assert store.pointer() == Pointer()
    with pytest.raises(BundleError, match="no bundle is active yet"):
        store.activate(one.hash, T, 0.1)
    store.activate(one.hash, T)
    store.activate(two.hash, T)
    trial = store.activate(three.hash, T, 0.25)
    assert (trial.active, trial.trial, trial.share) == (two.hash, three.hash, 0.25)
    with pytest.raises(BundleError, match="active for all calls already"):
        store.activate(two.hash, T, 0.5)
    with pytest.raises(BundleError, match="is in use"):
        store.remove(three.hash)
    assert store.rollback(T).choose("1") == two.hash, "the first rollback ends the trial"
    assert store.rollback(T).active == one.hash
    with pytest.raises(BundleError, match="no earlier bundle"):
        store.rollback(T)
    assert [line.action for line in store.pointer().history] == ["activate", "activate", "try", "rollback", "rollback"]
    store.activate(three.hash, T)
    assert store.rollback(T).active == one.hash, "what was rolled back is no step back"
    assert store.remove(two.hash) == two.hash
    assert two.hash not in [built.hash for built in store.list()]


def test_the_share_is_of_callers_and_keeps_them() -> None:
    pointer = Pointer("a" * 64, "b" * 64, 0.3)
    callers = [f"1380013{number:04d}" for number in range(4000)]
    chosen = [caller for caller in callers if pointer.choose(caller) == "b" * 64]
    assert 0.27 < len(chosen) / len(callers) < 0.33
    wider = Pointer("a" * 64, "b" * 64, 0.6)
    assert all(wider.choose(caller) == "b" * 64 for caller in chosen), "a larger share keeps those it had"
    assert not in_share("x", "1", 0.0)
    assert all(in_share("x", caller, 1.0) for caller in callers[:100])


def test_a_damaged_pointer_is_told_and_mended(store: BundleStore, bundle: Bundle) -> None:
    store.put(bundle, T)
    path = store.folder / "active.json"
    for text in ("{", "[]", "{}", '{"active": "../x", "trial": "", "share": 0, "history": []}'):
        path.write_text(text)
        with pytest.raises(BundleError, match="activate a bundle anew"):
            store.pointer()
    assert store.activate(bundle.hash, T).active == bundle.hash
    assert json.loads(path.read_text())["active"] == bundle.hash


def test_a_folder_that_cannot_be_written(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match="cannot be written"):
        BundleStore(tmp_path / "file").put(bundle, T)


def test_half_a_bundle_is_no_bundle(store: BundleStore, bundle: Bundle) -> None:
    """A process that died while it wrote leaves a part that nobody lists, and that the next one replaces."""
    part = store.folder / f".{bundle.hash}.{os.getpid()}.part"
    part.mkdir(parents=True)
    (part / "bundle.json").write_text("{}")
    assert store.list() == []
    assert store.put(bundle, T).is_dir()
    assert not part.exists()
