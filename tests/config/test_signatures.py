"""What is read from a source is what Python says of it."""

import subprocess
import sys

import pytest
from support.commands import clean_environment

from mlp_exp.config.components import COMPONENTS
from mlp_exp.config.signatures import Parameters, read_parameters
from mlp_exp.config.targets import locate, parameters_of

OURS = [f"mlp_exp.components.{name}" for name in COMPONENTS]
TORCHS = [
    *(
        f"torch.optim.{name}"
        for name in ("SGD", "Adam", "AdamW", "NAdam", "RAdam", "RMSprop", "Adagrad", "LBFGS", "Muon")
    ),
    *(
        f"torch.optim.lr_scheduler.{name}"
        for name in ("StepLR", "ReduceLROnPlateau", "OneCycleLR", "ExponentialLR", "CosineAnnealingLR", "ConstantLR")
    ),
    *(f"torch.nn.init.{name}" for name in ("xavier_uniform_", "xavier_normal_", "orthogonal_", "kaiming_normal_")),
]
UNREAD = ("torch.nn.SmoothL1Loss", "torch.optim.Nothing", "torch.nothing.Adam", "torch", "json.dumps", "nowhere.Thing")


def test_parameters_are_those_of_the_signature() -> None:
    for path in (*OURS, *TORCHS):
        found = read_parameters(path)
        if path == "mlp_exp.components.TensorBoard":
            assert found is None  # its base is in another file
        else:
            assert found is not None, path
            assert facts(found) == facts(parameters_of(locate(path))), path


def facts(parameters: Parameters) -> list[tuple[str, object, bool]]:
    return [(each.name, each.kind, each.default is each.empty) for each in parameters.values()]


@pytest.mark.parametrize("path", UNREAD)
def test_what_does_not_read_plainly_is_imported(path: str) -> None:
    assert read_parameters(path) is None


def test_nothing_of_torch_is_imported_to_read_it() -> None:
    code = f"""
import sys
from mlp_exp.config.signatures import read_parameters
for path in {[*OURS, *TORCHS]}:
    read_parameters(path)
print("torch" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=clean_environment()
    )
    assert done.stdout == "False\n"
