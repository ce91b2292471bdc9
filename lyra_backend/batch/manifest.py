"""What a batch is to make: a file of items, read into requests with names.

Does: read YAML, JSON, JSONL and CSV, multiply prompts by seeds and variations, and refuse everything that no run could
use before the first scene begins. Does not: run anything.

A YAML or JSON manifest is a list of items, or an object::

    defaults: {preset: standard, params: {author: {keep: train}}}
    matrix:                                   # or a list of such objects
      prompt: [a warehouse aisle with pallets, an office with two desks]
      seeds: 0-49
      variations: [{}, {name: cluttered, params: {generate: {difficulty: 0.9}}}]
    items:
      - {name: hall, prompt: a large hall, seed: 7, attempts: 5}

An item has the fields of a `SceneRequest`, and ``name``, ``variation`` (a word of its directory's name), ``seeds`` (3,
"0-49" or a list, in place of ``seed``) and ``attempts``. Its parameters may also be written as
``collide.voxel_size: 0.04``, which is how CSV has them; empty cells of CSV stand for nothing. Files are relative to the
manifest.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ..errors import InvalidRequest, MissingDependency, nearest, shown
from ..io.run_inputs import RunInputs, with_inputs
from ..report import FEW_PICTURES
from ..types.request import INPUT_FIELDS, SceneRequest

__all__ = ["Item", "read_manifest"]

#: More items than this are a slip of the pen, such as seeds: 0-100000000.
MAX_ITEMS = 1_000_000
_REQUEST_FIELDS = tuple(f.name for f in fields(SceneRequest))
_ITEM_FIELDS = (*_REQUEST_FIELDS, "name", "variation", "seeds", "attempts")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SLUG_CHARACTERS = 40

Entry = Mapping[str, Any]
#: What says what an item is, weakest first: defaults, the item itself, a variation; not looked at yet.
Layers = tuple[Any, ...]


@dataclass(frozen=True)
class Item:
    """One scene that is wanted.

    Attributes:
        name: of its directory; no two items share one.
        request: what to make, at the first attempt.
        key: digest of the request and of the content of its input files.
        attempts: how many seeds may be tried; None leaves that to the batch.
    """

    name: str
    request: SceneRequest
    key: str
    attempts: int | None = None


def read_manifest(path: Path) -> tuple[Item, ...]:
    """Return the items of a manifest, in its order.

    Raises:
        InvalidRequest: it cannot be read, or an item cannot be made; the message names the item.
        MissingDependency: it is YAML, and PyYAML is not installed.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InvalidRequest(f"{path}: a manifest must end in {', '.join(_READERS)}; got {path.suffix or 'no ending'}.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{path}: cannot be read ({error}). Check the path; manifests are UTF-8.") from error
    items = tuple(_items(reader(path, text), path))
    if not items:
        raise InvalidRequest(f"{path}: must name at least one scene, got none.")
    _check_distinct(items, path)
    return items


def _items(entries: Iterator[tuple[str, Layers]], path: Path) -> Iterator[Item]:
    for where, entry in _multiplied(entries, path):
        try:
            yield _item(entry, path.parent)
        except InvalidRequest as error:
            raise InvalidRequest(f"{path}, {where}: {error}") from error


def _multiplied(entries: Iterator[tuple[str, Layers]], path: Path) -> Iterator[tuple[str, Entry]]:
    """Yield each entry once for each of its seeds."""
    count = 0
    for where, layers in entries:
        try:
            entry = _merged(layers)
            seeds = _seeds(entry)
        except InvalidRequest as error:
            raise InvalidRequest(f"{path}, {where}: {error}") from error
        count += len(seeds) or 1
        if count > MAX_ITEMS:
            raise InvalidRequest(f"{path}, {where}: must name at most {MAX_ITEMS} scenes. Split it.")
        rest = {key: value for key, value in entry.items() if key != "seeds"}
        for seed in seeds or (None,):
            several = {"name": f"{rest['name']}-{seed}"} if rest.get("name") and seeds and len(seeds) > 1 else {}
            yield where, {**rest, **({} if seed is None else {"seed": seed}), **several}


def _seeds(entry: Entry) -> tuple[int, ...] | range:
    """Return the seeds that an entry is for; none if it does not say."""
    seeds = entry.get("seeds")
    if seeds is None:
        return ()
    if "seed" in entry:
        raise InvalidRequest("seed and seeds: both say where randomness comes from. Leave one out.")
    if isinstance(seeds, int) and not isinstance(seeds, bool):
        return (seeds,)
    if isinstance(seeds, list) and seeds and all(isinstance(s, int) and not isinstance(s, bool) for s in seeds):
        return tuple(seeds)
    match = re.fullmatch(r"\s*(\d+)(?:\s*-\s*(\d+))?\s*", seeds, re.ASCII) if isinstance(seeds, str) else None
    if match is None or (match[2] and int(match[2]) < int(match[1])):
        raise InvalidRequest(f'seeds must be a number, a span such as "0-49" or a list, got {shown(seeds)}.')
    return range(int(match[1]), int(match[2] or match[1]) + 1)


def _item(entry: Entry, folder: Path) -> Item:
    data = _nested(entry)
    name, variation, attempts = (data.pop(field, None) for field in ("name", "variation", "attempts"))
    if attempts is not None and (isinstance(attempts, bool) or not isinstance(attempts, int) or attempts < 1):
        raise InvalidRequest(f"attempts must be a whole number from 1, got {shown(attempts)}.")
    for field in INPUT_FIELDS:
        if isinstance(data.get(field), str):
            data[field] = str(folder / data[field])
    request = SceneRequest.from_json(data)
    same = with_inputs(request, RunInputs.of(request).names)
    key = hashlib.sha256(same.canonical().encode()).hexdigest()[:16]
    own = _own_name(request, _checked_name("variation", variation) if variation else "", key)
    pictures = {**FEW_PICTURES, **request.params.get("report", {})}
    request = replace(request, params={**request.params, "report": pictures})
    return Item(_checked_name("name", name) if name else own, request, key, attempts)


def _nested(entry: Entry) -> dict[str, Any]:
    """Return an entry with ``collide.voxel_size`` and the like moved into its ``params``."""
    data: dict[str, Any] = {}
    params = {stage: dict(values) for stage, values in entry.get("params", {}).items()}
    for key, value in entry.items():
        stage, dot, field = str(key).partition(".")
        if dot:
            params.setdefault(stage, {})[field] = value
        elif key not in _ITEM_FIELDS:
            raise InvalidRequest(f"{shown(key)} is no field of an item; {nearest(str(key), _ITEM_FIELDS)}")
        elif key != "params":
            data[key] = value
    return {**data, **({"params": params} if params else {})}


def _object(subject: str, value: Any) -> Entry:
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"{subject} must be an object of fields, got {shown(value)}.")
    return value


def _checked_name(field: str, name: Any) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidRequest(
            f"{field} must be at most 100 letters, digits and . _ -, a letter or a digit first, got {shown(name)}."
        )
    return name


def _own_name(request: SceneRequest, variation: str, key: str) -> str:
    """Return a name that says what a scene shows and is its own."""
    what = request.prompt or Path(request.splat or request.image or request.video or "").stem
    slug = re.sub(r"[^a-z0-9]+", "-", what.lower())[:_SLUG_CHARACTERS].strip("-") or "scene"
    return "-".join(filter(None, (slug, variation, str(request.seed), key[:8])))


def _check_distinct(items: tuple[Item, ...], path: Path) -> None:
    for attribute, advice in (("name", "Give them names of their own."), ("key", "Leave one out, or give it a seed.")):
        seen: dict[str, str] = {}
        for item in items:
            value = getattr(item, attribute).lower()  # names are folders, also where case does not count
            if value in seen:
                what = "have the same name" if attribute == "name" else "ask for the same scene"
                raise InvalidRequest(f"{path}: {seen[value]!r} and {item.name!r} {what}. {advice}")
            seen[value] = item.name


def _read_document(path: Path, data: Any) -> Iterator[tuple[str, Layers]]:
    """Yield the entries of a YAML or JSON document, where each comes from, its defaults filled in."""
    document = {"items": data} if isinstance(data, list) else data
    known = ("defaults", "matrix", "items")
    if not isinstance(document, Mapping):
        raise InvalidRequest(
            f"{path}: must be a list of items or an object with {', '.join(known)}, got {shown(data)}."
        )
    for key in document:
        if key not in known:
            raise InvalidRequest(f"{path}: {shown(key)} is unknown; {nearest(str(key), known)}")
    defaults = document.get("defaults") or {}
    matrices = document.get("matrix") or []
    for number, matrix in enumerate([matrices] if isinstance(matrices, Mapping) else matrices, 1):
        for entry in _products(matrix, f"{path}, matrix {number}"):
            yield f"matrix {number}", (defaults, *entry)
    for number, item in enumerate(document.get("items") or [], 1):
        yield f"item {number}", (defaults, item)


def _products(matrix: Any, where: str) -> Iterator[Layers]:
    """Yield every combination of the lists of a matrix; what is no list is the same in all."""
    if not isinstance(matrix, Mapping):
        raise InvalidRequest(f"{where}: must be an object of fields and lists, got {shown(matrix)}.")
    own = ("seeds", "variations")
    axes = {key: value for key, value in matrix.items() if isinstance(value, list) and key not in own}
    same = {key: value for key, value in matrix.items() if key not in (*axes, "variations")}
    for values in itertools.product(*axes.values()):
        for variation in matrix.get("variations") or [{}]:
            if isinstance(variation, Mapping):
                variation = {("variation" if key == "name" else key): value for key, value in variation.items()}
            yield same, dict(zip(axes, values, strict=True)), variation


def _merged(layers: Layers) -> Entry:
    """Return layers as one entry: later ones hold, field by field in params too."""
    merged: dict[str, Any] = {}
    params: dict[str, dict[str, Any]] = {}
    for layer in layers:
        merged |= _object("an item", layer)
        for stage, values in _object("params", layer.get("params") or {}).items():
            params.setdefault(stage, {}).update(_object(f"params.{stage}", values))
    return {**merged, "params": params}


def _from_yaml(path: Path, text: str) -> Iterator[tuple[str, Layers]]:
    try:
        import yaml
    except ImportError as error:
        raise MissingDependency("pyyaml", "manifests in YAML", extra="batch") from error
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidRequest(f"{path}: not valid YAML ({' '.join(str(error).split())}).") from error
    return _read_document(path, data)


def _from_json(path: Path, text: str) -> Iterator[tuple[str, Layers]]:
    return _read_document(path, _json(path, text, ""))


def _from_jsonl(path: Path, text: str) -> Iterator[tuple[str, Layers]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield f"line {number}", (_json(path, line, f", line {number}"),)


def _from_csv(path: Path, text: str) -> Iterator[tuple[str, Layers]]:
    rows = csv.DictReader(text.splitlines())
    for row in rows:
        if None in row or None in row.values():
            raise InvalidRequest(
                f"{path}, line {rows.line_num}: must have a cell for each column, no more and no less."
            )
        yield (
            f"line {rows.line_num}",
            ({key.strip(): _cell(key, value) for key, value in row.items() if value.strip()},),
        )


def _cell(key: str, text: str) -> Any:
    """Return what a cell stands for: parameters, seeds and switches are numbers and words, all else is text."""
    if "." not in key and key.strip() not in ("seed", "attempts", "force", "primitives"):
        return text
    if key.strip() == "primitives":
        return [name.strip() for name in text.split(",")]
    try:
        return json.loads(text)
    except ValueError:
        return text


def _json(path: Path, text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"{path}{where}: not valid JSON ({error}).") from error


_READERS: Mapping[str, Callable[[Path, str], Iterator[tuple[str, Layers]]]] = {
    ".yaml": _from_yaml,
    ".yml": _from_yaml,
    ".json": _from_json,
    ".jsonl": _from_jsonl,
    ".csv": _from_csv,
}
