"""How good the quick preset for tables is: `python benchmarks/tables.py [--data DIR] [--only NAME …] [--write]`.

Each case trains `experiment=table_quick` as it is, one run after another, and scikit-learn's MLPClassifier or
with their defaults on the same rows, standardised and one-hot (the target standardised too). scikit-learn needs no
validation part and gets those rows to train with. Both use one thread; the seconds are those of the training alone.

DIR holds tables with published splits: `<name>.csv.gz`, and `splits/<name>.tar.gz` with `index_train_<k>.txt` and
`index_test_<k>.txt`. `--write` puts the tables into docs/explanation/table_preset.md.
"""

import argparse
import contextlib
import io
import json
import tarfile
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hydra import compose, initialize_config_dir
from numpy.typing import ArrayLike
from pages import write_section
from sklearn.neural_network import MLPClassifier, MLPRegressor
from threadpoolctl import threadpool_limits

from mlp_exp.cli.composing import quick_composition
from mlp_exp.data.preprocessing import Preprocess
from mlp_exp.experiment.alone import train_alone
from mlp_exp.experiment.components import Components
from mlp_exp.experiment.configs import plain_config
from mlp_exp.experiment.plan import Plan
from mlp_exp.experiment.planning import plan
from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import RunSpec

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "explanation" / "table_preset.md"
PRESET = "experiment=table_quick"

PUBLISHED = {
    "adult": "0.854",
    "california_housing": "0.495",
    "uci_concrete": "4.82",
    "uci_energy": "0.54",
    "uci_kin8nm": "0.079",
    "uci_power": "4.01",
    "uci_protein": "4.27",
    "uci_wine_red": "0.62",
    "uci_yacht": "0.67",
}
TARGETS = {"adult": "income", "california_housing": "MedHouseVal"}


@dataclass(frozen=True)
class Case:
    """Runs of one table: overrides that all share, and those of each run."""

    name: str
    shared: list[str]
    runs: list[list[str]]


def bundled_cases() -> list[Case]:
    """Sets that scikit-learn carries: five folds, three seeds; a tenth of the other rows validates, or none does."""
    runs = [[f"split.fold={fold}", f"seed={seed}", f"split.seed={seed}"] for seed in range(3) for fold in range(5)]
    names = ("breast_cancer", "digits", "wine", "diabetes")
    shared = {name: [f"data={name}", PRESET, "split=folds"] for name in names}
    cases = [Case(name, shared[name], runs) for name in names]
    return cases + [Case(f"{name}, split.val=0", [*shared[name], "split.val=0"], runs) for name in names]


def made_cases(folder: Path) -> list[Case]:
    """Tables with numbers, categories and gaps, drawn anew, of 300 to 50,000 rows."""
    cases = []
    for rows in (300, 3000, 50_000):
        for task in ("classes", "regression"):
            path = folder / f"{task}_{rows}.csv"
            write_mixed(path, rows, task == "classes")
            shared = ["data=table", PRESET, f"data.path={path}", "data.target=y"]
            runs = [[f"seed={seed}", f"split.seed={seed}"] for seed in range(3 if rows > 10_000 else 8)]
            cases.append(Case(f"mixed, {rows} rows, {task}", shared, runs))
            if rows == 300:
                shared = [*shared, "split.train=0.8", "split.val=0"]
                cases.append(Case(f"mixed, {rows} rows, {task}, split.val=0", shared, runs))
    return cases


def write_mixed(path: Path, rows: int, classes: bool) -> None:
    """Six numbers of several scales, four categories of 2 to 60 values, gaps in two columns, a noisy smooth target."""
    generator = np.random.default_rng(rows)
    numbers = generator.normal(size=(rows, 6))
    codes = np.column_stack([generator.integers(0, k, rows) for k in (2, 5, 9, 60)])
    effects = [generator.normal(size=k) for k in (2, 5, 9, 60)]
    signal = np.sin(2 * numbers[:, 0]) + numbers[:, 1] * numbers[:, 2] + np.abs(numbers[:, 3])
    signal += (
        sum(effect[code] for effect, code in zip(effects, codes.T, strict=True))
        + effects[1][codes[:, 1]] * (numbers[:, 4])
    )
    signal += 0.7 * generator.normal(size=rows)
    shown = np.column_stack([numbers[:, :4], np.exp(2 * numbers[:, 4]), 1000 + 50 * numbers[:, 5]])
    target = np.where(signal > np.median(signal), "high", "low") if classes else signal
    lines = ["a,b,c,d,e,f,p,q,r,s,y"]
    for row in range(rows):
        cells = [f"{value:.6g}" for value in shown[row]]
        cells += [f"{letter}{code}" for letter, code in zip("pqrs", codes[row], strict=True)]
        for gap in np.flatnonzero(generator.random(2) < 0.1):
            cells[(1, 7)[gap]] = ""
        lines.append(",".join([*cells, str(target[row])]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def published_cases(data: Path, folder: Path) -> list[Case]:
    """Tables with the splits that others reported on; adult has one split, so it gets three seeds."""
    cases = []
    for name in PUBLISHED:
        with tarfile.open(data / "splits" / f"{name}.tar.gz") as archive:
            archive.extractall(folder, filter="data")
        shared = ["data=table", PRESET, f"data.path={data / name}.csv.gz", f"data.target={TARGETS.get(name, 'target')}"]
        shared += ["split=files", "data.task=auto" if name == "adult" else "data.task=regression"]
        shared += ["data.drop=[split]"] if name == "adult" else []
        count = len(list((folder / name).glob("index_train_*.txt")))
        files = [
            [f"split.{part}={folder / name}/index_{part}_{k}.txt" for part in ("train", "test")] for k in range(count)
        ]
        runs = [[*pair, f"seed={k}"] for k, pair in enumerate(files)]
        cases.append(Case(name, shared, runs if count > 1 else [[*files[0], f"seed={seed}"] for seed in range(3)]))
    return cases


def planned(overrides: list[str]) -> Plan:
    """A run that could be trained, as the command line makes it."""
    with quick_composition(), initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = plain_config(compose("run", overrides=["trainer.device=cpu", *overrides]))
    return plan(Components(config, Session()))


def preset(run: Plan) -> tuple[float, float]:
    """Test score and seconds of the preset."""
    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stdout(io.StringIO()):
        train_alone(RunSpec(run.components.source, name, sweep=name))  # as one of a sweep, it draws nothing
        result = json.loads((Path(name) / "result.json").read_text(encoding="utf-8"))
    return result["metrics"]["test"][metric(run)], result["seconds"]


def scikit_learn(run: Plan) -> tuple[float, float]:
    """The same of scikit-learn's network."""
    dataset, parts = run.components.dataset, run.parts
    rows = np.concatenate([parts.train, parts.val])
    plain = Preprocess(one_hot_max=10**9).fit(dataset, rows)
    inputs = plain.inputs(dataset.features, dataset.categories)
    target = dataset.target if run.task.has_classes else plain.target.scaled(dataset.target)
    model = (MLPClassifier if run.task.has_classes else MLPRegressor)(random_state=run.components.seed)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that 200 epochs do not converge
        model.fit(inputs[rows], target[rows])
    seconds = time.perf_counter() - start
    answer = model.predict(inputs[parts.test])
    return score(run, run.task.in_unit(answer, plain.target)), seconds


def score(run: Plan, answer: ArrayLike) -> float:
    """Of the answers for the test part."""
    truth = run.components.dataset.target[run.parts.test]
    if not run.task.has_classes:
        return float(np.sqrt(np.mean((np.asarray(answer) - truth) ** 2)))
    return float(np.mean(np.asarray(answer) == truth))


def metric(run: Plan) -> str:
    return run.task.history_metric


def measure(case: Case) -> str:
    """The case as a line of a table: mean ± standard error over its runs, and median seconds."""
    ours, theirs = [], []
    for overrides in case.runs:
        run = planned([*case.shared, *overrides])
        contenders = [(theirs, scikit_learn), (ours, preset)]
        for found, contender in contenders:
            found.append(contender(run))
    rows, features = len(run.components.dataset.target), run.components.dataset.features.shape[1]
    features += len(run.components.dataset.categories)
    cells = [case.name, f"{rows:,}", str(features), metric(run), PUBLISHED.get(case.name, "")]
    for found in (theirs, ours):
        scores = np.array([score for score, _ in found])
        cells.append(f"{scores.mean():.4f} ± {scores.std(ddof=1) / np.sqrt(len(scores)):.4f}")
    seconds = [float(np.median([seconds for _, seconds in found])) for found in (theirs, ours)]
    cells += [*(f"{s:.2f}" for s in seconds), f"{seconds[1] / seconds[0]:.2f}"]
    return f"| {' | '.join(cells)} |"


HEAD = """\
| table | rows | features | metric | published MLP | scikit-learn's MLP | this preset | s, theirs | s, ours | ratio |
|---|---:|---:|---|---|---|---|---:|---:|---:|"""


def sections(data: Path | None, only: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Title and lines of each table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        groups = {"carried": bundled_cases(), "made": made_cases(folder)}
        groups |= {"published": published_cases(data, folder)} if data else {}
        for title, cases in groups.items():
            lines = []
            for case in cases:
                if not only or case.name in only:
                    lines.append(measure(case))
                    print(lines[-1], flush=True)
            if lines:
                yield title, lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of tables with published splits")
    parser.add_argument("--only", nargs="*", default=[], help="names of cases")
    parser.add_argument("--write", action="store_true", help="writes the tables into docs/explanation/table_preset.md")
    arguments = parser.parse_args()
    print(HEAD)
    with threadpool_limits(1):
        tables = dict(sections(arguments.data and arguments.data.resolve(), arguments.only))
    if arguments.write:
        for title, lines in tables.items():
            write_section(PAGE, title, "benchmarks/tables.py", "\n".join([HEAD, *lines]))


if __name__ == "__main__":
    main()
