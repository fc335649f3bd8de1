"""Tasks with targets of any name."""

from mlp_exp.data.dataset import TargetColumn, TaskName
from mlp_exp.tasks.task import Task
from mlp_exp.tasks.tasks import task_of

CLASSES: dict[TaskName, tuple[str, ...]] = {
    "binary": ("no", "yes"),
    "multiclass": ("a", "b", "c"),
    "ordinal": ("low", "middle", "high"),
    "multilabel": ("no", "yes"),
    "regression": (),
}


def targets_of(name: TaskName, count: int | None = None) -> list[TargetColumn]:
    """One target; three of several labels."""
    count = count or (3 if name == "multilabel" else 1)
    return [TargetColumn(f"y{place + 1}", CLASSES[name]) for place in range(count)]


def task_for(name: TaskName, count: int | None = None) -> Task:
    return task_of(name, targets_of(name, count))
