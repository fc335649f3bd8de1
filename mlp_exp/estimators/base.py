"""What both estimators have in common: settings, training, and the trained run that they keep."""

import os
import re
import warnings
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from mlp_exp.api.command import command
from mlp_exp.api.overrides import Overrides, arguments_of
from mlp_exp.cli.hydra_words import RUN_DIR
from mlp_exp.config.words import quoted
from mlp_exp.data.splits.sampling import Codes
from mlp_exp.data.table.file import NOT_SAVED
from mlp_exp.data.table.frames import save_table
from mlp_exp.errors import InputError
from mlp_exp.estimators.inputs import fitted_table, input_errors, table_like_fitted
from mlp_exp.estimators.saved_run import SavedRun
from mlp_exp.estimators.settings import FIXED, arguments_of_members, arguments_of_settings, fraction, seed_of
from mlp_exp.estimators.targets import held_out, row_weights
from mlp_exp.inference.ensemble import Ensemble
from mlp_exp.inference.predictor import unlogged
from mlp_exp.inference.trained_run import TrainedRun
from mlp_exp.storage.run_folder import MODEL

OWN_CODE = re.compile(r"_target_=['\"]?(\w+)")
"""The package of a class of the user's own."""


@dataclass(frozen=True)
class Prepared:
    """What an estimator trains with.

    Attributes:
        table: features, targets, perhaps weights, and the part that each row is in.
        arguments: of the command line, but for the table's path and the seed.
        seed: of the run.
        quiet: whether nothing is printed.
    """

    table: pa.Table
    arguments: tuple[str, ...]
    seed: int
    quiet: bool

    def write(self, path: Path) -> str:
        """Writes the table; returns its path as a value of the command line."""
        path.parent.mkdir(parents=True, exist_ok=True)
        save_table(self.table, path)
        return quoted(str(path))


class TableEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Base of the estimators; `TableClassifier` has the arguments.

    Attributes:
        run_: the files of the trained run.
        columns_: names of the F features in its table.
        categories_: those that were named as categories.
    """

    run_: SavedRun
    columns_: list[str]
    categories_: tuple[str, ...]
    n_features_in_: int

    def __init__(
        self,
        members: int = 1,
        *,
        hidden_sizes: Sequence[int] | None = None,
        dropout: float | None = None,
        lr: float | None = None,
        weight_decay: float | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        loss: str | None = None,
        val: float = 0.1,
        categorical: Sequence[str | int] = (),
        overrides: Overrides = (),
        device: str = "cpu",
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.members = members
        self.hidden_sizes = hidden_sizes
        self.dropout = dropout
        self.lr = lr
        self.weight_decay = weight_decay
        self.epochs = epochs
        self.batch_size = batch_size
        self.loss = loss
        self.val = val
        self.categorical = categorical
        self.overrides = overrides
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.required = True
        return tags

    @abstractmethod
    def checked_target(self, y: Any, rows: int) -> NDArray[Any]:
        """Labels or values `[N]`, or `[N, T]`, of so many rows; raises ValueError if y is something else."""

    @abstractmethod
    def target_columns(self, y: NDArray[Any], *, reset: bool) -> tuple[dict[str, pa.Array], Codes | None]:
        """The columns that are predicted, each `[N]`, and the classes' codes `[N]`; None for values.

        Args:
            y: as `checked_target` returns it.
            reset: whether to learn the classes.

        Raises:
            InputError: y cannot be learned, or has classes that are not known.
        """

    @property
    @abstractmethod
    def task(self) -> str:
        """As in `data.task`."""

    def fit(
        self,
        X: Any,  # noqa: N803
        y: Any,
        sample_weight: Any = None,
        eval_set: tuple[Any, Any] | None = None,
    ) -> Self:
        """Trains; Ctrl-C ends it early, and the network of the best epoch so far is kept, with a warning.

        Args:
            X: a data frame of pandas or polars, a dictionary of columns, or an array `[N, F]`; numbers may be missing.
            y: labels or values `[N]`.
            sample_weight: how much each row counts `[N]`, 0 or more.
            eval_set: X and y of the rows that choose the best epoch, instead of a part of X.

        Raises:
            ValueError: what is given cannot be used; most often an InputError, which is a DataError, or a ConfigError.
            MlpExpError: as `python -m mlp_exp.run` would report it.
            KeyboardInterrupt: Ctrl-C came before there was such a network.
        """
        prepared = prepare(self, X, y, sample_weight, eval_set)
        with TemporaryDirectory() as scratch:
            path = prepared.write(Path(scratch, NOT_SAVED))
            folder = Path(scratch, "run")
            words = [
                f"seed={prepared.seed}",
                *prepared.arguments,
                f"data.path={path}",
                f"{RUN_DIR}{quoted(str(folder))}",
            ]
            with input_errors():
                called = command(words, quiet=prepared.quiet)
            if called.interrupted:
                if not (folder / MODEL).exists():
                    raise KeyboardInterrupt
                warnings.warn("fit was interrupted: the model is that of the best epoch so far", stacklevel=2)
            keep(self, folder)
        return self

    def to_run_folder(self, path: str | os.PathLike[str]) -> Path:
        """Writes the folder of the trained run, which predict and export of the command line take; without its table.

        Raises:
            NotFittedError: nothing is trained yet.
            RunFolderError: the folder has files already.
        """
        check_is_fitted(self)
        folder = Path(path)
        self.run_.write(folder)
        return folder

    @property
    def trained_run(self) -> TrainedRun | Ensemble:
        """The trained run, which predicts tables; raises NotFittedError if nothing is trained yet."""
        check_is_fitted(self)
        if not hasattr(self, "_loaded"):
            self._loaded = self.run_.load()
        return self._loaded

    @contextmanager
    def predicting(self) -> Iterator[TrainedRun | Ensemble]:
        """The trained run; inside, its errors are those of `predict`, and with `verbose=0` it logs nothing."""
        run = self.trained_run
        with input_errors(), nullcontext() if self.verbose else unlogged():
            yield run

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "run_")

    def __getstate__(self) -> dict[str, Any]:
        """Without the networks, which are made of the files again."""
        return {name: value for name, value in super().__getstate__().items() if name != "_loaded"}


def prepare(
    estimator: TableEstimator,
    X: Any,  # noqa: N803
    y: Any,
    sample_weight: Any = None,
    eval_set: tuple[Any, Any] | None = None,
) -> Prepared:
    """What `fit` with these arguments trains with; the estimator learns columns and classes. Errors of `fit`.

    What an earlier fit has set is gone, also if this one fails: a network must not stand beside classes of other data.
    """
    for name in [name for name in vars(estimator) if name.endswith("_") or name == "_loaded"]:
        delattr(estimator, name)
    features = fitted_table(estimator, X, estimator.categorical)
    y = estimator.checked_target(y, len(features))
    weights = row_weights(sample_weight, len(features))
    if weights is not None:  # a row of weight 0 is none
        features, y, weights = features.filter(weights > 0), y[weights > 0], weights[weights > 0]
    columns, codes = estimator.target_columns(y, reset=True)
    seed = seed_of(estimator.random_state)
    validates = np.zeros(len(features), np.bool_)
    if eval_set is not None:
        features, columns, weights, validates = _with_rows(estimator, features, columns, weights, eval_set)
    elif estimator.members == 1:
        validates = held_out(len(features), codes, fraction(estimator.val), seed)
    columns["split"] = pa.array(np.where(validates, "val", "train"))
    if weights is not None:
        columns["weight"] = pa.array(weights)
    named = {role: _free(role, features.column_names) for role in columns}
    targets = [name for role, name in named.items() if role not in ("split", "weight")]
    arguments = [
        *FIXED,
        f"data.target=[{','.join(targets)}]" if len(targets) > 1 else f"data.target={targets[0]}",
        f"data.task={estimator.task}",
        f"split.column={named['split']}",
        *([] if weights is None else [f"data.weight={named['weight']}"]),
        *arguments_of_members(estimator.members, len(features), divides=eval_set is None),
        *arguments_of_settings(estimator),
    ]
    table = pa.table([*features.columns, *columns.values()], names=[*features.column_names, *named.values()])
    return Prepared(table, tuple(arguments), seed, quiet=not estimator.verbose)


def keep(estimator: TableEstimator, folder: Path) -> None:
    """Makes the run in a folder the estimator's."""
    own = OWN_CODE.findall(" ".join(arguments_of(estimator.overrides, sweeps=False)))
    estimator.run_ = SavedRun.of(folder, tuple(own))
    estimator._loaded = estimator.run_.load()


def _with_rows(
    estimator: TableEstimator,
    features: pa.Table,
    columns: dict[str, pa.Array],
    weights: NDArray[np.float64] | None,
    eval_set: tuple[Any, Any],
) -> tuple[pa.Table, dict[str, pa.Array], NDArray[np.float64] | None, NDArray[np.bool_]]:
    """Features, targets and weights with the rows for validation after them, and which rows these are."""
    if not (isinstance(eval_set, tuple | list) and len(eval_set) == 2):
        raise InputError(f"eval_set: expected X and y as a pair, got {type(eval_set).__name__}")
    more = table_like_fitted(estimator, eval_set[0])
    there, _ = estimator.target_columns(estimator.checked_target(eval_set[1], len(more)), reset=False)
    joined = {name: pa.concat_arrays([column, there[name]]) for name, column in columns.items()}
    if weights is not None:
        weights = np.append(weights, np.ones(len(more)))
    validates = np.arange(len(features) + len(more)) >= len(features)
    return pa.concat_tables([features, more]).unify_dictionaries(), joined, weights, validates


def _free(name: str, taken: Sequence[str]) -> str:
    """A name for a column that no other one has."""
    while name in taken:
        name += "_"
    return name
