"""Finding plugins without importing them."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import lyra_backend
from lyra_backend import registry
from lyra_backend.errors import InvalidRequest


def test_names_and_summaries() -> None:
    names = registry.names("generate")
    assert {"rgbd", "splat_file"} <= set(names)
    assert list(names) == sorted(names)
    assert all(registry.summary("generate", name) for name in names)


def test_listing_imports_no_plugin() -> None:
    code = (
        "import sys\nfrom lyra_backend import registry\n"
        "for stage in registry.PLUGIN_STAGES:\n    [registry.summary(stage, n) for n in registry.names(stage)]\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('warp', 'pxr', 'torch')"
        " or m.startswith('lyra_backend.generate.')])"
    )
    folder = Path(lyra_backend.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder)
    assert done.stdout.strip() == "[]"


def test_unknown_names_get_a_suggestion() -> None:
    with pytest.raises(InvalidRequest, match=r"generator 'rgdb' is unknown; known: .*Did you mean 'rgbd'"):
        registry.get("generate", "rgdb")


def test_other_packages_can_offer_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    def offered(group: str) -> list[EntryPoint]:
        plugins = [EntryPoint("outside", "lyra_backend.generate.rgbd", group), EntryPoint("rgbd", "elsewhere", group)]
        return plugins if group == "lyra_backend.generate" else []

    monkeypatch.setattr(registry, "entry_points", offered)
    assert "outside" in registry.names("generate")
    assert registry.get("generate", "outside").__name__ == "lyra_backend.generate.rgbd"
    assert registry.summary("generate", "outside") == "from lyra_backend.generate.rgbd"
    with pytest.raises(InvalidRequest, match="offered by lyra_backend and by elsewhere"):
        registry.get("generate", "rgbd")
    assert "outside" not in registry.names("collide")
