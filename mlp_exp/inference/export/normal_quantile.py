"""The normal quantile in plain arithmetic, which every runtime has; `torch.special.ndtri` is not part of ONNX."""

import torch
from torch import Tensor


def double(numbers: object) -> Tensor:
    """A constant for a module that is exported: a plain number would become a float32 in ONNX."""
    return torch.tensor(numbers, dtype=torch.float64)


CENTRAL = 0.425
"""Up to this distance from 1/2 the first of three ratios of polynomials applies, beyond it one of the others."""
FAR = 5.0
"""Boundary within the tails, in √(-ln p)."""
CENTRAL_SQUARE, NEAR_SHIFT = double(0.180625), double(1.6)
# fmt: off
NUMERATORS = (
    (3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
     4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3),
    (1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
     1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4),
    (6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
     2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7),
)
"""Coefficients of the three polynomials, the constant first."""
DENOMINATORS = (
    (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
     2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3),
    (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9),
    (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15),
)
# fmt: on
COEFFICIENTS = double([NUMERATORS, DENOMINATORS]).permute(2, 0, 1)[..., None, None].contiguous()
"""`[8, 2, 3, 1, 1]`: all six polynomials are computed together."""


def normal_quantile(probabilities: Tensor) -> Tensor:
    """The normal quantile of `[B, F]` float64 in (0, 1), to 1 part in 10¹⁶ (Wichura, 1988, AS 241, PPND16)."""
    centred = probabilities - 0.5
    tail = (-torch.log(torch.minimum(probabilities, 1 - probabilities))).sqrt()
    points = torch.stack([CENTRAL_SQUARE - centred.square(), tail - NEAR_SHIFT, tail - FAR])
    *others, values = COEFFICIENTS.unbind()
    for coefficients in reversed(others):
        values = values * points + coefficients
    central, near, far = (values[0] / values[1]).unbind()
    outer = torch.where(tail <= FAR, near, far) * torch.sign(centred)
    return torch.where(centred.abs() <= CENTRAL, centred * central, outer)
