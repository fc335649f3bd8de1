"""What the configurations reach: trained as stacks of ten seeds, so that the bounds hold for each of them."""

from collections.abc import Mapping

import pytest
from support.compositions import compose_run
from support.project import CONF
from support.specs import build

from mlp_exp.experiment.outcome import evaluate
from mlp_exp.experiment.planning import plan
from mlp_exp.experiment.prepare import prepare
from mlp_exp.experiment.run import Run
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.training.loop import train

pytestmark = pytest.mark.slow

SEEDS = range(10)

Metrics = dict[str, dict[str, float]]


def numbers(scores: Mapping[str, float | None]) -> dict[str, float]:
    """The metrics that a part has."""
    return {name: value for name, value in scores.items() if value is not None}


def trained(*overrides: str, seeds: range = SEEDS) -> tuple[list[Run], list[Metrics]]:
    """The runs of all seeds, trained as one stack on the CPU, and their metrics."""
    runs = []
    for seed in seeds:
        cfg = compose_run([f"seed={seed}", "trainer.device=cpu", *overrides])
        runs.append(prepare(plan(build(cfg)), RunFolder(CONF)))  # nothing is written
    courses = [course for run in runs for course in run.courses]
    for records in train([course.trainee for course in courses], runs[0].plan.batch_size, runs[0].plan.device):
        for record in records:
            assert record.status not in ("diverged", "failed")
            courses[record.member].add(record)
    return runs, [{part: numbers(scores) for part, scores in evaluate(run).metrics.items()} for run in runs]


def test_the_default_experiment_reaches_98_percent_for_every_seed() -> None:
    runs, metrics = trained()
    accuracies = {run.components.seed: scores["test"]["accuracy"] for run, scores in zip(runs, metrics, strict=True)}
    assert list(accuracies) == list(SEEDS)
    assert {seed: accuracy for seed, accuracy in accuracies.items() if accuracy < 0.98} == {}
    for run, scores in zip(runs, metrics, strict=True):
        assert run.status == "finished"
        assert [len(run.parts.train), len(run.parts.val), len(run.parts.test)] == [700, 100, 200]
        assert 1 <= run.best_epoch <= 100
        assert list(scores) == ["train", "val", "test"]
        assert scores["test"]["roc_auc"] > 0.99
    assert len({scores["test"]["log_loss"] for scores in metrics}) == len(SEEDS), "seeds make different runs"


# Over seeds 0…9 (0…2 for digits) the least value measured was
# 0.965 for breast_cancer, 1.0 for iris, 0.972 for wine, 0.975 for digits and 0.475 for diabetes;
# of the preset for any table, over seeds 0…2, 0.947 for breast_cancer, 0.972 for wine and 0.439 for diabetes.
BOUNDS = [
    ("breast_cancer", "accuracy", 0.94, 10),
    ("iris", "accuracy", 0.93, 10),
    ("wine", "accuracy", 0.94, 10),
    ("digits", "accuracy", 0.96, 3),
    ("diabetes", "r2", 0.42, 10),
    ("table data=breast_cancer", "accuracy", 0.92, 3),
    ("table data=wine", "accuracy", 0.94, 3),
    ("table data=diabetes", "r2", 0.36, 3),
    ("table_quick data=wine", "accuracy", 0.94, 3),
    ("table_best data=iris ensemble.members=4", "accuracy", 0.93, 1),
]


@pytest.mark.parametrize(("name", "metric", "bound", "seeds"), BOUNDS)
def test_a_preset_reaches_its_bound_for_every_seed(name: str, metric: str, bound: float, seeds: int) -> None:
    runs, metrics = trained(*f"experiment={name}".split(), seeds=range(seeds))
    reached = {run.components.seed: scores["test"][metric] for run, scores in zip(runs, metrics, strict=True)}
    assert len(reached) == seeds
    assert {seed: value for seed, value in reached.items() if value < bound} == {}


def test_every_preset_has_a_bound() -> None:
    presets = {path.stem for path in (CONF / "experiment").glob("*.yaml")}
    assert presets - {"default", "debug"} == {name.partition(" ")[0] for name, *_ in BOUNDS}
