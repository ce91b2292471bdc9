"""What this package needs from others, read from its own metadata: the one list is in ``pyproject.toml``."""

from __future__ import annotations

import json
import operator
import re
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, metadata, requires

__all__ = ["Requirement", "extra_of", "installed_versions", "meets", "python_versions", "requirements"]

_DISTRIBUTION = "lyra-backend"
_LINE = re.compile(r"(?P<package>[\w.-]+)(?P<versions>[^;]*)(?:;.*extra *== *['\"](?P<extra>[\w-]+)['\"])?")
_CLAUSE = re.compile(r"(==|>=|<=|<|>)\s*([\d.]+)")
_COMPARE = {"==": operator.eq, ">=": operator.ge, "<=": operator.le, "<": operator.lt, ">": operator.gt}
#: What outputs depend on at least, where this package was not installed by pip and cannot say what it needs.
_COMPUTING = ("numpy", "pillow", "scipy", "trimesh", "usd-core", "warp-lang")
#: Packages that nobody needs, and that change what is computed where they are installed: kernels and networks that
#: take the place of ours.
_REPLACING = ("gsplat", "mamba-ssm", "moge", "torchao")
#: The extra for people who work on this package; no user lacks it.
_DEVELOPMENT = "test"
#: Extras for what hands scenes on and computes nothing.
_SERVING = ("service", "batch", "cluster")


@dataclass(frozen=True)
class Requirement:
    """A package, the versions that are known to work (">=1.26"), and the extra that brings it ("" = all installs)."""

    package: str
    versions: str
    extra: str


@cache
def requirements() -> tuple[Requirement, ...]:
    """Return what users need, in order of declaration; nothing if this package was never installed by pip."""
    try:
        lines = requires(_DISTRIBUTION) or []
    except PackageNotFoundError:
        return ()
    found = (_LINE.match(line) for line in lines)
    needs = (Requirement(m["package"], m["versions"].strip(), m["extra"] or "") for m in found if m)
    return tuple(need for need in needs if need.extra != _DEVELOPMENT)


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of every package that decides what comes out; "" for one that is not there."""
    computing = (need.package for need in requirements() if need.extra not in _SERVING)
    packages = sorted({*_COMPUTING, *_REPLACING, *computing})
    return {"python": f"{sys.version_info.major}.{sys.version_info.minor}"} | {p: _version(p) for p in packages}


def _version(package: str) -> str:
    """Return the version of a package, with its commit if it was installed from a repository: MoGe's never changes."""
    try:
        found = distribution(package)
    except PackageNotFoundError:
        return ""
    origin = json.loads(found.read_text("direct_url.json") or "{}")
    commit = origin.get("vcs_info", {}).get("commit_id", "")
    return f"{found.version} {commit}".rstrip()


def extra_of(module: str) -> str | None:
    """Return the extra that brings an importable module; None if no extra does."""
    name = module.partition(".")[0].replace("_", "-").lower()
    return next((need.extra for need in requirements() if need.package.lower() == name and need.extra), None)


def python_versions() -> str:
    """Return which versions of Python are supported, as in ">=3.11,<3.13"; "" if that is not known."""
    try:
        return ",".join(sorted(metadata(_DISTRIBUTION)["Requires-Python"].split(","), reverse=True))
    except PackageNotFoundError:
        return ""


def meets(version: str, versions: str) -> bool:
    """Return whether a version such as "1.26.4" lies within `versions`, clauses joined by commas."""
    return all(_COMPARE[sign](*_aligned(version, bound)) for sign, bound in _CLAUSE.findall(versions))


def _aligned(*versions: str) -> list[tuple[int, ...]]:
    """Return the numbers of versions, as many for each: 3.11 and 3.11.0 are the same."""
    releases = [[int(n) for n in re.match(r"[\d.]*", v)[0].split(".") if n] for v in versions]  # type: ignore[index]
    length = max(map(len, releases))
    return [tuple(r + [0] * (length - len(r))) for r in releases]
