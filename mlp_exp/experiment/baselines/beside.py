"""The baselines of a run: saved already, or computed now."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from mlp_exp.experiment.plan import Plan
from mlp_exp.storage.baselines_file import Baseline, BaselinesFile, OfSplit


def key_of(plan: Plan) -> str:
    """Says what baselines depend on: data, split, and what is predicted."""
    task = plan.task
    text = f"{plan.fingerprint} {type(task).__name__} {task.answer_names} {task.ranking}"
    return hashlib.sha256(text.encode()).hexdigest()


def baselines_of(plan: Plan, folder: Path) -> Mapping[str, Baseline]:
    """The baselines for the data of a plan, by name, the constant first; the file in the folder has them afterwards."""
    file, key = BaselinesFile(folder), key_of(plan)
    saved = file.read().get(key)
    if saved is not None:
        return saved.baselines
    components, task = plan.components, plan.task
    dataset = components.dataset
    found = dict(components.baselines.compute(dataset, plan.parts, plan.encoded, task))
    if found:
        file.add(
            key,
            OfSplit(
                task=task.name,
                target=dataset.target_name,
                data=dataset.fingerprint,
                rows=len(dataset.target),
                ranking=task.ranking,
                headlines=list(task.headlines),
                larger_is_better=[name for name, metric in task.metrics.items() if metric.larger_is_better],
                baselines=found,
            ),
        )
    return found
