"""The browser that tests marked `browser` drive; None where there is none."""

from __future__ import annotations

import shutil

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
