"""The script that measures Lyra on a GPU, at tiny size on a CPU."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).with_name("lyra_full_size.py")


@pytest.fixture
def script(monkeypatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("lyra_full_size", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "lyra_full_size", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)


def test_all_of_it_at_tiny_size(script, tmp_path, capsys) -> None:
    results = script.main(["--tiny", "--out", str(tmp_path)])
    assert [result.what for result in results] == [title for title, _ in script.WORKS.values()]
    assert [result.error for result in results] == [""] * len(results)
    assert all(result.seconds > 0 for result in results)
    planned = {result.what for result in results if result.planned_gb is None}
    assert len(planned) == 4
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["device"] == "CPU"
    assert [entry["seconds"] for entry in found["results"]] == [result.seconds for result in results]
    table = (tmp_path / "results.md").read_text()
    assert table.count("\n") == len(results) + 2
    assert table.strip() in capsys.readouterr().out


def test_what_fails_takes_nothing_with_it(script, tmp_path, monkeypatch) -> None:
    def fails(setting: object, result: object) -> None:
        raise RuntimeError("no kernel | for this\ndevice")

    monkeypatch.setitem(script.WORKS, "decoder", ("the decoder", fails))
    monkeypatch.setenv("OUT", str(tmp_path))
    broken, whole = script.main(["decoder", "encode", "--tiny"])
    assert (broken.error, broken.seconds) == ("RuntimeError: no kernel | for this", None)
    assert whole.seconds > 0
    assert (
        "| the decoder | - | - | - | - | RuntimeError: no kernel / for this |" in (tmp_path / "results.md").read_text()
    )


def test_the_published_size_needs_a_gpu(script) -> None:
    with pytest.raises(SystemExit, match="No CUDA device"):
        script.main([])


def test_it_says_what_it_does(script, capsys) -> None:
    with pytest.raises(SystemExit):
        script.main(["--help"])
    assert "below 8 minutes on an H200" in capsys.readouterr().out
