"""Pages in a real Chromium without a screen: what a test opens there must not fail, nor ask any other machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request

#: Where Chromium is, if it is not where the system's programs are; where it is set, tests of pages must run.
CHROMIUM = "LYRA_TEST_CHROMIUM"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_LOCAL = ("data", "blob", "file", "about")


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start Chromium, or skip the test where there is none and nobody said that there is."""
    from playwright.sync_api import sync_playwright

    program = os.environ.get(CHROMIUM) or next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip(f"no Chromium here: install one, or name it in {CHROMIUM}")
    with sync_playwright() as playwright:
        # root has no sandbox, and small machines no shared memory to speak of
        options = ["--no-sandbox", "--disable-dev-shm-usage", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        browser = playwright.chromium.launch(executable_path=program, args=options)
        yield browser
        browser.close()


@contextmanager
def watched_page(browser: Browser) -> Iterator[Page]:
    """Give a page; at its end nothing must have been written to the console as an error, and no one else been asked."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="no-preference")
    page, trouble = context.new_page(), list[str]()
    page.on("console", lambda said: trouble.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("request", lambda asked: trouble.append(f"asked {asked.url}") if not _is_local(asked.url) else None)
    page.on("requestfailed", lambda asked: trouble.append(f"did not get {asked.url[:100]}") if _failed(asked) else None)
    context.route(lambda url: not _is_local(url), lambda route: route.abort())
    yield page
    context.close()
    assert not trouble, trouble


def _failed(asked: Request) -> bool:
    """Return whether a request got no answer, rather than being given up because the page was left."""
    return asked.failure != "net::ERR_ABORTED"


def _is_local(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in _LOCAL or parts.hostname in ("127.0.0.1", "localhost", "::1")
