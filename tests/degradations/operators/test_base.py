"""Operators as pytrees: the type of an operator is part of its structure."""

import itertools

import flax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_restore.degradations import operators


def _registered(cls=operators.Operator):
  for subclass in cls.__subclasses__():
    yield subclass
    yield from _registered(subclass)


def _one_leaf(name):
  """A class of operators that differs from others by its type alone."""
  return operators.pytree(
    type(name, (operators.Operator,), {"__annotations__": {"sigma": float}, "__module__": __name__})
  )


def test_operators_of_different_types_have_different_structures():
  """In JAX 0.10 the structures of different classes that `register_dataclass` registered compare
  equal, so that about one jitted function in a hundred took the other operator's program."""
  alike = {
    "no leaf": [operators.super_resolve(4), operators.coarsen(4)],
    "one leaf": [operators.denoise(0.1), operators.speckle(0.1), operators.salt_and_pepper(0.1)],
    "two leaves": [operators.poisson_gaussian(50, 0.1), operators.Poisson(50.0, 0.1)],
    "none": [operators.Identity(), operators.grey()],
  }
  for same in alike.values():
    for first, second in itertools.combinations(same, 2):
      assert jax.tree.structure(first) != jax.tree.structure(second)
      outer = operators.super_resolve(2)
      assert jax.tree.structure(operators.Compose(outer, first)) != jax.tree.structure(
        operators.Compose(outer, second)
      )


def test_a_jitted_function_never_takes_the_program_of_another_operator():
  """With `flax.struct.dataclass`, 1,000 pairs gave about ten wrong answers."""
  for _ in range(1_000):
    First, Second = _one_leaf("First"), _one_leaf("Second")
    apply = jax.jit(lambda A: jnp.zeros(1 if type(A) is First else 2))  # noqa: B023
    assert apply.eval_shape(First(0.1)).shape == (1,)
    assert apply.eval_shape(Second(0.1)).shape == (2,)


@pytest.mark.parametrize("cls", sorted(set(_registered()), key=lambda cls: cls.__name__))
def test_every_operator_is_registered_so(cls):
  if cls.__name__ not in ("BuiltIn", "_Noise", "_Pointwise", "_SignalNoise"):  # Bases.
    assert not jax.tree_util.all_leaves([object.__new__(cls)])
    assert not hasattr(cls, "_flax_dataclass")


def test_an_operator_that_is_not_registered_is_refused_in_a_sentence():
  class Forgotten(operators.Operator):
    def __call__(self, x):
      return x

  with pytest.raises(TypeError, match="Forgotten must be decorated with operators"):
    operators.as_operator(Forgotten())
  del Forgotten


def test_fields_are_children_unless_they_are_static():
  A = operators.colorize("luma")
  assert not jax.tree.leaves(A)
  assert jax.tree.structure(A) != jax.tree.structure(operators.colorize("value"))
  A = operators.poisson_gaussian(50, 0.1)
  assert jax.tree.leaves(A) == [50, 0.1]
  doubled = jax.tree.map(lambda v: 2 * v, A)
  assert type(doubled) is type(A) and (doubled.peak, doubled.sigma) == (100, 0.2)
  paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(A)]
  assert paths == [".peak", ".sigma"]


@operators.pytree
class Amplify(operators.Operator):
  """An operator of one's own that says nothing of itself."""

  factor: float

  def __call__(self, x):
    return self.factor * x


def test_an_operator_of_ones_own_is_like_the_function_of_the_same_values():
  own, function = Amplify(4.0), lambda x: 4.0 * x
  shape = (1, 8, 8, 3)
  noisy = lambda A: operators.noise(operators.compose(A, operators.denoise(0.1)), shape)
  np.testing.assert_allclose(noisy(own), 0.4, rtol=1e-5)
  np.testing.assert_allclose(noisy(own), noisy(function), rtol=1e-5)
  np.testing.assert_allclose(operators.gain(own, shape), 4, rtol=1e-5)
  assert not own.unit_range and operators.prepare(jnp.full(shape, 3.0), own, shape[1:])


def test_a_callable_pytree_is_a_damage():
  """Its arrays are arguments of the program, not constants of it."""
  A = operators.as_operator(jax.tree_util.Partial(jnp.multiply, jnp.full((1, 8, 8, 3), 0.5)))
  x = jnp.ones((2, 8, 8, 3))

  @flax.struct.dataclass
  class Scale:
    by: jax.Array

    def __call__(self, x):
      return self.by * x

  for own in (A, operators.as_operator(Scale(jnp.full(3, 0.5)))):
    np.testing.assert_allclose(jax.jit(lambda A, x: A(x))(own, x), 0.5)
    assert len(jax.tree.leaves(own)) == 1

  @flax.struct.dataclass
  class Activated:
    by: float
    function: object

    def __call__(self, x):
      return self.function(self.by * x)

  own = operators.as_operator(Activated(0.5, jnp.tanh))  # A function is no argument of a program.
  np.testing.assert_allclose(jax.jit(lambda A, x: A(x))(own, x), np.tanh(0.5), rtol=1e-6)
