"""Headless Chromium, driven through the two pipes of its DevTools protocol; nothing listens, nothing is downloaded."""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_SECONDS, PATIENCE_TRIES = 120, 100
# Chromium reads commands from file descriptor 3 and writes to 4 (chrome/common/chrome_switches.cc).
_READS, _WRITES = 3, 4
_ARGUMENTS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
    "--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--force-color-profile=srgb", "--remote-debugging-pipe",
)  # fmt: skip


def installed() -> str | None:
    """The browser of this machine, or None where it has none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class PageError(Exception):
    """The page's own script failed."""


class Browser:
    """One tab of a browser."""

    def __init__(self, commands: int, process: "subprocess.Popen[bytes]") -> None:
        self._commands, self._process = commands, process
        self._answers: Queue[dict[str, Any]] = Queue()
        self._sent, self._session = 0, ""
        self.thrown: list[str] = []
        self.asked_for: list[str] = []

    def hears(self, answers: int) -> None:
        """Reads what the browser says until it ends."""
        with os.fdopen(answers, "rb") as stream:
            rest = b""
            while read := stream.read1(65_536):
                *messages, rest = (rest + read).split(b"\0")
                for message in messages:
                    self._answers.put(json.loads(message))

    def begin(self) -> None:
        """Opens the tab, and listens to its errors and to what it loads."""
        target = self.does("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.does("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self.does(f"{domain}.enable")

    def does(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command and its result."""
        self._sent += 1
        command: dict[str, Any] = {"id": self._sent, "method": method, "params": parameters}
        command |= {"sessionId": self._session} if self._session else {}
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while (answer := self._next()).get("id") != self._sent:
            self._overhear(answer)
        if "error" in answer:
            raise PageError(f"{method}: {answer['error']}")
        return answer["result"]

    def _next(self) -> dict[str, Any]:
        try:
            return self._answers.get(timeout=PATIENCE_SECONDS)
        except Empty:
            raise PageError(f"the browser says nothing (it ended: {self._process.poll()})") from None

    def _overhear(self, event: dict[str, Any]) -> None:
        match event.get("method"):
            case "Runtime.exceptionThrown":
                details = event["params"]["exceptionDetails"]
                self.thrown.append(details.get("exception", {}).get("description") or details["text"])
            case "Network.requestWillBeSent":
                self.asked_for.append(event["params"]["request"]["url"])
            case _:
                pass

    def opens(self, page: Path, finding: str = "true") -> None:
        """Opens a file, and waits until it is loaded; again and again, until an expression is true there.

        What a page keeps is stored by a process of its own, in its time: the next page may be quicker.
        """
        for _ in range(PATIENCE_TRIES):
            self.does("Page.navigate", url=page.as_uri())
            self.until("document.readyState === 'complete' && location.protocol === 'file:'")
            if self.says(finding):
                return
        raise PageError(f"this is not so, however often the page is opened: {finding}")

    def says(self, script: str) -> Any:
        """The value of an expression in the page; PageError where it throws."""
        done = self.does("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True)
        if "exceptionDetails" in done:
            raise PageError(done["exceptionDetails"].get("exception", {}).get("description", script))
        return done["result"].get("value")

    def until(self, script: str) -> None:
        """Waits for an expression to be true; PageError where it does not become so."""
        look = f"const look = () => ({script}) ? done(true) : setTimeout(look, 20); look();"
        waiting = f"new Promise((done) => {{ {look} }})"
        late = f"new Promise((done) => setTimeout(() => done(false), {PATIENCE_SECONDS * 500}))"
        if not self.says(f"Promise.race([{waiting}, {late}])"):
            raise PageError(f"this does not become true: {script}")

    def press(self, key: str, times: int = 1) -> None:
        """Somebody presses a key, such as `ArrowLeft`, `Tab` or `Enter`."""
        codes = {"ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35, "Tab": 9, "Enter": 13, "Escape": 27, " ": 32}
        text = {"text": "\r"} if key == "Enter" else {"text": " "} if key == " " else {}
        code = "Space" if key == " " else key
        known: dict[str, Any] = {"key": key, "code": code, "windowsVirtualKeyCode": codes[key]}
        for _ in range(times):
            self.does("Input.dispatchKeyEvent", type="keyDown", **known, **text)
            self.does("Input.dispatchKeyEvent", type="keyUp", **known)

    def types(self, words: str) -> None:
        """Somebody types where the focus is."""
        self.does("Input.insertText", text=words)

    def drags(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Somebody holds the pointer down and moves it."""
        held = {"button": "left", "buttons": 1, "clickCount": 1}
        for kind, (x, y) in (("mousePressed", start), ("mouseMoved", end), ("mouseReleased", end)):
            self.does("Input.dispatchMouseEvent", type=kind, x=x, y=y, **held)

    def size(self, width: int, height: int, scale: float = 1) -> None:
        """Makes the window so large, in CSS pixels."""
        seen: dict[str, Any] = {"width": width, "height": height, "deviceScaleFactor": scale}
        self.does("Emulation.setDeviceMetricsOverride", mobile=False, **seen)

    def prefers(self, scheme: str) -> None:
        """The system's colors are `light` or `dark`."""
        self.does("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def saves_into(self, folder: Path) -> None:
        """Downloads go into a folder without a question."""
        self.does("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def picture(self, path: Path) -> None:
        """A picture of the window."""
        path.write_bytes(base64.b64decode(self.does("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def browser(program: str, profile: Path) -> Generator[Browser]:
    """A browser with a profile of its own, which is ended by its process id."""
    commands_out, commands_in = os.pipe()
    answers_out, answers_in = os.pipe()
    words = [program, *_ARGUMENTS, f"--user-data-dir={profile}", "about:blank"]
    # By way of numbers that are free, since ours may be the very ones that are wanted.
    shell = f'exec {{in}}<&{commands_out} {{out}}>&{answers_in}; exec "$@" {_READS}<&$in {_WRITES}>&$out'
    process = subprocess.Popen(
        ["/bin/bash", "-c", shell, "chromium", *words],
        pass_fds=(commands_out, answers_in),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(commands_out)
    os.close(answers_in)
    opened = Browser(commands_in, process)
    listener = Thread(target=opened.hears, args=(answers_out,), daemon=True)
    listener.start()
    try:
        opened.begin()
        yield opened
    finally:
        os.close(commands_in)
        process.terminate()
        process.wait(PATIENCE_SECONDS)
        listener.join(PATIENCE_SECONDS)
