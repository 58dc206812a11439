"""The browser that tests marked `browser` drive; None where there is none."""

from __future__ import annotations

import functools
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


@dataclass(frozen=True)
class Window:
    """A browser that is shown the pages of a folder.

    Attributes:
        browser: A Selenium driver.
        asked: The paths that it has asked for.
    """

    browser: Any
    address: str
    asked: list[str]

    def show(self, name: str, width: int = 1280, scheme: str = "light") -> None:
        """Opens a page in a window of a width, a telephone's if it is narrow."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.asked.clear()
        self.browser.get(f"{self.address}/{name}")

    def run(self, script: str) -> Any:
        """What a script comes to, `return` and all."""
        return self.browser.execute_script(script)

    def press(self, *keys: str) -> None:
        """Presses keys one after another, wherever the focus is."""
        from selenium.webdriver import ActionChains

        ActionChains(self.browser).send_keys(*keys).perform()


@contextmanager
def window_on(folder: Path) -> Iterator[Window]:
    """Serves a folder to a browser of its own."""
    from selenium import webdriver

    asked: list[str] = []

    class Serve(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            asked.append(self.path)

        def end_headers(self) -> None:
            self.send_header("Cache-Control", "no-store")  # or the second look asks for nothing
            super().end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Serve, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.binary_location = CHROMIUM or ""
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        yield Window(browser, f"http://127.0.0.1:{server.server_port}", asked)
    finally:
        browser.quit()
        server.shutdown()
        server.server_close()
