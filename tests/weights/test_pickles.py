"""Pickles that attack, pickles with training state, and damaged ones."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import types
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import torch

from lyra_backend.errors import InvalidRequest
from lyra_backend.weights.pickles import read_pickle
from lyra_backend.weights.published import read_tensors

TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "b.bias": torch.ones(2, dtype=torch.bfloat16)}
MARKS: list[str] = []


def trap(word: str) -> str:
    """Leave a mark: what an attack's own function would do."""
    MARKS.append(word)
    return word


class Attack:
    """Pickled as the call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("attack", ["system", "popen", "eval", "exec", "import"])
def test_an_attack_is_refused(tmp_path: Path, attack: str, legacy: bool) -> None:
    mark = tmp_path / "mark"
    calls = {
        "system": Attack(os.system, f"touch {mark}"),
        "popen": Attack(subprocess.Popen, ["touch", str(mark)]),
        "eval": Attack(eval, f"open({str(mark)!r}, 'w')"),
        "exec": Attack(exec, f"open({str(mark)!r}, 'w')"),
        "import": Attack(__import__, "antigravity"),
    }
    path = tmp_path / "evil.pt"
    torch.save({"module": TENSORS, "hook": calls[attack]}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(InvalidRequest, match=r"evil\.pt: would call .* It was not opened"):
        read_tensors(path)
    assert not mark.exists()
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("legacy", [False, True])
def test_a_function_that_nobody_knows_is_not_called(tmp_path: Path, legacy: bool) -> None:
    MARKS.clear()
    content = {"module": TENSORS, "hook": Attack(trap, "was here"), "list": [Attack(trap, "twice")]}
    torch.save(content, tmp_path / "odd.pt", _use_new_zipfile_serialization=not legacy)
    read = read_tensors(tmp_path / "odd.pt")
    assert MARKS == []
    assert read.keys() == TENSORS.keys()
    assert all(torch.equal(read[name], tensor) and read[name].dtype == tensor.dtype for name, tensor in TENSORS.items())


def test_an_attack_in_place_of_a_tensor_leaves_nothing(tmp_path: Path) -> None:
    MARKS.clear()
    torch.save({"a.weight": Attack(trap, "x")}, tmp_path / "odd.pt")
    with pytest.raises(InvalidRequest, match="holds no named tensors"):
        read_tensors(tmp_path / "odd.pt")
    assert MARKS == []


def test_a_bare_pickle_is_not_run_either(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "bare.pt").write_bytes(pickle.dumps(Attack(os.system, f"touch {mark}"), protocol=2))
    with pytest.raises(InvalidRequest, match=r"bare\.pt"):
        read_tensors(tmp_path / "bare.pt")
    assert not mark.exists()


def deepspeed_classes() -> dict[str, type]:
    """Return classes as DeepSpeed has them, in modules that exist only while a file is written."""
    module = types.ModuleType("deepspeed.runtime.fp16.loss_scaler")
    made = {name: type(name, (), {"__module__": module.__name__}) for name in ("LossScaler", "ZeroStage")}
    for name, kind in made.items():
        setattr(module, name, kind)
    sys.modules.update({"deepspeed": types.ModuleType("deepspeed"), module.__name__: module})
    return made


@pytest.fixture
def deepspeed_file(tmp_path: Path, decoder_state: dict[str, torch.Tensor]) -> Path:
    """A file with what DeepSpeed puts beside the weights."""
    classes = deepspeed_classes()
    scaler = classes["LossScaler"]()
    vars(scaler).update(cur_scale=1.0, stages={"zero": classes["ZeroStage"]()})
    counts = defaultdict(list)
    counts["steps"].append(1)
    content = {
        "module": {name: tensor.bfloat16() for name, tensor in decoder_state.items()},
        "buffer_names": [],
        "optimizer": None,
        "param_shapes": [{name: tensor.shape for name, tensor in decoder_state.items()}],
        "frozen_param_shapes": None,
        "ds_config": {"bf16": {"enabled": True}, "path": Path("somewhere"), "kinds": {"a", "b"}},
        "loss_scaler": scaler,
        "counts": counts,
        "rng": torch.random.get_rng_state(),
        "ds_version": "0.16.4",
        "global_steps": 83000,
    }
    path = tmp_path / "mp_rank_00_model_states.pt"
    torch.save(content, path)
    for name in [name for name in sys.modules if name.startswith("deepspeed")]:
        del sys.modules[name]
    return path


def test_deepspeed_files_are_read_without_deepspeed(
    deepspeed_file: Path, decoder_state: dict[str, torch.Tensor]
) -> None:
    read = read_tensors(deepspeed_file)
    assert read.keys() == decoder_state.keys()
    assert {tensor.dtype for tensor in read.values()} == {torch.bfloat16}
    assert all(torch.equal(read[name], decoder_state[name].bfloat16()) for name in read)


def test_parameters_and_tensors_with_attributes(tmp_path: Path) -> None:
    parameter = torch.nn.Parameter(torch.ones(3))
    parameter.ds_id = Attack(trap, "attribute")  # type: ignore[attr-defined]
    torch.save({"w": parameter, "other": Attack(trap, "x")}, tmp_path / "p.pt")
    MARKS.clear()
    read = read_tensors(tmp_path / "p.pt")
    assert MARKS == []
    assert torch.equal(read["w"], torch.ones(3))
    assert not read["w"].requires_grad


@pytest.mark.parametrize("legacy", [False, True])
def test_large_files_are_mapped_not_read(tmp_path: Path, legacy: bool) -> None:
    torch.save({"w": torch.zeros(1 << 22)}, tmp_path / "big.pt", _use_new_zipfile_serialization=not legacy)
    tensor = read_pickle(tmp_path / "big.pt")["w"]
    if sys.platform.startswith("linux"):
        assert str(tmp_path / "big.pt") in Path("/proc/self/maps").read_text()
    assert tensor.shape == (1 << 22,)


def test_tensors_of_older_files_are_what_they_were(tmp_path: Path) -> None:
    """Of any type and order, transposed, and several in one storage."""
    whole = torch.arange(24, dtype=torch.int64)
    tensors = {
        "bytes": torch.tensor([1, 2, 3], dtype=torch.uint8),
        "half": torch.linspace(-1, 1, 7, dtype=torch.float16),
        "brain": torch.linspace(-1, 1, 5, dtype=torch.bfloat16),
        "transposed": torch.arange(6.0).reshape(2, 3).T,
        "first": whole[:10],
        "rows": whole[10:22].view(3, 4),
        "nothing": torch.zeros(0),
        "number": torch.tensor(3.5, dtype=torch.float64),
    }
    torch.save(tensors, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    read = read_pickle(tmp_path / "old.pt")
    assert read.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert read[name].dtype == tensor.dtype
        assert torch.equal(read[name], tensor), name
    assert read["first"].untyped_storage().data_ptr() == read["rows"].untyped_storage().data_ptr()


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
@pytest.mark.parametrize("legacy", [False, True])
def test_files_that_are_cut_short(tmp_path: Path, legacy: bool, share: float) -> None:
    path = tmp_path / "cut.pt"
    torch.save({"w": torch.arange(50_000.0)}, path, _use_new_zipfile_serialization=not legacy)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(InvalidRequest, match=r"cut\.pt: .*[Ff]etch it again"):
        read_tensors(path)


def test_a_damaged_pickle_inside_a_whole_archive(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(3)}, tmp_path / "whole.pt")
    data = (tmp_path / "whole.pt").read_bytes()
    start = data.index(b"data.pkl") + 80
    for place in range(start, start + 60):
        (tmp_path / "odd.pt").write_bytes(data[:place] + b"\xff" + data[place + 1 :])
        try:
            read_tensors(tmp_path / "odd.pt")
        except InvalidRequest as error:
            assert "odd.pt" in str(error)  # noqa: PT017
