"""What the double defines in public, by the names that Kit has for it: read from its source and its modules."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from .session import Kit, modules

__all__ = ["public_names"]

#: What Kit's own modules bring along and is no API of theirs.
_PLAIN = {"omni", "omni.kit", "omni.kit.menu", "omni.kit.viewport", "omni.kit.window"}
#: Classes that no module of the double offers by name, since they are only ever returned.
_RETURNED = {
    "App": "omni.kit.app.IApp",
    "ExtensionManager": "omni.ext.ExtensionManager",
    "Settings": "carb.settings.ISettings",
    "Dispatcher": "carb.eventdispatcher.IEventDispatcher",
    "Context": "omni.usd.UsdContext",
    "Selection": "omni.usd.Selection",
    "Viewport": "omni.kit.viewport.utility.get_active_viewport()",
}


def public_names() -> dict[str, Callable[..., Any] | None]:
    """Return all public names, with what can be called under each; None for attributes."""
    names: dict[str, Callable[..., Any] | None] = {}
    for module, double in modules(Kit()).items():
        if module in _PLAIN:
            continue
        for name, value in vars(double).items():
            if name.startswith("_") or isinstance(value, ModuleType):
                continue
            names[f"{module}.{name}"] = value if callable(value) else None
            if inspect.isclass(value):
                names.update(_members(f"{module}.{name}", value))
    for name, dotted in _RETURNED.items():
        names.update(_members(dotted, _classes()[name]))
    return names


def _members(dotted: str, kind: type[Any]) -> Iterator[tuple[str, Callable[..., Any] | None]]:
    """Yield the public methods of a class, and what its instances are given."""
    for base in kind.__mro__[:-1]:
        if base.__module__.startswith(__package__ or ""):
            for name, value in vars(base).items():
                if not name.startswith("_") and inspect.isfunction(value):
                    yield f"{dotted}.{name}", value
            for name in _assigned(base):
                yield f"{dotted}.{name}", None


def _assigned(kind: type[Any]) -> set[str]:
    """Return the public attributes that a class assigns to itself."""
    tree = ast.parse(inspect.getsource(kind))
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
        and not node.attr.startswith("_")
    }


def _classes() -> dict[str, type[Any]]:
    from . import app, usd

    return {name: value for module in (app, usd) for name, value in vars(module).items() if inspect.isclass(value)}
