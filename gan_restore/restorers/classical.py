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
import importlib
from collections.abc import Callable
from typing import Any

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
  if operators.as_operator(A).tells_shape:
    y, A = operators.prepare(y, A, operators.image_shape(A, jnp.shape(y))[1:])
  return _result(operators.show(A, jnp.asarray(y)))


def bicubic(y: jax.Array | np.ndarray, A: Callable) -> Result:
  """Bicubic interpolation (Keys 1981); for `super_resolve` with any kernel, and `coarsen`."""
  return _interpolated("bicubic", "cubic", y, A)


def lanczos(y: jax.Array | np.ndarray, A: Callable) -> Result:
  """Lanczos interpolation of radius 3; for `super_resolve` with any kernel, and `coarsen`."""
  return _interpolated("lanczos", "lanczos3", y, A)


def _interpolated(name, method, y, A):
  blocks = operators.expect(name, A, "super_resolve", "super_resolve_kernel", "coarsen")
  n, h, w, c = operators.image_shape(A, jnp.shape(y))
  y, _ = operators.prepare(y, A, (h, w, c))
  return _result(jax.image.resize(blocks.low_resolution(y), (n, h, w, c), method))


def biharmonic(y: jax.Array | np.ndarray, A: Callable) -> Result:
  """Biharmonic interpolation (S. B. Damelin, N. S. Hoang 2018, by scikit-image); for `inpaint` and
  `salt_and_pepper`."""
  operators.expect("biharmonic", A, "inpaint", "salt_and_pepper")
  y, A = operators.prepare(y, A, y.shape[1:])
  hole, y = operators.hole(A), np.asarray(y)
  masks = np.broadcast_to(np.asarray(hole), y.shape[:3] + (1,))[..., 0]
  masks = np.array(masks, bool, order="C")  # scikit-image takes no other order.
  return _result([restoration.inpaint_biharmonic(x, m, channel_axis=-1) for x, m in zip(y, masks)])


def mirror(y: jax.Array | np.ndarray, A: Callable) -> Result:
  """The symmetric crop, a baseline of Bidari and Nyaupane; for `inpaint`.

  A missing pixel is copied from the mirrored position, on the other side of the face. If that pixel
  is missing too, the nearest known or mirrored pixel is copied.
  """
  hole = operators.expect("mirror", A, "inpaint").mask
  y, _ = operators.prepare(y, A, y.shape[1:])
  missing = jnp.broadcast_to(hole, (*y.shape[:3], 1))
  both = missing * missing[:, :, ::-1]
  return _result(fills.nearest(blending.paste(y, y[:, :, ::-1], missing), both))


def median(y: jax.Array | np.ndarray, A: Callable) -> Result:
  """The median of 3x3 pixels, or of 5x5 if more than a fifth of an image's pixels was hit, in each
  channel (by SciPy); for noise."""
  from scipy import ndimage  # Slow to import.

  operators.expect("median", A, *_NOISE)
  y, A = operators.prepare(y, A, y.shape[1:])
  # The best sizes of 3, 5 and 7 on 24 validation faces, for 5%, 10% and 30% of hit pixels and for
  # the other kinds of noise.
  hit = operators.hole(A)
  shares = np.broadcast_to(0 if hit is None else np.mean(hit, (1, 2, 3)), len(y))
  sizes = np.where(shares > 0.2, 5, 3)
  return _result(
    [
      ndimage.median_filter(image, (size, size, 1), mode="reflect")
      for image, size in zip(np.asarray(y), sizes)
    ]
  )


# --- Noise --------------------------------------------------------------------------------------

# Noise that has a standard deviation.
_SPREAD = ("denoise", "quantize", "poisson", "poisson_gaussian", "speckle", "jpeg")
_NOISE = (*_SPREAD, "salt_and_pepper")
# The parameter h of non-local means, in units of sigma: the best of 0.5 to 2.2 on 64 validation
# faces for `denoise` and `quantize`, and of 0.3 to 1.3 on 24 for the others (to 1.6 for `jpeg`).
_NON_LOCAL_MEANS_H = {
  "denoise": 0.7,
  "quantize": 1.3,
  "poisson": 1.0,
  "poisson_gaussian": 1.0,
  "speckle": 1.0,
  "jpeg": 1.0,
}
# BM3D's standard deviation in units of sigma, for JPEG: the best of 1, 1.4, 1.7, 2 and 2.4 on 24
# validation faces. For the other kinds of noise, 1 was best of 0.7, 1 and 1.4.
_BM3D_JPEG = 2.0


def _noise(name, y, A) -> tuple[str, np.ndarray]:
  """The kind of the noise, and the root mean square of its standard deviation for each image."""
  kind = operators.expect(name, A, *_SPREAD).kind
  _, A = operators.prepare(y, A, y.shape[1:])
  sigma = np.broadcast_to(operators.noise(A, y.shape), y.shape)
  return kind, np.sqrt(np.mean(sigma**2, (1, 2, 3)))


def non_local_means(y: jax.Array | np.ndarray, A: Callable) -> Result:
  """Non-local means (A. Buades et al. 2005, by scikit-image); for noise."""
  A = operators.expect("non_local_means", A, *_SPREAD)  # Of a grey picture, the noise of a channel.
  kind, sigmas = _noise("non_local_means", y, A)
  denoise = functools.partial(
    restoration.denoise_nl_means, patch_size=5, patch_distance=9, fast_mode=False, channel_axis=-1
  )
  h = _NON_LOCAL_MEANS_H[kind]
  return _result([denoise(x, h=h * sigma, sigma=sigma) for x, sigma in zip(np.asarray(y), sigmas)])


def wavelet(y: jax.Array | np.ndarray, A: Callable) -> Result:
  """Shrinkage of wavelet coefficients (S. G. Chang et al. 2000, by scikit-image); for noise."""
  _, sigmas = _noise("wavelet", y, A)
  denoise = functools.partial(
    restoration.denoise_wavelet, convert2ycbcr=y.shape[-1] == 3, channel_axis=-1
  )
  return _result([denoise(image, sigma=sigma) for image, sigma in zip(np.asarray(y), sigmas)])


def bm3d(y: jax.Array | np.ndarray, A: Callable) -> Result:
  """BM3D (K. Dabov et al. 2007, by its authors' package, in the extra `baselines`); for noise."""
  A = operators.expect("bm3d", A, *_SPREAD)  # Of a grey picture, the noise of a channel.
  kind, sigmas = _noise("bm3d", y, A)
  sigmas = _BM3D_JPEG * sigmas if kind == "jpeg" else sigmas
  package = _package("bm3d")

  def denoise(image, sigma):
    if np.all(image == image[..., :1]):  # Grey: bm3d_rgb would divide by its chroma, which is 0.
      grey = package.bm3d(image[..., :1], sigma).reshape(*image.shape[:2], 1)
      return np.broadcast_to(grey, image.shape)
    return package.bm3d_rgb(image, sigma)

  return _result([denoise(image, sigma) for image, sigma in zip(np.asarray(y), sigmas)])


# --- Blur ---------------------------------------------------------------------------------------


def wiener(y: jax.Array | np.ndarray, A: Callable) -> Result:
  """The Wiener filter (by scikit-image); for blur, with noise or without."""
  # The weight of the Laplacian: a compromise on 48 validation faces, over motion blur, defocus and
  # Gaussian blur with noise of 0 to 0.05. Without noise, motion blur does best with 0.1 (24.2
  # instead of 21.8 dB) and defocus with 0.001 (31.0 instead of 29.1 dB).
  weight = lambda sigma: 0.01 + 30 * sigma**2
  return _deblur(
    "wiener", y, A, lambda x, psf, sigma: restoration.wiener(x, psf, weight(sigma), clip=False)
  )


def richardson_lucy(y: jax.Array | np.ndarray, A: Callable) -> Result:
  """Richardson and Lucy's iteration (1972, by scikit-image); for blur, with noise or without."""
  # The best number of iterations of 3 to 160 on the same faces, to 0.3 dB.
  number = lambda sigma: int(np.clip(0.2 / max(sigma, 1e-3), 3, 60))
  return _deblur(
    "richardson_lucy",
    y,
    A,
    lambda x, psf, sigma: restoration.richardson_lucy(x, psf, number(sigma)),
  )


def _deblur(name, y, A, restore) -> Result:
  kernel = operators.kernel(A)
  if kernel is None or kernel.shape[1:] == (1, 1):
    raise operators.unsupported(name, "blur at a mirrored border", A)
  y, A = operators.prepare(y, A, y.shape[1:])
  sigmas = np.mean(np.broadcast_to(operators.noise(A, y.shape), y.shape), (1, 2, 3))
  # Both methods take the border for periodic or black; the mirror image keeps that away.
  margin = 2 * max(kernel.shape[1:])
  margin = min(margin, *y.shape[1:3])
  padded = np.pad(y, ((0, 0), (margin, margin), (margin, margin), (0, 0)), mode="symmetric")
  kernels = np.broadcast_to(kernel, (len(y), *kernel.shape[1:]))
  inside = slice(margin, -margin)
  return _result([
    np.stack([restore(x[..., c], psf, sigma) for c in range(x.shape[-1])], -1)[inside, inside]
    for x, psf, sigma in zip(padded, kernels, sigmas)
  ])  # fmt: skip


# --- Colour filters -----------------------------------------------------------------------------


def malvar(y: jax.Array | np.ndarray, A: Callable) -> Result:
  """Linear demosaicing (H. Malvar et al. 2004, by colour-demosaicing, in the extra `baselines`);
  for `demosaic`."""
  return _demosaiced("malvar", "demosaicing_CFA_Bayer_Malvar2004", y, A)


def menon(y: jax.Array | np.ndarray, A: Callable) -> Result:
  """Directional demosaicing (D. Menon et al. 2007, by colour-demosaicing, in the extra
  `baselines`); for `demosaic`."""
  return _demosaiced("menon", "demosaicing_CFA_Bayer_Menon2007", y, A)


def _demosaiced(name, function, y, A) -> Result:
  pattern = operators.expect(name, A, "demosaic").pattern
  y, _ = operators.prepare(y, A, operators.image_shape(A, jnp.shape(y))[1:])
  demosaic = getattr(_package(name), function)
  return _result([demosaic(image[..., 0], pattern) for image in np.asarray(y)])


PACKAGES = {  # {baseline: the package of the extra `baselines` that it needs}.
  "bm3d": "bm3d",
  "malvar": "colour_demosaicing",
  "menon": "colour_demosaicing",
}


def _package(name: str) -> Any:
  """The package that a baseline needs."""
  return importlib.import_module(PACKAGES[name])


RESTORERS: dict[str, Callable[..., Result]] = {
  "damaged": damaged,
  "bicubic": bicubic,
  "lanczos": lanczos,
  "biharmonic": biharmonic,
  "mirror": mirror,
  "non_local_means": non_local_means,
  "wavelet": wavelet,
  "median": median,
  "bm3d": bm3d,
  "wiener": wiener,
  "richardson_lucy": richardson_lucy,
  "malvar": malvar,
  "menon": menon,
  "tv": tv,
  "low_rank": low_rank,
  "sparse": sparse,
}
