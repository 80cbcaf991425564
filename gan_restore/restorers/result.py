"""The result of every restorer, and the choice among several samples."""

import flax
import jax
import jax.numpy as jnp

CHOICES = ("best", "mean")


@flax.struct.dataclass
class Result:
  """A restoration of N images.

  Attributes:
    image: The restored images [N, H, W, C] in [0, 1].
    generated: The network's output before it is made consistent with y, such as raw G(z). It is the
      same as `image` for a method whose output agrees with y already, such as `denoiser`, and for
      one that generates nothing.
    latent: z [N, latent_dim] of a latent search, else None.
    loss: The value that a search or a minimisation reached [N], else None.
    history: The objective over the steps of a search [N, num_steps], else None.
    samples: The samples [K, N, H, W, C] in [0, 1], of a method that draws them, if any were asked
      for; else None. None are drawn for a fidelity of 1.
    spread: The standard deviation of several samples, as they were generated, [N, H, W, 1]: the
      root of the mean square over the channels. None if there is only one sample.
  """

  image: jax.Array
  generated: jax.Array
  latent: jax.Array | None = None
  loss: jax.Array | None = None
  history: jax.Array | None = None
  spread: jax.Array | None = None
  samples: jax.Array | None = None


def choose(samples: jax.Array, loss: jax.Array, choice: str) -> tuple[jax.Array, jax.Array | None]:
  """Chooses one image among the samples of each image, or their mean.

  Args:
    samples: [K, N, H, W, C].
    loss: [K, N]; the smallest is the best.
    choice: `best`, the sample of the smallest loss, as sharp as the samples are; or `mean`, their
      mean, which is blurred where they differ and has the smaller squared error on average.

  Returns:
    (images [N, H, W, C], their `spread` or None).
  """
  index = jnp.argmin(loss, axis=0)[None, :, None, None, None]
  best = jnp.take_along_axis(samples, index, 0)[0]
  mean = jnp.mean(samples, axis=0)
  variance = jnp.mean((samples - mean) ** 2, axis=(0, -1))[..., None]
  spread = jnp.sqrt(variance) if len(samples) > 1 else None
  return {"best": best, "mean": mean}[choice], spread
