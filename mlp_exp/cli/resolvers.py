"""What a configuration may ask for beside what Hydra offers: known as soon as this is imported, in every process."""

from typing import Any

from omegaconf import OmegaConf

from mlp_exp.storage.sweep_folder import thousand


def by_thousand(*, _root_: Any) -> str:
    """For `hydra.sweep.subdir='${by_thousand:}'`: run 3141 of a sweep has the folder 3000-3999/3141."""
    number = int(_root_.hydra.job.num)
    return f"{thousand(number)}/{number}"


OmegaConf.register_new_resolver("by_thousand", by_thousand, replace=True)
