"""What the package needs, as its metadata says."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from lyra_backend import requirements
from lyra_backend.requirements import Requirement, extra_of, meets, python_versions

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package as pip would install it from this checkout."""
    lines = list(PROJECT["dependencies"])
    for extra, more in PROJECT["optional-dependencies"].items():
        lines += [f'{line}; extra == "{extra}"' for line in more]
    monkeypatch.setattr(requirements, "requires", lambda name: lines)
    requirements.requirements.cache_clear()
    yield
    requirements.requirements.cache_clear()


@pytest.mark.usefixtures("installed")
def test_requirements_are_those_of_pyproject() -> None:
    extras = {"": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
    extras.pop("test")
    declared = [(line, extra) for extra, lines in extras.items() for line in lines]
    assert [(r.package + r.versions, r.extra) for r in requirements.requirements()] == declared
    assert Requirement("numpy", ">=1.26", "") in requirements.requirements()


def test_the_supported_python() -> None:
    assert set(python_versions().split(",")) == set(PROJECT["requires-python"].split(","))
    assert [meets(v, python_versions()) for v in ("3.10.9", "3.11.0", "3.12.7", "3.13.0")] == [False, True, True, False]


@pytest.mark.parametrize(
    ("version", "versions", "fits"),
    [
        ("1.19.0", "==1.19.0", True),
        ("1.19", "==1.19.0", True),
        ("1.19.1", "==1.19.0", False),
        ("1.100", ">=1.26", True),
        ("2.0rc1", ">=1.26,<3", True),
        ("3.0", ">=1.26,<3", False),
        ("9", "", True),
    ],
)
def test_versions(version: str, versions: str, fits: bool) -> None:
    assert meets(version, versions) == fits


@pytest.mark.usefixtures("installed")
def test_modules_lead_to_extras() -> None:
    assert extra_of("gsply") == "formats"
    assert extra_of("physx_usd_schemas.plugins") == "physics"
    assert extra_of("numpy") is None
    assert extra_of("torch") == "lyra"
    assert extra_of("diffusers") == "lyra"
    assert extra_of("jax") is None


def test_a_package_that_was_never_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> list[str]:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(requirements, "requires", unknown)
    monkeypatch.setattr(requirements, "metadata", unknown)
    requirements.requirements.cache_clear()
    try:
        assert requirements.requirements() == ()
        assert python_versions() == ""
    finally:
        requirements.requirements.cache_clear()


def test_what_comes_from_a_repository_is_told_by_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "moge-2.0.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: moge\nVersion: 2.0.0\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert requirements.installed_versions()["moge"] == "2.0.0"
    origin = '{"url": "https://github.com/microsoft/MoGe.git", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}}'
    (folder / "direct_url.json").write_text(origin, encoding="utf-8")
    assert requirements.installed_versions()["moge"] == "2.0.0 c0ffee"


def test_every_library_that_computes_counts_as_code(monkeypatch: pytest.MonkeyPatch) -> None:
    from lyra_backend import pipeline

    found = requirements.installed_versions()
    assert all(found[name] for name in ("python", "numpy", "scipy", "warp-lang", "usd-core", "ovphysx"))
    code = pipeline.code_version.__wrapped__
    before = code()
    assert code() == before
    for package in ("numpy", "warp-lang", "usd-core", "trimesh", "mamba-ssm", "moge", "torchao", "gsplat"):
        assert package in found
        other = {**found, package: "999.0"}
        monkeypatch.setattr(pipeline, "installed_versions", lambda other=other: other)
        assert code() != before, package


@pytest.mark.usefixtures("installed")
def test_what_only_answers_requests_changes_no_results() -> None:
    assert "uvicorn" in {need.package for need in requirements.requirements()}
    assert "uvicorn" not in requirements.installed_versions()
