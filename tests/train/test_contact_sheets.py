"""Sheets of truth, teacher and student."""

from __future__ import annotations

import numpy as np

from lyra_backend.train.contact_sheets import COLUMNS, _coloured, _limits, sheet_of


def test_a_sheet_has_every_picture_in_its_place() -> None:
    rng = np.random.default_rng(0)
    rows = [[rng.integers(0, 255, (6, 9, 3), np.uint8) for _ in COLUMNS] for _ in range(2)]
    sheet = np.asarray(sheet_of(rows, ["one", "two"], COLUMNS))
    for row, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            top, left = 16 + row * (12 + 4 + 16) + 16, 4 + column * (18 + 4)
            part = sheet[top : top + 12, left : left + 18]
            assert np.array_equal(part[::2, ::2], picture)


def test_depth_goes_from_bright_to_dark_and_is_white_where_unknown() -> None:
    z = np.array([[1.0, 2.0, 3.0], [0.0, np.nan, 9.0]])
    limits = _limits(z[:1])
    assert limits == (1.0, 3.0)
    colours = _coloured(z, limits).astype(int).sum(axis=2)
    assert colours[0, 0] > colours[0, 1] > colours[0, 2]
    assert colours[1, 0] == colours[1, 1] == 765
    assert colours[1, 2] == colours[0, 2]
