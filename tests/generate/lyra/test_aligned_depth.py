"""Depth of a later frame takes the scale of the first, whatever moves between them."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.generate._lyra.aligned_depth import align_depth

SHAPE = (48, 64)


@pytest.fixture
def reference() -> np.ndarray:
    """Distances of 1 to 5: a slanted wall with bumps."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return (1.5 + 3 * columns / SHAPE[1] + 0.4 * np.sin(rows / 5)).astype(np.float32)


def judged(z: np.ndarray, scale: float, shift: float) -> np.ndarray:
    """Return depth as a network that is wrong by this gives it: ``1 / z = scale / found + shift``."""
    return (scale / (1 / z - shift)).astype(np.float32)


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (0.5, 0.0), (2.5, 0.0), (1.3, 0.1), (0.7, -0.2), (0.4, 0.15)])
def test_scale_and_shift_are_found(reference, scale: float, shift: float) -> None:
    found = align_depth(judged(reference, scale, shift), reference, np.ones(SHAPE, bool))
    np.testing.assert_allclose(found, reference, rtol=1e-4)


@pytest.mark.parametrize("flagged", [True, False], ids=["seen to move", "not seen to move"])
@pytest.mark.parametrize(("scale", "shift"), [(0.6, 0.0), (1.4, 0.1)])
def test_what_moves_has_no_say_and_is_brought_along(reference, flagged: bool, scale: float, shift: float) -> None:
    """A thing 0.8 from the camera is new; by colour up to a tenth of the picture may look still though it is not."""
    later, still = reference.copy(), np.ones(SHAPE, bool)
    thing = np.s_[5:40, 15:50] if flagged else np.s_[10:30, 20:33]
    later[thing], still[thing] = 0.8, not flagged
    found = align_depth(judged(later, scale, shift), reference, still)
    np.testing.assert_allclose(found, later, rtol=1e-4)


def test_noise_of_the_network_averages_out(reference) -> None:
    noise = np.random.default_rng(0).normal(1, 0.01, SHAPE)
    found = align_depth((judged(reference, 1.5, 0.05) * noise).astype(np.float32), reference, np.ones(SHAPE, bool))
    assert abs(np.median(found / reference) - 1) < 0.003


def test_holes_stay_holes_and_say_nothing(reference) -> None:
    later = judged(reference, 1.5, 0.05)
    later[:12] = 0.0
    known = reference.copy()
    known[:, :20] = 0.0
    found = align_depth(later, known, np.ones(SHAPE, bool))
    assert (found[:12] == 0).all()
    # what the reference does not know is brought along
    np.testing.assert_allclose(found[12:], reference[12:], rtol=1e-4)


def test_what_would_lie_beyond_infinity_is_unknown(reference) -> None:
    """The fit takes 0.15 off the inverse of every distance, and one over 10 is less than that."""
    later = judged(reference, 1.0, -0.15)
    reference[:8], later[:8] = 0.0, 10.0
    found = align_depth(later, reference, np.ones(SHAPE, bool))
    np.testing.assert_allclose(found, reference, rtol=1e-4)


@pytest.mark.parametrize("noise", [0.0, 0.003])
def test_of_a_wall_only_the_scale_can_be_told(noise: float) -> None:
    """A wall 3 away seen head-on, of which a network says 2; a thing that comes into view is brought along."""
    rng = np.random.default_rng(0)
    reference, later = (z * rng.normal(1, noise, SHAPE).astype(np.float32) for z in (np.float32(3), np.float32(2)))
    still = np.ones(SHAPE, bool)
    later[10:30, 20:36], still[10:30, 20:36] = 1.0, False
    found = align_depth(later, reference, still)
    assert np.median(found[still]) == pytest.approx(3, rel=1e-3)
    assert found[20, 30] == pytest.approx(1.5, rel=1e-3)


@pytest.mark.parametrize("share", [0.0, 0.01])
def test_too_little_stands_still_to_say_anything(reference, share: float) -> None:
    later = judged(reference, 1.5, 0.05)
    still = np.zeros(SHAPE, bool)
    still.flat[: int(share * still.size)] = True
    assert np.array_equal(align_depth(later, reference, still), later)


@pytest.mark.parametrize("scale", [0.2, 5.0])
def test_an_absurd_scale_is_not_believed(reference, scale: float) -> None:
    later = judged(reference, scale, 0.0)
    assert np.array_equal(align_depth(later, reference, np.ones(SHAPE, bool)), later)
