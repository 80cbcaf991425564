"""What one would try first, without a network: the simplest rival for each task.

Each is a restorer like any other, (y, A) -> Result, and refuses operators it is not for.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from skimage import restoration

from gan_restore import blending, fills, operators
from gan_restore.restorers.patches import low_rank, sparse
from gan_restore.restorers.result import Result
from gan_restore.restorers.total_variation import tv


class UnsupportedOperatorError(ValueError):
  """A restorer was given an operator it is not for."""


def expect(name: str, A: Callable, *kinds: type) -> None:
  """Refuses an operator that is none of `kinds`.

  Raises:
    UnsupportedOperatorError: In one sentence.
  """
  if not isinstance(A, kinds):
    wanted = " or ".join(kind.__name__ for kind in kinds)
    raise UnsupportedOperatorError(f"{name} is for {wanted} only; A is {type(A).__name__}")


def _result(images) -> Result:
  image = jnp.clip(jnp.asarray(np.asarray(images), jnp.float32), 0, 1)
  return Result(image=image, generated=image)


def damaged(y, A) -> Result:
  """y itself, shown at the size and with the channels of an image: what there is to improve on."""
  y = np.asarray(y)
  if isinstance(A, operators.SuperResolve):
    y = y.repeat(A.factor, 1).repeat(A.factor, 2)
  if isinstance(A, operators.Colorize):
    y = y.repeat(3, -1)
  return _result(y)


def bicubic(y, A) -> Result:
  """Bicubic interpolation (Keys 1981); for `super_resolve` and `coarsen`."""
  return _interpolated("bicubic", "cubic", y, A)


def lanczos(y, A) -> Result:
  """Lanczos interpolation of radius 3; for `super_resolve` and `coarsen`."""
  return _interpolated("lanczos", "lanczos3", y, A)


def _interpolated(name, method, y, A):
  expect(name, A, operators.SuperResolve, operators.Coarsen)
  y, f = jnp.asarray(y), A.factor
  if isinstance(A, operators.Coarsen):
    y = y[:, ::f, ::f]
  n, h, w, c = y.shape
  return _result(jax.image.resize(y, (n, h * f, w * f, c), method))


def biharmonic(y, A) -> Result:
  """Biharmonic interpolation from the hole's border (scikit-image); for `inpaint`."""
  expect("biharmonic", A, operators.Inpaint)
  y = np.asarray(y)
  masks = np.broadcast_to(np.asarray(A.mask), y.shape[:3] + (1,))[..., 0].astype(bool)
  return _result([restoration.inpaint_biharmonic(x, m, channel_axis=-1) for x, m in zip(y, masks)])


def mirror(y, A) -> Result:
  """The symmetric crop (Bidari and Nyaupane's rival): missing pixels are taken from the other side
  of the face, left for right, and where both sides are missing from the nearest pixel then known;
  for `inpaint`."""
  expect("mirror", A, operators.Inpaint)
  y = jnp.asarray(y)
  missing = jnp.broadcast_to(A.mask, (*y.shape[:3], 1))
  both = missing * missing[:, :, ::-1]
  return _result(fills.nearest(blending.paste(y, y[:, :, ::-1], missing), both))


def non_local_means(y, A) -> Result:
  """Non-local means (Buades et al. 2005, scikit-image); for `denoise` and `quantize`."""
  expect("non_local_means", A, operators.Denoise, operators.Quantize)
  h = (0.7 if isinstance(A, operators.Denoise) else 1.3) * A.noise  # The best of 0.5 to 2.2.
  denoise = functools.partial(
    restoration.denoise_nl_means,
    patch_size=5, patch_distance=9, h=h, sigma=A.noise, fast_mode=False, channel_axis=-1,
  )  # fmt: skip
  return _result([denoise(image) for image in np.asarray(y)])


def wavelet(y, A) -> Result:
  """Shrinkage of wavelet coefficients (Chang et al. 2000, scikit-image); for `denoise` and
  `quantize`."""
  expect("wavelet", A, operators.Denoise, operators.Quantize)
  denoise = functools.partial(
    restoration.denoise_wavelet, sigma=A.noise, convert2ycbcr=y.shape[-1] == 3, channel_axis=-1
  )
  return _result([denoise(image) for image in np.asarray(y)])


RESTORERS = {
  "damaged": damaged,
  "bicubic": bicubic,
  "lanczos": lanczos,
  "biharmonic": biharmonic,
  "mirror": mirror,
  "non_local_means": non_local_means,
  "wavelet": wavelet,
  "tv": tv,
  "low_rank": low_rank,
  "sparse": sparse,
}
