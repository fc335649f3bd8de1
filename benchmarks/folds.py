"""Cross-validation of an estimator: the folds as one stack, beside scikit-learn's loop over the same estimator."""

import json
import resource
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from harness import Process, in_turn, measured, median
from pages import table

FOLDS = 10
SETS = ("breast_cancer", "digits")
CORES = {"one core": True, "all cores": False}
OURS, LOOP = "mlp_exp's cross_validate", "scikit-learn's"


def folds(rounds: int, quick: bool) -> str:
    """A table of wall and processor seconds of both, and their ratios; the scores have to be equal."""
    rows = []
    for name in SETS[:1] if quick else SETS:
        for cores, one in CORES.items():
            found = in_turn({title: partial(_measured, name, title, one) for title in (OURS, LOOP)}, rounds)
            scores = {json.loads(each.output)["scores"] for both in found.values() for each in both}
            assert len(scores) == 1, scores
            wall, processor = ([median(found[t], partial(_value, k)) for t in (OURS, LOOP)] for k in ("s", "cpu"))
            cells = [*(f"{each:.1f}" for each in wall), f"{wall[1] / wall[0]:.2f}"]
            rows.append([name, cores, *cells, f"{processor[1] / processor[0]:.2f}"])
    head = ["data", "on", f"s, {OURS}", f"s, {LOOP}", "times as fast", "by processor time"]
    return f"{FOLDS} folds of `TableClassifier(random_state=0)`; all scores are equal.\n\n{table(head, rows)}"


def _measured(data: str, title: str, one_core: bool, _: int) -> Process:
    return measured([sys.executable, __file__, data, title], Path.cwd(), one_core=one_core)


def _value(name: str, process: Process) -> float:
    return float(json.loads(process.output)[name])


def _processor_seconds() -> float:
    """Of this process and its children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def main(data: str, title: str) -> None:
    """Cross-validates once everything is imported; prints seconds and scores."""
    from sklearn import datasets, model_selection

    from mlp_exp.estimators.classifier import TableClassifier
    from mlp_exp.estimators.folds import cross_validate

    features, labels = getattr(datasets, f"load_{data}")(return_X_y=True)
    run: Any = cross_validate if title == OURS else model_selection.cross_validate
    run(TableClassifier(epochs=1, random_state=0), features, labels, cv=2)
    wall, processor = time.perf_counter(), _processor_seconds()
    scores = run(TableClassifier(random_state=0), features, labels, cv=FOLDS)["test_score"]
    found = {"s": time.perf_counter() - wall, "cpu": _processor_seconds() - processor, "scores": str(scores.tolist())}
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
