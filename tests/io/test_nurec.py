"""NuRec payloads there and back, byte by byte where it matters, and damaged ones."""

from __future__ import annotations

import gzip
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyra_backend.errors import InvalidRequest
from lyra_backend.io import nurec, nurec_reader
from lyra_backend.io.nurec import middle, position_error, write_nurec
from lyra_backend.io.nurec_reader import read_nurec
from lyra_backend.types import GaussianCloud

from .plys import make_cloud
from .refusals import read_or_refused

NODES = ".gaussians_nodes.gaussians."
ORIGIN = np.zeros(3)


def payload(cloud: GaussianCloud, offset: np.ndarray = ORIGIN) -> bytes:
    file = io.BytesIO()
    write_nurec(file, cloud, offset)
    return file.getvalue()


def content(data: bytes) -> dict[str, Any]:
    got: dict[str, Any] = msgpack.unpackb(gzip.decompress(data))["nre_data"]
    return got


def packed(nre: Any) -> bytes:
    return gzip.compress(msgpack.packb({"nre_data": nre}), 1, mtime=0)


def changed(data: bytes, **tensors: Any) -> bytes:
    """Return a payload with entries of its state replaced; None removes one. Dots are written as two underscores."""
    nre = content(data)
    for name, value in tensors.items():
        nre["state_dict"][NODES + name.replace("__", ".")] = value
    nre["state_dict"] = {key: value for key, value in nre["state_dict"].items() if value is not None}
    return packed(nre)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_there_and_back(degree: int) -> None:
    truth = make_cloud(400, degree)
    cloud = read_nurec(payload(truth), "a.nurec").value
    assert cloud.sh_degree == degree
    assert np.abs(cloud.positions - truth.positions).max() < 1e-3
    assert np.abs(np.log(cloud.scales / truth.scales)).max() < 4e-3
    assert np.abs(cloud.opacities - truth.opacities).max() < 1e-3
    assert np.abs(cloud.sh - truth.sh).max() < 1e-3
    assert np.abs(np.einsum("nk,nk->n", cloud.quats_wxyz, truth.quats_wxyz)).min() > 1 - 1e-6


def test_blocks_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = make_cloud(100, 2)
    whole = payload(truth)
    for module in (nurec, nurec_reader):
        monkeypatch.setattr(module, "ROWS_AT_ONCE", 7)
    assert gzip.decompress(payload(truth)) == gzip.decompress(whole)
    assert np.array_equal(read_nurec(whole, "a").value.sh, truth.sh.astype(np.float16))


def test_values_are_stored_as_trained() -> None:
    quats = np.array([[0.8, 0.6, 0, 0], [1, 0, 0, 0]])
    cloud = GaussianCloud(
        [[1, 2, 3], [4, 5, 6]], np.exp([[1, 2, 3], [-4, -5, -6]]), quats, [0.5, 1.0], np.ones((2, 1, 3))
    )
    state = content(payload(cloud, np.array([1.0, 0, 0])))["state_dict"]

    def stored(name: str) -> list[Any]:
        shape = state[f"{NODES}{name}.shape"]
        return np.frombuffer(state[NODES + name], "<f2").reshape(shape).tolist()

    assert stored("positions") == [[0, 2, 3], [3, 5, 6]]
    assert stored("scales") == [[1, 2, 3], [-4, -5, -6]]
    assert stored("densities") == [[0], [87]]
    assert stored("rotations") == quats.astype(np.float16).tolist()


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_coefficients_go_one_by_one_and_all_three_degrees_agree(degree: int) -> None:
    cloud = make_cloud(2, degree)
    sh = np.arange(cloud.sh.size, dtype=np.float32).reshape(cloud.sh.shape)
    nre = content(payload(replace(cloud, sh=sh)))
    state = nre["state_dict"]
    rows = np.frombuffer(state[NODES + "features_specular"], "<f2").reshape(state[NODES + "features_specular.shape"])
    assert rows.shape == (2, 45)
    used = 3 * ((degree + 1) ** 2 - 1)
    assert rows[:, :used].tolist() == sh[:, 1:].reshape(2, -1).tolist()
    assert not rows[:, used:].any()
    assert state[NODES + "n_active_features"] == (3).to_bytes(8, "little")
    assert nre["config"]["layers"]["gaussians"]["particle"]["radiance_sph_degree"] == 3


@pytest.mark.parametrize("count", [0, 1, 1200])
def test_bytes_are_those_that_msgpack_itself_packs(count: int) -> None:
    """Tensors of no byte, of less than 256 bytes, of less than 64 kB and of more have heads of their own each."""
    data = payload(make_cloud(5, 1).select(np.arange(count) % 5))
    plain = gzip.decompress(data)
    assert msgpack.packb(msgpack.unpackb(plain)) == plain


def test_equal_clouds_give_equal_bytes_without_a_date() -> None:
    data = payload(make_cloud(30, 1))
    assert data == payload(make_cloud(30, 1))
    assert data[4:8] == bytes(4)


def test_scenes_of_eight_metres_keep_their_millimetres_wherever_they_are() -> None:
    rng = np.random.default_rng(0)
    positions = (rng.uniform(0, 8, (5000, 3)) + (120, -40, 15)).astype(np.float32)
    assert position_error(positions, middle(positions)) < 1e-3
    assert position_error(positions, ORIGIN) > 2e-2


def test_strays_do_not_cost_the_rest_its_precision() -> None:
    positions = np.random.default_rng(0).uniform(0, 6, (5000, 3)).astype(np.float32)
    positions[7] = (900, 0, 0)
    offset = middle(positions)
    assert position_error(np.delete(positions, 7, axis=0), offset) < 1e-3
    # the error that is reported is that of the stray, all the same
    stray = float(np.abs((positions[7] - offset).astype(np.float16) - (positions[7] - offset)).max())
    assert position_error(positions, offset) == pytest.approx(stray)


def test_an_empty_cloud_is_written_and_not_read() -> None:
    empty = make_cloud(3, 1).select(np.zeros(3, bool))
    assert middle(empty.positions).tolist() == [0, 0, 0]
    assert content(payload(empty))["state_dict"][NODES + "positions.shape"] == [0, 3]
    with pytest.raises(InvalidRequest, match=r"a\.nurec: the payload holds no Gaussians"):
        read_nurec(payload(empty), "a.nurec")


@pytest.mark.parametrize(("field", "name"), [("positions", "positions"), ("sh", "SH")])
def test_what_halves_cannot_hold_is_refused(field: str, name: str) -> None:
    cloud = make_cloud(3, 0)
    far = np.array(getattr(cloud, field))
    far[1] = -70_000
    with pytest.raises(InvalidRequest, match=rf"NuRec: {name} must lie within \+-65504"):
        payload(replace(cloud, **{field: far}))


def test_view_dependent_colours_can_be_left_out() -> None:
    cloud = read_nurec(payload(make_cloud(10, 3)), "a", base_colors_only=True).value
    assert cloud.sh_degree == 0


def test_full_precision_and_narrow_degrees_of_others_are_read() -> None:
    truth = make_cloud(20, 1)
    other = changed(
        payload(truth),
        positions=truth.positions.astype("<f4").tobytes(),
        features_specular=truth.sh[:, 1:].astype("<f2").tobytes(),
        features_specular__shape=[20, 9],
        n_active_features=(1).to_bytes(8, "little"),
    )
    cloud = read_nurec(other, "a").value
    assert np.array_equal(cloud.positions, truth.positions)
    assert np.array_equal(cloud.sh, truth.sh.astype(np.float16))


def test_broken_numbers_are_dropped_and_counted() -> None:
    values = make_cloud(5, 0).positions.astype("<f2")
    values[2] = np.nan
    outcome = read_nurec(changed(payload(make_cloud(5, 0)), positions=values.tobytes()), "a")
    assert outcome.value.count == 4
    assert outcome.counts["dropped_non_finite"] == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"positions": None}, r"positions must be bytes, it is missing"),
        ({"positions": b"123"}, r"positions must be 15 floats of 16 or 32 bit, got 3 bytes"),
        ({"positions__shape": [5, 4]}, r"positions must have the shape \(N, 3\), got \[5, 4\]"),
        ({"positions__shape": [-5, 3]}, r"shape of positions must be whole numbers"),
        ({"positions__shape": "5, 3"}, r"positions\.shape must be list, it is '5, 3'"),
        ({"densities": bytes(8), "densities__shape": [4, 1]}, r"a row for every Gaussian, got 5, 5, 5, 4, 5, 5"),
        ({"n_active_features": (7).to_bytes(8, "little")}, r"SH degree must be 0 to 3, got 7"),
        ({"n_active_features": b""}, r"one 64-bit number, got 0 bytes"),
        ({"features_specular__shape": [5, 9]}, r"shape \(N, 45\), got \[5, 9\]"),
    ],
)
def test_broken_tensors_are_explained(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=rf"^a\.nurec: .*{words}"):
        read_nurec(changed(payload(make_cloud(5, 1)), **change), "a.nurec")


def test_foreign_payloads_are_explained() -> None:
    nre = content(payload(make_cloud(5, 1)))
    other = {**nre["state_dict"], ".gaussians_nodes.cars.positions": b""}
    linear = {"layers": {"gaussians": {**nre["config"]["layers"]["gaussians"], "scale_activation": "identity"}}}
    for broken, words in (
        ({**nre, "state_dict": other}, "one layer 'gaussians' can be read, this one has cars, gaussians"),
        ({**nre, "state_dict": {}}, "this one has none"),
        ({**nre, "config": linear}, "scale_activation must be 'exp', got 'identity'"),
        ({**nre, "config": []}, r"config must be dict, it is \[\]"),
        ([], r"nre_data must be dict, it is \[\]"),
    ):
        with pytest.raises(InvalidRequest, match=words):
            read_nurec(packed(broken), "a.nurec")


def test_damaged_files_are_explained() -> None:
    good = payload(make_cloud(300, 1))
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 1
    bomb = gzip.compress(bytes(nurec_reader._SMALL_BYTES + 1), 9)
    for broken, words in (
        (b"", "not gzip"),
        (b"ply\nformat", "not gzip"),
        (good[:-9], "cut off"),
        (bytes(flipped), "incorrect data check"),
        (gzip.compress(b"no map at all"), "not a NuRec payload"),
        (gzip.compress(b"\xc1"), "not a NuRec payload"),
        (bomb, "unpacks to more than 67,108,864 bytes"),
    ):
        with pytest.raises(InvalidRequest, match=rf"a\.nurec: .*{words}"):
            read_nurec(broken, "a.nurec")


@given(st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 255)), max_size=5), st.integers(0, 4000))
def test_any_damage_is_read_or_refused(changes: list[tuple[int, int]], length: int) -> None:
    plain = bytearray(gzip.decompress(payload(make_cloud(3, 0))))
    for place, value in changes:
        plain[place % len(plain)] = value
    data = gzip.compress(bytes(plain[: length or None]), 0)
    outcome = read_or_refused(lambda path: read_nurec(data, str(path)), Path("a.nurec"))
    assert outcome is None or outcome.value.count >= 1
