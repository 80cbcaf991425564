"""Classical baselines without a network, the simplest ones for each task.

Each has the interface of every restorer:

  Args:
    y: The damaged images [N, ...], float32 in [0, 1].
    A: The damage, an operator.

  Returns:
    A `Result`, whose `image` is [N, H, W, C] in [0, 1].

  Raises:
    UnsupportedOperatorError: If A is of a kind that the method does not restore. Each docstring
      names the kinds that it restores.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from skimage import restoration

from gan_restore.degradations import operators
from gan_restore.restorers import blending, fills
from gan_restore.restorers.patches import low_rank, sparse
from gan_restore.restorers.result import Result
from gan_restore.restorers.total_variation import tv


def _result(images) -> Result:
  image = jnp.clip(jnp.asarray(np.asarray(images), jnp.float32), 0, 1)
  return Result(image=image, generated=image)


def damaged(y: jax.Array | np.ndarray, A: Callable) -> Result:
  """y itself as a picture of the image's size, for any A: the baseline of every restorer."""
  return _result(operators.show(A, jnp.asarray(y)))


def bicubic(y: jax.Array | np.ndarray, A: Callable) -> Result:
  """Bicubic interpolation (Keys 1981); for `super_resolve` and `coarsen`."""
  return _interpolated("bicubic", "cubic", y, A)


def lanczos(y: jax.Array | np.ndarray, A: Callable) -> Result:
  """Lanczos interpolation of radius 3; for `super_resolve` and `coarsen`."""
  return _interpolated("lanczos", "lanczos3", y, A)


def _interpolated(name, method, y, A):
  blocks = operators.expect(name, A, "super_resolve", "coarsen")
  n, h, w, c = operators.image_shape(A, jnp.shape(y))
  return _result(jax.image.resize(blocks.low_resolution(jnp.asarray(y)), (n, h, w, c), method))


def biharmonic(y: jax.Array | np.ndarray, A: Callable) -> Result:
  """Biharmonic interpolation (S. B. Damelin, N. S. Hoang 2018, by scikit-image); for `inpaint`."""
  hole = operators.expect("biharmonic", A, "inpaint").mask
  y = np.asarray(y)
  masks = np.broadcast_to(np.asarray(hole), y.shape[:3] + (1,))[..., 0].astype(bool)
  return _result([restoration.inpaint_biharmonic(x, m, channel_axis=-1) for x, m in zip(y, masks)])


def mirror(y: jax.Array | np.ndarray, A: Callable) -> Result:
  """The symmetric crop, a baseline of Bidari and Nyaupane; for `inpaint`.

  A missing pixel is copied from the mirrored position, on the other side of the face. If that pixel
  is missing too, the nearest known or mirrored pixel is copied.
  """
  hole = operators.expect("mirror", A, "inpaint").mask
  y = jnp.asarray(y)
  missing = jnp.broadcast_to(hole, (*y.shape[:3], 1))
  both = missing * missing[:, :, ::-1]
  return _result(fills.nearest(blending.paste(y, y[:, :, ::-1], missing), both))


# The parameter h in units of sigma: the best of 0.5 to 2.2 on 64 validation faces.
_NON_LOCAL_MEANS_H = {"denoise": 0.7, "quantize": 1.3}


def non_local_means(y: jax.Array | np.ndarray, A: Callable) -> Result:
  """Non-local means (A. Buades et al. 2005, by scikit-image); for `denoise` and `quantize`."""
  kind = operators.expect("non_local_means", A, *_NON_LOCAL_MEANS_H).kind
  sigma = operators.noise(A, np.shape(y))
  denoise = functools.partial(
    restoration.denoise_nl_means,
    patch_size=5, patch_distance=9, h=_NON_LOCAL_MEANS_H[kind] * sigma, sigma=sigma,
    fast_mode=False, channel_axis=-1,
  )  # fmt: skip
  return _result([denoise(image) for image in np.asarray(y)])


def wavelet(y: jax.Array | np.ndarray, A: Callable) -> Result:
  """Shrinkage of wavelet coefficients (S. G. Chang et al. 2000, by scikit-image); for `denoise` and
  `quantize`."""
  operators.expect("wavelet", A, "denoise", "quantize")
  denoise = functools.partial(
    restoration.denoise_wavelet,
    sigma=operators.noise(A, np.shape(y)),
    convert2ycbcr=y.shape[-1] == 3,
    channel_axis=-1,
  )
  return _result([denoise(image) for image in np.asarray(y)])


RESTORERS: dict[str, Callable[..., Result]] = {
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
