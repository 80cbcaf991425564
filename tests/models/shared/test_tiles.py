"""The tiles of large images."""

import itertools

import numpy as np
import pytest

from gan_restore.models.shared import tiles

SIDES = [1, 511, 512, 513, 527, 528, 529, 750, 1000, 1079, 1080, 4000]


@pytest.mark.parametrize("side", SIDES)
def test_the_tiles_of_a_side(side):
  """They begin at multiples of 16, cover the side, and overlap by 48 pixels or more."""
  (tile,) = {*tiles.tile_sides((side, side))}
  starts = sorted({top for top, _ in tiles.corners((side, side), (tile, tile))})
  assert starts[0] == 0 and starts[-1] + tile == side
  assert all(start % tiles.GRID == 0 for start in starts)
  assert all(one + tile - other >= 48 for one, other in itertools.pairwise(starts))
  assert tiles.needed(side, 1) == tiles.needed(1, side) == (len(starts) > 1)


@pytest.mark.parametrize("side", SIDES)
def test_a_tile_is_not_divided_again(side):
  """A tile, or an image that needs no tiles, is padded to a multiple of 16 and restored at once."""
  (tile,) = {*tiles.tile_sides((side, side))}
  calls = []

  def network(x, frame):
    calls.append(x.shape)
    return x

  image = np.random.default_rng(0).random((1, tile, 20, 1), np.float32)
  found = tiles.apply(network, image, np.zeros((1, 2, 3), np.float32), 16)
  assert calls == [(1, -(-tile // 16) * 16, 32, 1)]
  np.testing.assert_array_equal(found, image)
