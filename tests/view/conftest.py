"""Scenes to look at, served, and a browser for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from lyra_backend.io.ply import write_ply
from lyra_backend.view import ViewServer, gather, routes_of

from ..conftest import make_random_cloud

if TYPE_CHECKING:
    from playwright.sync_api import Page

Serve = Callable[..., ViewServer]


@pytest.fixture
def page(page: Page) -> Page:
    # drawn without a graphics card: each pixel takes its time
    page.set_viewport_size({"width": 640, "height": 400})
    page.set_default_timeout(90_000)
    return page


@contextmanager
def served(path: Path, **options: Any) -> Iterator[ViewServer]:
    with ViewServer(routes_of(gather(path, **options))) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def serve() -> Iterator[Serve]:
    """Serve paths for as long as a file's tests run."""
    with ExitStack() as stack:
        yield lambda path, **options: stack.enter_context(served(path, **options))


@pytest.fixture(scope="session")
def splat_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A splat alone: 300 Gaussians in a box, wide enough to be seen."""
    cloud = make_random_cloud(300, 1)
    path = tmp_path_factory.mktemp("splat") / "box.ply"
    write_ply(path, replace(cloud, scales=cloud.scales * 8, opacities=np.full(300, 0.9, np.float32)))
    return path


@pytest.fixture(scope="session")
def moving_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four splats, 0.5 s apart."""
    folder = tmp_path_factory.mktemp("moving")
    for number in range(4):
        write_ply(folder / f"frame_{number:02d}.ply", make_random_cloud(100 + number, 0, seed=number))
    return folder
