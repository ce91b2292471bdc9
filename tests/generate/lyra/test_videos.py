"""The videos of a scene: on one GPU or several, kept for the next attempt, and stopped together."""

from __future__ import annotations

import errno
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from lyra_backend.errors import WriteFailed
from lyra_backend.generate._lyra.videos import imagine_all, imagine_at_once
from lyra_backend.progress import Event, Progress

VIEWS = ("clockwise", "left", "right", "up", "zoom_out", "zoom_in")
#: Seconds that a step takes by view, so that with several models they do not finish in the order they began.
PACES = dict(zip(VIEWS, (0.01, 0.001, 0.004, 0.0, 0.006, 0.002), strict=True))
STEPS = 4


def latents_of(view: str) -> torch.Tensor:
    return torch.randn(1, 16, 3, 4, 6, generator=torch.Generator().manual_seed(VIEWS.index(view)))


class Maker:
    """Makes a video as the networks do: step by step, telling each time how far it is."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.at_work: Counter[str] = Counter()
        self.most = 0

    def __call__(self, model: str, view: str, progress) -> torch.Tensor:
        self.at_work[model] += 1
        self.most = max(self.most, *self.at_work.values())
        for step in range(STEPS):
            progress(step / STEPS, f"step {step + 1}")
            time.sleep(PACES[view])
        self.at_work[model] -= 1
        self.made.append(view)
        return latents_of(view)


def imagined(kept: Path, models=("gpu",), make=None, progress=lambda *_: None) -> dict[str, torch.Tensor]:
    told = Progress(lambda event: progress(event.fraction, event.message))
    return imagine_all(models, VIEWS, make or Maker(), kept, told)


@pytest.mark.parametrize("models", [("a",), ("a", "b", "c"), tuple("abcdefgh")], ids=len)
def test_how_many_gpus_there_are_changes_nothing(tmp_path, models) -> None:
    make = Maker()
    found = imagined(tmp_path, models, make)
    assert list(found) == list(VIEWS)
    for view in VIEWS:
        assert torch.equal(found[view], latents_of(view))
    assert sorted(make.made) == sorted(VIEWS)
    assert make.most == 1
    assert set(make.at_work) <= set(models)


def test_several_gpus_work_at_once(tmp_path) -> None:
    meeting = threading.Barrier(3, timeout=10)

    def make(model: str, view: str, progress) -> torch.Tensor:
        meeting.wait()
        return latents_of(view)

    assert len(imagined(tmp_path, ("a", "b", "c"), make)) == 6


@pytest.mark.parametrize("models", [("a",), ("a", "b")], ids=len)
def test_progress_goes_on_to_the_end(tmp_path, models) -> None:
    told: list[tuple[float, str]] = []
    imagined(tmp_path, models, progress=lambda done, text: told.append((done, text)))
    shares = [done for done, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    assert "video 4 of 6 (up): step 2" in [text for _, text in told]
    # one share a video: 6 videos, of each of which a quarter is done at its second step
    assert told[1][0] == pytest.approx(1 / 24) or len(models) > 1


@pytest.mark.parametrize("models", [("a",), ("a", "b")], ids=len)
def test_finished_videos_are_not_made_again(tmp_path, models) -> None:
    class Stopped(Exception):
        pass

    def stop_at_right(model: str, view: str, progress) -> torch.Tensor:
        if view == "right":
            raise Stopped
        return Maker()(model, view, progress)

    with pytest.raises(Stopped):
        imagined(tmp_path, models, stop_at_right)
    before = {path.stem: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert before.keys() == {"clockwise", "left"} if len(models) == 1 else "right" not in before
    make, told = Maker(), []
    found = imagined(tmp_path, models, make, lambda done, text: told.append(text))
    assert sorted(make.made) == sorted(set(VIEWS) - before.keys())
    assert {path.stem: path.stat().st_mtime_ns for path in tmp_path.iterdir() if path.stem in before} == before
    assert {f"video {VIEWS.index(view) + 1} of 6 ({view}): kept from before" for view in before} <= set(told)
    for view in VIEWS:
        assert torch.equal(found[view], latents_of(view))


def test_what_is_kept_is_what_was_made(tmp_path) -> None:
    imagined(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"{view}.safetensors" for view in VIEWS}
    assert torch.equal(load_file(tmp_path / "up.safetensors")["latents"], latents_of("up"))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_half_written_video_is_not_taken_for_a_whole_one(tmp_path, share: float) -> None:
    """Left by a killed program under the name of a part, or by a broken disk under its own."""
    imagined(tmp_path)
    for name, after in (("left", "left.part"), ("up", "up.safetensors")):
        whole = (tmp_path / f"{name}.safetensors").read_bytes()
        (tmp_path / f"{name}.safetensors").unlink()
        (tmp_path / after).write_bytes(whole[: int(share * len(whole))])
    make = Maker()
    found = imagined(tmp_path, make=make)
    assert make.made == ["left", "up"]
    assert torch.equal(found["left"], latents_of("left"))
    assert torch.equal(found["up"], latents_of("up"))
    assert torch.equal(load_file(tmp_path / "up.safetensors")["latents"], latents_of("up"))


def test_a_kept_video_that_holds_nan_is_made_anew(tmp_path) -> None:
    imagined(tmp_path)
    save_file({"latents": latents_of("up") * float("nan")}, tmp_path / "up.safetensors")
    make = Maker()
    assert torch.equal(imagined(tmp_path, make=make)["up"], latents_of("up"))
    assert make.made == ["up"]


def test_a_video_appears_under_its_name_only_when_it_is_whole(tmp_path, monkeypatch) -> None:
    def full(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(WriteFailed, match="No space left"):
        imagined(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_finished_video_is_a_milestone_and_a_kept_one_is_none(tmp_path) -> None:
    events: list[Event] = []
    imagine_all(("gpu",), VIEWS, Maker(), tmp_path, Progress(events.append))
    assert [event.message for event in events if event.milestone] == [
        f"video {i + 1} of 6 ({view}): finished" for i, view in enumerate(VIEWS)
    ]
    events.clear()
    imagine_all(("gpu",), VIEWS, Maker(), tmp_path, Progress(events.append))
    assert not any(event.milestone for event in events)
    # nothing was done, so that nothing says how quickly the rest goes
    assert events[-1].eta_s is None


def test_one_view_that_fails_stops_the_others(tmp_path) -> None:
    broken, ended = threading.Event(), []

    def make(model: str, view: str, progress) -> torch.Tensor:
        if view == "left":
            broken.set()
            raise RuntimeError("out of luck")
        broken.wait(10)
        try:
            for step in range(10_000):
                progress(step / 10_000, "working")
                time.sleep(0.001)
        except RuntimeError:
            ended.append((view, step))
            raise
        return latents_of(view)

    with pytest.raises(RuntimeError, match="out of luck"):
        imagined(tmp_path, ("a", "b"), make)
    # the other one stopped long before its end, and so did the one that may have begun meanwhile
    assert {"clockwise"} <= {view for view, _ in ended} <= {"clockwise", "right"}
    assert all(step < 5_000 for _, step in ended)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("models", [("a",), ("a", "b", "c")], ids=len)
def test_who_listens_can_stop_them_all(tmp_path, models) -> None:
    class Cancelled(Exception):
        pass

    def listen(done: float, text: str) -> None:
        if done > 0.3:
            raise Cancelled

    make = Maker()
    with pytest.raises(Cancelled):
        imagined(tmp_path, models, make, listen)
    assert len(make.made) < 5
    kept = {path.stem for path in tmp_path.iterdir()}
    assert kept <= set(make.made)


class BatchMaker:
    """Makes all videos at once."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []

    def __call__(self, model: str, views, progress) -> torch.Tensor:
        self.calls.append(tuple(views))
        progress(0.5, "step 1")
        return torch.cat([latents_of(view) for view in views])


def test_videos_made_at_once_are_kept_one_by_one(tmp_path) -> None:
    make, told = BatchMaker(), []
    listener = Progress(lambda event: told.append(event.message))
    found = imagine_at_once("cpu", VIEWS, make, tmp_path, listener)
    assert list(found) == list(VIEWS)
    for view in VIEWS:
        assert torch.equal(found[view], latents_of(view))
        assert torch.equal(load_file(tmp_path / f"{view}.safetensors")["latents"], latents_of(view))
    assert told == ["6 videos: step 1", "6 videos finished"]
    again = imagine_at_once("cpu", VIEWS, make, tmp_path, Progress())
    assert make.calls == [VIEWS]
    assert all(torch.equal(again[view], found[view]) for view in VIEWS)


def test_of_a_batch_all_are_made_again_or_none(tmp_path) -> None:
    make = BatchMaker()
    imagine_at_once("cpu", VIEWS, make, tmp_path, Progress())
    (tmp_path / "left.safetensors").unlink()
    imagine_at_once("cpu", VIEWS, make, tmp_path, Progress())
    assert make.calls == [VIEWS, VIEWS]
