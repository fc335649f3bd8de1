"""Layers of K members at once, with their gradients in closed form, on arrays.

Shapes: K members, B rows, `in`/`out` widths. Values stand as `[K, width, B]`: what is done to each unit then runs along
memory, and a sum over units is one over whole rows. Where a layer's output goes into a product, it has one row more, of
ones, and the bias is the last row of the product's matrix: forwards and backwards it costs no operation of its own.

Each layer makes its buffers once for K and B, and overwrites them in every step. `forward` keeps what `backward` needs;
`backward` may overwrite the gradient that it gets, and writes the gradients of its parameters into views of the stack's
gradient matrix. Nothing here is recorded by autograd.
"""

from collections.abc import Mapping

from mlp_exp.engine.activations import SLOPED, Work, dropped_relu, relu
from mlp_exp.engine.arrays import Array, Arrays
from mlp_exp.engine.batches import Mask

EPS = 1e-5
MOMENTUM = 0.1

Views = Mapping[str, Array]
"""By name: a weight as `[K, in, out]`, and what `nn.Module` has as `[width]` as `[K, width, 1]`."""


def ones_below(xp: Arrays, like: Array, width: int, rows: int) -> Array:
    """A buffer `[K, width + 1, B]` whose last row is one."""
    buffer = xp.empty_like(like, len(like), width + 1, rows)
    buffer[:, -1] = 1.0
    return buffer


class Linear:
    """`Wᵀ x + b`: `[K, in + 1, B]` → `[K, out, B]`, the last row of x being ones.

    Args:
        weight, gradient: `[K, in + 1, out]`, the bias as the last row.
        z: where the values go.
        needed: how many of the first inputs get a gradient; None for all.
    """

    def __init__(self, xp: Arrays, weight: Array, gradient: Array, z: Array, needed: int | None = None) -> None:
        self.xp = xp
        members, width, out = weight.shape
        needed = width - 1 if needed is None else needed
        self.weight = weight.swapaxes(1, 2)
        self.weight_backwards = weight[:, :needed]
        self.gradient = gradient
        self.product = xp.multiply if out == 1 else xp.matmul  # an outer product is three times as slow as one
        self.z = z
        self.below = xp.empty_like(weight, members, needed, z.shape[2])

    def forward(self, x: Array) -> Array:
        self.x = x
        return self.xp.matmul(self.weight, x, out=self.z)

    def backward(self, g: Array, *, first: bool) -> Array:
        """Gradient at the input `[K, needed, B]`; `first` spares it where nothing lies below."""
        self.xp.matmul(self.x, g.swapaxes(1, 2), out=self.gradient)
        return g if first else self.product(self.weight_backwards, g, out=self.below)


class LayerNorm:
    """As `nn.LayerNorm` over the units (Ba et al., 2016). Every norm writes into `out`, which may be its input."""

    def __init__(self, xp: Arrays, name: str, values: Views, gradients: Views, out: Array) -> None:
        self.xp = xp
        self.gain, self.shift = values[f"{name}.weight"], values[f"{name}.bias"]
        self.gain_gradient, self.shift_gradient = gradients[f"{name}.weight"], gradients[f"{name}.bias"]
        self.out = out
        members, width, rows = out.shape
        self.normal, self.work = (xp.empty_like(out, *out.shape) for _ in range(2))
        self.rstd, self.mean, self.slope = (xp.empty_like(self.gain, members, 1, rows) for _ in range(3))
        self.mean_of = xp.empty_like(self.gain, members, 1, width)
        self.mean_of[...] = 1.0 / width
        self.ones = xp.empty_like(self.gain, members, rows, 1)
        self.ones[...] = 1.0

    def forward(self, z: Array, valid: Array) -> Array:
        xp = self.xp
        xp.matmul(self.mean_of, z, out=self.mean)
        xp.subtract(z, self.mean, out=self.normal)
        xp.multiply(self.normal, self.normal, out=self.work)
        xp.matmul(self.mean_of, self.work, out=self.rstd)
        xp.add(self.rstd, EPS, out=self.rstd)
        xp.sqrt(self.rstd, out=self.rstd)
        xp.reciprocal(self.rstd, out=self.rstd)
        xp.multiply(self.normal, self.rstd, out=self.normal)
        xp.multiply(self.normal, self.gain, out=self.out)
        return xp.add(self.out, self.shift, out=self.out)

    def predict(self, z: Array) -> Array:
        return self.forward(z, None)

    def backward(self, g: Array) -> Array:
        xp = self.xp
        xp.matmul(g, self.ones, out=self.shift_gradient)
        xp.multiply(g, self.normal, out=self.work)
        xp.matmul(self.work, self.ones, out=self.gain_gradient)
        xp.multiply(g, self.gain, out=g)
        xp.matmul(self.mean_of, g, out=self.mean)
        xp.multiply(g, self.normal, out=self.work)
        xp.matmul(self.mean_of, self.work, out=self.slope)
        xp.multiply(self.normal, self.slope, out=self.work)
        xp.subtract(g, self.mean, out=g)
        xp.subtract(g, self.work, out=g)
        return xp.multiply(g, self.rstd, out=g)


class BatchNorm:
    """As `nn.BatchNorm1d` (Ioffe & Szegedy, 2015), with each member's own statistics, of the rows that are valid."""

    def __init__(self, xp: Arrays, name: str, values: Views, gradients: Views, buffers: Views, out: Array) -> None:
        self.xp = xp
        self.gain, self.shift = values[f"{name}.weight"], values[f"{name}.bias"]
        self.gain_gradient, self.shift_gradient = gradients[f"{name}.weight"], gradients[f"{name}.bias"]
        self.running_mean, self.running_var = buffers[f"{name}.running_mean"], buffers[f"{name}.running_var"]
        self.out = out
        members, width, rows = out.shape
        self.normal, self.work = (xp.empty_like(out, *out.shape) for _ in range(2))
        self.mean, self.var, self.rstd, self.slope, self.moved = (
            xp.empty_like(self.gain, members, width, 1) for _ in range(5)
        )
        self.count, self.unbiased = (xp.empty_like(self.gain, members, 1, 1) for _ in range(2))
        self.mean_of = xp.empty_like(self.gain, members, rows, 1)
        self.ones = xp.empty_like(self.gain, members, rows, 1)
        self.ones[...] = 1.0

    def forward(self, z: Array, valid: Array) -> Array:
        xp = self.xp
        self.valid = valid
        xp.matmul(valid, self.ones, out=self.count)
        xp.divide(valid.swapaxes(1, 2), self.count, out=self.mean_of)
        xp.matmul(z, self.mean_of, out=self.mean)
        xp.subtract(z, self.mean, out=self.normal)
        xp.multiply(self.normal, valid, out=self.normal)
        xp.multiply(self.normal, self.normal, out=self.work)
        xp.matmul(self.work, self.mean_of, out=self.var)
        self._rstd(self.var)
        xp.multiply(self.normal, self.rstd, out=self.normal)
        # the running variance is the unbiased one, as in torch
        xp.subtract(self.count, 1.0, out=self.unbiased)
        xp.maximum(self.unbiased, 1.0, out=self.unbiased)
        xp.divide(self.count, self.unbiased, out=self.unbiased)
        xp.multiply(self.var, self.unbiased, out=self.var)
        for running, value in ((self.running_mean, self.mean), (self.running_var, self.var)):
            xp.subtract(value, running, out=self.moved)
            xp.multiply(self.moved, MOMENTUM, out=self.moved)
            xp.add(running, self.moved, out=running)
        xp.multiply(self.normal, self.gain, out=self.out)
        return xp.add(self.out, self.shift, out=self.out)

    def _rstd(self, var: Array) -> None:
        self.xp.add(var, EPS, out=self.rstd)
        self.xp.sqrt(self.rstd, out=self.rstd)
        self.xp.reciprocal(self.rstd, out=self.rstd)

    def predict(self, z: Array) -> Array:
        xp = self.xp
        self._rstd(self.running_var)
        xp.subtract(z, self.running_mean, out=self.out)
        xp.multiply(self.out, self.rstd, out=self.out)
        xp.multiply(self.out, self.gain, out=self.out)
        return xp.add(self.out, self.shift, out=self.out)

    def backward(self, g: Array) -> Array:
        xp = self.xp
        xp.multiply(g, self.valid, out=g)
        xp.matmul(g, self.ones, out=self.shift_gradient)
        xp.multiply(g, self.normal, out=self.work)
        xp.matmul(self.work, self.ones, out=self.gain_gradient)
        xp.multiply(g, self.gain, out=g)
        xp.multiply(g, self.normal, out=self.work)
        xp.matmul(self.work, self.mean_of, out=self.slope)
        xp.matmul(g, self.mean_of, out=self.mean)
        xp.multiply(self.normal, self.slope, out=self.work)
        xp.subtract(g, self.mean, out=g)
        xp.subtract(g, self.work, out=g)
        xp.multiply(g, self.rstd, out=g)
        return xp.multiply(g, self.valid, out=g)


class Hidden:
    """A hidden layer: linear, normalisation, activation, dropout and, with `skip`, its input added at the end.

    Args:
        y: where the values go, above a last row of ones; those of `linear` and `norm` go there as well.
    """

    def __init__(
        self, xp: Arrays, y: Array, linear: Linear, norm: LayerNorm | BatchNorm | None, activation: str, skip: bool
    ) -> None:
        self.xp = xp
        self.linear = linear
        self.norm = norm
        self.activation = SLOPED[activation]
        self.skip = skip
        self.y = y
        self.out = y[:, :-1]
        self.slope, x, y, self.above = (xp.empty_like(y, *self.out.shape) for _ in range(4))
        self.work = Work(x, y, xp.truths_like(self.slope))

    def predict(self, x: Array) -> Array:
        z = self.linear.forward(x)
        return self._activate(self.norm.predict(z) if self.norm else z, None, x)

    def forward(self, x: Array, mask: Mask | None, valid: Array) -> Array:
        z = self.linear.forward(x)
        return self._activate(self.norm.forward(z, valid) if self.norm else z, mask, x)

    def _activate(self, z: Array, mask: Mask | None, x: Array) -> Array:
        """`[K, width + 1, B]`, a last row of ones below the values."""
        xp, out, slope, work = self.xp, self.out, self.slope, self.work
        if mask is not None and self.activation is relu:
            dropped_relu(xp, z, out, slope, work, mask.kept, mask.scale)
        else:
            self.activation(xp, z, out, slope, work)
            if mask is not None:
                xp.copy(work.x, mask.kept)
                xp.multiply(work.x, mask.scale, out=work.x)
                xp.multiply(out, work.x, out=out)
                xp.multiply(slope, work.x, out=slope)
        if self.skip:
            self.xp.add(self.out, x[:, :-1], out=self.out)
        return self.y

    def backward(self, g: Array, *, first: bool) -> Array:
        if self.skip:
            self.xp.copy(self.above, g)
        self.xp.multiply(g, self.slope, out=g)
        if self.norm:
            g = self.norm.backward(g)
        g = self.linear.backward(g, first=first)
        return self.xp.add(g, self.above, out=g) if self.skip else g


class Embedding:
    """The last inputs, row numbers of a member's table `[K, rows, width]`, become its rows.

    Inputs `[K, B, F]`; the output `[K, F - columns + columns · width + 1, B]` is a view of one that has B first.
    """

    def __init__(self, xp: Arrays, columns: int, weight: Array, gradient: Array, features: int, rows: int) -> None:
        self.xp = xp
        self.columns = columns
        self.weight = weight
        self.gradient = gradient
        self.table_gradient = xp.tensor(gradient)
        members, _, width = weight.shape
        self.numbers = features - columns
        self.out = xp.empty_like(weight, members, rows, self.numbers + columns * width + 1)
        self.out[..., -1] = 1.0
        self.embedded = self.out[..., self.numbers : -1].reshape(members, rows, columns, width)

    def forward(self, x: Array) -> Array:
        numbers = self.numbers
        self.out[..., :numbers] = x[..., :numbers]
        codes = self.xp.tensor(x[..., numbers:]).long().flatten(1)
        self.rows = codes.unsqueeze(-1).expand(-1, -1, self.weight.shape[2])
        self.embedded[...] = self.xp.view(self.xp.tensor(self.weight).gather(1, self.rows)).reshape(self.embedded.shape)
        return self.out.swapaxes(1, 2)

    def backward(self, g: Array) -> None:
        embedded = self.xp.tensor(g[:, self.numbers :]).transpose(1, 2).reshape(len(g), -1, self.weight.shape[2])
        self.table_gradient.zero_().scatter_add_(1, self.rows, embedded)
