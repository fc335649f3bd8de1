"""What a user waits for around the training: short commands, each beside `import torch`, in turn."""

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from commands import contender, mlp_exp
from harness import Process, in_turn, measured, median
from pages import table
from work import SMALL

TORCH = "import torch"
COPIES = 8
"""Of a sweep's 125 runs, for a report of 1,000."""


def waits(rounds: int, quick: bool) -> str:
    """A table of wall and processor seconds, and how many `import torch` each is."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _prepare(folder, 4 if quick else 125)
        commands = _commands(folder)
        commands["scikit-learn's MLPClassifier"] = lambda: contender("with_sklearn", SMALL, [(0, 1e-3)])[0]
        found = in_turn({title: lambda _, run=run: run() for title, run in commands.items()}, rounds)
        files = {path: path.stat().st_size for path in (folder / "run").rglob("*") if path.is_file()}
    wall, processor = ({title: median(each, value) for title, each in found.items()} for value in (_wall, _processor))

    def cells(seconds: dict[str, float], title: str) -> list[str]:
        return [f"{seconds[title]:.2f}", f"{seconds[title] / seconds[TORCH]:.2f}"]

    rows = [[title, *cells(wall, title), *cells(processor, title)] for title in commands]
    text = table(["command", "s", f"of {TORCH}", "processor s", f"of {TORCH}"], rows)
    size = sum(size for path, size in files.items() if path.suffix != ".png") / 1000
    return f"{text}\n\nFiles of a run: {len(files)}, of which {size:.0f} kB are no figures."


def _wall(process: Process) -> float:
    return process.seconds


def _processor(process: Process) -> float:
    return process.processor


def _prepare(folder: Path, runs: int) -> None:
    """A run, a sweep, eight copies of that as one, and two tables."""
    mlp_exp("trainer.device=cpu", "hydra.run.dir=run", folder=folder)
    words = ("-m", "trainer.device=cpu", f"seed=range({runs})", "hydra.sweep.dir=sweep")
    mlp_exp(*words, folder=folder)
    for number in range(COPIES):
        shutil.copytree(folder / "sweep", folder / "sweeps" / str(number))
    rows = [f"{number / 500 - 1},{number * 7 % 1000 / 500 - 1}" for number in range(1000)]
    (folder / "rows.csv").write_text("\n".join(["x1,x2", *rows]) + "\n", encoding="utf-8")
    (folder / "small.csv").write_text("x,y\n1,a\n2,b\n3,a\n4,b\n", encoding="utf-8")


def _commands(folder: Path) -> dict[str, Callable[[], Process]]:
    def python(*words: str, status: int = 0) -> Callable[[], Process]:
        return lambda: measured([sys.executable, *words], folder, status=status)

    def run(*words: str, status: int = 0) -> Callable[[], Process]:
        return python("-m", "mlp_exp.run", "trainer.device=cpu", *words, status=status)

    small = ("data=table", "data.path=small.csv")
    runs = _number_of_runs(folder)
    return {
        TORCH: python("-c", TORCH),
        "--help": run("--help"),
        "a mistake in a value": run("optimizer.lr=-1", status=1),
        "a mistake in a group's option": run("optimizer=adm", status=1),
        "a mistake in a column's name": run(*small, "data.target=z", status=1),
        "the default run, without figures": run("trainer.plots=never"),
        "the default run": run(),
        "predict, 1,000 rows": python("-m", "mlp_exp.predict", "run", "rows.csv", "-o", "out.csv"),
        f"report, {runs} runs": python("-m", "mlp_exp.report", "sweep"),
        f"report, {COPIES * runs:,} runs": python("-m", "mlp_exp.report", "sweeps"),
    }


def _number_of_runs(folder: Path) -> int:
    return len(list((folder / "sweep").glob("*/result.json")))
