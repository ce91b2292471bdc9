"""Fixtures shared by all tests: small real scenes, made once."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from lyra_backend.types import Finding, Frame, GaussianCloud
from lyra_backend.types.rotations import normalise_quats

from .browser import open_browser, watched_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# How long an example takes says more about the machine than about the code.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

# A job that a shell starts in the background ignores Ctrl-C, and so would every process the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

#: What the codes of this package's own findings begin with.
OWN_SUBJECTS = {
    "atlas",
    "author",
    "collide",
    "collider",
    "depth",
    "field",
    "gaussians",
    "lyra",
    "physics",
    "prompt",
    "refine",
    "rgbd",
    "robots",
    "sequence",
    "splat",
    "usd",
    "vary",
}
#: Small enough to be quick, dense enough for a collider at 8 cm voxels.
SMALL = {"generate": {"gaussian_count": 60_000}, "collide": {"voxel_size": 0.08}}
PROMPT = "a small office with two desks and a red chair"
#: A whole run in half the time of that of the office, for tests of what happens to runs and not of what they make.
QUICK: dict[str, Any] = {
    "prompt": "a small bathroom",
    "seed": 1,
    "params": {
        "generate": {"gaussian_count": 20_000},
        "collide": {"voxel_size": 0.08},
        "report": {"turntable": 0, "comparison": False},
    },
}


@pytest.fixture(autouse=True, scope="session")
def every_number_has_a_unit() -> Iterator[None]:
    """Whatever finding a test provokes: if it has numbers, this package says what they are measured in."""
    usual = Finding.__post_init__

    def checked(finding: Finding) -> None:
        usual(finding)
        if finding.code.partition(".")[0] in OWN_SUBJECTS and finding.measured is not None:
            assert finding.unit, f"{finding.code} has numbers but no unit in lyra_backend/types/units.py"

    Finding.__post_init__ = checked  # type: ignore[method-assign]
    yield
    Finding.__post_init__ = usual  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def scene_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the procedural generator: made by the process that needs it first, copied by the others."""
    import lyra_backend

    out, own = tmp_path_factory.mktemp("scene") / "office", tmp_path_factory.getbasetemp()
    made = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "office"
    with FileLock(f"{made}.lock"):
        if not (made / ".complete").is_file():
            lyra_backend.generate_scene({"prompt": PROMPT, "seed": 1, "params": SMALL}, made)
        shutil.copytree(made, out)
    return out


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a screen."""
    with open_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of it, on which nothing may fail and from which nobody else may be asked."""
    with watched_page(browser) as page:
        yield page


@pytest.fixture
def random_cloud() -> GaussianCloud:
    """300 Gaussians of SH degree 3 in a box."""
    return make_random_cloud(300, 3)


def make_random_cloud(count: int, sh_degree: int, seed: int = 0) -> GaussianCloud:
    rng = np.random.default_rng(seed)
    return GaussianCloud(
        rng.uniform(-2, 2, (count, 3)).astype(np.float32),
        rng.lognormal(-4, 0.5, (count, 3)).astype(np.float32),
        normalise_quats(rng.normal(size=(count, 4)).astype(np.float32)),
        rng.uniform(0.05, 0.99, count).astype(np.float32),
        rng.normal(0, 0.3, (count, (sh_degree + 1) ** 2, 3)).astype(np.float32),
        Frame.WORLD,
    )
