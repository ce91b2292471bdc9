"""Networks that stay loaded from one scene to the next, in a process that makes many.

Does: keep what loaders made, hand it out again as long as its files are the same, and give it back, longest unused
first, when something else needs the memory. Does not: load, place or reset networks, or know of scenes.

Off until :meth:`WarmModels.keep` is called, as a worker does: a process that makes one scene would keep for nobody.
What is borrowed is the borrower's alone: scenes that share a process take turns.
"""

from __future__ import annotations

import gc
import sys
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["WARM", "Slot", "WarmModels", "files_state", "free_unused"]

T = TypeVar("T")

#: What a network does and the torch device it does it on: of each there is one at most.
Slot = tuple[str, str]
#: Tells the memory that more networks may take now [bytes]; None where nobody knows.
Room = Callable[[], float | None]


@dataclass(eq=False)
class _Kept:
    """A model that is loaded, what it was loaded from, and its networks (modules of torch) as they are now."""

    key: Hashable
    model: Any
    networks: Callable[[Any], Iterable[Any]]


class WarmModels:
    """Loaded models by slot, longest unused first."""

    def __init__(self) -> None:
        self._keeping = False
        self._kept: OrderedDict[Slot, _Kept] = OrderedDict()
        self._borrowed: set[Slot] = set()

    @property
    def keeping(self) -> bool:
        """Whether models stay loaded."""
        return self._keeping

    def keep(self, keeping: bool = True) -> None:
        """Let models stay loaded from now on, or no longer."""
        self._keeping = keeping
        if not keeping:
            self.drop()

    def take(
        self,
        slot: Slot,
        files: Sequence[Path],
        settings: Hashable,
        load: Callable[[], T],
        networks: Callable[[T], Iterable[Any]],
    ) -> T:
        """Return the model of a slot: as it is kept, or else loaded, after another one there was given back.

        Args:
            slot: what it does, and where.
            files: files and folders that it is loaded from; if one is another now, it is loaded again.
            settings: what else decides how it is loaded.
            load: loads it.
            networks: its modules of torch, for those who count memory.

        Raises:
            Exception: whatever `load` raises; nothing is kept then.
        """
        if not self._keeping:
            return load()
        key = (settings, files_state(files))
        if not self.holds(slot, files, settings):
            self.drop([slot])
            model = load()
            if (settings, files_state(files)) != key:
                return model  # files changed while they were read: good for this once, if at all
            self._kept[slot] = _Kept(key, model, networks)
        self._kept.move_to_end(slot)
        self._borrowed.add(slot)
        found: T = self._kept[slot].model
        return found

    def holds(self, slot: Slot, files: Sequence[Path], settings: Hashable) -> bool:
        """Return whether :meth:`take` would find the model loaded."""
        kept = self._kept.get(slot)
        return kept is not None and kept.key == (settings, files_state(files))

    @contextmanager
    def scene(self) -> Iterator[None]:
        """Give back all that was taken in the block if it fails: nobody knows in which state that is.

        The error itself may hold on to it; call :func:`free_unused` once that is dealt with.
        """
        self._borrowed.clear()
        try:
            yield
        except BaseException:
            for slot in self._borrowed:
                self._kept.pop(slot, None)
            raise
        finally:
            self._borrowed.clear()

    def make_room(self, slot: Slot, needed: float, room: Room, device: str | None = None) -> bool:
        """Give models back until the one of `slot` can be taken, longest unused first; return whether it can.

        Args:
            slot: what memory is wanted for; what it holds counts, for it is used again or given back first. Others
                that do the same on other devices stay.
            needed: memory for all that it will hold and do [bytes].
            room: the memory that is free, or may be taken, beside what is held.
            device: the torch device whose memory that is; by default the slot's.
        """
        device = slot[1] if device is None else device
        for other in [*(each for each in self._kept if each[0] != slot[0]), None]:
            free = room()
            if free is None or free + self.held_bytes(device, slot) >= needed:
                return True
            if other is not None and self.held_bytes(device, other):
                self.drop([other])
        return False

    def held_bytes(self, device: str, slot: Slot | None = None) -> int:
        """Return the memory [bytes] of a torch device that networks hold: those of a slot, or all."""
        chosen = [kept for name, kept in self._kept.items() if slot in (None, name)]
        tensors = {id(t): t for kept in chosen for network in kept.networks(kept.model) for t in _tensors(network)}
        return sum(int(tensor.nbytes) for tensor in tensors.values() if str(tensor.device) == device)

    def drop(self, slots: Iterable[Slot] | None = None) -> None:
        """Give back the models of these slots, or all."""
        dropped = [self._kept.pop(slot, None) for slot in list(self._kept if slots is None else slots)]
        if any(dropped):
            del dropped
            free_unused()


def files_state(paths: Iterable[Path]) -> tuple[tuple[Any, ...], ...]:
    """Return what tells files, and those in folders, from others that may come to lie there, without reading them."""
    return tuple(
        (str(file), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
        for path in paths
        for file in (sorted(path.rglob("*")) if path.is_dir() else [path])
        if file.is_file()
        for stat in [file.stat()]
    )


def free_unused(gpu: bool | None = None) -> None:
    """Give memory that nobody uses any more back to the system; that of GPUs if `gpu`, by default if any was used."""
    torch = sys.modules.get("torch")
    if torch is None:
        return
    gc.collect()  # hooks of networks hold each other
    if not (torch.cuda.is_initialized() if gpu is None else gpu):
        return
    torch.cuda.empty_cache()
    if hasattr(torch.accelerator, "empty_host_cache"):
        # else pinned memory of weights that visited would be missing to the plan of the next scene
        torch.accelerator.empty_host_cache()


def _tensors(network: Any) -> Iterator[Any]:
    yield from network.parameters()
    yield from network.buffers()


#: The models of this process.
WARM = WarmModels()
