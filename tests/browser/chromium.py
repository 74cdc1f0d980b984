"""Headless Chromium, driven through the two pipes of its DevTools protocol. Opens no port and downloads nothing."""

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

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
TIMEOUT_SECONDS = 120
# Chromium reads commands from file descriptor 3 and writes to 4 (chrome/common/chrome_switches.cc).
_READS, _WRITES = 3, 4
_ARGUMENTS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
    "--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--force-color-profile=srgb", "--remote-debugging-pipe",
)  # fmt: skip


def find_browser() -> str | None:
    """Returns the path of this machine's browser, or None if it has none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class PageError(Exception):
    """The page's own script failed."""


class Browser:
    """One tab of a browser."""

    def __init__(self, commands: int, process: "subprocess.Popen[bytes]") -> None:
        self._commands, self._process = commands, process
        self._answers: Queue[dict[str, Any]] = Queue()
        self._sent, self._session, self._profile = 0, "", ""
        self.errors: list[str] = []
        self.requested_urls: list[str] = []

    def read_messages(self, answers: int) -> None:
        """Reads the browser's messages until it ends."""
        with os.fdopen(answers, "rb") as stream:
            rest = b""
            while read := stream.read1(65_536):
                *messages, rest = (rest + read).split(b"\0")
                for message in messages:
                    self._answers.put(json.loads(message))

    def begin(self) -> None:
        """Closes the tab, opens another one without any stored data, and subscribes to its errors and its requests."""
        self._session = ""
        if self._profile:
            self.send_command("Target.disposeBrowserContext", browserContextId=self._profile)
        self.errors.clear()
        self.requested_urls.clear()
        self._profile = self.send_command("Target.createBrowserContext")["browserContextId"]
        new_tab = self.send_command("Target.createTarget", url="about:blank", browserContextId=self._profile)
        target = new_tab["targetId"]
        self._session = self.send_command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send_command(f"{domain}.enable")

    def send_command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Sends a command and returns its result."""
        self._sent += 1
        command: dict[str, Any] = {"id": self._sent, "method": method, "params": parameters}
        command |= {"sessionId": self._session} if self._session else {}
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while (answer := self._next()).get("id") != self._sent:
            self._handle_event(answer)
        if "error" in answer:
            raise PageError(f"{method}: {answer['error']}")
        return answer["result"]

    def _next(self) -> dict[str, Any]:
        try:
            return self._answers.get(timeout=TIMEOUT_SECONDS)
        except Empty:
            raise PageError(f"the browser does not respond (exit code: {self._process.poll()})") from None

    def _handle_event(self, event: dict[str, Any]) -> None:
        match event.get("method"):
            case "Runtime.exceptionThrown":
                details = event["params"]["exceptionDetails"]
                self.errors.append(details.get("exception", {}).get("description") or details["text"])
            case "Log.entryAdded" if event["params"]["entry"]["source"] == "security":
                # The content security policy blocked something.
                self.errors.append(event["params"]["entry"]["text"])
            case "Network.requestWillBeSent":
                self.requested_urls.append(event["params"]["request"]["url"])
            case _:
                pass

    def open(self, page: Path) -> None:
        """Opens a file, and waits until it is loaded."""
        self.send_command("Page.navigate", url=page.as_uri())
        self.wait_until("document.readyState === 'complete' && location.protocol === 'file:'")

    def reload(self) -> None:
        """Loads the page again, and waits until it is loaded."""
        self.evaluate("window.isOld = true")
        self.send_command("Page.reload")
        self.wait_until("document.readyState === 'complete' && !window.isOld")

    def evaluate(self, script: str) -> Any:
        """Returns the value of an expression in the page. Raises PageError if it throws."""
        response = self.send_command(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in response:
            raise PageError(response["exceptionDetails"].get("exception", {}).get("description", script))
        return response["result"].get("value")

    def wait_until(self, script: str) -> None:
        """Waits until an expression is true. Raises PageError after a timeout."""
        poll = f"const poll = () => ({script}) ? done(true) : setTimeout(poll, 20); poll();"
        waiting = f"new Promise((done) => {{ {poll} }})"
        timeout = f"new Promise((done) => setTimeout(() => done(false), {TIMEOUT_SECONDS * 500}))"
        if not self.evaluate(f"Promise.race([{waiting}, {timeout}])"):
            raise PageError(f"not true before the timeout: {script}")

    def press(self, key: str, times: int = 1, *, shift: bool = False) -> None:
        """Presses a key, such as `ArrowLeft`, `Tab`, or `Enter`."""
        codes = {"ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35, "Tab": 9, "Enter": 13, "Escape": 27, " ": 32}
        codes |= {"+": 187, "-": 189, "0": 48, "?": 191} | {letter: ord(letter.upper()) for letter in "acjkpr"}
        text = {"text": "\r"} if key == "Enter" else {"text": " "} if key == " " else {}
        code = "Space" if key == " " else key
        known: dict[str, Any] = {"key": key, "code": code, "windowsVirtualKeyCode": codes[key]}
        known |= {"modifiers": 8} if shift else {}
        for _ in range(times):
            self.send_command("Input.dispatchKeyEvent", type="keyDown", **known, **text)
            self.send_command("Input.dispatchKeyEvent", type="keyUp", **known)

    def type_text(self, text: str) -> None:
        """Types a text into the focused element."""
        self.send_command("Input.insertText", text=text)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Presses the pointer, moves it, and releases it."""
        left_button = {"button": "left", "buttons": 1, "clickCount": 1}
        for kind, (x, y) in (("mousePressed", start), ("mouseMoved", end), ("mouseReleased", end)):
            self.send_command("Input.dispatchMouseEvent", type=kind, x=x, y=y, **left_button)

    def turn_wheel(self, point: tuple[float, float], pixels: float) -> None:
        """Turns the mouse wheel toward the person, with the pointer at a point."""
        x, y = point
        self.send_command("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=pixels)

    def size(self, width: int, height: int, scale: float = 1) -> None:
        """Sets the window's size in CSS pixels."""
        metrics: dict[str, Any] = {"width": width, "height": height, "deviceScaleFactor": scale}
        self.send_command("Emulation.setDeviceMetricsOverride", mobile=False, **metrics)

    def set_color_scheme(self, scheme: str) -> None:
        """Sets the system's color scheme: `light` or `dark`."""
        self.send_command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def set_download_folder(self, folder: Path) -> None:
        """Sets the folder into which downloads are saved without a prompt."""
        options = {"behavior": "allow", "downloadPath": str(folder), "browserContextId": self._profile}
        self.send_command("Browser.setDownloadBehavior", **options)

    def picture(self, path: Path) -> None:
        """Saves a screenshot of the window."""
        path.write_bytes(base64.b64decode(self.send_command("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def run_browser(program: str, profile: Path) -> Generator[Browser]:
    """Runs a browser with its own profile, and terminates it by its process ID."""
    commands_out, commands_in = os.pipe()
    answers_out, answers_in = os.pipe()
    arguments = [program, *_ARGUMENTS, f"--user-data-dir={profile}", "about:blank"]
    # Uses other free numbers in between, because the pipes may already have the numbers 3 and 4.
    shell = f'exec {{in}}<&{commands_out} {{out}}>&{answers_in}; exec "$@" {_READS}<&$in {_WRITES}>&$out'
    process = subprocess.Popen(
        ["/bin/bash", "-c", shell, "chromium", *arguments],
        pass_fds=(commands_out, answers_in),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(commands_out)
    os.close(answers_in)
    tab = Browser(commands_in, process)
    listener = Thread(target=tab.read_messages, args=(answers_out,), daemon=True)
    listener.start()
    try:
        tab.begin()
        yield tab
    finally:
        os.close(commands_in)
        process.terminate()
        process.wait(TIMEOUT_SECONDS)
        listener.join(TIMEOUT_SECONDS)
