"""Finding plugins without importing them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import lyra_backend
from lyra_backend import registry
from lyra_backend.catalog import describe
from lyra_backend.errors import BrokenPlugin, InvalidRequest, MissingDependency


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


@pytest.fixture(autouse=True)
def looked_for_anew() -> Iterator[None]:
    """Packages do not come and go in a process; here they do."""
    registry._offers.cache_clear()
    yield
    registry._offers.cache_clear()


def test_packages_are_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def offered(group: str) -> list[EntryPoint]:
        asked.append(group)
        return []

    monkeypatch.setattr(registry, "entry_points", offered)
    registry._offers.cache_clear()
    for _ in range(3):
        registry.get("generate", "procedural")
        registry.names("collide")
    assert asked == ["lyra_backend.generate", "lyra_backend.collide"]


def test_other_packages_can_offer_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    def offered(group: str) -> list[EntryPoint]:
        plugins = [EntryPoint("outside", "lyra_backend.generate.rgbd", group), EntryPoint("rgbd", "elsewhere", group)]
        return plugins if group == "lyra_backend.generate" else []

    monkeypatch.setattr(registry, "entry_points", offered)
    registry._offers.cache_clear()
    assert "outside" in registry.names("generate")
    assert registry.get("generate", "outside").__name__ == "lyra_backend.generate.rgbd"
    assert registry.summary("generate", "outside") == "from lyra_backend.generate.rgbd"
    with pytest.raises(InvalidRequest, match=r"offered by lyra_backend\.generate\.rgbd and by elsewhere"):
        registry.get("generate", "rgbd")
    assert "outside" not in registry.names("collide")


def test_two_other_packages_cannot_share_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, "first.place", "second.place", "first.place")
    with pytest.raises(InvalidRequest, match=r"generator 'outside' is offered by first\.place and by second\.place"):
        registry.get("generate", "outside")


HEAD = "from dataclasses import dataclass\nfrom lyra_backend.params import param\n"
PARAMS = "@dataclass(frozen=True)\nclass Params:\n    size: int = param(3, 'how large')\n"
RUN = "INPUTS = ('prompt',)\ndef run(request, params, progress): ...\n"
FAULTS = [
    ("import gsply_is_not_here", MissingDependency, "pip install 'gsply_is_not_here'"),
    ("raise RuntimeError('bad [day]')", BrokenPlugin, r"cannot be imported \(RuntimeError: bad \[day\]\)"),
    ("def f(:", BrokenPlugin, "cannot be imported .SyntaxError"),
    (HEAD + PARAMS, BrokenPlugin, "does not define run and INPUTS"),
    (RUN, BrokenPlugin, "does not define Params"),
    (HEAD + RUN + "class Params: ...", BrokenPlugin, "otherwise than as a dataclass"),
    (HEAD + RUN + "@dataclass\nclass Params:\n    size: int = 3", BrokenPlugin, "otherwise than as a dataclass"),
]


@pytest.mark.parametrize(("text", "error", "said"), FAULTS)
def test_faulty_plugins_of_others_are_listed_and_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, error: type[Exception], said: str
) -> None:
    (tmp_path / "outside_plugin.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "outside_plugin", raising=False)
    offer(monkeypatch, "outside_plugin")
    with pytest.raises(error, match=said) as caught:
        registry.get("generate", "outside")
    assert "generator 'outside'" in str(caught.value)
    entry = describe()["generate"]["generators"]["outside"]
    assert re.search(said, entry["unavailable"])
    assert "parameters" not in entry


def test_a_plugin_that_needs_one_of_our_extras_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "outside_plugin.py").write_text("import gaussforge", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "outside_plugin", raising=False)
    monkeypatch.setitem(sys.modules, "gaussforge", None)
    offer(monkeypatch, "outside_plugin")
    with pytest.raises(MissingDependency, match=r"gaussforge: needed for generator 'outside'.*lyra-backend\[formats\]"):
        registry.get("generate", "outside")


def test_a_plugin_whose_module_is_gone_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, "gone_package.plugin")
    with pytest.raises(BrokenPlugin, match=r"gone_package\.plugin cannot be imported"):
        registry.get("generate", "outside")


def offer(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    """Let other packages offer the generator "outside"."""

    def offered(group: str) -> list[EntryPoint]:
        return [EntryPoint("outside", m, group) for m in modules] if group == "lyra_backend.generate" else []

    monkeypatch.setattr(registry, "entry_points", offered)
    registry._offers.cache_clear()
