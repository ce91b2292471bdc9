"""Where training stood: the newest whole checkpoint, and the one before."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..atomic import remove_leftovers, replacing
from ..errors import InvalidRequest, WriteFailed

__all__ = ["Checkpoints"]

#: Checkpoints that are kept: one may be damaged without anybody's fault.
_KEPT = 2
_NAME = "step_*.pt"


class Checkpoints:
    """The checkpoints of one training in a folder."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """Open a folder, made if needed.

        Args:
            folder: nobody else writes there.
            settings: what decides the training, plain JSON data.

        Raises:
            InvalidRequest: the training of other settings lies there.
            WriteFailed: nothing can be written there.
        """
        self._folder = folder
        text = json.dumps(settings, indent=1, sort_keys=True) + "\n"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(folder)
        except OSError as error:
            raise WriteFailed(folder, error) from error
        path = folder / "settings.json"
        if path.is_file() and path.read_text(encoding="utf-8") != text:
            raise InvalidRequest(
                f"{folder}: holds a training with other settings, see {path.name}. Take another folder, or remove this "
                "one to begin anew."
            )
        if not path.is_file():
            with replacing(path) as part:
                part.write_text(text, encoding="utf-8")

    def save(self, state: Mapping[str, Any], step: int) -> None:
        """Keep what the parts of a training hold after `step` steps, and remove what is older than the one before.

        Raises:
            WriteFailed: the disk is full or the like; those before are whole.
        """
        with replacing(self._folder / f"step_{step:08d}.pt") as part:
            held = {name: each.state_dict() for name, each in state.items()}
            try:
                torch.save({"step": step, "state": held}, part)
            except RuntimeError as error:  # what torch makes of a full disk
                raise OSError(f"cannot be written: {error}") from error
        for old in self._all()[:-_KEPT]:
            old.unlink()

    def restore(self, state: Mapping[str, Any]) -> int:
        """Give the parts of a training what the newest checkpoint holds, and return its step; 0 if there is none.

        Raises:
            InvalidRequest: it is damaged.
        """
        found = self._all()
        if not found:
            return 0
        try:
            held = torch.load(found[-1], map_location="cpu", weights_only=True)
            for name, each in state.items():
                each.load_state_dict(held["state"][name])
            return int(held["step"])
        except Exception as error:  # torch and pickle raise nearly anything on damaged files
            raise InvalidRequest(
                f"{found[-1]}: cannot be read as a checkpoint ({type(error).__name__}). Remove it to go on from the "
                "one before."
            ) from error

    def clear(self) -> None:
        """Remove all of it: what was trained is kept elsewhere."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _all(self) -> list[Path]:
        return sorted(self._folder.glob(_NAME))
