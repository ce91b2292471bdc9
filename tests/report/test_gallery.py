"""``gallery.html`` in a real browser: what is shown, what the filters do, where links lead."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from lyra_backend.report.gallery import GALLERY_PAGE, GalleryScene, gallery_page

SCENES = (
    GalleryScene("office_1", "accepted", "scenes/office_1", "an office", "office", 1, "train", 8.0),
    GalleryScene(
        "office_2", "accepted", "scenes/office_2", "a large office", "office", 2, "demo", 12.5, ("scale.unknown",)
    ),
    GalleryScene(
        "hall_10",
        "rejected",
        "rejected/hall_10~2",
        'a "hall" <b> & more',
        "warehouse",
        9,
        "demo",
        30.0,
        ("physics.held",),
    ),
    GalleryScene("hall_9", "failed", "", "a hall", note="InvalidRequest: prompt: no such thing."),
)


@pytest.fixture
def gallery(page: Page, scene_dir: Path, tmp_path: Path) -> Page:
    for scene in SCENES:
        if scene.folder:
            (tmp_path / scene.folder).mkdir(parents=True)
            for name in ("report.html", "thumbnail.webp"):
                shutil.copy(scene_dir / name, tmp_path / scene.folder)
    (tmp_path / GALLERY_PAGE).write_text(gallery_page(SCENES, 6), encoding="utf-8")
    page.goto((tmp_path / GALLERY_PAGE).as_uri())
    return page


def names(gallery: Page) -> list[str]:
    """The cards that are shown, in their order."""
    found: list[str] = gallery.locator("#scenes li:visible").evaluate_all("all => all.map(li => li.dataset.name)")
    return found


def test_all_scenes_are_there_with_their_pictures(gallery: Page) -> None:
    assert gallery.locator("h1").inner_text() == "2 accepted scenes of 6"
    assert names(gallery) == [scene.name for scene in SCENES]
    pictures = gallery.locator("#scenes img")
    expect(pictures).to_have_count(3)
    for k in range(3):
        pictures.nth(k).scroll_into_view_if_needed()
        expect(pictures.nth(k)).to_have_js_property("naturalWidth", 320)
    assert gallery.locator(".prompt").nth(2).inner_text() == 'a "hall" <b> & more'
    assert "collider within 12.5 mm" in gallery.locator("li").nth(1).inner_text()
    assert "no such thing" in gallery.locator("li").nth(3).inner_text()


@pytest.mark.parametrize(
    ("field", "value", "left"),
    [
        ("#state", "accepted", ["office_1", "office_2"]),
        ("#state", "failed", ["hall_9"]),
        ("#family", "warehouse", ["hall_10"]),
        ("#finding", "scale.unknown", ["office_2"]),
    ],
)
def test_filters_leave_what_is_asked_for(gallery: Page, field: str, value: str, left: list[str]) -> None:
    gallery.locator(field).select_option(value)
    assert names(gallery) == left
    assert gallery.locator("#shown").inner_text() == f"{len(left)} of 4 scenes"
    gallery.get_by_role("button", name="Show all").first.click()
    expect(gallery.locator("#shown")).to_have_text("4 scenes")
    assert names(gallery) == [scene.name for scene in SCENES]


def test_searching_takes_every_word_of_prompt_or_name(gallery: Page) -> None:
    gallery.locator("#search").press_sequentially("OFFICE large")
    assert names(gallery) == ["office_2"]
    gallery.locator("#search").fill("nowhere")
    assert names(gallery) == []
    gallery.locator("#all").click()
    expect(gallery.locator("#nothing")).to_be_hidden()
    assert len(names(gallery)) == 4


def test_scenes_are_ordered_by_name_and_by_error(gallery: Page) -> None:
    gallery.locator("#order").select_option("name")
    assert names(gallery) == ["hall_9", "hall_10", "office_1", "office_2"]
    gallery.locator("#order").select_option("error")
    assert names(gallery) == ["hall_10", "office_2", "office_1", "hall_9"]


def test_cards_lead_to_reports_by_keyboard(gallery: Page) -> None:
    for link in gallery.locator("#scenes a").all():
        target = link.evaluate("a => a.href")
        link.focus()
        gallery.keyboard.press("Enter")
        gallery.wait_for_url(target)
        assert gallery.locator(".verdict").is_visible()
        gallery.go_back()


def test_it_fits_a_telephone(gallery: Page) -> None:
    gallery.set_viewport_size({"width": 390, "height": 800})
    assert gallery.evaluate("document.documentElement.scrollWidth") <= 390
