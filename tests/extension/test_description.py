"""What describes the extension to Kit: its sections, its version, the files and dependencies that it names."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "exts" / "omni.lyra.scenegen"
MODULES = FOLDER / "omni" / "lyra" / "scenegen"
TEXT = (FOLDER / "config" / "extension.toml").read_text(encoding="utf-8")
DESCRIBED: dict[str, Any] = tomllib.loads(TEXT)
#: As NVIDIA's own rules for extensions have them.
SECTIONS = (
    "core", "package", "deprecation", "dependencies", "python.module", "native.library", "python.pipapi",
    "native.plugin", "settings", "trigger", "fswatcher", "test", "documentation",
)  # fmt: skip
PACKAGE_KEYS = (
    "version", "category", "title", "description", "authors", "repository", "keywords", "changelog", "readme",
    "preview_image", "icon",
)  # fmt: skip
#: Extension that brings a module, where it is not called like it; None for Kit's kernel.
BRINGS = {
    "omni.ext": None,
    "omni.kit.app": None,
    "omni.kit.undo": "omni.kit.commands",
    "omni.ui": "omni.kit.uiapp",
    "carb": None,
}


def test_sections_and_keys_stand_in_their_order() -> None:
    sections = re.findall(r"^\[+([\w.]+)\]+$", TEXT, re.MULTILINE)
    assert sections == sorted(sections, key=SECTIONS.index)
    assert set(sections) >= {"core", "package", "dependencies", "python.module", "test", "documentation"}
    assert list(DESCRIBED["package"]) == list(PACKAGE_KEYS)


def test_versions_are_one() -> None:
    package = DESCRIBED["package"]
    changes = (FOLDER / package["changelog"]).read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    import lyra_backend

    assert re.findall(r"^## \[([\d.]+)\]", changes, re.MULTILINE)[0] == package["version"]
    assert project["version"] == package["version"] == lyra_backend.__version__
    assert (ROOT / "tools" / "deps" / "VERSION.md").read_text(encoding="utf-8").strip() == package["version"]


def test_files_that_are_named_are_there() -> None:
    package = DESCRIBED["package"]
    for name in (package["readme"], package["icon"], package["preview_image"], *DESCRIBED["documentation"]["pages"]):
        assert (FOLDER / name).is_file(), name
    for module in DESCRIBED["python"]["module"]:
        assert (FOLDER / Path(*module["name"].split(".")) / "__init__.py").is_file()
    assert (MODULES / "tests" / "__init__.py").is_file()
    # namespaces that Kit's own packages share
    assert not (FOLDER / "omni" / "__init__.py").exists()
    assert not (FOLDER / "omni" / "lyra" / "__init__.py").exists()


def test_pictures_are_pictures() -> None:
    with Image.open(FOLDER / DESCRIBED["package"]["icon"]) as icon:
        assert icon.size == (256, 256)
    with Image.open(FOLDER / DESCRIBED["package"]["preview_image"]) as preview:
        assert 600 <= preview.width <= 1280
        assert len(preview.convert("RGB").resize((64, 36)).getcolors(64 * 36) or ()) > 100


def imported(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield modules of Kit that a file imports, and whether it can do without."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tries = [n for n in ast.walk(tree) if isinstance(n, ast.Try)]
    guarded = {id(n) for t in tries for statement in t.body for n in ast.walk(statement)}
    for node in ast.walk(tree):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        for name in names:
            if name.split(".")[0] in ("omni", "carb") and not name.startswith("omni.lyra"):
                yield name, id(node) in guarded


def extension_of(module: str) -> str | None:
    """Return the extension that brings a module, None for Kit's kernel."""
    known = next((name for name in BRINGS if module == name or module.startswith(f"{name}.")), "")
    return BRINGS[known] if known else module


def test_dependencies_are_what_is_imported() -> None:
    needed, wished = set(), set()
    for path in MODULES.rglob("*.py"):
        if "tests" not in path.parts:
            for module, optional in imported(path):
                (wished if optional else needed).add(extension_of(module))
    described = DESCRIBED["dependencies"]
    assert needed - {None} == {n for n, d in described.items() if not d.get("optional")} - {"omni.kit.pip_archive"}
    assert wished - {None} == {n for n, d in described.items() if d.get("optional")}
    tested = {extension_of(m) for path in (MODULES / "tests").glob("*.py") for m, _ in imported(path)}
    assert tested - needed - {None} == set(DESCRIBED["test"][0]["dependencies"])


def test_defaults_are_those_of_the_code() -> None:
    settings = DESCRIBED["settings"]["persistent"]["exts"]["omni.lyra.scenegen"]
    tree = ast.parse((MODULES / "preferences.py").read_text(encoding="utf-8"))
    (defaults,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "_DEFAULTS"
    )
    assert isinstance(defaults, ast.Dict)
    constants = {
        key.value: value.value
        for key, value in zip(defaults.keys, defaults.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(value, ast.Constant)
    }
    assert settings == {name: constants[name] for name in settings}


def test_a_build_links_all_that_there_is() -> None:
    lua = (FOLDER / "premake5.lua").read_text(encoding="utf-8")
    linked = set(re.findall(r'\{ "(\w+)", ext\.target_dir', lua))
    assert linked == {p.name for p in FOLDER.iterdir() if p.is_dir()} - {"config"}
    assert 'checkout.."/lyra_backend", ext.target_dir.."/backend/lyra_backend"' in lua
    for name in re.findall(r'checkout\.\."/([\w.]+)"', lua):
        assert (ROOT / name).exists(), name
    tools = tomllib.loads((ROOT / "repo.toml").read_text(encoding="utf-8"))
    named = [
        tools["repo"]["folders"]["version_file"],
        *tools["repo_build"]["fetch"]["packman_host_files_to_pull"],
        *tools["repo_build"]["fetch"]["packman_target_files_to_pull"],
        *tools["repo_build"]["fetch"]["pip"]["files_to_pull"],
    ]
    for name in named:
        path = ROOT / name.removeprefix("${root}/")
        assert path.is_file(), name
        if path.suffix == ".xml":
            assert ElementTree.parse(path).getroot().tag == "project"
    assert 'include("exts/omni.lyra.scenegen/premake5.lua")' in (ROOT / "premake5.lua").read_text(encoding="utf-8")


@pytest.mark.parametrize("version", ["107.3.3", "110.1.2"])
def test_no_module_loads_what_scenes_are_made_with(version: str) -> None:
    names = [
        ".".join(path.relative_to(FOLDER).with_suffix("").parts)
        for path in sorted(MODULES.rglob("*.py"))
        if "tests" not in path.parts and path.stem != "__init__"
    ]
    assert len(names) > 20
    code = f"""
import importlib, sys
from tests.extension.kit import Kit
with Kit({version!r}).installed():
    before = set(sys.modules)
    for name in {names!r}:
        importlib.import_module(name)
    heavy = {{"torch", "warp", "diffusers", "transformers", "trimesh", "scipy", "ovphysx", "fastapi"}}
    print(*sorted(heavy & {{name.partition(".")[0] for name in set(sys.modules) - before}}), sep=",")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == ""
