"""Launchers that need a package."""

import pytest
from support.commands import Command, refusal

from mlp_exp.cli import launchers


@pytest.mark.parametrize(("launcher", "package"), [("ray", "ray"), ("slurm", "submitit")])
def test_without_its_package_it_says_what_to_install(
    command: Command, monkeypatch: pytest.MonkeyPatch, launcher: str, package: str
) -> None:
    monkeypatch.setattr(launchers, "find_spec", {}.get)
    done = command("run", "-m", f"hydra/launcher={launcher}", "seed=0,1", "trainer.epochs=1")
    assert refusal(done) == (
        f"hydra/launcher={launcher} needs the package {package}, which is not installed: "
        f"pip install 'mlp_exp[{launcher}]'"
    )
