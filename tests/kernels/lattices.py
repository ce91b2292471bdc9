"""Small block-sparse lattices for kernel tests, and how to read them plainly."""

import numpy as np


def make_lattice(shape, touched):
    """Return directory, blocks, edge_index and the edges' (i, j, k, axis) in order, from a bool array (3, X, Y, Z)."""
    occupied = sorted({(i // 8, j // 8, k // 8) for _, i, j, k in np.argwhere(touched)})
    blocks = np.array(occupied, np.int32).reshape(-1, 3)
    directory = np.full([n // 8 for n in shape], -1, np.int32)
    for slot, block in enumerate(occupied):
        directory[block] = slot
    edge_index = np.full((len(blocks), 3, 512), -1, np.int32)
    edges = []
    for slot, (bx, by, bz) in enumerate(occupied):
        for axis in range(3):
            for local in range(512):
                point = (bx * 8 + local // 64, by * 8 + local // 8 % 8, bz * 8 + local % 8)
                if touched[(axis, *point)]:
                    edge_index[slot, axis, local] = len(edges)
                    edges.append((*point, axis))
    return directory, blocks, edge_index, np.array(edges)


def cells_of(edge):
    """Return the four cells (by lowest corner) around an edge (i, j, k, axis)."""
    *point, axis = edge
    found = set()
    for b in (0, 1):
        for c in (0, 1):
            corner = list(point)
            corner[(axis + 1) % 3] -= b
            corner[(axis + 2) % 3] -= c
            found.add(tuple(corner))
    return found
