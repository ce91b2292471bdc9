"""Shape and finiteness checks shared by the nouns; the arrays they keep are read-only."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidRequest

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]


def frozen(
    subject: str, value: npt.ArrayLike, shape: tuple[int | None, ...], dtype: Any = np.float32
) -> npt.NDArray[Any]:
    """Return `value` as a contiguous read-only array of `shape` (None = any length).

    Raises:
        InvalidRequest: another shape, or floating point values that are not finite.
    """
    array = np.ascontiguousarray(value, dtype=dtype)
    fits = array.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, array.shape, strict=True))
    if not fits:
        wanted = ", ".join("N" if n is None else str(n) for n in shape)
        raise InvalidRequest(f"{subject} must have shape ({wanted}), got {array.shape}.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        count = int((~np.isfinite(array)).sum())
        raise InvalidRequest(f"{subject} must be finite, got {count} NaN or infinite values; remove them first.")
    if array.flags.writeable:
        array = array.view()
        array.setflags(write=False)
    return array
