"""`model.pt`: the networks of a run, or of several that were chosen and combined."""

from pathlib import Path
from typing import Any

from mlp_exp.config.components import current_names
from mlp_exp.errors import RunFolderError
from mlp_exp.storage.tensor_file import read_tensors, require_keys

MODEL_FORMAT = 4
"""Version of its content. Up to format 3 it held one network."""
COMBINED = "models"
"""The key of a combination: for each of its runs what the model file of that run holds."""
WHAT = "a model of this project"


def read_model(path: Path) -> dict[str, Any]:
    """The content of the file of a run; RunFolderError for a damaged one or none, and for that of a combination."""
    content = read_models(path)
    if COMBINED in content:
        raise RunFolderError(
            f"{path}: is a combination of trained runs, and here one is expected that has trained itself: it cannot be "
            "resumed, trained again or chosen from. result.json names its runs; predict, load and export take it whole"
        )
    return content


def read_models(path: Path) -> dict[str, Any]:
    """The content of the file, also of a combination; with today's names of components, and nothing else checked."""
    content = read_tensors(path, WHAT)
    combined = COMBINED in content
    require_keys(content, path, WHAT, *(("weights",) if combined else ("config", "state_dict")))
    models = content[COMBINED] if combined else [content]
    for model in models if isinstance(models, list) else []:
        if isinstance(model, dict) and "config" in model:
            model["config"] = current_names(model["config"])
    return content
