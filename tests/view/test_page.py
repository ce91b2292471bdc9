"""The viewer's page in a real browser: every control, no error in the console, nothing asked of other machines."""

from __future__ import annotations

import time
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from lyra_backend.io.navigation_files import load_navigation
from lyra_backend.view import ViewServer

from .conftest import Serve

# without a graphics card, on a busy machine
_PATIENCE_S = 90.0


@pytest.fixture(scope="module")
def office(serve: Serve, scene_dir: Path) -> ViewServer:
    return serve(scene_dir)


def state(page: Page, name: str) -> Any:
    return page.evaluate(f"() => window.viewer?.{name}")


def until(page: Page, script: str) -> None:
    """Wait until an expression is true; Playwright's own way needs what the page's policy forbids."""
    end = time.monotonic() + _PATIENCE_S
    while not page.evaluate(f"() => {script}"):
        assert time.monotonic() < end, f"never became true: {script}; {page.evaluate('() => JSON.stringify(viewer)')}"
        page.wait_for_timeout(50)


def opened(page: Page, server: ViewServer) -> Page:
    page.goto(server.url)
    until(page, "window.viewer && (viewer.loaded || viewer.trouble)")
    assert state(page, "trouble") == ""
    return page


def picture(page: Page) -> npt.NDArray[np.int16]:
    """Return the canvas as it is once it is drawn anew, (H, W, 3)."""
    page.evaluate(
        "() => new Promise((done) => setTimeout(() => requestAnimationFrame(() => setTimeout(done, 50)), 250))"
    )
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    # not the picture of an element: that waits for it to keep still over several frames, each of which takes its time
    shot = page.screenshot(clip=box, timeout=1000 * _PATIENCE_S)
    return np.asarray(Image.open(BytesIO(shot)).convert("RGB")).astype(np.int16)


def slide(page: Page, selector: str, value: float) -> None:
    page.locator(selector).evaluate(
        "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input', { bubbles: true })); }",
        value,
    )


def changed(a: npt.NDArray[np.int16], b: npt.NDArray[np.int16]) -> float:
    """Return the share of pixels that differ clearly."""
    return float((np.abs(a - b).max(axis=2) > 24).mean())


def differs(page: Page, before: npt.NDArray[np.int16], at_least: float = 0.0, at_most: float = 1.0) -> None:
    """Wait until the share of pixels that differ from an earlier picture is within limits: sorting takes its time."""
    end = time.monotonic() + _PATIENCE_S
    while not at_least <= (share := changed(picture(page), before)) <= at_most:
        assert time.monotonic() < end, f"{share} of the pixels differ, not {at_least} to {at_most}"


def test_it_opens_and_shows_the_scene(page: Page, office: ViewServer) -> None:
    opened(page, office)
    assert page.locator("h1").inner_text() == "office"
    assert state(page, "gaussianCount") > 50_000
    expect(page.locator("#status")).to_contain_text("Gaussians,")
    expect(page.locator("#where")).to_contain_text("camera at x")
    seen = picture(page)
    assert len(np.unique(seen.reshape(-1, 3), axis=0)) > 500
    assert seen.std() > 15
    assert state(page, "firstPictureMs") > 0


def test_gaussians_and_collider_can_be_shown_and_hidden(page: Page, office: ViewServer) -> None:
    opened(page, office)
    full = picture(page)
    page.locator("#splats-on").uncheck()
    empty = picture(page)
    assert len(np.unique(empty.reshape(-1, 3), axis=0)) < 10
    page.locator("input[name=collider][value=wire]").check()
    wire = picture(page)
    assert 0.01 < changed(wire, empty) < 0.9
    page.locator("input[name=collider][value=solid]").check()
    solid = picture(page)
    assert changed(solid, empty) > 0.9
    slide(page, "#opacity", 0.1)
    assert picture(page).mean() < solid.mean()
    slide(page, "#opacity", 1)
    assert picture(page).std() > 5
    page.locator("#splats-on").check()
    differs(page, full, at_least=0.3)
    page.locator("input[name=collider][value=off]").check()
    differs(page, full, at_most=0.05)


def test_classes_have_colours_and_a_legend(page: Page, office: ViewServer) -> None:
    opened(page, office)
    before = picture(page)
    page.locator("#classes-on").check()
    until(page, "viewer.classesShown")
    coloured = picture(page)
    assert changed(before, coloured) > 0.5
    spread = (coloured.max(axis=2) - coloured.min(axis=2)).mean()
    assert spread > 2 * (before.max(axis=2) - before.min(axis=2)).mean()
    assert {"wall", "floor", "desk"} <= set(page.locator("#legend li").all_inner_texts())
    page.locator("#classes-on").uncheck()
    assert not page.locator("#legend").is_visible()
    differs(page, before, at_most=0.05)


def test_the_cut_and_the_view_from_above(page: Page, office: ViewServer) -> None:
    opened(page, office)
    slide(page, "#cut", 1.0)
    assert state(page, "cutHeight") == 1.0
    expect(page.locator("#cut-height")).to_have_text("hidden above 1.00 m")
    page.locator("#above").click()
    assert state(page, "cameraPosition")[2] > 4
    low = picture(page)
    slide(page, "#cut", float(page.locator("#cut").get_attribute("max") or 0))
    assert state(page, "cutHeight") is None
    differs(page, low, at_least=0.1)
    page.locator("#reset").click()
    assert state(page, "cameraPosition")[2] < 4


def test_robots_have_places_footprints_and_paths(page: Page, office: ViewServer, scene_dir: Path) -> None:
    robots = [space.robot for space in load_navigation(scene_dir).spaces]
    opened(page, office)
    page.locator("#splats-on").uncheck()
    page.locator("#above").click()
    before = picture(page)
    for part in ("#spawns-on", "#discs-on", "#paths-on"):
        page.locator(part).check()
        shown = picture(page)
        assert changed(shown, before) > 0.001, part
        before = shown
    chosen = page.locator("#robot")
    assert chosen.locator("option").all_inner_texts() == [robot.title for robot in robots]
    chosen.select_option(str(len(robots) - 1))
    assert state(page, "robot") == robots[-1].name
    assert f"radius {robots[-1].radius_m:g} m" in page.locator("#robot-size").inner_text()


def test_walking_moves_and_walls_stop_it(page: Page, office: ViewServer, scene_dir: Path) -> None:
    space = load_navigation(scene_dir).spaces[0]
    opened(page, office)
    page.locator("#splats-on").uncheck()
    page.locator("input[name=collider][value=solid]").check()
    page.locator("input[name=mode][value=walk]").check()
    assert state(page, "mode") == "walk"
    start = np.array(state(page, "cameraPosition"))
    ground = space.spawn_points.positions[0]
    assert np.allclose(start, ground + [0, 0, space.robot.eye_height_m], atol=2e-3)
    page.keyboard.down("Shift")
    page.keyboard.down("w")
    for _ in range(200):
        before = state(page, "cameraPosition")
        page.wait_for_timeout(300)
        if np.allclose(before, state(page, "cameraPosition"), atol=1e-3) and not np.allclose(before, start, atol=0.05):
            break
    end = np.array(state(page, "cameraPosition"))
    page.wait_for_timeout(500)
    assert np.allclose(end, state(page, "cameraPosition"), atol=0.02), "it is stopped while the key is held"
    page.keyboard.up("w")
    page.keyboard.up("Shift")
    assert np.hypot(*(end - start)[:2]) > 0.05
    assert abs(end[2] - start[2]) < 0.3
    polygon = np.concatenate(load_navigation(scene_dir).bounds)
    assert (end[:2] > polygon.min(axis=0) - 0.2).all()
    assert (end[:2] < polygon.max(axis=0) + 0.2).all()
    page.keyboard.down("ArrowLeft")
    page.wait_for_timeout(400)
    page.keyboard.up("ArrowLeft")
    page.locator("#reset").click()
    assert np.allclose(state(page, "cameraPosition"), start, atol=1e-3)


def test_flying_and_looking_by_mouse(page: Page, office: ViewServer) -> None:
    opened(page, office)
    page.locator("#splats-on").uncheck()
    page.locator("input[name=collider][value=solid]").check()
    page.locator("input[name=mode][value=fly]").check()
    start, first = np.array(state(page, "cameraPosition")), picture(page)
    page.locator("#canvas").drag_to(
        page.locator("#canvas"), source_position={"x": 100, "y": 100}, target_position={"x": 200, "y": 120}
    )
    differs(page, first, at_least=0.1)
    assert np.allclose(state(page, "cameraPosition"), start)
    page.keyboard.down("e")
    until(page, f"viewer.cameraPosition[2] > {start[2] + 0.1}")
    page.keyboard.up("e")
    page.locator("input[name=mode][value=orbit]").check()
    assert state(page, "mode") == "orbit"
    before = np.array(state(page, "cameraPosition"))
    page.keyboard.press("+")
    assert not np.allclose(state(page, "cameraPosition"), before)
    page.keyboard.press("Shift+ArrowLeft")
    assert not np.allclose(state(page, "cameraPosition"), before)


def test_the_ruler_measures_the_collider(page: Page, office: ViewServer) -> None:
    opened(page, office)
    page.locator("#splats-on").uncheck()
    page.locator("#ruler").click()
    assert page.locator("#crosshair").is_visible()
    canvas = page.locator("#canvas")
    box = canvas.bounding_box()
    assert box is not None
    canvas.click(position={"x": 0.3 * box["width"], "y": 0.9 * box["height"]})
    expect(page.locator("#length")).to_have_text("Click the second point.")
    canvas.click(position={"x": 0.7 * box["width"], "y": 0.9 * box["height"]})
    length = state(page, "measuredMetres")
    assert 0.2 < length < 5
    expect(page.locator("#length")).to_contain_text(f"{length:.3f} m: ")
    # both are on the floor
    expect(page.locator("#length")).to_contain_text("0.000 m in height")
    expect(page.locator("#length-label")).to_have_text(f"{length:.3f} m")
    page.locator("#clear").click()
    assert state(page, "measuredMetres") is None
    expect(page.locator("#length-label")).to_be_hidden()
    canvas.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#length")).to_have_text("Click the second point.")
    page.locator("#ruler").click()
    assert page.locator("#ruler").get_attribute("aria-pressed") == "false"


def test_a_splat_alone_can_be_turned_and_measured(page: Page, serve: Serve, splat_file: Path) -> None:
    opened(page, serve(splat_file))
    assert not page.locator("#collider").is_visible()
    assert not page.locator("#robots").is_visible()
    assert not page.locator("#playing").is_visible()
    assert not page.locator("#classes-row").is_visible()
    assert page.locator("input[value=walk]").is_disabled()
    before = picture(page)
    assert changed(before, before[:1, :1]) > 0.02
    page.locator("#up").select_option("x")
    differs(page, before, at_least=0.02)
    page.locator("#ruler").click()
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    for share in (0.42, 0.58):
        # where no Gaussian is hit, the page says so and waits for another click
        for y in np.linspace(0.4, 0.6, 15):
            before_text = page.locator("#length").inner_text()
            page.locator("#canvas").click(position={"x": share * box["width"], "y": float(y) * box["height"]})
            text = page.locator("#length").inner_text()
            if text != before_text and "Nothing" not in text:
                break
    assert 0.05 < state(page, "measuredMetres") < 7
    slide(page, "#detail", 0.1)
    assert state(page, "detail") == 0.1


def test_times_are_played_and_chosen(page: Page, serve: Serve, moving_folder: Path) -> None:
    opened(page, serve(moving_folder, fps=2.0))
    assert (state(page, "time"), state(page, "playing")) == (0, False)
    slide(page, "#time", 3)
    until(page, "viewer.gaussianCount === 103")
    assert state(page, "time") == 1.5
    expect(page.locator("#time-now")).to_have_text("1.50 s of 1.50 s")
    page.locator("#play").click()
    expect(page.locator("#play")).to_have_text("Pause")
    until(page, "viewer.time === 0.5")
    page.locator("#play").click()
    assert not state(page, "playing")


def test_every_control_has_a_name_and_is_reached_by_keyboard(page: Page, office: ViewServer) -> None:
    opened(page, office)
    names = page.locator("aside input, aside select, aside button").evaluate_all(
        "all => all.map(e => e.labels?.length ? e.labels[0].textContent.trim() : e.textContent.trim())"
    )
    assert len(names) > 15
    assert all(names)
    page.locator("#canvas").focus()
    reached = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("() => document.activeElement.id || document.activeElement.name"))
    assert {"mode", "reset", "above", "splats-on", "classes-on", "detail", "collider", "opacity", "robot"} <= reached
    assert {"spawns-on", "discs-on", "paths-on", "cut", "ruler", "clear"} <= reached


def test_without_webgl_it_says_why(page: Page, office: ViewServer) -> None:
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null;")
    page.goto(office.url)
    expect(page.locator("#status")).to_contain_text("offers no WebGL 2")
    assert "trouble" in (page.locator("#status").get_attribute("class") or "")
