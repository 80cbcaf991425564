"""What every restorer returns, and the choice among candidates."""

import flax
import jax
import jax.numpy as jnp

CHOICES = ("best", "mean")


@flax.struct.dataclass
class Result:
  """A restoration of N images.

  Attributes:
    image: The restored images [N, H, W, C] in [0, 1].
    generated: What the network made, before the known pixels were put back: raw G(z). The same as
      `image` for a method that generates nothing.
    latent: z [N, latent_dim] of a latent search, else None.
    loss: The objective's value at `latent` [N], else None.
    history: The objective over the steps of a search [N, steps], else None.
    spread: Where the candidates differ, as they were generated, if there are several: their
      standard deviation [N, H, W, 1], the root of the channels' mean square, else None.
  """

  image: jax.Array
  generated: jax.Array
  latent: jax.Array | None = None
  loss: jax.Array | None = None
  history: jax.Array | None = None
  spread: jax.Array | None = None


def choose(candidates: jax.Array, loss: jax.Array, choice: str) -> tuple[jax.Array, jax.Array]:
  """One image of several candidates for each.

  Args:
    candidates: [K, N, H, W, C].
    loss: [K, N]; the least is the best.
    choice: `best`, one of them, as sharp as they are; or `mean`, blurred where they differ, and so
      nearer to the original on average (of the smallest squared error, were they drawn from the
      posterior).

  Returns:
    (images [N, H, W, C], their `spread` or None).
  """
  index = jnp.argmin(loss, axis=0)[None, :, None, None, None]
  best = jnp.take_along_axis(candidates, index, 0)[0]
  mean = jnp.mean(candidates, axis=0)
  variance = jnp.mean((candidates - mean) ** 2, axis=(0, -1))[..., None]
  spread = jnp.sqrt(variance) if len(candidates) > 1 else None
  return {"best": best, "mean": mean}[choice], spread
