"""Finding plugins.

A plugin is a module of a stage's package (or one named by an entry point of the group ``lyra_backend.<stage>``) that
defines a frozen dataclass ``Params`` and a function ``run``. Its file name is its registry name and the word users
type; the first line of its docstring is its summary. Listing reads source text and imports nothing.
"""

from __future__ import annotations

import ast
import importlib
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from .errors import InvalidRequest, nearest

__all__ = ["PLUGIN_STAGES", "get", "names", "summary"]

#: Stages whose work is chosen by name, and the noun users know the plugins by.
PLUGIN_STAGES = {"generate": "generator", "collide": "collider", "author": "primitive"}


@cache
def _own(stage: str) -> dict[str, str]:
    """Return {plugin name: summary} of the modules in the stage's package that look like plugins."""
    folder = Path(__file__).parent / stage
    found: dict[str, str] = {}
    for path in sorted([*folder.glob("*.py"), *folder.glob("*/__init__.py")]):
        if path == folder / "__init__.py":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        defined = {node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
        defined |= {
            alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
        }
        if {"Params", "run"} <= defined:
            name = path.parent.name if path.name == "__init__.py" else path.stem
            found[name] = (ast.get_docstring(tree) or "").partition("\n")[0]
    return found


def _outside(stage: str) -> dict[str, str]:
    """Return {plugin name: module path} of the plugins other packages offer."""
    return {entry.name: entry.value for entry in entry_points(group=f"lyra_backend.{stage}")}


def names(stage: str) -> tuple[str, ...]:
    """Return the plugin names of a stage in alphabetical order, without importing any."""
    return tuple(sorted({*_own(stage), *_outside(stage)}))


def summary(stage: str, name: str) -> str:
    """Return what a plugin does, in one line."""
    return _own(stage).get(name) or f"from {_outside(stage).get(name, 'nowhere')}"


def get(stage: str, name: str) -> ModuleType:
    """Import the plugin `name` of `stage`.

    Raises:
        InvalidRequest: no such plugin, or two packages offer one name.
        MissingDependency: the plugin itself says what it needs.
    """
    own, outside = _own(stage), _outside(stage)
    noun = PLUGIN_STAGES[stage]
    if name in own and name in outside:
        raise InvalidRequest(
            f"{noun} {name!r} is offered by lyra_backend and by {outside[name]}; rename or remove one."
        )
    if name in own:
        return importlib.import_module(f"lyra_backend.{stage}.{name}")
    if name in outside:
        return importlib.import_module(outside[name])
    raise InvalidRequest(f"{noun} {name!r} is unknown; {nearest(name, names(stage))}")
