"""Where a scene comes from and who may pass it on: provenance.json and LICENSES.md.

Does: write down what the earlier stages handed on. Does not: decide anything, or give legal advice.

Both are made from `provenance`, JSON data. What a scene was made from is its list ``sources``: objects with ``name``,
``licence`` (an SPDX identifier or a name, remarks in brackets) and, where known, ``url``, ``sha256``, ``use`` and
``terms``, what the licence means for the scene in a sentence.
Without that list, sources are the ``generator`` with its ``licence`` and each input ``<name>_sha256``. Everything else
is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .. import __version__
from ..atomic import atomic_write
from ..errors import InvalidRequest

__all__ = ["LICENSES_FILE", "PROVENANCE_FILE", "write_licenses", "write_provenance"]

PROVENANCE_FILE = "provenance.json"
LICENSES_FILE = "LICENSES.md"
UNKNOWN_LICENCE = "unknown"

_OWN_SOURCE = {
    "name": "lyra-backend",
    "licence": "Apache-2.0",
    "use": "made the files",
    "terms": "Asks nothing of scenes: its licence is on the program, not on what comes out.",
}
#: Packages whose arithmetic or format is in the files.
_PACKAGES = ("numpy", "scipy", "usd-core", "warp-lang")

#: What licences ask of whoever passes a scene on, by their names in lower case.
_TERMS = {
    "apache-2.0": "Free to use, change and pass on; keep the licence and its notices.",
    "mit": "Free to use, change and pass on; keep the copyright notice.",
    "bsd-3-clause": "Free to use, change and pass on; keep the copyright notice, do not advertise with the authors.",
    "cc0-1.0": "Free for any purpose, no conditions.",
    "cc-by-4.0": "Free to use and pass on; name the authors and say what was changed.",
    "cc-by-sa-4.0": "Name the authors; what you make from it must carry the same licence.",
    "cc-by-nc-4.0": "Not for commercial use; name the authors.",
    "cc-by-nc-sa-4.0": "Not for commercial use; name the authors and keep the same licence.",
    "nvidia open model license": "Commercial use allowed, outputs are yours; the model keeps its licence.",
    "nvidia-open-model-license": "Commercial use allowed, outputs are yours; the model keeps its licence.",
    "user": "Yours: you decide, as far as you hold the rights to what it shows.",
}
_UNKNOWN_TERMS = "Not known. Find out before you pass the scene on or use it commercially."
_OTHER_TERMS = "Read the licence before you pass the scene on."


def write_provenance(provenance: Mapping[str, Any], directory: Path) -> str:
    """Write ``provenance.json`` into `directory`; return its name.

    Raises:
        InvalidRequest: `provenance` is not JSON data.
    """
    data = {**provenance, "sources": _sources(provenance), "versions": _versions(provenance)}
    try:
        text = json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"provenance must be JSON data: {error}.") from error
    atomic_write(directory / PROVENANCE_FILE, text + "\n")
    return PROVENANCE_FILE


def write_licenses(provenance: Mapping[str, Any], directory: Path) -> str:
    """Write ``LICENSES.md`` into `directory`: each source, its licence and what that means; return its name."""
    rows = [_row(source) for source in _sources(provenance)]
    lines = [
        "# Licences",
        "",
        "What this scene was made from. A scene may be passed on only as far as every line below allows. This is a",
        "summary, not legal advice.",
        "",
        "| source | licence | what it means for passing the scene on |",
        "|---|---|---|",
        *rows,
    ]
    atomic_write(directory / LICENSES_FILE, "\n".join(lines) + "\n")
    return LICENSES_FILE


def licence_terms(licence: str) -> str:
    """Return in one sentence what a licence means for passing the scene on."""
    name = re.split(r"[(,;]", licence)[0].strip().lower()
    if name in ("", UNKNOWN_LICENCE):
        return _UNKNOWN_TERMS
    return _TERMS.get(name, _OTHER_TERMS)


def _versions(provenance: Mapping[str, Any]) -> dict[str, Any]:
    return {**provenance.get("versions", {}), **dict(_installed()), "lyra-backend": __version__}


def _installed() -> Iterator[tuple[str, str]]:
    for package in _PACKAGES:
        # Kit brings its own build of USD, which is no package of pip's.
        with suppress(PackageNotFoundError):
            yield package, version(package)


def _sources(provenance: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the sources with a licence each, our own package last.

    Raises:
        InvalidRequest: a source is not an object with a name.
    """
    given = provenance.get("sources", _sources_by_key(provenance))
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise InvalidRequest(f"provenance.sources must be a list, got {type(given).__name__}.")
    for source in given:
        if not isinstance(source, Mapping) or not source.get("name"):
            raise InvalidRequest(f"provenance.sources must be objects with a name, got {source!r}.")
    return [*({"licence": UNKNOWN_LICENCE, **source} for source in given), dict(_OWN_SOURCE)]


def _sources_by_key(provenance: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the generator and the inputs that generators name by hash."""
    found = []
    if provenance.get("generator"):
        name = f"generator {provenance['generator']}"
        found.append({"name": name, "licence": provenance.get("licence", UNKNOWN_LICENCE)})
    for key in sorted(key for key in provenance if key.endswith("_sha256")):
        name = f"input {key.removesuffix('_sha256').replace('_', ' ')}"
        found.append({"name": name, "sha256": provenance[key]})
    return found


def _row(source: Mapping[str, Any]) -> str:
    name, licence = _cell(source["name"]), _cell(source["licence"])
    if source.get("url"):
        name = f"[{name}]({_cell(source['url'])})"
    if source.get("use"):
        name += f" ({_cell(source['use'])})"
    if source.get("sha256"):
        name += f" `{_cell(source['sha256'])[:16]}`"
    terms = _cell(source.get("terms") or licence_terms(str(source["licence"])))
    return f"| {name} | {licence} | {terms} |"


def _cell(text: Any) -> str:
    """Return `text` on one line and with no mark that would end a table cell."""
    return " ".join(str(text).split()).replace("|", "\\|")
