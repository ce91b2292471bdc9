"""The tool that holds estimates of light against the truth."""

from __future__ import annotations

import numpy as np
import pytest

from tools import light_accuracy


def test_errors_are_relative_and_angles_in_degrees() -> None:
    truth = np.array([0.5, 0.5, 0.25])
    assert light_accuracy._relative(1.1 * truth, truth) == pytest.approx(0.1)
    assert light_accuracy._angle_deg(np.array([1.0, 0, 0]), np.array([1.0, 1.0, 0])) == pytest.approx(45)


def test_the_summary_counts_what_reaches_the_goals() -> None:
    rows = [
        light_accuracy.Row("a 0", 3.0, 5.0, 0.05, -0.04, 0.01),
        light_accuracy.Row("b 0", None, 25.0, 0.30, -0.28, 0.02),
    ]
    text = light_accuracy._summary(rows)
    assert "sun [deg]: median 3, worst 3, 1 of 1 within 20" in text
    assert "most light [deg]: median 15, worst 25, 1 of 2 within 20" in text
    assert "its brightness: median 0.16, worst 0.28, 1 of 2 within 0.1" in text
    assert "grey ball: median 0.175, worst 0.3, 1 of 2 within 0.1" in text


def test_the_sky_that_is_shown_has_the_colour_that_lights() -> None:
    from lyra_backend.light.surfels import linear

    sky = light_accuracy._sky(np.array([0.5, 0.6, 0.8]))
    assert linear(sky.base_colors)[0] == pytest.approx((0.5, 0.6, 0.8), rel=1e-3)
    assert sky.positions[:, 2].min() > -1.0
