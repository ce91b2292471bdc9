"""What the doctor says of healthy and of broken installations."""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lyra_backend import doctor, kernels
from lyra_backend.requirements import requirements
from lyra_backend.weights import catalogue

_TORCH = doctor._torch


@pytest.fixture(autouse=True)
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing it takes seconds."""
    monkeypatch.setattr(doctor, "_torch", dict)


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where weights lie, in place of the user's."""
    monkeypatch.setattr("lyra_backend.weights.store.default_folder", lambda: tmp_path / "cache" / "weights")
    return tmp_path / "cache" / "weights"


def test_a_healthy_installation() -> None:
    report = doctor.examine()
    assert report["ready"]
    assert report["missing"] == "nothing"
    assert report["python"] == platform.python_version()
    assert {"typer", "rich", "pillow", "trimesh", "physx-usd-schemas", "newton-usd-schemas"} <= set(report["packages"])
    assert report["devices"]
    assert float(report["free_disk"].split()[0]) > 0


def test_a_choice_that_is_not_installed_is_told_and_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {need.package: doctor._version(need.package) for need in requirements()} | {"coacd": None}
    monkeypatch.setattr(doctor, "_version", there.get)
    report = doctor.examine()
    assert report["ready"]
    assert report["optional"]["coacd"].endswith("pip install 'lyra-backend[coacd]'")


def test_models_are_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {need.package: doctor._version(need.package) for need in requirements()} | {"diffusers": None}
    monkeypatch.setattr(doctor, "_version", there.get)
    report = doctor.examine()
    assert report["ready"]
    assert "NVIDIA Lyra" in report["optional"]["diffusers"]
    assert report["optional"]["diffusers"].endswith("pip install 'lyra-backend[lyra]'")


def test_missing_packages_come_with_the_line_that_installs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {need.package: doctor._version(need.package) for need in requirements()}
    there |= {"gsply": None, "trimesh": None, "warp-lang": "1.18.0"}
    monkeypatch.setattr(doctor, "_version", there.get)
    report = doctor.examine()
    assert not report["ready"]
    assert set(report["missing"]) == {"gsply", "trimesh", "warp-lang"}
    assert report["missing"]["gsply"].endswith("pip install 'lyra-backend[formats]'")
    assert report["missing"]["trimesh"].endswith("pip install 'trimesh>=4'")
    assert report["missing"]["warp-lang"] == "1.18.0 is installed, needs ==1.19.0: pip install 'warp-lang==1.19.0'"
    assert "gsply" not in report["packages"]


def test_a_python_that_is_not_supported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "python_version", lambda: "3.13.1")
    report = doctor.examine()
    assert report["python"] == "3.13.1 (not supported, needs >=3.11,<3.13)"
    assert not report["ready"]


def test_a_package_that_pip_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "requirements", tuple)
    report = doctor.examine()
    assert "pip install -e ." in report["missing"]["lyra-backend"]
    assert not report["ready"]


def test_a_broken_driver_is_told_and_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[str]:
        raise RuntimeError("driver too old")

    monkeypatch.setattr(kernels, "describe_devices", broken)
    assert doctor.examine()["devices"] == ["none: Warp cannot be used (RuntimeError: driver too old)"]


def test_weights_that_are_there_and_those_that_are_not(place: Path) -> None:
    (place / "gen3c").mkdir(parents=True)
    (place / "gen3c" / "weights.json").write_text("{", encoding="utf-8")
    (place / "gen3c" / "model.safetensors").write_bytes(bytes(1_500_000))
    told = doctor.examine()["weights"]
    assert (told.pop("folder"), told.pop("free").split()[1]) == (str(place), "GB")
    assert told.pop("gen3c") == "1.5 MB"
    assert told.keys() == catalogue.known().keys() - {"gen3c"}
    assert told["lyra_static"] == "missing, 131.0 MB: lyra-scenegen weights fetch lyra_static --accept-licence"
    assert told["t5_11b"] == "missing, 45.20 GB: lyra-scenegen weights fetch t5_11b"


def test_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {need.package: re.findall(r"[>=]=([\d.]+)", need.versions)[0] for need in requirements()}
    there |= {"gsply": "0.1", "diffusers": None, "accelerate": None}
    monkeypatch.setattr(doctor, "_version", there.get)
    told = doctor.examine()["extras"]
    assert told.keys() == {"physics", "formats", "coacd", "lyra", "int8", "train", "service"}
    assert (told["formats"], told["lyra"]) == ("lacks gsply", "lacks diffusers, accelerate")
    assert told["physics"] == "installed"


def test_torch_itself_is_asked() -> None:
    torch = pytest.importorskip("torch")
    told = _TORCH()
    assert told["version"] == torch.__version__
    if torch.version.cuda is None:
        assert told["cuda"].startswith("none: this torch is built without CUDA")


def answering(monkeypatch: pytest.MonkeyPatch, out: str, code: int = 0, err: str = "") -> Any:
    answer = SimpleNamespace(stdout=out, stderr=err, returncode=code)
    monkeypatch.setattr(doctor, "find_spec", lambda _: object())
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: answer)
    return _TORCH()


def test_gpus_come_with_their_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"version": "2.13.0", "cuda": "13.0", "gpus": [["NVIDIA H200", 139 * 2**30, 140 * 2**30]]}
    said = answering(monkeypatch, json.dumps(told))
    assert said == {"version": "2.13.0", "cuda": ["NVIDIA H200, 140 GiB, 139 GiB free"]}
    said = answering(monkeypatch, json.dumps({**told, "gpus": []}))
    assert "built for CUDA 13.0, but sees no GPU" in said["cuda"]


def test_a_broken_torch_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    said = answering(monkeypatch, "", 1, "Traceback\nOSError: libcudart.so.13: cannot open shared object file\n")
    assert said == {"version": "cannot be used (OSError: libcudart.so.13: cannot open shared object file)"}
    assert answering(monkeypatch, "", -11) == {"version": "cannot be used (exit code -11)"}
    assert "JSONDecodeError" in answering(monkeypatch, "hello")["version"]


def test_without_torch_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda _: None)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("a process was started"))
    assert _TORCH() == {"version": "not installed: pip install 'lyra-backend[lyra]'"}


def test_it_loads_no_torch_itself() -> None:
    script = (
        "import sys\nfrom lyra_backend import doctor\ndoctor.subprocess.run = lambda *_, **__: 1 / 0\n"
        "doctor._torch = dict\ndoctor.examine()\nprint([m for m in ('torch', 'diffusers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
