"""What the doctor says of healthy and of broken installations."""

from __future__ import annotations

import platform

import pytest

from lyra_backend import doctor, kernels
from lyra_backend.requirements import requirements


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
