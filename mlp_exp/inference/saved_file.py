"""Reads `model.pt`, of one run or of a combination of runs: it may come from a stranger."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mlp_exp.config.components import public_name
from mlp_exp.config.schema import MOST_MEMBERS
from mlp_exp.config.trust import check_config
from mlp_exp.errors import RunFolderError
from mlp_exp.inference.saved_model import SavedModel
from mlp_exp.storage.checked import first_problem
from mlp_exp.storage.model_file import COMBINED, MODEL_FORMAT
from mlp_exp.storage.run_folder import MODEL, RunFolder

READABLE = (2, 3, MODEL_FORMAT)
"""Formats of models."""
TABLE = public_name("table")
ROUNDING = 1e-6
"""By which the sum of weights may differ from 1."""


def read_saved_models(folder: Path, allow: Sequence[str]) -> tuple[list[SavedModel], list[float]]:
    """Reads and validates the models of a folder, and how much each counts: one of a run, several of a combination.

    Their configurations may name anything from packages in `allow`. Raises RunFolderError if there is none, the file is
    damaged, of another version, or its parts do not agree, and UntrustedError if a configuration names something else.
    """
    content = RunFolder(folder).read_models()
    path = folder / MODEL
    _check_format(content, READABLE, path)
    if COMBINED not in content:
        return [_model(content, allow, path)], [1.0]
    _check_format(content, (MODEL_FORMAT,), path)
    models, weights = content[COMBINED], content["weights"]
    _check_weights(models, weights, path)
    return [_model(each, allow, f"{path}: model {place}") for place, each in enumerate(models)], weights


def _check_format(content: Mapping[str, Any], formats: Sequence[int], where: object) -> None:
    version = content.get("format")
    if version not in formats:
        raise RunFolderError(
            f"{where}: is a model of format {version}, and this version of mlp_exp reads format {MODEL_FORMAT}. Train "
            "the run again, or use the version that it was trained with"
        )


def _check_weights(models: Any, weights: Any, path: Path) -> None:
    """Raises RunFolderError unless these are models, which are no combinations themselves, with a weight each."""
    wrong = f"{path}: expected a combination of runs"
    if not (isinstance(models, list) and isinstance(weights, list) and 1 <= len(models) <= MOST_MEMBERS):
        raise RunFolderError(f"{wrong}: models and weights are to be lists of 1 to {MOST_MEMBERS}")
    if len(weights) != len(models) or not all(type(weight) is float and 0 < weight <= 1 for weight in weights):
        raise RunFolderError(f"{wrong}: weights are to be {len(models)} numbers above 0, one for each of the models")
    if not math.isclose(math.fsum(weights), 1, rel_tol=0, abs_tol=ROUNDING):
        raise RunFolderError(f"{wrong}: the sum of the weights is to be 1, and is {math.fsum(weights):g}")
    for place, model in enumerate(models):
        if not isinstance(model, dict) or not model.keys() >= {"config", "state_dict"} or COMBINED in model:
            raise RunFolderError(f"{wrong}: model {place} is to be that of one run, with config and state_dict")


def _model(content: Mapping[str, Any], allow: Sequence[str], where: object) -> SavedModel:
    _check_format(content, READABLE, where)
    check_config(content["config"], allow, where, trains=False)
    data = content["config"].get("data")
    # data from elsewhere may use the same keys for something else
    reading = data if isinstance(data, dict) and data.get("_target_") == TABLE else {}
    try:
        return SavedModel.model_validate({**content, "reading": reading})
    except ValidationError as error:
        raise RunFolderError(f"{where}: expected a model of this project: {first_problem(error)}") from error
