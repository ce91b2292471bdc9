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
        InvalidRequest: another shape, no numbers, values that are not finite, or values that `dtype` cannot hold.
    """
    array = _converted(subject, value, np.dtype(dtype))
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


def _converted(subject: str, value: npt.ArrayLike, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    try:
        given = np.asarray(value)
    except ValueError as error:
        raise InvalidRequest(f"{subject} must be an array of numbers: {error}.") from None
    if given.dtype.kind not in "iuf":
        raise InvalidRequest(f"{subject} must be an array of numbers, got {given.dtype}.")
    if dtype.kind in "iu" and given.size and given.dtype != dtype:
        limits = np.iinfo(dtype)
        low, high = given.min(), given.max()
        # NaN fails the comparison too.
        fits = low >= limits.min and high <= limits.max
        if not fits or (given.dtype.kind == "f" and (given != np.floor(given)).any()):
            raise InvalidRequest(
                f"{subject} must be whole numbers from {limits.min} to {limits.max}, got values from {low} to {high}."
            )
    with np.errstate(over="ignore"):  # becomes infinite, which is refused
        return np.ascontiguousarray(given, dtype)
