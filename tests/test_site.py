"""The documentation as a site: built without a warning, fetching nothing, searchable by keys."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.support.browser import CHROMIUM, DRIVER

ROOT = Path(__file__).parent.parent


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and says nothing of it."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the site is served."""
    site = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def browser() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--window-size=1280,900"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options, Service(DRIVER))
    yield driver
    driver.quit()


@pytest.mark.slow
@pytest.mark.browser
def test_a_page_fetches_nothing_from_elsewhere_and_can_be_searched_by_keys(
    address: str, browser: webdriver.Chrome
) -> None:
    browser.get(f"{address}/retraining.html")
    WebDriverWait(browser, 30).until(begins_to_search)
    browser.switch_to.active_element.send_keys("forgetting")
    results = (By.CSS_SELECTOR, ".md-search-result__link")
    WebDriverWait(browser, 30).until(lambda driver: driver.find_elements(*results))
    fetched = browser.execute_script(
        "return performance.getEntriesByType('resource').map(entry => entry.name)"
    )
    assert len(fetched) > 3
    assert [name for name in fetched if not name.startswith((address, "data:", "blob:"))] == []


def begins_to_search(browser: webdriver.Chrome) -> bool:
    """By the key that Material has for it, which does nothing while the page is being made."""
    browser.find_element(By.TAG_NAME, "body").send_keys("/")
    return browser.switch_to.active_element.tag_name == "input"
