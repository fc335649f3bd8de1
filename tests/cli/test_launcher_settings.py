"""What a command says of a setting that its launcher does not have."""

import pytest
from support.commands import Command, mistakes, refusal, said

SLURM = (
    "account, additional_parameters, array_parallelism, constraint, cpus_per_task, executor, gpus_per_node, "
    "max_stack, mem_gb, partition, qos, setup, signal_delay_s, timeout_min."
)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (
            ["hydra/launcher=slurm", "hydra.launcher.cpus=4"],
            [
                "hydra.launcher.cpus: is a setting of hydra/launcher=ray. Settings of hydra/launcher=slurm: " + SLURM,
            ],
        ),
        (
            ["hydra.launcher.timeout_min=4"],
            [
                "hydra.launcher.timeout_min: is a setting of hydra/launcher=slurm. Settings of "
                "hydra/launcher=stacked: max_stack."
            ],
        ),
        (
            ["hydra/launcher=slurm", "hydra.launcher.partion=x", "hydra.launcher.walltime=1", "model.dropot=0.1"],
            [
                "hydra.launcher.partion: there is no such setting. Did you mean 'partition'?",
                "hydra.launcher.walltime: there is no such setting. Settings of hydra/launcher=slurm: " + SLURM,
                "model.dropot: MLP takes no 'dropot'. Did you mean 'dropout'?",
            ],
        ),
        (["hydra/launcher=ry"], ["hydra/launcher: there is no option 'ry'. Did you mean 'ray'?"]),
    ],
)
def test_a_setting_that_the_launcher_does_not_have(command: Command, args: list[str], said: list[str]) -> None:
    assert refusal(command("run", "-m", *args, "seed=0,1")) == mistakes(*said)


DESCRIBED = [
    ["hydra/launcher=ray", "hydra.launcher.address=auto"],
    ["hydra/launcher=slurm", "hydra.launcher.partition=gpu", "hydra.launcher.max_stack=2"],
    ["hydra/launcher=basic"],
    ["hydra.launcher.max_stack=2"],
]


@pytest.mark.parametrize("launcher", DESCRIBED, ids=" ".join)
def test_a_sweep_is_described_with_the_settings_of_its_launcher(command: Command, launcher: list[str]) -> None:
    lines = said(command("run", "--dry-run", *launcher, "seed=0,1,2", "trainer.epochs=1", "trainer.device=cpu"))
    assert lines[-1].endswith("Nothing was trained.")
    stacks = 2 if "hydra.launcher.max_stack=2" in launcher else 1
    assert next(line for line in lines if line.startswith("3 runs in ")).startswith(f"3 runs in {stacks} stack")


def test_a_description_refuses_what_the_launcher_does_not_have(command: Command) -> None:
    done = command("run", "--dry-run", "hydra/launcher=slurm", "hydra.launcher.partion=x", "seed=0,1")
    assert refusal(done) == mistakes("hydra.launcher.partion: there is no such setting. Did you mean 'partition'?")
