"""Semantic classes: UsdSemantics labels of the taxonomy "class", which is what Isaac Sim and Isaac Lab read by default.

Does: author and read labels, by name, so that USD builds without UsdSemantics (before 24.11) write the same. Does not:
label what nothing is known of, so that "unlabelled" keeps its meaning in annotations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from pxr import Sdf, Tf, Usd, Vt

from ..types import GaussianCloud
from .layers import attribute

__all__ = ["UNKNOWN_CLASS", "author_labels", "classes_in", "labels_of", "prim_names"]

UNKNOWN_CLASS = "unknown"
_SCHEMA = "SemanticsLabelsAPI:class"
_LABELS = "semantics:labels:class"


def author_labels(prim: Sdf.PrimSpec, classes: Iterable[str]) -> tuple[str, ...]:
    """Author the known ones of `classes`, sorted; return the schemas that have to be applied, none if none is known."""
    known = sorted(set(classes) - {UNKNOWN_CLASS})
    if not known:
        return ()
    attribute(prim, _LABELS, Sdf.ValueTypeNames.TokenArray, Vt.TokenArray(known))
    return (_SCHEMA,)


def labels_of(prim: Usd.Prim) -> tuple[str, ...]:
    """Return the labels authored on a prim itself."""
    labels = prim.GetAttribute(_LABELS)
    return tuple(str(label) for label in (labels.Get() if labels else None) or ())


def classes_in(cloud: GaussianCloud) -> tuple[str, ...]:
    """Return the classes that Gaussians of a cloud have, in the order of its table; all are unknown without one."""
    if cloud.class_ids is None or not cloud.count:
        return (UNKNOWN_CLASS,)
    return tuple(cloud.class_names[i] for i in np.unique(cloud.class_ids).tolist())


def prim_names(classes: Sequence[str]) -> dict[str, str]:
    """Return a name that is a USD identifier for each class; classes that would share one are numbered."""
    names: dict[str, str] = {}
    for kind in classes:
        name, number = Tf.MakeValidIdentifier(kind), 1
        while name in names.values():
            number += 1
            name = f"{Tf.MakeValidIdentifier(kind)}_{number}"
        names[kind] = name
    return names
