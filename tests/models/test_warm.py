"""Models that stay loaded: handed out again only as they were, given back when they must be, and really gone then."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import torch

from lyra_backend.models.warm import WarmModels, files_state

DEPTH, VIDEO, OTHER_VIDEO, TEXT = ("depth", "cpu"), ("video", "cpu"), ("video", "meta"), ("text", "cpu")


@pytest.fixture
def models() -> WarmModels:
    made = WarmModels()
    made.keep()
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model" / "unet").mkdir(parents=True)
    (tmp_path / "model" / "unet" / "weights").write_bytes(b"1234")
    return tmp_path / "model"


def network(megabytes: float = 0.001) -> torch.nn.Module:
    made = torch.nn.Module()
    made.weight = torch.nn.Parameter(torch.zeros(int(megabytes * 250_000)))
    return made


def take(models: WarmModels, slot: tuple[str, str], folder: Path, settings: object = None, **more) -> torch.nn.Module:
    load: Callable[[], torch.nn.Module] = more.get("load", network)
    return models.take(slot, [folder], settings, load, lambda made: [made])


def test_nothing_is_kept_unless_wanted(folder: Path) -> None:
    models = WarmModels()
    assert take(models, DEPTH, folder) is not take(models, DEPTH, folder)
    models.keep()
    assert take(models, DEPTH, folder) is take(models, DEPTH, folder)
    gone = weakref.ref(take(models, DEPTH, folder))
    models.keep(False)
    assert gone() is None
    assert not models.keeping


def test_files_that_are_others_now_are_loaded_again(models: WarmModels, folder: Path) -> None:
    file = folder / "unet" / "weights"
    first = weakref.ref(take(models, DEPTH, folder))
    before, stat = files_state([folder]), file.stat()
    file.write_bytes(b"4321")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as a copy that keeps times would leave it
    assert files_state([folder]) != before
    second = weakref.ref(take(models, DEPTH, folder))
    assert first() is None
    (folder / "more").write_bytes(b"")
    assert take(models, DEPTH, folder) is not second()
    assert second() is None


def test_another_model_takes_the_place_of_the_one_before(models: WarmModels, folder: Path) -> None:
    first = weakref.ref(take(models, DEPTH, folder, "float32"))

    def load() -> torch.nn.Module:
        assert first() is None, "both at once may be more than there is"
        return network()

    take(models, DEPTH, folder, "float16", load=load)
    assert models.holds(DEPTH, [folder], "float16")
    assert not models.holds(DEPTH, [folder], "float32")


def test_what_changes_while_it_is_read_is_not_kept(models: WarmModels, folder: Path) -> None:
    def load() -> torch.nn.Module:
        (folder / "unet" / "weights").write_bytes(b"half of it")
        return network()

    take(models, DEPTH, folder, load=load)
    assert not models.holds(DEPTH, [folder], None)


def test_what_cannot_be_loaded_leaves_nothing(models: WarmModels, folder: Path) -> None:
    def load() -> torch.nn.Module:
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        take(models, DEPTH, folder, load=load)
    assert not models.holds(DEPTH, [folder], None)


def test_a_scene_that_fails_leaves_none_of_what_it_took(models: WarmModels, folder: Path) -> None:
    with models.scene():
        kept, gone = (weakref.ref(take(models, slot, folder)) for slot in (DEPTH, VIDEO))

    def fail() -> None:
        with models.scene():
            take(models, VIDEO, folder)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert kept() is not None
    assert gone() is None


def test_room_is_made_by_what_was_not_used_for_longest(models: WarmModels, folder: Path) -> None:
    for slot in (DEPTH, VIDEO, TEXT):
        take(models, slot, folder)
    take(models, DEPTH, folder)

    def left() -> list[str]:
        return [slot[0] for slot in (DEPTH, VIDEO, TEXT) if models.holds(slot, [folder], None)]

    each = models.held_bytes("cpu", DEPTH)

    def room(free: float) -> Callable[[], float]:
        """Memory that grows by what is given back."""
        whole = free + models.held_bytes("cpu")
        return lambda: whole - models.held_bytes("cpu")

    assert models.make_room(("picture", "cpu"), 100.0, room(100.0))
    assert left() == ["depth", "video", "text"]
    assert models.make_room(("picture", "cpu"), 1.0, room(0.0))
    assert left() == ["depth", "text"]
    # what the model itself holds is there for it, and none of it goes
    assert models.make_room(TEXT, each, room(0.0))
    assert left() == ["depth", "text"]
    assert not models.make_room(TEXT, 1e9, room(0.0))
    assert left() == ["text"]
    assert models.make_room(TEXT, 1e9, lambda: None), "nobody knows"


def test_those_that_work_together_do_not_push_each_other_out(models: WarmModels, folder: Path) -> None:
    take(models, VIDEO, folder)
    take(models, OTHER_VIDEO, folder, load=lambda: network().to("meta"))
    assert not models.make_room(OTHER_VIDEO, 1.0, lambda: 0.0, "cpu")
    assert models.holds(VIDEO, [folder], None)
    # and memory of another device is no help
    take(models, DEPTH, folder)
    assert not models.make_room(("text", "cuda:0"), 1.0, lambda: 0.0)
    assert models.holds(DEPTH, [folder], None)


def test_memory_is_counted_once_and_given_back(models: WarmModels, folder: Path) -> None:
    process = psutil.Process()

    def load() -> torch.nn.Module:
        made = network(200.0)
        made.weight.data.fill_(1.0)
        made.same = made.weight
        made.register_buffer("mean", torch.zeros(1000))
        return made

    before = process.memory_info().rss
    take(models, DEPTH, folder, load=load)
    assert models.held_bytes("cpu") == 200_000_000 + 4000
    assert models.held_bytes("cuda:0") == 0
    assert process.memory_info().rss > before + 150e6
    models.drop()
    assert models.held_bytes("cpu") == 0
    assert process.memory_info().rss < before + 50e6
