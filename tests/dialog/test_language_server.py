"""The schemas in a real yaml-language-server: it completes a hotline's own names and marks what is wrong.

Needs node and the npm package: `npm install -g yaml-language-server`, or its folder in YAML_LANGUAGE_SERVER.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ivr.cli import main

HARBOUR = Path(__file__).parent / "fixtures" / "harbour"


def _server() -> list[str]:
    """Command line of the server; empty when it is not installed."""
    node = shutil.which("node")
    if given := os.environ.get("YAML_LANGUAGE_SERVER"):
        return [node, str(Path(given) / "bin" / "yaml-language-server"), "--stdio"] if node else []
    found = shutil.which("yaml-language-server")
    return [found, "--stdio"] if found and node else []


pytestmark = pytest.mark.skipif(not _server(), reason="needs node and `npm install -g yaml-language-server`")


class Client:
    """As much of the Language Server Protocol as an editor needs to ask for completion and diagnosis."""

    def __init__(self, command: list[str], settings: dict[str, Any]) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.settings = settings
        self.number = 0
        self.diagnostics: dict[str, list[dict[str, Any]]] = {}
        self.request(
            "initialize",
            {"processId": os.getpid(), "rootUri": None, "capabilities": {"workspace": {"configuration": True}}},
        )
        self.notify("initialized", {})
        self.notify("workspace/didChangeConfiguration", {"settings": {"yaml": settings}})

    def send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def notify(self, method: str, params: Any) -> None:
        self.send({"method": method, "params": params})

    def read(self) -> dict[str, Any]:
        assert self.process.stdout
        length = 0
        while line := self.process.stdout.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        assert length, "the server has closed its output"
        message: dict[str, Any] = json.loads(self.process.stdout.read(length))
        if "method" in message and "id" in message:
            self.answer(message)
        elif message.get("method") == "textDocument/publishDiagnostics":
            self.diagnostics[message["params"]["uri"]] = message["params"]["diagnostics"]
        return message

    def answer(self, message: dict[str, Any]) -> None:
        """What the server asks the editor: its settings."""
        items = message.get("params", {}).get("items", []) if message["method"] == "workspace/configuration" else []
        result = [self.settings if item.get("section") == "yaml" else {} for item in items] if items else None
        self.send({"id": message["id"], "result": result})

    def request(self, method: str, params: Any) -> Any:
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        while True:
            message = self.read()
            if message.get("id") == self.number and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    def open(self, path: Path, text: str) -> str:
        uri = path.as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})
        return uri

    def diagnose(self, uri: str) -> list[str]:
        while uri not in self.diagnostics:
            self.read()
        return [found["message"] for found in self.diagnostics[uri]]

    def complete(self, uri: str, line: int, column: int) -> set[str]:
        position = {"textDocument": {"uri": uri}, "position": {"line": line, "character": column}}
        found = self.request("textDocument/completion", position)
        return {item["label"] for item in found["items"]}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Path]]:
    folder = tmp_path_factory.mktemp("dialogs")
    shutil.copytree(HARBOUR, folder / "harbour")
    assert main(["schema", str(folder / "harbour"), "-o", str(folder / "schemas")]) == 0
    mapping = json.loads((folder / "schemas" / "settings.json").read_text())["yaml.schemas"]
    made = Client(
        _server(),
        {"schemas": mapping, "validate": True, "completion": True, "hover": True, "schemaStore": {"enable": False}},
    )
    yield made, folder / "harbour"
    made.process.kill()
    made.process.wait()
    for pipe in (made.process.stdin, made.process.stdout):
        assert pipe
        pipe.close()


def test_a_good_file_has_no_diagnosis(client: tuple[Client, Path]) -> None:
    server, folder = client
    for path in sorted(folder.rglob("*.yaml")):
        uri = server.open(path, path.read_text(encoding="utf-8"))
        assert server.diagnose(uri) == [], path


def test_mistakes_are_marked(client: tuple[Client, Path]) -> None:
    server, folder = client
    text = "flow: extra\nsteps:\n  - run: tickt\n  - {end: {outcome: resolvd}}\n"
    found = server.diagnose(server.open(folder / "flows" / "extra.yaml", text))
    assert any("ticket" in message for message in found), found
    assert any("resolved" in message for message in found), found


def test_names_of_the_hotline_are_completed(client: tuple[Client, Path]) -> None:
    server, folder = client
    text = "flow: more\nsteps:\n  - run: \n  - ask: \n  - call: \n  - \n"
    uri = server.open(folder / "flows" / "more.yaml", text)
    assert {"ticket", "survey", "dispute"} <= server.complete(uri, 2, 9)
    assert {"amount", "csat"} <= server.complete(uri, 3, 9)
    assert {"cards.find", "ticket.create"} <= server.complete(uri, 4, 10)
    assert {"say", "ask", "route", "handover"} <= server.complete(uri, 5, 4)


def test_queues_are_completed_in_a_handover(client: tuple[Client, Path]) -> None:
    server, folder = client
    text = "flow: hand\nsteps:\n  - handover:\n      queue: \n      reason: x\n"
    uri = server.open(folder / "flows" / "hand.yaml", text)
    assert {"cards", "default"} <= server.complete(uri, 3, 13)
