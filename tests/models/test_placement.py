"""On which device networks are loaded, with how much memory, and what of the process is changed for that."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
import torch
from diffusers import AutoencoderKLCosmos

from lyra_backend.errors import InvalidRequest, MissingDependency
from lyra_backend.generate._lyra.devices import placements, working_on
from lyra_backend.models import placement as placement_module
from lyra_backend.models.budget import Budget
from lyra_backend.models.placement import Placement, choose_placement, free_gb, room_bytes
from lyra_backend.models.warm import WARM, WarmModels

#: About that of the published model: 14.5 GB of weights, 1.2 GB of them if they visit, 6.5 GB for activations, 2 GB for
#: the tokenizer, 3 GB for the decoder. With 2 GB to spare: 23 GB as a whole, 16.2 GB in 8 bits, 9.7 GB block by block.
BUDGET = Budget(2.2e15, 5.2e14, 14.5e9, 1.2e9, 6.5e9, 2e9, 3e9)
CPU = torch.device("cpu")


@pytest.fixture
def gpus(monkeypatch) -> Callable[..., None]:
    """Pretend that there are GPUs with so much free memory [GB], of so many generations, and main memory."""

    def pretend(*free_gb: float, capabilities: tuple[tuple[int, int], ...] = (), main_gb: float | None = 64.0) -> None:
        def memory(device: torch.device) -> tuple[int, int]:
            return int(free_gb[device.index or 0] * 1e9), int(96e9)

        monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(free_gb))
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(free_gb))
        monkeypatch.setattr(torch.cuda, "mem_get_info", memory)
        made = dict(enumerate(capabilities))
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: made.get(device.index, (9, 0)))
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU {device.index}")
        main = None if main_gb is None else int(main_gb * 1e9)
        monkeypatch.setattr(placement_module, "available_memory_bytes", lambda: main)

    return pretend


@pytest.mark.parametrize(
    ("free_gb", "precision", "offload", "stored"),
    [
        (141.0, "auto", False, None),
        (47.0, "auto", False, None),
        (23.5, "auto", False, None),
        (22.5, "auto", True, None),
        (15.4, "auto", True, None),
        (9.8, "bfloat16", True, None),
        (141.0, "float8", False, torch.float8_e4m3fn),
        (16.5, "float8", False, torch.float8_e4m3fn),
        (16.5, "int8", False, torch.int8),
    ],
)
@pytest.mark.parametrize("by", ["what is free", "what may be taken"])
def test_the_fastest_way_that_fits(
    gpus, free_gb: float, precision: str, offload: bool, stored: torch.dtype | None, by: str
) -> None:
    gpus(free_gb if by == "what is free" else 141.0)
    found = choose_placement("auto", None if by == "what is free" else free_gb, BUDGET, precision)
    assert (found.device.type, found.dtype) == ("cuda", torch.bfloat16)
    assert (found.offload, found.stored) == (offload, stored)
    assert found.bytes_needed(BUDGET) <= free_gb * 1e9


@pytest.mark.parametrize(
    ("placement", "needed_gb"),
    [
        (Placement(CPU, torch.bfloat16), 14.5 + 6.5),
        (Placement(CPU, torch.float32), 2 * (14.5 + 6.5)),
        (Placement(CPU, torch.bfloat16, stored=torch.int8), 0.53 * 14.5 + 6.5),
        (Placement(CPU, torch.bfloat16, offload=True), 1.2 + 6.5),
    ],
)
def test_what_is_kept_on_the_device_counts(placement: Placement, needed_gb: float) -> None:
    assert placement.bytes_needed(BUDGET) == pytest.approx((needed_gb + 2.0) * 1e9)


def test_the_most_of_all_stages_counts() -> None:
    placement = Placement(CPU, torch.bfloat16)
    # the decoder works when the video model is gone, the tokenizer beside it
    assert placement.bytes_needed(Budget(1.0, 1.0, 1e9, 1e9, 1e9, 1e9, 9e9)) == pytest.approx(11e9)
    assert placement.bytes_needed(Budget(1.0, 1.0, 1e9, 1e9, 1e9, 9e9, 1e9)) == pytest.approx(12e9)
    assert placement.bytes_decoding(Budget(1.0, 1.0, 1e9, 1e9, 1e9, 3e9, 1e9)) == pytest.approx(5e9)


@pytest.mark.parametrize(("free_gb", "vram_gb"), [(7.0, None), (24.0, 7.0), (7.0, 80.0)])
def test_too_little_memory(gpus, free_gb: float, vram_gb: float | None) -> None:
    gpus(free_gb)
    says = (
        rf"device cuda:0: this model needs about 9\.7 GB .* {free_gb:.1f} GB are free of which 7\.0 GB may be taken\."
    )
    with pytest.raises(InvalidRequest, match=says):
        choose_placement("auto", vram_gb, BUDGET)


def test_eight_bits_that_do_not_fit_name_what_does(gpus) -> None:
    gpus(15.0)
    with pytest.raises(InvalidRequest, match=r"needs about 16\.2 GB .* leave precision to auto"):
        choose_placement("auto", None, BUDGET, "float8")
    assert choose_placement("auto", None, BUDGET).offload


def test_a_precision_that_there_is_not(gpus) -> None:
    gpus(80.0)
    with pytest.raises(InvalidRequest, match="precision must be one of auto, bfloat16, float8, int8, got 'fp4'"):
        choose_placement("auto", None, BUDGET, "fp4")
    gpus()
    with pytest.raises(InvalidRequest, match="precision: is for GPUs, got int8, and the device is cpu"):
        choose_placement("auto", None, BUDGET, "int8")


def test_whole_numbers_need_a_package(gpus, monkeypatch) -> None:
    """Told before anything is loaded."""
    gpus(80.0)
    monkeypatch.setitem(sys.modules, "torchao.quantization", None)
    with pytest.raises(MissingDependency, match=r"torchao: needed for precision=int8.*lyra-backend\[int8\]"):
        choose_placement("auto", None, BUDGET, "int8")


def test_what_torch_keeps_of_earlier_work_is_free(gpus, monkeypatch) -> None:
    """A second scene of one process finds little free memory: the rest is torch's own, and idle."""
    gpus(3.0)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: int(30e9))
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: int(1e9))
    assert free_gb(torch.device("cuda:0")) == pytest.approx(32.0)
    assert not choose_placement("auto", None, BUDGET).offload


class Networks:
    """Stand for networks of so many bytes on a device."""

    def __init__(self, device: str, size: float) -> None:
        self._tensor = SimpleNamespace(device=device, nbytes=int(size))

    def parameters(self) -> list[SimpleNamespace]:
        return [self._tensor]

    def buffers(self) -> list[SimpleNamespace]:
        return []


@pytest.fixture
def warm() -> Iterator[WarmModels]:
    WARM.keep()
    yield WARM
    WARM.keep(False)


def test_networks_of_the_scene_before_count_as_free_memory(gpus, monkeypatch, warm) -> None:
    """Else a scene would be planned beside them and loaded another way each time."""
    gpus(10.0)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: int(15e9))
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: int(14e9))
    assert not choose_placement("auto", None, BUDGET).offload
    assert choose_placement("auto", 20.0, BUDGET).offload
    # what is loaded beside them has the rest, and less where less may be taken
    gpu = torch.device("cuda:0")
    assert room_bytes(gpu, None) == pytest.approx(11e9)
    assert room_bytes(gpu, 20.0) == pytest.approx(6e9)
    warm.keep(False)
    assert choose_placement("auto", None, BUDGET).offload


def test_weights_that_wait_in_main_memory_are_used_again_or_given_back(gpus, monkeypatch, warm) -> None:
    def take(slot: tuple[str, str], size: float) -> None:
        warm.take(slot, (), None, lambda: Networks("cpu", size), lambda made: [made])

    gpus(12.0)

    def available() -> int:
        return int(22e9) - warm.held_bytes("cpu")

    monkeypatch.setattr(placement_module, "available_memory_bytes", available)
    take(("lyra", "cuda:0"), 14.5e9)
    take(("depth", "cuda:0"), 2e9)
    assert choose_placement("auto", None, BUDGET).offload
    assert warm.held_bytes("cpu") == 16_500_000_000, "there is room for all of it"
    take(("text to image", "cuda:0"), 12e9)
    assert choose_placement("auto", None, BUDGET).offload
    assert warm.held_bytes("cpu", ("lyra", "cuda:0")) == 14_500_000_000
    assert warm.held_bytes("cpu") <= 22e9
    monkeypatch.setattr(placement_module, "available_memory_bytes", lambda: int(14e9) - warm.held_bytes("cpu"))
    with pytest.raises(InvalidRequest, match="wait in main memory"):
        choose_placement("auto", None, BUDGET)


def test_nothing_stays_loaded_when_memory_ran_out(warm) -> None:
    for slot in (("lyra", "cpu"), ("depth", "cpu")):
        warm.take(slot, (), None, lambda: Networks("cpu", 1e9), lambda made: [made])
    with pytest.raises(InvalidRequest, match="GPU memory"), working_on([], None):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")
    assert warm.held_bytes("cpu") == 0


def test_more_than_is_free_cannot_be_taken(gpus) -> None:
    """With 80 GB allowed and 20 free, weights are offloaded as they are where nothing is allowed."""
    gpus(20.0)
    assert choose_placement("cuda", 80.0, BUDGET) == choose_placement("cuda", None, BUDGET)
    assert choose_placement("cuda", 80.0, BUDGET).offload


def test_without_a_gpu_all_is_on_the_cpu_in_full_precision(gpus) -> None:
    gpus()
    for name in ("auto", "cpu"):
        assert choose_placement(name, None, BUDGET) == Placement(CPU, torch.float32)


@pytest.mark.parametrize(("name", "count"), [("cuda:7", 1), ("cuda:1", 1), ("cuda", 0), ("cuda:0", 0), ("cuda:2", 2)])
def test_a_gpu_that_is_not_there(gpus, name: str, count: int) -> None:
    gpus(*[80.0] * count)
    are = "is 1" if count == 1 else f"are {count}"
    with pytest.raises(InvalidRequest, match=f"device '{name}': there {are} CUDA devices here"):
        choose_placement(name, None, BUDGET)


@pytest.mark.parametrize(
    "name", ["gpu", "", "cuda:x", "cuda:-1", "meta", "mps", "cpu,cuda", "cuda:0 ", "cpu:0", "cpu:1"]
)
def test_names_that_are_no_device(gpus, name: str) -> None:
    gpus(80.0)
    with pytest.raises(InvalidRequest, match=f"device must be auto, cpu, cuda or cuda:N, got '{name}'"):
        choose_placement(name, None, BUDGET)


def test_memory_of_a_gpu_where_there_is_none(gpus) -> None:
    gpus()
    for name in ("auto", "cpu"):
        with pytest.raises(InvalidRequest, match=r"vram: is memory of GPUs, got 24 GB, and the device is cpu\. Leave"):
            choose_placement(name, 24.0, BUDGET)


def test_a_gpu_without_a_number_gets_the_one_that_it_has(gpus, monkeypatch) -> None:
    """Some calls of torch take no device without an index."""
    gpus(80.0, 70.0)
    for name in ("auto", "cuda"):
        assert choose_placement(name, None, BUDGET).device == torch.device("cuda", 0)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    for name in ("auto", "cuda"):
        assert choose_placement(name, None, BUDGET).device == torch.device("cuda", 1)
    assert choose_placement("cuda:0", None, BUDGET).device == torch.device("cuda", 0)


def test_gpus_that_are_too_old_are_refused(gpus) -> None:
    gpus(80.0, capabilities=((7, 5),))
    with pytest.raises(InvalidRequest, match=r"device cuda:0: GPU 0 has compute capability 7\.5, and 8\.0 or more is"):
        choose_placement("auto", None, BUDGET)
    gpus(80.0, capabilities=((8, 0),))
    assert choose_placement("auto", None, BUDGET).device.type == "cuda"


@pytest.mark.parametrize("main_gb", [14.6, None])
def test_weights_that_visit_wait_in_main_memory(gpus, main_gb: float | None) -> None:
    gpus(10.0, main_gb=main_gb)
    assert choose_placement("auto", None, BUDGET).offload
    gpus(80.0, main_gb=1.0)
    assert not choose_placement("auto", None, BUDGET).offload
    gpus(10.0, main_gb=14.4)
    says = r"device cuda:0: .* wait in main memory, which takes 14\.5 GB, and 14\.4 GB are available\. Close"
    with pytest.raises(InvalidRequest, match=says):
        choose_placement("auto", None, BUDGET)


# -- all devices together ---------------------------------------------------------------------------------------------


def names(found: tuple[Placement, ...]) -> list[str]:
    return [str(placement.device) for placement in found]


def test_auto_takes_every_gpu_and_each_as_it_is(gpus) -> None:
    gpus(79.0, 21.0)
    found = placements("auto", None, BUDGET, 1e9)
    assert names(found) == ["cuda:0", "cuda:1"]
    assert [placement.offload for placement in found] == [False, True]
    assert names(placements("cuda:1", None, BUDGET, 1e9)) == ["cuda:1"]


def test_a_gpu_that_is_small_or_busy_is_left_out(gpus, caplog) -> None:
    gpus(6.0, 79.0, 3.0)
    assert names(placements("auto", None, BUDGET, 1e9)) == ["cuda:1"]
    left_out = [record.message for record in caplog.records]
    assert [message.partition(": this")[0] for message in left_out] == [
        "a GPU is left out: device cuda:0",
        "a GPU is left out: device cuda:2",
    ]
    with pytest.raises(InvalidRequest, match="device cuda:0: this model needs"):
        placements("cuda:0", None, BUDGET, 1e9)


def test_an_old_gpu_is_left_out(gpus, caplog) -> None:
    gpus(80.0, 80.0, capabilities=((7, 0), (8, 6)))
    assert names(placements("auto", None, BUDGET, 1e9)) == ["cuda:1"]
    assert "a GPU is left out: device cuda:0: GPU 0 has compute capability 7.0" in caplog.text


def test_main_memory_counts_for_each_gpu(gpus, caplog) -> None:
    gpus(10.0, 10.0, 80.0, main_gb=28.0)
    assert names(placements("auto", None, BUDGET, 1e9)) == ["cuda:0", "cuda:2"]
    assert "device cuda:1: weights that" in caplog.text
    assert "takes 14.5 GB beside 14.5 GB for other GPUs, and 28.0 GB are available" in caplog.text
    gpus(10.0, 10.0, main_gb=30.0)
    assert names(placements("auto", None, BUDGET, 1e9)) == ["cuda:0", "cuda:1"]


def test_where_no_gpu_can_do_it_each_is_named(gpus) -> None:
    gpus(6.0, 3.0)
    says = r"none of the 2 GPUs can do it\. \(1\) device cuda:0: .* 6\.0 GB .*\(2\) device cuda:1: .* 3\.0 GB"
    with pytest.raises(InvalidRequest, match=says):
        placements("auto", None, BUDGET, 1e9)


def test_days_on_a_cpu_are_refused(gpus) -> None:
    gpus()
    assert names(placements("auto", None, BUDGET, 600.0)) == ["cpu"]
    with pytest.raises(
        InvalidRequest, match=r"device cpu: this model would take about 50 hours here. It needs an NVID"
    ):
        placements("auto", None, BUDGET, 50 * 3600.0)


def test_a_plan_says_where_weights_are() -> None:
    gpu = torch.device("cuda:1")
    assert Placement(gpu, torch.bfloat16).told == "cuda:1"
    assert Placement(gpu, torch.bfloat16, offload=True).told == "cuda:1, weights offloaded"
    assert Placement(gpu, torch.bfloat16, stored=torch.float8_e4m3fn).told == "cuda:1, weights as float8"
    assert Placement(gpu, torch.bfloat16, stored=torch.int8).told == "cuda:1, weights as int8"
    assert Placement(gpu, torch.bfloat16).warp_device == "cuda:1"


def test_work_is_done_on_its_own_gpu(monkeypatch) -> None:
    """Streams and kernels are made on the current device of a thread."""
    entered = []

    class Device:
        def __init__(self, device: torch.device) -> None:
            self.device = device

        def __enter__(self) -> None:
            entered.append(str(self.device))

        def __exit__(self, *_: object) -> None:
            entered.append("left")

    monkeypatch.setattr(torch.cuda, "device", Device)
    with Placement(torch.device("cuda:1"), torch.bfloat16).current():
        assert entered == ["cuda:1"]
    with Placement(CPU, torch.float32).current():
        pass
    assert entered == ["cuda:1", "left"]


# -- the whole process ------------------------------------------------------------------------------------------------


def flags() -> tuple[bool, ...]:
    return (
        torch.backends.cudnn.deterministic,
        torch.backends.cudnn.benchmark,
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,
        torch.backends.cudnn.allow_tf32,
        torch.backends.cuda.matmul.allow_tf32,
    )


@pytest.fixture
def limits(gpus, monkeypatch) -> list[tuple[str, float]]:
    """What torch's allocator is told to take of each GPU, by torch's own function."""
    gpus(80.0, 80.0)
    found: list[tuple[str, float]] = []

    def told(share: float, device: int) -> None:
        found.append((f"cuda:{device}", share))

    monkeypatch.setattr("torch.cuda.memory._lazy_init", lambda: None)
    monkeypatch.setattr(torch._C, "_cuda_setMemoryFraction", told, raising=False)
    return found


def test_torch_takes_no_more_than_it_may(limits) -> None:
    placed = [Placement(torch.device(f"cuda:{i}"), torch.bfloat16) for i in range(2)]
    with working_on(placed, 24.0):
        # of 96 GB, 0.6 of the 24 being CUDA's own
        assert limits == [("cuda:0", pytest.approx(23.4 / 96)), ("cuda:1", pytest.approx(23.4 / 96))]
    assert limits[2:] == [("cuda:0", 1.0), ("cuda:1", 1.0)]
    limits.clear()
    with working_on(placed, None):
        assert not limits
    with working_on(placed[:1], 200.0):
        assert limits == [("cuda:0", 1.0)]


@pytest.mark.parametrize("name", ["auto", "cuda", "cuda:0"])
def test_the_limit_of_the_only_gpu(gpus, limits, name: str) -> None:
    gpus(80.0)
    with working_on(placements(name, 24.0, BUDGET, 1e9), 24.0):
        assert limits == [("cuda:0", pytest.approx(23.4 / 96))]


class Stopped(Exception):
    pass


GPU = Placement(torch.device("cuda:0"), torch.bfloat16)


def test_kernels_are_repeatable_on_gpus_and_all_is_as_before_afterwards(limits) -> None:
    before = flags()
    with pytest.raises(Stopped), working_on([GPU], 24.0):
        raise Stopped
    assert flags() == before
    with working_on([GPU], None):
        assert flags() == (True, False, True, True, False, False, False)
    assert flags() == before
    assert limits[-1] == ("cuda:0", 1.0)
    with working_on([Placement(CPU, torch.float32)], None):
        assert flags() == before


def test_memory_that_runs_out_is_told(limits) -> None:
    with (
        pytest.raises(InvalidRequest, match=r"GPU memory: tried\. Close what else"),
        working_on([GPU], 24.0),
    ):
        raise torch.OutOfMemoryError("tried. much more")


@pytest.mark.parametrize(
    "text",
    [
        "Failed to allocate 4096 bytes on device 'cuda:0'",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "CUDA error: out of memory\nCUDA kernel errors might be reported later",
    ],
)
def test_libraries_tell_of_memory_in_their_own_ways(limits, text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"GPU memory: .*\. Close what else"), working_on([GPU], 24.0):
        raise RuntimeError(text)


@pytest.mark.parametrize(
    "text", ["CUDA error: an illegal memory access", "Failed to allocate 8 bytes on device 'cpu'", "CUBLAS_STATUS_NO"]
)
def test_other_errors_stay_what_they_are(limits, text: str) -> None:
    with pytest.raises(RuntimeError, match=text), working_on([GPU], 24.0):
        raise RuntimeError(text)


@pytest.mark.parametrize(("own", "during"), [(None, ":4096:8"), (":16:8", ":16:8")])
def test_cublas_has_the_scratch_space_for_one_order_of_sums(limits, monkeypatch, own: str | None, during: str) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    if own:
        monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", own)
    with working_on([GPU], None):
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == during
    assert os.environ.get("CUBLAS_WORKSPACE_CONFIG") == own


def test_the_tokenizer_is_only_to_be_asked() -> None:
    tokenizer = AutoencoderKLCosmos(
        encoder_block_out_channels=(8, 16, 32, 32),
        decode_block_out_channels=(16, 32, 32, 32),
        num_layers=1,
        attention_resolutions=(),
    ).train()
    placed = Placement(CPU, torch.float32).place_tokenizer(tokenizer)
    assert placed is tokenizer
    assert not placed.training
    assert not any(weight.requires_grad for weight in placed.parameters())
