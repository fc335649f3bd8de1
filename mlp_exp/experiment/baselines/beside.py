"""The baselines of a run: saved already, or computed now."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlp_exp.config.by_data import Facts, for_data
from mlp_exp.config.components import NO_BASELINES
from mlp_exp.data.dataset import TargetColumn
from mlp_exp.experiment.building import build_loss
from mlp_exp.experiment.plan import Plan
from mlp_exp.experiment.session import Session
from mlp_exp.experiment.spec import RunSpec
from mlp_exp.storage.baselines_file import Baseline, BaselinesFile, OfSplit
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.tasks.task import Task


def key_of(plan: Plan) -> str:
    """Says what baselines depend on: data, split, and what is predicted."""
    return _key(plan.fingerprint, plan.task)


def _key(fingerprint: str, task: Task) -> str:
    text = f"{fingerprint} {type(task).__name__} {task.answer_names} {task.ranking}"
    return hashlib.sha256(text.encode()).hexdigest()


def lacks_baselines(spec: RunSpec, result: Mapping[str, Any]) -> bool:
    """Whether a run that is over was killed before its baselines were there; the data is not read for it.

    Of a run of a sweep they are in the sweep's folder, beside those of other splits.

    Args:
        result: the content of the run's `result.json`.

    Raises:
        MlpExpError: the file of baselines or the model is damaged.
    """
    group = spec.values.get("baselines") or {"_target_": NO_BASELINES}
    if not result.get("best_epoch") or group["_target_"] == NO_BASELINES:
        return False
    saved = BaselinesFile(Path(spec.sweep or spec.folder)).read()
    return not saved or (spec.sweep is not None and _saved_key(spec, result) not in saved)


def _saved_key(spec: RunSpec, result: Mapping[str, Any]) -> str:
    """The key of a run that has trained, from its folder and its configuration."""
    model = RunFolder(spec.folder).read_model()
    targets = [TargetColumn(each["name"], tuple(each["class_names"])) for each in model["targets"]]
    config = for_data(spec.values, Facts.of(result["task"], result["rows"]))
    task = build_loss(Session(), config["loss"], model["task"], targets).task(model["task"], targets)
    saved = result["provenance"]
    return _key(f"{saved['data_fingerprint']} {saved['split_fingerprint']}", task)


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
