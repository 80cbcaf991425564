"""Operators A: the damage that an image has undergone, as restoration models it.

An operator maps images x [N, H, W, C], float32 in [0, 1], to observations y [N, ...]. `restore`
takes any JAX function of that kind; it needs no adjoint and no class. The operators of this package
are pytrees whose arrays are leaves, so that a jitted function compiles once for all masks of a
shape. Such an operator also provides these methods:

  A(x)                    the model, which is differentiable (eq. 3 of the MAP paper),
  A.corrupt(x, key)       the damage: the model, and what it leaves out (noise, rounding),
  A.given(y, shape, B)    the operator, completed by what y = B(A(x)) tells about it,
  A.noise(shape)          the standard deviation of the noise in y,
  A.propagate(s, shape)   the standard deviation in A(x) of noise of deviation s in x,
  A.image_shape(shape)    the shape of the images, given the shape of y,
  A.project(x, y)         the projection of x onto the images that are consistent with y,
  A.show(y)               y as a picture of the image's size,
  A.missing(shape)        the mask of the pixels that y does not depend on, if there are any.

The functions `corrupt`, `noise`, ... of this package do the same for any A, including plain
functions. A standard deviation is a number if it is the same everywhere; otherwise it is an array
that broadcasts against y. The errors of different values of y are assumed to be independent.
"""

from gan_restore.degradations.operators.base import (
  Deviation,
  Operator,
  Shape,
  UnsupportedOperatorError,
  as_operator,
  corrupt,
  expect,
  gain,
  given,
  hole,
  image_shape,
  kernel,
  missing,
  noise,
  output_shape,
  prepare,
  project,
  propagate,
  read,
  show,
  unit_range,
)
from gan_restore.degradations.operators.composition import Compose, compose, observe
from gan_restore.degradations.operators.compression import Jpeg, jpeg, jpeg_tables
from gan_restore.degradations.operators.convolution import (
  Blur,
  BlurKernel,
  Defocus,
  MotionBlur,
  blur,
  blur_kernel,
  defocus,
  motion_blur,
)
from gan_restore.degradations.operators.noise_models import (
  Denoise,
  Poisson,
  PoissonGaussian,
  SaltAndPepper,
  Speckle,
  denoise,
  estimate_sigma,
  poisson,
  poisson_gaussian,
  salt_and_pepper,
  speckle,
)
from gan_restore.degradations.operators.pixels import enlarge, hsv_value, luma
from gan_restore.degradations.operators.pointwise import (
  Colorize,
  Demosaic,
  Inpaint,
  Quantize,
  colorize,
  demosaic,
  inpaint,
  quantize,
)
from gan_restore.degradations.operators.resampling import (
  Coarsen,
  SuperResolve,
  coarsen,
  super_resolve,
)

__all__ = [
  "Blur",
  "BlurKernel",
  "Coarsen",
  "Colorize",
  "Compose",
  "Defocus",
  "Demosaic",
  "Denoise",
  "Deviation",
  "Inpaint",
  "Jpeg",
  "MotionBlur",
  "Operator",
  "Poisson",
  "PoissonGaussian",
  "Quantize",
  "SaltAndPepper",
  "Shape",
  "Speckle",
  "SuperResolve",
  "UnsupportedOperatorError",
  "as_operator",
  "blur",
  "blur_kernel",
  "coarsen",
  "colorize",
  "compose",
  "corrupt",
  "defocus",
  "demosaic",
  "denoise",
  "enlarge",
  "estimate_sigma",
  "expect",
  "gain",
  "given",
  "hole",
  "hsv_value",
  "image_shape",
  "inpaint",
  "jpeg",
  "jpeg_tables",
  "kernel",
  "luma",
  "missing",
  "motion_blur",
  "noise",
  "observe",
  "output_shape",
  "poisson",
  "poisson_gaussian",
  "prepare",
  "project",
  "propagate",
  "quantize",
  "read",
  "salt_and_pepper",
  "show",
  "speckle",
  "super_resolve",
  "unit_range",
]
