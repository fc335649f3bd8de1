"""Layers of K members at once, with their gradients in closed form.

Shapes: K members, B rows, `in`/`out` widths. Each layer keeps in `forward` what its `backward` needs, and writes the
gradients of its parameters into views of the stack's gradient matrix. Nothing here is recorded by autograd.
"""

import torch
from torch import Tensor
from torch.nn import functional

from mlp_exp.model.activations import Activation

EPS = 1e-5
MOMENTUM = 0.1
NARROW = 16
"""Fewer columns make a matrix too narrow for a fast product."""
CACHE_LINE = 16
"""In numbers. Matrices that follow each other without a gap are multiplied faster, and give each member the same bits
where each of them begins on a cache line."""


def matmul(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """`[K, n, m] @ [K, m, p] (+ [K, 1, p])`, the same bits a member for any K.

    A product with a side of one may take another way through the BLAS when it is alone; two copies of it do not.
    """
    if len(a) == 1 and 1 in (*a.shape[1:], b.shape[2]):
        a, b = a.expand(2, -1, -1), b.expand(2, -1, -1)
        bias = bias if bias is None else bias.expand(2, -1, -1)
        return (torch.bmm(a, b) if bias is None else torch.baddbmm(bias, a, b))[:1]
    return torch.bmm(a, b) if bias is None else torch.baddbmm(bias, a, b)


def drop(x: Tensor, mask: Tensor | None, *, in_place: bool) -> Tensor:
    """`x` where it is kept; in place where nobody else needs it: half of what a wide stack costs is memory."""
    if mask is None:
        return x
    return x.mul_(mask) if in_place else x * mask


class Linear:
    """`x Wᵀ + b`, with `W` as `[K, out, in]`, the layout of `nn.Linear`."""

    def __init__(self, name: str, values: dict[str, Tensor], gradients: dict[str, Tensor]) -> None:
        self.weight = values[f"{name}.weight"]
        self.transposed = self.weight.transpose(1, 2)
        self.bias = values[f"{name}.bias"].unsqueeze(1)
        self.weight_gradient = gradients[f"{name}.weight"]
        self.bias_gradient = gradients[f"{name}.bias"].unsqueeze(1)

    def predict(self, x: Tensor) -> Tensor:
        return matmul(x, self.transposed, self.bias)

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return self.predict(x)

    def backward(self, g: Tensor, *, first: bool) -> Tensor:
        """Gradient at the input; `first` spares it where nothing lies below."""
        gradient = self.weight_gradient
        if gradient[0].numel() % CACHE_LINE:
            torch.bmm(g.transpose(1, 2), self.x, out=gradient)
        elif self.x.shape[2] < NARROW:
            gradient.copy_(matmul(self.x.transpose(1, 2), g).transpose(1, 2))
        else:
            gradient.copy_(matmul(g.transpose(1, 2), self.x))
        torch.sum(g, 1, keepdim=True, out=self.bias_gradient)
        return g if first else matmul(g, self.weight)


class Embedding:
    """The last inputs, row numbers of a member's table `[K, rows, width]`, become its rows."""

    def __init__(self, columns: int, values: dict[str, Tensor], gradients: dict[str, Tensor]) -> None:
        self.columns = columns
        self.weight = values["embedding.weight"]
        self.weight_gradient = gradients["embedding.weight"]

    def predict(self, x: Tensor) -> Tensor:
        """`[K, B, F]` → `[K, B, F - columns + columns · width]`."""
        embedded = self.weight.gather(1, self._rows(x)).view(*x.shape[:2], -1)
        return torch.cat([x[..., : -self.columns], embedded], dim=-1)

    def _rows(self, x: Tensor) -> Tensor:
        codes = x[..., -self.columns :].long().flatten(1)
        return codes.unsqueeze(-1).expand(-1, -1, self.weight.shape[2])

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return self.predict(x)

    def backward(self, g: Tensor) -> None:
        width = self.weight.shape[2]
        embedded = g[..., -self.columns * width :].reshape(len(g), -1, width)
        self.weight_gradient.zero_().scatter_add_(1, self._rows(self.x), embedded)


class LayerNorm:
    """As `nn.LayerNorm` over the last dimension."""

    def __init__(self, name: str, values: dict[str, Tensor], gradients: dict[str, Tensor]) -> None:
        self.gain = values[f"{name}.weight"].unsqueeze(1)
        self.shift = values[f"{name}.bias"].unsqueeze(1)
        self.gain_gradient = gradients[f"{name}.weight"]
        self.shift_gradient = gradients[f"{name}.bias"]
        self.width = [self.gain.shape[2]]

    def predict(self, z: Tensor) -> Tensor:
        return torch.addcmul(self.shift, functional.layer_norm(z, self.width, eps=EPS), self.gain)

    def forward(self, z: Tensor, valid: Tensor) -> Tensor:
        self.z = z
        self.normal, self.mean, self.rstd = torch.native_layer_norm(z, self.width, None, None, EPS)
        return torch.addcmul(self.shift, self.normal, self.gain)

    def backward(self, g: Tensor) -> Tensor:
        torch.sum(g * self.normal, 1, out=self.gain_gradient)
        torch.sum(g, 1, out=self.shift_gradient)
        grad: Tensor = torch.ops.aten.native_layer_norm_backward(
            g * self.gain, self.z, self.width, self.mean, self.rstd, None, None, [True, False, False]
        )[0]
        return grad


class BatchNorm:
    """As `nn.BatchNorm1d`, with each member's own statistics, of the rows that are valid."""

    def __init__(
        self, name: str, values: dict[str, Tensor], gradients: dict[str, Tensor], buffers: dict[str, Tensor]
    ) -> None:
        self.gain = values[f"{name}.weight"].unsqueeze(1)
        self.shift = values[f"{name}.bias"].unsqueeze(1)
        self.gain_gradient = gradients[f"{name}.weight"]
        self.shift_gradient = gradients[f"{name}.bias"]
        self.running_mean = buffers[f"{name}.running_mean"].unsqueeze(1)
        self.running_var = buffers[f"{name}.running_var"].unsqueeze(1)

    def predict(self, z: Tensor) -> Tensor:
        normal = (z - self.running_mean) * torch.rsqrt(self.running_var + EPS)
        return torch.addcmul(self.shift, normal, self.gain)

    def forward(self, z: Tensor, valid: Tensor) -> Tensor:
        self.valid = valid
        self.count = valid.sum(1, keepdim=True)
        mean = (z * valid).sum(1, keepdim=True) / self.count
        centred = (z - mean) * valid
        var = centred.square().sum(1, keepdim=True) / self.count
        self.rstd = torch.rsqrt(var + EPS)
        self.normal = centred * self.rstd
        # the running variance is the unbiased one, as in torch
        unbiased = var * (self.count / (self.count - 1).clamp(min=1))
        self.running_mean.lerp_(mean, MOMENTUM)
        self.running_var.lerp_(unbiased, MOMENTUM)
        return torch.addcmul(self.shift, self.normal, self.gain)

    def backward(self, g: Tensor) -> Tensor:
        g = g * self.valid
        torch.sum(g * self.normal, 1, out=self.gain_gradient)
        torch.sum(g, 1, out=self.shift_gradient)
        g = g * self.gain
        mean = g.sum(1, keepdim=True) / self.count
        slope = (g * self.normal).sum(1, keepdim=True) / self.count
        return (g - mean - self.normal * slope) * self.rstd * self.valid


class Block:
    """A hidden layer: linear, normalisation, activation, dropout and, with `skip`, its input added at the end."""

    def __init__(self, linear: Linear, norm: LayerNorm | BatchNorm | None, activation: Activation, skip: bool) -> None:
        self.linear = linear
        self.norm = norm
        self.activation = activation
        self.skip = skip

    def predict(self, x: Tensor) -> Tensor:
        z = self.linear.predict(x)
        if self.norm:
            z = self.norm.predict(z)
        y = self.activation.forward(z)
        return x + y if self.skip else y

    def forward(self, x: Tensor, mask: Tensor | None, valid: Tensor) -> Tensor:
        z = self.linear.forward(x)
        if self.norm:
            z = self.norm.forward(z, valid)
        a = self.activation.forward(z)
        y = drop(a, mask, in_place=self.activation.by_sign)
        self.z, self.a, self.mask = z, a, mask
        return x + y if self.skip else y

    def backward(self, g: Tensor, *, first: bool) -> Tensor:
        dy = drop(g, self.mask, in_place=not self.skip)
        dz = self.activation.backward(dy, self.z, self.a)
        if self.norm:
            dz = self.norm.backward(dz)
        dx = self.linear.backward(dz, first=first)
        return dx + g if self.skip else dx
