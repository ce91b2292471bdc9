"""Hand-made elements: a small room with things that rest on, sink into and lean on each other."""

import numpy as np

from lyra_backend.generate.procedural.elements import Element, Lamp, Lighting, Material

BOX = np.array([[x, y, z] for z in (0, 1) for y in (-0.5, 0.5) for x in (-0.5, 0.5)], float)
BOX_FACES = [[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [1, 3, 7, 5], [3, 2, 6, 7], [2, 0, 4, 6]]
WOOD = Material("wood_grain", (0.6, 0.42, 0.26))
PAINT = Material("plain", (0.8, 0.8, 0.8))
LAMPLIGHT = Lighting((0, 0, 1), (0, 0, 0), (0.4, 0.4, 0.4), 0.6, (Lamp((2.0, 1.5, 2.2), (2.0, 2.0, 2.0)),))
DAYLIGHT = Lighting((0.0, -0.6, 0.8), (3.0, 2.8, 2.4), (0.4, 0.5, 0.7), 0.3)


def box(name, size, at, yaw_deg=0.0, material=WOOD):
    """A closed box whose bottom face is centred at `at`."""
    c, s = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
    pose = np.array([[c, -s, 0, at[0]], [s, c, 0, at[1]], [0, 0, 1, at[2]], [0, 0, 0, 1]])
    faces = [t for a, b, d, e in BOX_FACES for t in ([a, b, d], [a, d, e])]
    return Element(name, name.split("_")[0], material, BOX * size, np.array(faces), pose)


def sheet(name, corners, material=PAINT):
    """An open rectangle; its corners run counter-clockwise seen from free space."""
    return Element(name, name, material, np.array(corners, float), np.array([[0, 1, 2], [0, 2, 3]]), np.eye(4), False)


def ball(name, radius, at, material=PAINT):
    """A closed ball of 20 x 10 faces around `at`."""
    turn, rise = np.meshgrid(np.arange(20) * np.pi / 10, np.linspace(-np.pi / 2, np.pi / 2, 11)[1:-1])
    ring = np.stack([np.cos(turn) * np.cos(rise), np.sin(turn) * np.cos(rise), np.sin(rise)], axis=-1)
    vertices = radius * np.concatenate([ring.reshape(-1, 3), [[0, 0, -1], [0, 0, 1]]])
    faces = []
    for i in range(20):
        j = (i + 1) % 20
        faces += [[180, j, i], [181, 160 + i, 160 + j]]
        for k in range(8):
            a, b, c, d = 20 * k + i, 20 * k + j, 20 * k + 20 + j, 20 * k + 20 + i
            faces += [[a, b, c], [a, c, d]]
    pose = np.eye(4)
    pose[:3, 3] = at
    return Element(name, name, material, vertices, np.array(faces), pose)


def room(x=4.0, y=3.0, h=2.5):
    """Floor, ceiling and four walls that face inwards, one corner at the origin."""
    return [
        sheet("floor", [(0, 0, 0), (x, 0, 0), (x, y, 0), (0, y, 0)], Material("wood_planks", (0.6, 0.42, 0.26))),
        sheet("ceiling", [(0, 0, h), (0, y, h), (x, y, h), (x, 0, h)]),
        sheet("wall_1", [(x, 0, 0), (0, 0, 0), (0, 0, h), (x, 0, h)]),
        sheet("wall_2", [(0, y, 0), (x, y, 0), (x, y, h), (0, y, h)]),
        sheet("wall_3", [(x, y, 0), (x, 0, 0), (x, 0, h), (x, y, h)]),
        sheet("wall_4", [(0, 0, 0), (0, y, 0), (0, y, h), (0, 0, h)]),
    ]


def area(mesh, class_name=None):
    """Area [m^2] of a mesh, or of one class of it."""
    total = 0.0
    for part in mesh.parts:
        a, b, c = (part.vertices[part.triangles[:, i]].astype(float) for i in range(3))
        size = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)
        mine = True if class_name is None else part.class_ids == mesh.class_names.index(class_name)
        total += float((size * mine).sum())
    return total
