"""The known weights: where they are published, under which licence, and what they become here."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import InvalidRequest, nearest, shown

__all__ = ["CONVERTED", "LAYOUTS", "Licence", "Weights", "entry", "known"]

#: Layouts that the published file is converted to; the others are kept as they are published.
CONVERTED = ("decoder", "dit", "vae", "t5_encoder")
LAYOUTS = (*CONVERTED, "diffusers", "transformers")


@dataclass(frozen=True)
class Licence:
    """Terms: their name, where to read them, and whether they must be agreed to before anything is fetched."""

    name: str
    url: str
    must_accept: bool


@dataclass(frozen=True)
class Weights:
    """One entry of ``catalogue.toml``.

    Attributes:
        name: what is typed on the command line.
        purpose: what it is for, one line.
        repo: repository on Hugging Face, owner/name.
        files: what must be there, as fnmatch patterns of paths in the repository; of what is converted, the file
            that holds the network is the first.
        optional: patterns of what is taken if it is there.
        bytes: about what is downloaded.
        kept_bytes: about what stays on the disk, where that is not the same.
        layout: one of :data:`LAYOUTS`.
        licence: its terms.
        gated: the repository asks for an account that has agreed to its terms.
        md5: sums by path, where the authors publish them.
        config: what the tensors' shapes do not say, by the published fields.
        unverified: what could not be checked against the repository.
    """

    name: str
    purpose: str
    repo: str
    files: tuple[str, ...]
    bytes: int
    layout: str
    licence: Licence
    kept_bytes: int | None = None
    optional: tuple[str, ...] = ()
    gated: bool = False
    md5: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    unverified: tuple[str, ...] = ()

    @property
    def converted(self) -> bool:
        """Whether it is kept in another form than it is published in."""
        return self.layout in CONVERTED

    @property
    def by_fetching(self) -> str:
        """The command that fetches it."""
        return f"lyra-scenegen weights fetch {self.name}{' --accept-licence' if self.licence.must_accept else ''}"

    @property
    def by_hand(self) -> str:
        """The command that takes in a copy which was downloaded in another way."""
        accept = " --accept-licence" if self.licence.must_accept else ""
        return f"lyra-scenegen weights convert {self.name} --from {'FILE' if self.converted else 'FOLDER'}{accept}"

    def bytes_kept(self, published: int | None = None) -> int:
        """Return about what stays on the disk; `published` is what is known by now of what is downloaded [bytes]."""
        if self.kept_bytes is not None:
            return self.kept_bytes
        return self.bytes if published is None else published

    def takes(self, path: str) -> bool:
        """Return whether a path of the repository belongs to it; none that leads out of its folder does."""
        inside = not re.search(r"(^|/)\.\.(/|$)|^/|[\\:]", path)
        return inside and any(fnmatchcase(path, pattern) for pattern in (*self.files, *self.optional))

    def missing(self, paths: set[str]) -> list[str]:
        """Return the patterns that none of `paths` matches although one must."""
        return [pattern for pattern in self.files if not any(fnmatchcase(path, pattern) for path in paths)]


@cache
def known() -> Mapping[str, Weights]:
    """Return the entries by name."""
    tables = tomllib.loads(Path(__file__).with_name("catalogue.toml").read_text(encoding="utf-8"))
    licences = {name: Licence(**table) for name, table in tables["licences"].items()}
    return {name: _weights(name, table, licences) for name, table in tables["weights"].items()}


def _weights(name: str, table: dict[str, Any], licences: Mapping[str, Licence]) -> Weights:
    lists: dict[str, Any] = {key: tuple(table[key]) for key in ("files", "optional", "unverified") if key in table}
    fields: dict[str, Any] = {**table, **lists, "licence": licences[table["licence"]]}
    return Weights(name, **fields)


def entry(name: str) -> Weights:
    """Return the entry called `name`.

    Raises:
        InvalidRequest: there is none.
    """
    if name not in known():
        raise InvalidRequest(f"weights {shown(name)} are not in the catalogue; {nearest(name, known())}")
    return known()[name]
