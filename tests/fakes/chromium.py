"""A real Chromium driven by its DevTools protocol: pages, clicks, scripts, pictures, and what the console says.

async with open_chromium(folder, speech="caller.wav") as browser:
    page = await browser.page("http://127.0.0.1:8080/call")
    await page.click("button.go")
    await page.until("document.querySelector('#call').dataset.state === 'listening'")
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
START_S = 60.0


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.errors: list[str] = []
        """What scripts and the content security policy complained of."""
        self._answers: list[asyncio.Future[Any]] = []
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            data = json.loads(message.data)
            if "id" in data:
                waiting = self._waiting.pop(data["id"], None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(data)
            elif data.get("method") == "Runtime.exceptionThrown":
                details = data["params"]["exceptionDetails"]
                self.errors.append(details.get("exception", {}).get("description", details.get("text", "")))
            elif data.get("method") == "Log.entryAdded" and data["params"]["entry"]["level"] == "error":
                self.errors.append(data["params"]["entry"]["text"])
            elif data.get("method") == "Page.javascriptDialogOpening":
                self._answers.append(asyncio.ensure_future(self.send("Page.handleJavaScriptDialog", accept=True)))

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._ids)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        answer = await asyncio.wait_for(self._waiting[number], 60)
        assert "error" not in answer, (method, answer)
        return dict(answer["result"])

    async def start(self) -> None:
        for domain in ("Runtime", "Log", "Page", "Network"):
            await self.send(f"{domain}.enable")

    async def goto(self, url: str) -> None:
        await self.send("Page.navigate", url=url)
        await self.until("document.readyState === 'complete' && location.href !== 'about:blank'", 30)

    async def run(self, script: str) -> Any:
        """The value of an expression, awaited."""
        answer = await self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True,
                                 userGesture=True)  # fmt: skip
        assert "exceptionDetails" not in answer, (script, answer["exceptionDetails"])
        return answer["result"].get("value")

    async def until(self, script: str, seconds: float = 20.0) -> None:
        """Wait for an expression to be true."""
        until = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < until:
            with suppress(AssertionError):  # between two pages there is nothing to ask
                if await self.run(script):
                    return
            await asyncio.sleep(0.1)
        body = await self.run("document.body.innerText")
        raise AssertionError(f"not within {seconds:.0f} s: {script}\n{self.errors}\n{body[:2000]}")

    async def click(self, selector: str) -> None:
        await self.until(f"!!document.querySelector({json.dumps(selector)})")
        await self.run(f"document.querySelector({json.dumps(selector)}).click()")

    async def fill(self, selector: str, text: str) -> None:
        await self.run(f"document.querySelector({json.dumps(selector)}).value = {json.dumps(text)}")

    async def size(self, width: int, height: int, *, dark: bool = False) -> None:
        await self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                        mobile=width < 600)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.send("Emulation.setEmulatedMedia", features=[scheme])

    async def picture(self, path: Path) -> None:
        shot = await self.send("Page.captureScreenshot", format="png")
        await asyncio.to_thread(_write, path, base64.b64decode(shot["data"]))

    async def offline(self, on: bool) -> None:
        await self.send("Network.emulateNetworkConditions", offline=on, latency=0, downloadThroughput=-1,
                        uploadThroughput=-1)  # fmt: skip

    async def close(self) -> None:
        with suppress(AssertionError, asyncio.TimeoutError, ConnectionError):
            await self.send("Page.close")
        await self.drop()

    async def drop(self) -> None:
        self._reader.cancel()
        await self._socket.close()


class Chromium:
    """One browser process with a profile of its own."""

    def __init__(self, session: aiohttp.ClientSession, port: int, process: asyncio.subprocess.Process) -> None:
        self._session, self._port, self.process = session, port, process
        self.pages: list[Page] = []

    async def page(self, url: str) -> Page:
        async with self._session.put(f"http://127.0.0.1:{self._port}/json/new?about:blank") as answer:
            found = await answer.json(content_type=None)
        socket = await self._session.ws_connect(found["webSocketDebuggerUrl"], max_msg_size=0)
        page = Page(socket)
        self.pages.append(page)
        await page.start()
        await page.goto(url)
        return page


@asynccontextmanager
async def open_chromium(folder: Path, *, speech: Path | None = None, loop: bool = False) -> AsyncIterator[Chromium]:
    """`speech`: what the microphone hears, once from the moment that a page asks for it."""
    assert CHROMIUM is not None
    profile = folder / f"chromium-{os.urandom(4).hex()}"
    arguments = [
        CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio",
        f"--user-data-dir={profile}",
        "--remote-debugging-port=0", "--remote-allow-origins=*", "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream", "--autoplay-policy=no-user-gesture-required",
        "--disable-renderer-backgrounding", "--disable-background-timer-throttling",
        "--disable-backgrounding-occluded-windows",
    ]  # fmt: skip
    if speech is not None:
        arguments.append(f"--use-file-for-fake-audio-capture={speech}{'' if loop else '%noloop'}")
    process = await asyncio.create_subprocess_exec(
        *arguments, "about:blank", stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        port = await _port(profile / "DevToolsActivePort")
        async with aiohttp.ClientSession() as session:
            browser = Chromium(session, port, process)
            try:
                yield browser
            finally:
                for page in browser.pages:
                    await page.drop()
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(process.wait(), 10)
        if process.returncode is None:
            process.kill()
            await process.wait()
        await asyncio.to_thread(shutil.rmtree, profile, True)


async def _port(file: Path) -> int:
    until = asyncio.get_running_loop().time() + START_S
    while asyncio.get_running_loop().time() < until:
        text = await asyncio.to_thread(_read, file)
        if "\n" in text:
            return int(text.splitlines()[0])
        await asyncio.sleep(0.1)
    raise AssertionError(f"chromium did not start within {START_S:.0f} s")


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def _write(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
