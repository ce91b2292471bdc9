"""Solids that free space gets into through a side that nobody saw are closed; narrow places that were seen stay."""

from __future__ import annotations

import numpy as np
import pytest

from lyra_backend.collide._scan.nobody import CORNER, HIDDEN, ONE_SIDED, Sides, is_closed, was_seen
from lyra_backend.collide._scan.scan import ScanParams, scan
from lyra_backend.progress import Progress
from lyra_backend.types import Severity

from .clouds import camera, join, room, sheet
from .looks import spun

OFFSETS = (0.25, 0.5)
SIZE = (4.0, 3.0, 2.4)


def solid(low, high, without=""):
    """The sides of a box but those `without`: left, right (x), front, back (y), bottom, top (z)."""
    low, size = np.asarray(low, float), np.asarray(high, float) - low
    x, y, z = np.diag(size)
    sides = {
        "left": (low, y, z),
        "right": (low + x, y, z),
        "front": (low, x, z),
        "back": (low + y, x, z),
        "bottom": (low, x, y),
        "top": (low + z, x, y),
    }
    left_out = without.split()
    assert set(left_out) <= set(sides)
    return join(*(sheet(*side, seed=n) for n, (name, side) in enumerate(sides.items()) if name not in left_out))


def furnished(*things, covered=()):
    """A room with things in it, and no floor where it is `covered`: boxes (x, y, x, y)."""
    shell = room(SIZE)
    x, y, z = shell.positions.T
    floor = z < 0.05
    for x0, y0, x1, y1 in covered:
        floor &= (x < x0) | (x > x1) | (y < y0) | (y > y1)
    return join(shell.select(floor | (z >= 0.05)), *things)


def boards(low, high, without="", thick=0.018):
    """A case of boards, which have two sides each, without those sides."""
    low, high = np.asarray(low, float), np.asarray(high, float)
    made = []
    for axis, names in enumerate((("left", "right"), ("front", "back"), ("bottom", "top"))):
        for name, end in zip(names, (0, 1), strict=True):
            if name not in without.split():
                a, b = low.copy(), high.copy()
                (b if end == 0 else a)[axis] = (low if end == 0 else high)[axis] + (thick if end == 0 else -thick)
                made.append(solid(a, b))
    return join(*made)


def cupboard():
    return furnished(solid((1.2, 2.2, 0), (2.2, 2.65, 1.3), "back bottom"), covered=[(1.2, 2.2, 2.2, 2.65)])


def wardrobe():
    return furnished(solid((1.2, 1.0, 0), (2.2, 1.6, 1.9), "back bottom"), covered=[(1.2, 1.0, 2.2, 1.6)])


def corner():
    thing = solid((0.25, 2.1, 0), (1.25, 2.7, 1.7), "back left bottom")
    return furnished(thing, covered=[(0.25, 2.1, 1.25, 2.7)])


def bed():
    feet = [solid((x, y, 0), (x + 0.06, y + 0.06, 0.18)) for x in (1.2, 2.94) for y in (0.8, 1.94)]
    return furnished(solid((1.2, 0.8, 0.18), (3.0, 2.0, 0.56), "bottom"), *feet)


#: Scene, a place inside, one that stays free beside the side that nobody saw, and its area [m2].
HOLLOW = {
    "cupboard": (cupboard, (1.7, 2.4, 0.6), (1.7, 2.85, 0.6), 1.3),
    "wardrobe in the open": (wardrobe, (1.7, 1.3, 1.0), (1.7, 1.75, 1.0), 1.9),
    "wardrobe in a corner": (corner, (0.7, 2.4, 0.8), (0.12, 2.4, 0.8), 1.7 + 1.02),
    "bed on feet": (bed, (2.1, 1.4, 0.35), (2.1, 1.4, 0.06), 2.16),
}


def scanned(scene, cameras=(), **params):
    found, findings = scan(scene, cameras, ScanParams(**params), Progress())
    return found, [f for f in findings if f.code == "collide.unseen_side"]


def is_free(found, point):
    return bool(found.free.reached.at(np.rint(found.grid.to_lattice(np.array([point]))).astype(int))[0])


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("name", HOLLOW)
def test_a_side_that_nobody_saw_is_closed(name, offset):
    scene, inside, beside, area = HOLLOW[name]
    found, (finding,) = scanned(scene(), grid_offset=offset)
    assert not is_free(found, inside)
    assert is_free(found, beside)
    assert finding.severity is Severity.INFO
    assert finding.measured == pytest.approx(area, rel=0.25)


@pytest.mark.parametrize("degrees", [30.0, 45.0])
def test_solids_are_closed_however_they_are_turned(degrees):
    found, (finding,) = scanned(spun(cupboard(), degrees))
    turn = np.radians(degrees)
    about = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    _, inside, beside, area = HOLLOW["cupboard"]
    assert not is_free(found, about @ inside)
    assert is_free(found, about @ beside)
    assert finding.measured == pytest.approx(area, rel=0.25)


def test_the_pane_lies_where_the_sides_end():
    found, _ = scanned(cupboard())
    faces = found.faces
    places = found.grid.to_world(faces.crossing)
    across = (
        (faces.axis == 1) & (places[:, 0] > 1.3) & (places[:, 0] < 2.1) & (places[:, 2] > 0.1) & (places[:, 2] < 1.2)
    )
    pane = across & (places[:, 1] > 2.4) & (places[:, 1] < 2.9)
    assert pane.sum() * found.grid.voxel_size**2 == pytest.approx(0.8 * 1.1, rel=0.1)
    assert np.abs(places[pane, 1] - 2.65).max() < 0.06
    assert (faces.normal[pane, 1] > 0.9).all()


def test_closing_changes_nothing_else():
    left, _ = scanned(cupboard(), close_unseen=False)
    found, _ = scanned(cupboard())
    old, new = left.sheets, found.sheets
    assert (new.edge_index.ravel()[new.owner] == np.arange(len(new.owner))).all()
    assert (new.blocks[: len(old.blocks)] == old.blocks).all()
    same = np.searchsorted(new.owner, old.owner)
    for name in ("density", "position", "normal"):
        ahead = getattr(new, name)[same][old.blocked]
        assert (ahead == getattr(old, name)[old.blocked]).all()
    count = len(left.free.sheet_edge.dense)
    was, now = left.free.sheet_edge.dense, found.free.sheet_edge.dense[:count]
    assert ((was < 0) == (now < 0)).all()
    assert (old.owner[was[was >= 0]] == new.owner[now[now >= 0]]).all()
    assert not (found.free.reached.dense[:count] & ~left.free.reached.dense).any()


def test_it_can_be_left_open():
    found, findings = scanned(cupboard(), close_unseen=False)
    assert not findings
    assert is_free(found, HOLLOW["cupboard"][1])


def test_where_a_camera_was_is_free():
    eyes = [camera(HOLLOW["cupboard"][1], (3.0, 1.0, 0.5)), camera((3.2, 1.0, 1.0), (1.0, 1.0, 1.0))]
    found, findings = scanned(cupboard(), eyes)
    assert not findings
    assert is_free(found, HOLLOW["cupboard"][1])


def open_case(direction, thick):
    if direction == "room":
        return furnished(boards((1.2, 1.9, 0), (2.2, 2.5, 1.5), "front", thick)), (1.7, 2.1, 0.7)
    return furnished(boards((1.2, 2.0, 0), (2.2, 2.65, 1.5), "back", thick)), (1.7, 2.4, 0.7)


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("thick", [0.006, 0.018])
@pytest.mark.parametrize("direction", ["room", "wall"])
def test_a_case_that_was_seen_from_inside_stays_open(direction, thick, offset):
    scene, inside = open_case(direction, thick)
    found, findings = scanned(scene, grid_offset=offset)
    assert not findings
    assert is_free(found, inside)


def desk():
    """Drawers on both sides, a panel behind, and a chair that is pushed in; the underside of the top is not seen."""
    drawers = [solid((x, 1.0, 0), (x + 0.4, 1.7, 0.7)) for x in (1.0, 2.2)]
    top, panel = solid((1.0, 1.0, 0.7), (2.6, 1.7, 0.725), "bottom"), solid((1.4, 1.0, 0.2), (2.2, 1.02, 0.7))
    chair = [solid((1.6, 1.5, 0.42), (2.0, 1.9, 0.46)), solid((1.6, 1.6, 0.46), (2.0, 1.63, 0.9))]
    under = [(1.0, 1.0, 1.4, 1.7), (2.2, 1.0, 2.6, 1.7)]
    return furnished(*drawers, top, panel, *chair, covered=under)


def table():
    legs = [solid((x, y, 0), (x + 0.06, y + 0.06, 0.7)) for x in (1.0, 2.14) for y in (1.0, 1.74)]
    return furnished(solid((1.0, 1.0, 0.7), (2.2, 1.8, 0.74), "bottom"), *legs)


def covered_niche():
    sides = [solid((1.0, 2.2, 0), (1.6, 3.0, 1.5), "back bottom"), solid((2.0, 2.2, 0), (2.6, 3.0, 1.5), "back bottom")]
    return furnished(
        *sides, solid((1.6, 2.2, 1.3), (2.0, 3.0, 1.32), "bottom"), covered=[(1.0, 2.2, 1.6, 3.0), (2.0, 2.2, 2.6, 3.0)]
    )


def tunnel():
    """A passage of thin sheets with a bend, 42 cm wide and high: nothing is in sight from its inside but its sides."""
    one = [((1, 1, 0), (2, 0, 0), (0, 0, 0.45)), ((1, 1.42, 0), (1.58, 0, 0), (0, 0, 0.45))]
    two = [((3, 1, 0), (0, 1.5, 0), (0, 0, 0.45)), ((2.58, 1.42, 0), (0, 1.08, 0), (0, 0, 0.45))]
    roofs = [((1, 1, 0.45), (2, 0, 0), (0, 0.42, 0)), ((2.58, 1.42, 0.45), (0.42, 0, 0), (0, 1.08, 0))]
    return furnished(*(sheet(*side, seed=n) for n, side in enumerate([*one, *two, *roofs])))


#: Scene and a place in it that is free.
REAL = {
    "below a desk": (desk, (1.8, 1.3, 0.35)),
    "below a table": (table, (1.6, 1.4, 0.4)),
    "a niche with a board on top": (covered_niche, (1.8, 2.7, 0.6)),
    "a tunnel with a bend": (tunnel, (2.8, 1.2, 0.2)),
}


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("name", REAL)
def test_narrow_places_that_were_seen_stay_free(name, offset):
    scene, inside = REAL[name]
    found, findings = scanned(scene(), grid_offset=offset)
    assert not findings
    assert is_free(found, inside)


# ---------- what tells solids, one by one

UP, WAYS = (0, 0, 1), np.array([(1, 0, 0), (0, 1, 0), (-1, 0, 0), (0, -1, 0)], float)


def pocket(kinds):
    """Sides of a cube, for +x, +y, -x, -y, top, bottom: shell, board, open, seen or nothing."""
    outwards = np.array([*WAYS, UP, (0, 0, -1)], float)
    has = np.array([kind != "nothing" for kind in kinds])
    kinds = np.array(kinds)[has]
    is_shell = np.isin(kinds, ("shell", "board"))
    return Sides(-outwards[has], np.full(len(kinds), 100.0), is_shell, kinds == "open", kinds == "shell")


CUPBOARD = ("shell", "open", "shell", "shell", "shell", "nothing")


def is_solid(kinds, limits, depth=0.5):
    sides = pocket(kinds)
    floor = float(kinds[5] == "seen")
    return not was_seen(sides, floor, limits) and is_closed(sides, depth, WAYS, limits)


@pytest.mark.parametrize("limits", [HIDDEN, ONE_SIDED])
def test_a_pocket_with_one_open_side_is_a_solid(limits):
    assert is_solid(CUPBOARD, limits)


@pytest.mark.parametrize("limits", [HIDDEN, CORNER, ONE_SIDED])
@pytest.mark.parametrize(
    "kinds",
    [
        pytest.param(("shell", "open", "shell", "shell", "shell", "seen"), id="its floor was seen"),
        pytest.param(("board", "open", "board", "board", "board", "nothing"), id="it is of boards"),
        pytest.param(("shell", "open", "seen", "seen", "shell", "nothing"), id="two of its walls were seen"),
        pytest.param(("open", "open", "open", "open", "shell", "nothing"), id="a table"),
        pytest.param(("shell", "shell", "shell", "shell", "open", "nothing"), id="a tub"),
        pytest.param(("open", "shell", "open", "shell", "shell", "open"), id="a passage"),
    ],
)
def test_pockets_that_are_free_space(kinds, limits):
    assert not is_solid(kinds, limits)


def test_two_open_sides_are_enough_only_where_nobody_can_look_in():
    kinds = ("shell", "open", "open", "shell", "shell", "nothing")
    assert is_solid(kinds, CORNER)
    assert not is_solid(kinds, ONE_SIDED)
    assert not is_solid(kinds, HIDDEN)


def test_what_goes_on_far_behind_its_open_side_is_a_room():
    assert not is_solid(CUPBOARD, ONE_SIDED, depth=2.0)
