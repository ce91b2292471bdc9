"""Finding plugins.

A plugin is a module of a stage's package (or one named by an entry point of the group ``lyra_backend.<stage>``) that
defines a frozen dataclass ``Params`` and a function ``run``. Its file name is its registry name and the word users
type; the first line of its docstring is its summary. Listing reads source text and imports nothing.
"""

from __future__ import annotations

import ast
import importlib
from dataclasses import fields, is_dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from .errors import BrokenPlugin, InvalidRequest, LyraError, MissingDependency, nearest
from .requirements import extra_of

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


@cache
def _offers(stage: str) -> dict[str, list[str]]:
    """Return {plugin name: the modules that offer it}: ours first, then those of other packages.

    Looked for once: what is installed into a running process is not seen.
    """
    offers = {name: [f"lyra_backend.{stage}.{name}"] for name in _own(stage)}
    for entry in entry_points(group=f"lyra_backend.{stage}"):
        modules = offers.setdefault(entry.name, [])
        if entry.value not in modules:
            modules.append(entry.value)
    return offers


def names(stage: str) -> tuple[str, ...]:
    """Return the plugin names of a stage in alphabetical order, without importing any."""
    return tuple(sorted(_offers(stage)))


def summary(stage: str, name: str) -> str:
    """Return what a plugin does, in one line."""
    return _own(stage).get(name) or f"from {' and '.join(_offers(stage).get(name, ['nowhere']))}"


def get(stage: str, name: str) -> ModuleType:
    """Import the plugin `name` of `stage`.

    Raises:
        InvalidRequest: no such plugin, or two packages offer one name.
        MissingDependency: the plugin needs a package that is not installed.
        BrokenPlugin: its module cannot be imported, or is no plugin.
    """
    noun, offers = PLUGIN_STAGES[stage], _offers(stage)
    if name not in offers:
        raise InvalidRequest(f"{noun} {name!r} is unknown; {nearest(name, offers)}")
    if len(offers[name]) > 1:
        raise InvalidRequest(f"{noun} {name!r} is offered by {' and by '.join(offers[name])}; rename or remove one.")
    module = _imported(offers[name][0], f"{noun} {name!r}")
    fault = _fault(module, ("Params", "run", *(["INPUTS"] if stage == "generate" else [])))
    if fault:
        raise BrokenPlugin(f"{noun} {name!r}: {offers[name][0]} {fault}. Mend or remove the package that offers it.")
    return module


def _imported(path: str, subject: str) -> ModuleType:
    try:
        return importlib.import_module(path)
    except LyraError:
        raise
    except Exception as error:
        missing = getattr(error, "name", None) if isinstance(error, ModuleNotFoundError) else None
        if missing and not path.startswith(missing):
            package = missing.partition(".")[0]
            raise MissingDependency(package, subject, extra_of(package)) from error
        raise BrokenPlugin(
            f"{subject}: {path} cannot be imported ({type(error).__name__}: {error}). "
            "Mend or remove the package that offers it."
        ) from error


def _fault(module: ModuleType, needed: tuple[str, ...]) -> str:
    """Return why a module is no plugin, "" if it is one."""
    lacks = [name for name in needed if not hasattr(module, name)]
    if lacks:
        return f"does not define {' and '.join(lacks)}"
    if not is_dataclass(module.Params) or any("help" not in f.metadata for f in fields(module.Params)):
        return "defines Params otherwise than as a dataclass of lyra_backend.params.param fields"
    return ""
