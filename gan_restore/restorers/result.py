"""What every restorer returns."""

import flax
import jax


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
  """

  image: jax.Array
  generated: jax.Array
  latent: jax.Array | None = None
  loss: jax.Array | None = None
  history: jax.Array | None = None
