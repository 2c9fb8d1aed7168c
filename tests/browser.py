"""Headless Chromium for the tests that look at a page; skipped, with the reason, where there is none."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Page, sync_playwright


@dataclass
class Visit:
    """A page and what its visit gave rise to."""

    page: Page
    console: list[str] = field(default_factory=list)
    """Errors on the console and uncaught exceptions."""
    requests: list[str] = field(default_factory=list)
    """Addresses that were asked for."""


@contextmanager
def visit(**options: object) -> Iterator[Visit]:
    """An empty page in a fresh browser; ``options`` are those of a browser context."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        pytest.skip("needs Chromium, which is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page = browser.new_page(**options)
        seen = Visit(page)
        page.on("console", lambda message: seen.console.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: seen.console.append(str(error)))
        page.on("request", lambda request: seen.requests.append(request.url))
        yield seen
        browser.close()
