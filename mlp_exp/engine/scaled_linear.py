"""A linear layer whose inputs are scaled, with its gradients in closed form (see `layers` for shapes)."""

from collections.abc import Mapping

from mlp_exp.engine.arrays import Array, Arrays
from mlp_exp.engine.layers import Linear


class Factors:
    """One factor for each of some inputs.

    Args:
        values, gradient: `[K, in, 1]`.
    """

    def __init__(self, values: Array, gradient: Array) -> None:
        self.values, self.gradient = values, gradient

    @classmethod
    def of(cls, name: str, values: Mapping[str, Array], gradients: Mapping[str, Array]) -> "Factors | None":
        """Those of a network, by the name of the parameter, if it has any."""
        return cls(values[name], gradients[name]) if name in values else None

    def of_first(self, count: int) -> "Factors":
        return Factors(self.values[:, :count], self.gradient[:, :count])

    def of_others(self, count: int) -> "Factors":
        """All but those of the first inputs."""
        return Factors(self.values[:, count:], self.gradient[:, count:])


class ScaledLinear(Linear):
    """`Wᵀ (s ∘ x) + b = (s ∘ W)ᵀ x + b`, which costs no pass over rows and no gradient at the inputs.

    Args:
        done: how many of the first inputs come scaled; `factors` are those of the others.
    """

    def __init__(
        self, xp: Arrays, weight: Array, gradient: Array, z: Array, needed: int | None, factors: Factors, done: int
    ) -> None:
        super().__init__(xp, weight, gradient, z, needed)
        members, width, out = weight.shape
        self.done = done
        self.factors = factors
        self.first = weight[:, :done]
        self.unscaled, self.bias = weight[:, done:-1], weight[:, -1:]
        self.unscaled_gradient = gradient[:, done:-1]
        self.scaled = xp.empty_like(weight, members, width - done, out)
        self.part = xp.empty_like(weight, *z.shape) if done else None
        self.ones = xp.empty_like(weight, members, out, 1)
        self.ones[...] = 1.0

    def forward(self, x: Array) -> Array:
        xp, done = self.xp, self.done
        self.x = x
        xp.multiply(self.unscaled, self.factors.values, out=self.scaled[:, :-1])
        xp.copy(self.scaled[:, -1:], self.bias)
        xp.matmul(self.scaled.swapaxes(1, 2), x[:, done:], out=self.z)
        if done:
            xp.matmul(self.first.swapaxes(1, 2), x[:, :done], out=self.part)
            xp.add(self.z, self.part, out=self.z)
        return self.z

    def backward(self, g: Array, *, first: bool) -> Array:
        xp, done, needed = self.xp, self.done, self.below.shape[1]
        xp.matmul(self.x, g.swapaxes(1, 2), out=self.gradient)
        if done and not first:
            self.product(self.first, g, out=self.below[:, :done])
        if needed > done and not first:
            self.product(self.scaled[:, : needed - done], g, out=self.below[:, done:])
        # so far the gradient is that of the scaled weight, which is not needed any more
        scaled = self.scaled[:, :-1]
        xp.multiply(self.unscaled_gradient, self.unscaled, out=scaled)
        xp.matmul(scaled, self.ones, out=self.factors.gradient)
        xp.multiply(self.unscaled_gradient, self.factors.values, out=self.unscaled_gradient)
        return g if first else self.below
