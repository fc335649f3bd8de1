"""What a command loads, which decides over how long it takes to answer."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import clean_environment

HEAVY = (
    "optuna",
    "submitit",
    "ray",
    "sklearn",
    "scipy",
    "pandas",
    "pyarrow",
    "matplotlib",
    "pyplot",
    "torch._dynamo",
    "torch._inductor",
)
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


@pytest.mark.slow
def test_a_run_loads_nothing_heavy_but_torch(tmp_path: Path) -> None:
    assert loaded("mlp_exp.run", [*RUN, "trainer.plots=never"], HEAVY, tmp_path) == []
    assert loaded("mlp_exp.run", [*RUN[:-1], "hydra.run.dir=drawn"], HEAVY, tmp_path) == []  # but a helper, for figures
    assert (tmp_path / "drawn" / "plots" / "loss.png").is_file()
    sweep = ["-m", *RUN[:-1], "model.number_embedding=periodic", "seed=range(8)", "hydra.sweep.dir=sweep"]
    assert loaded("mlp_exp.run", sweep, HEAVY, tmp_path) == []
    assert (tmp_path / "sweep" / "report.html").is_file()
    (tmp_path / "rows.csv").write_text("x1,x2\n0.5,0.5\n", encoding="utf-8")
    read = loaded("mlp_exp.predict", ["run", "rows.csv", "-o", "out.csv"], HEAVY, tmp_path)
    assert set(read) - {"pandas"} == {"pyarrow"}  # which imports pandas where that is installed


@pytest.mark.slow
@pytest.mark.parametrize(
    "mistake",
    ["optimizer.lr=-1", "optimizer=adm", "model.hidden_size=[3]", "scheduler.gama=3", "lr=3", "init.weight.gaim=1"],
)
def test_a_mistake_is_told_without_torch(mistake: str, tmp_path: Path) -> None:
    words = [*RUN, "init=kaiming_normal", mistake]
    assert loaded("mlp_exp.run", words, ("torch", *HEAVY), tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "mistake", ["data.path=rows.csw", "data.target=z", "data.drop=[z]", "split=group split.column=z"]
)
def test_a_mistake_in_a_columns_name_is_told_without_torch(mistake: str, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("x,y\n1,a\n2,b\n", encoding="utf-8")
    words = [*RUN, "data=table", "data.path=rows.csv", "data.target=y", *mistake.split()]
    assert loaded("mlp_exp.run", words, ("torch", "sklearn", "pandas", "matplotlib"), tmp_path) == []
    assert (tmp_path / "run" / "result.json").is_file()  # says so
