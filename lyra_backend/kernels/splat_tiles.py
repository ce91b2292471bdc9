"""Sort projected splats into picture tiles: by tile, then depth, then index.

Splats are sorted by depth once; listing (tile, splat) pairs in that order and sorting them by tile, stably, leaves
every tile's list in order of depth with ties in order of index: the same list on every device.
"""

from typing import NamedTuple

import warp as wp

from .splat_project import Projection, Splat, touched_columns, touched_rows

# Counting and listing must agree to the last bit: no compiler may fuse one of the two otherwise than the other.
wp.set_module_options({"enable_backward": False, "fuse_fp": False})


class TileLists(NamedTuple):
    """The splats of each tile in some rows of tiles.

    Attributes:
        members: indices of splats.
        ranges: half-open range of `members` of each tile, row by row, vec2i (tiles,).
    """

    members: wp.array
    ranges: wp.array


@wp.kernel
def _number(
    # out
    order: wp.array[wp.int32],
) -> None:
    i = wp.tid()
    order[i] = i


@wp.kernel
def _count_pairs(
    # in
    order: wp.array[wp.int32],
    splats: wp.array[Splat],
    tile_size: wp.vec2i,
    first_row: int,
    end_row: int,
    # out
    counts: wp.array[wp.int32],
) -> None:
    s = wp.tid()
    splat = splats[order[s]]
    rows = touched_rows(splat, tile_size[1])
    count = int(0)
    for row in range(wp.max(rows[0], first_row), wp.min(rows[1], end_row)):
        columns = touched_columns(splat, row, tile_size[0])
        count += columns[1] - columns[0]
    counts[s] = count


@wp.kernel
def _list_pairs(
    # in
    order: wp.array[wp.int32],
    splats: wp.array[Splat],
    tile_size: wp.vec2i,
    first_row: int,
    end_row: int,
    ends: wp.array[wp.int32],
    # out
    tiles: wp.array[wp.int32],
    members: wp.array[wp.int32],
) -> None:
    s = wp.tid()
    splat = splats[order[s]]
    rows = touched_rows(splat, tile_size[1])
    at = int(0)
    if s > 0:
        at = ends[s - 1]
    for row in range(wp.max(rows[0], first_row), wp.min(rows[1], end_row)):
        columns = touched_columns(splat, row, tile_size[0])
        for column in range(columns[0], columns[1]):
            tiles[at] = (row - first_row) * tile_size[0] + column
            members[at] = order[s]
            at += 1


@wp.kernel
def _find_ranges(
    # in
    tiles: wp.array[wp.int32],
    pair_count: int,
    # out
    ranges: wp.array[wp.vec2i],
) -> None:
    k = wp.tid()
    tile = tiles[k]
    if k == 0 or tiles[k - 1] != tile:
        ranges[tile][0] = k
    if k + 1 == pair_count or tiles[k + 1] != tile:
        ranges[tile][1] = k + 1


def sort_by_depth(projection: Projection) -> wp.array:
    """Return the indices of the splats in view, near to far, equal depths by index; `depth_keys` are sorted too."""
    keys = projection.depth_keys
    order = wp.empty_like(keys)
    wp.launch(_number, dim=keys.size // 2, outputs=[order], device=keys.device)
    wp.utils.radix_sort_pairs(keys, order, keys.size // 2)
    return order[: projection.visible_count]


def list_tiles(
    order: wp.array, splats: wp.array, tile_size: tuple[int, int], first_row: int, end_row: int
) -> TileLists:
    """List the splats of each tile in the tile rows first_row ... end_row - 1, near to far.

    Args:
        order: indices of the splats in view, near to far, shape (M,), M > 0.
        splats: projected splats.
        tile_size: (columns, rows) of tiles in the whole picture.
    """
    device, window = order.device, [wp.vec2i(*tile_size), first_row, end_row]
    ends = wp.empty(order.size, dtype=wp.int32, device=device)
    wp.launch(_count_pairs, dim=order.size, inputs=[order, splats, *window], outputs=[ends], device=device)
    wp.utils.array_scan(ends, ends, inclusive=True)
    pair_count = int(ends[-1:].numpy()[0])
    ranges = wp.zeros((end_row - first_row) * tile_size[0], dtype=wp.vec2i, device=device)
    tiles, members = (wp.empty(2 * pair_count, dtype=wp.int32, device=device) for _ in range(2))
    if pair_count:
        pairs = [order, splats, *window, ends]
        wp.launch(_list_pairs, dim=order.size, inputs=pairs, outputs=[tiles, members], device=device)
        wp.utils.radix_sort_pairs(tiles, members, pair_count, 0, max(1, (ranges.size - 1).bit_length()))
        wp.launch(_find_ranges, dim=pair_count, inputs=[tiles, pair_count], outputs=[ranges], device=device)
    return TileLists(members, ranges)
