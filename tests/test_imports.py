"""What a command loads, which decides over how long it takes to answer."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import clean_environment

HEAVY = ("sklearn", "scipy", "pandas", "pyarrow", "matplotlib", "pyplot", "torch._dynamo", "torch._inductor")
CODE = """
import runpy, sys
try:
    runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
except SystemExit:
    pass
print("loaded:", *[name for name in {names} if name in sys.modules])
"""


def loaded(module: str, words: list[str], names: tuple[str, ...], folder: Path) -> list[str]:
    """Which of these modules a command has loaded when it ends."""
    code = CODE.format(module=module, names=names)
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=clean_environment(),
    )
    assert "loaded:" in done.stdout, done.stderr
    return done.stdout.rpartition("loaded:")[2].split()


RUN = ["trainer.epochs=1", "trainer.device=cpu", "hydra.run.dir=run"]


def test_a_default_run_loads_nothing_heavy_but_torch_and_for_figures_matplotlib(tmp_path: Path) -> None:
    assert loaded("mlp_exp.run", [*RUN, "trainer.plots=never"], HEAVY, tmp_path) == []
    assert loaded("mlp_exp.run", [*RUN[:-1], "hydra.run.dir=drawn"], HEAVY, tmp_path) == ["matplotlib"]
    (tmp_path / "rows.csv").write_text("x1,x2\n0.5,0.5\n", encoding="utf-8")
    read = loaded("mlp_exp.predict", ["run", "rows.csv", "-o", "out.csv"], HEAVY, tmp_path)
    assert set(read) - {"pandas"} == {"pyarrow"}  # which imports pandas where that is installed


@pytest.mark.parametrize(
    "mistake",
    ["optimizer.lr=-1", "optimizer=adm", "model.hidden_size=[3]", "scheduler.gama=3", "lr=3", "init.weight.gaim=1"],
)
def test_a_mistake_is_told_without_torch(mistake: str, tmp_path: Path) -> None:
    words = [*RUN, "init=kaiming_normal", mistake]
    assert loaded("mlp_exp.run", words, ("torch", *HEAVY), tmp_path) == []
