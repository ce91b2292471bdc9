"""The videos of a scene: which paths, imagined on which GPU, and kept so that a killed run goes on from the last."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from ...atomic import atomic_write
from ...progress import Progress

if TYPE_CHECKING:
    import torch

    from ...models.lyra import Lyra

__all__ = ["imagine_all", "imagine_at_once", "missing_videos"]

logger = logging.getLogger(__name__)

#: Imagines one video: the model it may use, the view's name, and where it tells how far it is; or several.
Imagine = Callable[["Lyra", str, Callable[[float, str], None]], "torch.Tensor"]
ImagineSeveral = Callable[["Lyra", Sequence[str], Callable[[float, str], None]], "torch.Tensor"]


def imagine_all(
    models: Sequence[Lyra],
    views: Sequence[str],
    imagine: Imagine,
    kept: Path,
    progress: Progress,
) -> dict[str, torch.Tensor]:
    """Return the latents of every view, (1, 16, t, h, w), in the order of `views`.

    Each model works on its own GPU, on one video after the other. A video that is finished is kept in the folder
    `kept`, and one that was kept by an earlier attempt is taken from there if it can be read.

    Args:
        models: at least one.
        views: names of the paths.
        imagine: makes one video.
        kept: folder; made if needed.
        progress: called often; when it raises, all stop at their next step.
    """
    kept.mkdir(parents=True, exist_ok=True)
    shares = _Shares(views, progress)
    free: SimpleQueue[Lyra] = SimpleQueue()
    for model in models:
        free.put(model)

    def work(view: str) -> torch.Tensor:
        path = kept / f"{view}.safetensors"
        known = _known(path)
        if known is not None:
            shares.skip(view, "kept from before")
            return known
        model = free.get()
        try:
            latents = imagine(model, view, lambda done, text: shares(view, done, text))
        finally:
            free.put(model)
        _keep(path, latents)
        shares.finish(view)
        return latents

    if len(models) == 1:
        return {view: work(view) for view in views}
    return _together(work, views, len(models), shares)


def imagine_at_once(
    model: Lyra, views: Sequence[str], imagine: ImagineSeveral, kept: Path, progress: Progress
) -> dict[str, torch.Tensor]:
    """Return the latents of every view, (1, 16, t, h, w), made as one batch; see :func:`imagine_all`.

    All are made or none: with some of them kept, the rest would be another batch, and the last bits would be others.
    """
    kept.mkdir(parents=True, exist_ok=True)
    paths = {view: kept / f"{view}.safetensors" for view in views}
    known = {view: found for view, path in paths.items() if (found := _known(path)) is not None}
    if len(known) == len(views):
        progress.skip("all videos are kept from before")
        return known
    latents = imagine(model, views, lambda done, text: progress(done, f"{len(views)} videos: {text}"))
    for view, own in zip(views, latents.split(1), strict=True):
        _keep(paths[view], own)
    progress.milestone(1.0, f"{len(views)} videos finished")
    return dict(zip(views, latents.split(1), strict=True))


def missing_videos(kept: Path, views: Iterable[str]) -> list[str]:
    """Return the views of which no earlier attempt left a video in the folder `kept` that can be read."""
    return [view for view in views if _known(kept / f"{view}.safetensors") is None]


def _keep(path: Path, latents: torch.Tensor) -> None:
    from safetensors.torch import save

    # a full disk is told by the system's own error, which safetensors' writer hides
    atomic_write(path, save({"latents": latents.contiguous()}))


def _known(path: Path) -> torch.Tensor | None:
    """Return what an earlier attempt kept of a video; None if there is nothing, or nothing that can be used."""
    from safetensors.torch import load_file

    if not path.is_file():
        return None
    try:
        latents = load_file(path)["latents"]
    except Exception as error:  # whatever a damaged file makes its reader say
        logger.warning("%s: what was kept is damaged (%s) and is made anew", path.stem, error)
        return None
    if not latents.isfinite().all():
        logger.warning("%s: what was kept holds NaN and is made anew", path.stem)
        return None
    return latents


def _together(
    work: Callable[[str], torch.Tensor], views: Sequence[str], threads: int, shares: _Shares
) -> dict[str, torch.Tensor]:
    with ThreadPoolExecutor(threads) as pool:
        futures = {view: pool.submit(work, view) for view in views}
        try:
            wait(futures.values(), return_when=FIRST_EXCEPTION)
            failed = next((f.exception() for f in futures.values() if f.done() and f.exception()), None)
            if failed is not None:
                raise failed
        except BaseException as error:
            shares.stop(error)
            pool.shutdown(cancel_futures=True)
            raise
        return {view: future.result() for view, future in futures.items()}


class _Shares:
    """The progress of several views as one; once one view fails, the others are told at their next step."""

    def __init__(self, views: Sequence[str], progress: Progress) -> None:
        self._done = dict.fromkeys(views, 0.0)
        self._progress = progress
        self._lock = threading.Lock()
        self._stopped: BaseException | None = None

    def __call__(self, view: str, done: float, text: str) -> None:
        with self._lock:
            self._progress(*self._told(view, done, text))

    def finish(self, view: str) -> None:
        """Say that a video is finished."""
        with self._lock:
            self._progress.milestone(*self._told(view, 1.0, "finished"))

    def skip(self, view: str, text: str) -> None:
        """Say that a video was finished by an earlier attempt."""
        with self._lock:
            fraction, message = self._told(view, 1.0, text)
            self._progress.skip(message, fraction=fraction)

    def stop(self, error: BaseException) -> None:
        with self._lock:
            self._stopped = error

    def _told(self, view: str, done: float, text: str) -> tuple[float, str]:
        """Take notice of what is done of a view, and return what is done of all and what to say."""
        if self._stopped is not None:
            raise self._stopped
        self._done[view] = done
        number = 1 + list(self._done).index(view)
        return sum(self._done.values()) / len(self._done), f"video {number} of {len(self._done)} ({view}): {text}"
