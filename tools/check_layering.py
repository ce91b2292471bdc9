"""Check who imports whom; prints each violation and exits with 1 if there is one.

    python tools/check_layering.py [REPOSITORY]

The tables below are the architecture: which parts of the package a part may import, and which outside packages it may
import at all or at its top level (everything heavy is imported inside functions, so that listing, planning and Kit's
own process stay light). A part that is not in the table is a violation. Imports by string are not seen; only the
registry and the faces use those.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

PACKAGE = "lyra_backend"
STAGES = ("generate", "refine", "light", "collide", "place", "author", "validate", "report")
NOUNS = {"types", "errors", "progress", "params"}
FACES_BASE = NOUNS | {"registry", "plan", "paths"}

#: Files that are copied into runs for other programs to import, and that nothing of ours imports.
COPIED = {"author/_training/isaac_lab_cfg.py"}

#: Part -> parts it may import.
MAY: Mapping[str, set[str]] = {
    "errors": set(),
    "progress": {"errors"},
    "params": {"errors"},
    "requirements": set(),
    "registry": {"errors", "requirements"},
    "memory": set(),
    "atomic": {"errors"},
    "paths": {"errors"},
    "types": {"errors"},
    "kernels": set(),
    "io": {"types", "errors", "atomic"},
    "render": NOUNS | {"kernels"},
    "models": NOUNS | {"kernels", "memory"},
    "weights": NOUNS | {"atomic", "models", "paths"},
    "robot_models": NOUNS | {"atomic", "paths"},
    "generate": NOUNS | {"atomic", "io", "kernels", "memory", "render", "models", "weights"},
    "refine": NOUNS | {"kernels"},
    "light": NOUNS | {"kernels", "render"},
    "collide": NOUNS | {"kernels", "render", "memory"},
    "detail": NOUNS | {"render"},
    "place": NOUNS | {"kernels", "render"},
    "author": NOUNS | {"io", "registry", "atomic", "detail", "__init__"},
    "validate": NOUNS | {"render", "robot_models"},
    "report": NOUNS | {"atomic", "io", "render"},
    "train": NOUNS | {"atomic", "io", "kernels", "memory", "models"},
    "plan": NOUNS | {"registry"},
    "pipeline": FACES_BASE | {"io", "render", "memory", "requirements", *STAGES},
    "conversion": FACES_BASE | {"io", "atomic", "refine"},
    "footprint": {"errors", "types"},
    "atlas": NOUNS | {"atomic", "author", "batch", "footprint", "io", "paths", "validate"},
    "vary": NOUNS | {"atomic", "author", "io", "paths", "validate"},
    "view": {"author", "errors", "io", "types"},
    "view_cli": {"view"},
    "vary_cli": {"api", "console", "errors", "exits", "options", "types"},
    "atlas_cli": {"api", "console", "exits", "options"},
    "api": FACES_BASE | {"io", "atlas", "vary", "conversion", "footprint", "pipeline"},
    "worker_process": {"errors", "progress"},
    "worker": {"__init__", "api", "catalog", "errors", "memory", "models", "progress", "worker_process"},
    "client": {"errors", "progress", "paths", "types", "io", "worker_environment", "worker_process"},
    "remote": {"errors", "paths", "progress", "types"},
    "pool": {"client", "errors", "progress", "types", "worker_process"},
    "stop_signals": {"progress"},
    "batch": FACES_BASE | {"atomic", "client", "io", "pipeline", "pool", "progress_log", "report"},
    "batch_cli": {"batch", "errors", "exits", "memory", "options", "paths", "progress", "stop_signals"},
    "robots_cli": {"console", "errors", "options", "place", "types"},
    "service": {"__init__", "errors", "io", "pool", "progress", "types"},
    "service_cli": {"client", "console", "errors", "exits", "options", "service"},
    "catalog": FACES_BASE | {"weights"},
    "worker_environment": {"__init__", "errors", "paths"},
    "doctor": {"__init__", "errors", "kernels", "requirements", "weights", "worker_environment"},
    "progress_log": {"progress"},
    "console": {"progress", "progress_log", "footprint", "stop_signals", "types"},
    "exits": {"errors"},
    "options": {"errors", "types", "catalog", "conversion", "io"},
    "cli": NOUNS
    | {"api", "atlas_cli", "batch_cli", "catalog", "console", "doctor", "exits", "options", "robots_cli"}
    | {"service_cli", "usage", "vary_cli", "view_cli", "weights_cli", "worker_environment", "__init__"},
    "usage": {"errors"},
    "weights_cli": NOUNS | {"robot_models", "weights", "exits", "options", "console"},
    "__main__": {"cli"},
    "__init__": {"api", "types", "errors"},
    "ext": NOUNS | {"author", "client", "remote", "worker_environment", "__init__"},
}

LEARNING = {"torch", "diffusers", "gsplat", "transformers"}
KIT = {"omni", "carb", "isaacsim"}
HEAVY = LEARNING | {"warp", "pxr", "trimesh", "open3d", "coacd", "fastapi", "ray", "ovphysx", "ovstage"}
#: Part -> outside packages it must not import anywhere. Parts that are not named here must not import any of these.
_ALL = LEARNING | {"warp", "pxr"} | KIT
NEVER: Mapping[str, set[str]] = {
    "kernels": _ALL - {"warp"},
    "author": _ALL - {"pxr"},
    # NVIDIA's asset validator is a pip package under the name omni; Kit itself has no place there either.
    "validate": _ALL - {"pxr", "omni"},
    "generate": {"pxr", "warp"} | KIT,
    "models": {"pxr", "warp"} | KIT,
    "weights": {"pxr", "warp"} | KIT,
    "render": _ALL - LEARNING,
    "train": {"pxr"} | KIT,
    "ext": LEARNING | {"warp"},
}
#: Part -> heavy packages it may import at the top of a file.
AT_TOP: Mapping[str, set[str]] = {
    "kernels": {"warp"},
    "author": {"pxr"},
    "validate": {"pxr"},
    "models": {"torch", "diffusers"},
    "train": {"torch", "warp", "diffusers"},
    "ext": {"pxr"},
    "service": {"fastapi"},
}


def find_violations(root: Path) -> list[str]:
    """Return one line for each forbidden import in the repository at `root`."""
    found = [f"the table allows a cycle: {' -> '.join(c)}" for c in _cycles()]
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root / PACKAGE).parts
        if "/".join(parts) in COPIED:
            continue
        found += _check_file(path.relative_to(root), path, parts[0].removesuffix(".py"), parts)
    for path in sorted((root / "exts").rglob("*.py")):
        found += _check_file(path.relative_to(root), path, "ext", ())
    return found


def _check_file(shown: Path, path: Path, part: str, parts: tuple[str, ...]) -> Iterator[str]:
    if part not in MAY:
        yield f"{shown}: {part} is not in the table of tools/check_layering.py; add it there"
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        for target, ours in _imports(node, parts):
            reason = _forbidden(part, target, ours, at_top=node in tree.body)
            if reason is not None:
                yield f"{shown}:{getattr(node, 'lineno', 0)}: {part} must not import {target}{reason}"


def _forbidden(part: str, target: str, ours: bool, *, at_top: bool) -> str | None:
    """Return why `part` must not import `target`: a suffix of the message, or None if it may."""
    if ours:
        return None if target == part or target in MAY[part] else ""
    if target in NEVER.get(part, _ALL):
        return ""
    if at_top and target in HEAVY - AT_TOP.get(part, set()):
        return " at the top of a file; import it inside the function that needs it"
    return None


def _imports(node: ast.AST, parts: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    """Yield (imported part or outside package, is it ours) of one statement in the file at `parts` of the package."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.level == 0:
        names = [f"{node.module}.{a.name}" for a in node.names] if node.module == PACKAGE else [node.module or ""]
    elif isinstance(node, ast.ImportFrom) and node.level == len(parts):
        names = [f"{PACKAGE}.{node.module}"] if node.module else [f"{PACKAGE}.{a.name}" for a in node.names]
    else:
        names = []
    for name in names:
        head, _, rest = name.partition(".")
        if head == PACKAGE:
            first = rest.split(".")[0]
            yield ("__init__" if not first or first.startswith("__") else first), True
        else:
            yield head, False


def _cycles() -> Iterator[tuple[str, ...]]:
    """Yield the cycles that the table would allow; imports of the lazy package root do not count."""

    def walk(part: str, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if part in path:
            yield (*path[path.index(part) :], part)
            return
        for other in sorted(MAY[part] - {"__init__"}):
            yield from walk(other, (*path, part))

    for part in MAY:
        yield from (c for c in walk(part, ()) if c[0] == part)


def main() -> int:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    found = find_violations(root)
    print("\n".join(found) or "layering: ok")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
