"""``report.html`` of a real run in a real browser: every control, no error, nothing from the network."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Page, expect

from .commands import parsed

_MOST_BYTES = 5_000_000


def opened(page: Page, scene_dir: Path) -> Page:
    page.goto((scene_dir / "report.html").as_uri())
    return page


def test_it_says_what_the_report_says(page: Page, scene_dir: Path) -> None:
    report = json.loads((scene_dir / "report.json").read_text(encoding="utf-8"))
    findings = [finding for stage in report["stages"] for finding in stage["findings"]]
    opened(page, scene_dir)
    assert page.locator("h1").inner_text() == "a small office with two desks and a red chair"
    assert page.locator(".badge").first.inner_text() == "accepted"
    assert page.locator("#rows tbody tr").count() == len(findings)
    held = page.locator("#rows tr", has_text="physics.held")
    assert held.locator("td").nth(3).inner_text() == "100 %"
    assert held.locator("td").nth(4).inner_text() == "95 %"
    assert "lyra-scenegen generate --prompt" in page.locator("#command").inner_text()
    assert (scene_dir / "report.html").stat().st_size < _MOST_BYTES


def test_pictures_are_whole_and_described(page: Page, scene_dir: Path) -> None:
    opened(page, scene_dir)
    shown = page.locator("main img")
    assert shown.count() >= 4 + 18 + 2 + 3
    widths = shown.evaluate_all("all => Promise.all(all.map(async i => { await i.decode(); return i.naturalWidth; }))")
    assert min(widths) > 100
    assert all(shown.evaluate_all("all => all.map(i => i.alt.length > 10)"))


def test_the_turntable_turns_by_itself_and_by_hand(page: Page, scene_dir: Path) -> None:
    opened(page, scene_dir)
    angle, seen = page.locator("#angle"), page.locator("#turntable img:visible")
    first = seen.get_attribute("src")
    angle.focus()
    page.keyboard.press("ArrowRight")
    assert seen.count() == 1
    assert seen.get_attribute("src") != first
    assert angle.get_attribute("aria-valuetext") == "20 degrees"
    page.locator("#spin").click()
    expect(angle).not_to_have_value("1")
    page.locator("#spin").click()
    assert page.locator("#spin").get_attribute("aria-pressed") == "false"


def test_findings_can_be_left_out_by_what_they_mean(page: Page, scene_dir: Path) -> None:
    opened(page, scene_dir)
    rows, button = page.locator("#rows tr.info"), page.locator(".filter[data-severity=info]")
    assert rows.first.is_visible()
    button.click()
    assert not rows.first.is_visible()
    button.click()
    assert rows.first.is_visible()
    assert page.locator(".filter[data-severity=error]").is_disabled()


def test_pictures_open_large_and_close_by_keyboard(page: Page, scene_dir: Path) -> None:
    opened(page, scene_dir)
    for k in range(page.locator(".zoom").count()):
        page.locator(".zoom").nth(k).focus()
        page.keyboard.press("Enter")
        assert page.locator("#large").is_visible()
        assert page.locator("#large img").evaluate("i => i.naturalWidth") > 100
        if k % 2:
            page.keyboard.press("Escape")
        else:
            page.locator("#close").click()
        assert not page.locator("#large").is_visible()


def test_the_command_is_copied_and_asks_for_the_same_scene(page: Page, scene_dir: Path) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened(page, scene_dir)
    page.locator("#copy").click()
    expect(page.locator("#copied")).to_have_text("Copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert parsed(copied).to_json() == json.loads((scene_dir / "request.json").read_text(encoding="utf-8"))


def test_every_link_leads_to_a_file(page: Page, scene_dir: Path) -> None:
    opened(page, scene_dir)
    links = page.locator("main a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    assert "stage_isaac6.usda" in links
    assert all((scene_dir / link).is_file() for link in links)


def test_all_is_there_on_a_telephone(page: Page, scene_dir: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    opened(page, scene_dir)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
