"""A linear layer whose inputs are scaled, with its gradients in closed form (see `layers` for shapes)."""

from mlp_exp.engine.arrays import Array, Arrays
from mlp_exp.engine.layers import Linear


class ScaledLinear(Linear):
    """A linear layer of inputs that each have a factor: `Wᵀ (s ∘ x) + b = (s ∘ W)ᵀ x + b`, with no pass over rows.

    Args:
        scale, scale_gradient: `[K, in, 1]`.
    """

    def __init__(
        self,
        xp: Arrays,
        weight: Array,
        gradient: Array,
        z: Array,
        needed: int | None,
        scale: Array,
        scale_gradient: Array,
    ) -> None:
        scaled = xp.empty_like(weight, *weight.shape)
        super().__init__(xp, scaled, gradient, z, needed)
        self.scaled, self.scaled_bias = scaled[:, :-1], scaled[:, -1:]
        self.unscaled, self.bias = weight[:, :-1], weight[:, -1:]
        self.unscaled_gradient = gradient[:, :-1]
        self.scale, self.scale_gradient = scale, scale_gradient
        self.ones = xp.empty_like(weight, len(weight), weight.shape[2], 1)
        self.ones[...] = 1.0

    def forward(self, x: Array) -> Array:
        self.xp.multiply(self.unscaled, self.scale, out=self.scaled)
        self.xp.copy(self.scaled_bias, self.bias)
        return super().forward(x)

    def backward(self, g: Array, *, first: bool) -> Array:
        below = super().backward(g, first=first)
        xp = self.xp
        # so far the gradient is that of the scaled weight, which is not needed any more
        xp.multiply(self.unscaled_gradient, self.unscaled, out=self.scaled)
        xp.matmul(self.scaled, self.ones, out=self.scale_gradient)
        xp.multiply(self.unscaled_gradient, self.scale, out=self.unscaled_gradient)
        return below
